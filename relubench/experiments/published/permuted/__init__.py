"""How many units are dead after learning one permutation of the pixels after another?"""
