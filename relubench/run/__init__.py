"""One training as one pure function: its state, the step with the counter inside, and exact probes."""

from relubench import registry
from relubench.run import measures

registry.load(measures)
