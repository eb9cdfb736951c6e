"""Does it keep networks with two inputs and two outputs from a constant output in training?"""
