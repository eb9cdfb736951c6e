"""How does the second moment of the activations change from one ReLU layer to the next?"""
