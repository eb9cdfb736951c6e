"""Update rules, learning-rate schedules and remedies."""

import sys

from relubench import registry
from relubench.optim import remedies
from relubench.optim.counted import scale_by_counted_adam
from relubench.optim.optimizers import OPTIMIZERS, make_optimizer
from relubench.optim.remedies import REMEDIES
from relubench.optim.schedules import SCHEDULES, schedule_factor
from relubench.optim.update_rule import make_update_rule

__all__ = [
    "OPTIMIZERS",
    "REMEDIES",
    "SCHEDULES",
    "make_optimizer",
    "make_update_rule",
    "scale_by_counted_adam",
    "schedule_factor",
]

registry.load(sys.modules[__name__])
registry.load(remedies)
