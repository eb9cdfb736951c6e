"""Do biases kill units: does a positive start, a decay, or having none prevent it?"""

MINUTES = 8.0
