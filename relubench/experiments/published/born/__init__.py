"""Are as many networks born with constant output as Lu et al. 2020 say?"""
