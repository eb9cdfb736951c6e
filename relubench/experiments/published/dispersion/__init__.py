"""How far does the squared length of the last hidden activations vary between networks, for one input?"""
