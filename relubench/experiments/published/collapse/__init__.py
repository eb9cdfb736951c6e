"""Does the randomised asymmetric initialisation keep narrow networks from a constant output in training?"""
