"""Published numbers beside ours: an experiment for each set of runs that one of them takes."""
