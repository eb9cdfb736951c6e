"""Published numbers beside measured ones: an experiment for each set of runs that one of them takes."""
