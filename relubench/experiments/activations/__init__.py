"""Which activations have dead units, which recover, and which are better than ReLU?"""

MINUTES = 7.0
