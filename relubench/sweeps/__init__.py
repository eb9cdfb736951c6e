"""Many runs: the grid, how it lies on a machine, the engine that trains it, and the files that hold what came out."""
