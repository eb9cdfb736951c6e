"""Optimisers and learning-rate schedules, by optax."""

from relubench.optim.optimizers import OPTIMIZERS, make_optimizer
from relubench.optim.schedules import SCHEDULES, schedule_factor

__all__ = ["OPTIMIZERS", "SCHEDULES", "make_optimizer", "schedule_factor"]
