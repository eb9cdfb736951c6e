"""Does a target far from the output, or of little variance, kill units, and more with momentum?"""

MINUTES = 1.6
