"""How many units of a small network with eight inputs does Adam kill at which learning rate?"""
