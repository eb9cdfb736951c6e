"""Does PyTorch kill as many units as relubench, layer by layer, where both train the same?"""
