"""Which remedy keeps units alive, allows a higher learning rate, and ends at a better accuracy?"""

from __future__ import annotations

from relubench.experiments.base import Experiment
from relubench.experiments.remedies.claims import CLAIMS
from relubench.experiments.remedies.differences import remedy_rows
from relubench.experiments.remedies.figures import figures

EXPERIMENT = Experiment(
    question="Which remedy keeps units alive, allows a higher rate, and ends at a better accuracy?",
    figures=figures,
    derived=(remedy_rows,),
    claims=CLAIMS,
    minutes=8.0,
)
