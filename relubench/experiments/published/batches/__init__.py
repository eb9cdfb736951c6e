"""How many units of a small network does Adam kill on images, by its rate and the batch size?"""
