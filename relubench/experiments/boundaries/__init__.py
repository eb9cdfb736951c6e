"""How does each unit's decision line move while units die?"""

MINUTES = 0.1
