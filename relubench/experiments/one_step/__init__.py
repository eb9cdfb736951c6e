"""Which single steps kill a unit, is it for good, and does an exact oracle foretell it?"""

MINUTES = 2.5
