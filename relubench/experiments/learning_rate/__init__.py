"""How many units are dead at which learning rate, activation and optimiser?"""

MINUTES = 1.0
