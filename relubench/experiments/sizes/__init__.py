"""Do fewer units die where there are more inputs that could keep them alive?"""
