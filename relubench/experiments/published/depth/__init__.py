"""How many units are dead in which layer of a network that Adam has trained on images?"""
