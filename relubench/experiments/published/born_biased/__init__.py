"""Does a positive initial bias leave as many networks born with constant output as it should?"""
