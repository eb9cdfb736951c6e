"""Do units die because of the scale or the offset of the inputs, and does normalising prevent it?"""

MINUTES = 7.5
