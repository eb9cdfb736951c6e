"""Which single steps kill a unit, is it for good, and does an exact oracle foretell it?"""

from __future__ import annotations

from relubench.experiments.base import Experiment
from relubench.experiments.one_step.claims import CLAIMS
from relubench.experiments.one_step.figures import figures
from relubench.experiments.one_step.variants import foretold, measured

EXPERIMENT = Experiment(
    question="Which single steps kill a unit, is it for good, and does an exact oracle foretell it?",
    figures=figures,
    derived=(measured, foretold),
    claims=CLAIMS,
    minutes=2.5,
)
