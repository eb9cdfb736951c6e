"""Does a dead unit ever come back, and what brings it back?"""

MINUTES = 7.0
