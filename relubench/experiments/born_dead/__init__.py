"""How many networks are born dead, by depth, width, initialiser and initial bias?"""

MINUTES = 3.0
