"""Do as many narrow networks have a constant output after training on |x| as Lu et al. 2020 say?"""
