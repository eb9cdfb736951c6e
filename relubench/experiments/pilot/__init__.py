"""Which learning rates are proper, and which are high, for plain ReLU networks?"""

MINUTES = 60.0
