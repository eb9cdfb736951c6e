"""Are 2^-d of the units dead from birth where all d features are positive and there is no bias?"""
