"""Are as many units of the second layer born off for every input there could be as Brownlowe et al. 2024 prove?"""
