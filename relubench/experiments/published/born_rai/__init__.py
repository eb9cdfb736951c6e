"""Does the randomised asymmetric initialisation leave as few networks born with constant output as it should?"""
