"""One training as one pure function: its state, the step with the counter inside, and exact probes."""
