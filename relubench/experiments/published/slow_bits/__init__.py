"""Does the error of small networks rise with time on the slowly-changing regression?"""
