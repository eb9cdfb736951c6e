"""One run, or a grid of your own: dead units and accuracy during training."""
