"""How many units are silent in which layer of a network that Adam has trained on images?"""
