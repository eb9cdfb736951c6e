"""How many units of a deep network with PyTorch's default initialisation are dead by layer, before any training?"""
