"""Can the initial weights, or their drift in training, choke the flow of activations?"""

MINUTES = 6.0
