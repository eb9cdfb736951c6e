"""What killed each dead unit, where does its decision plane lie, and is it missed?"""

MINUTES = 2.5
