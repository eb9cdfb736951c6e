"""A post-mortem of dead units: what killed them, where their decision planes lie, and are they missed?"""

from __future__ import annotations

from relubench.experiments.anatomy.claims import CLAIMS
from relubench.experiments.anatomy.curves import causes, dead_on_sets, distances
from relubench.experiments.anatomy.figures import figures
from relubench.experiments.base import Experiment

EXPERIMENT = Experiment(
    question="What killed each dead unit, where does its decision plane lie, and is it missed?",
    figures=figures,
    derived=(causes, dead_on_sets, distances),
    claims=CLAIMS,
    minutes=2.5,
)
