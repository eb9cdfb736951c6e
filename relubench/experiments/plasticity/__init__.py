"""Do units die, and does learning get worse, as one task follows another?"""

MINUTES = 9.0
