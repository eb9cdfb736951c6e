"""Which single steps kill a unit, is it for good, and does an exact oracle say which before the step is taken?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from relubench.claims import Claim, Condition, Tables, mean_of, paired, paired_ratio
from relubench.experiments.base import Experiment, Frames
from relubench.experiments.first_step import RATE, VARIANTS, fates, measured, of_fates, oracle, tenth_deadly_rate
from relubench.report.figure import Figure, line_panels, runs_note
from relubench.report.plots import canvas

#: Training examples of the digits and of the interval.
EXAMPLES = 1437
#: The step of a usual rate; and what it is in claims that compare settings.
USUAL_RATE = 0.1
#: The variants whose prediction is drawn beside what training did.
COMPARED = ("plain", "loss × 100", "loss × 100, clipped", "inputs × 10")
