"""Which remedy keeps units alive, allows a higher rate, and ends at a better accuracy?"""

MINUTES = 8.0
