"""Claims: statements about dying ReLUs as records, measured on tables of runs, and their verdicts."""

from relubench.findings.claims.claim import Claim, Condition, Premise, law
from relubench.findings.claims.effect import Effect, Sample, mean_effect, share_effect, total_effect
from relubench.findings.claims.judgement import holm, judge
from relubench.findings.claims.measurements import (
    mean_at_best,
    mean_of,
    mean_ratio,
    paired,
    paired_at_best,
    paired_ratio,
    pooled,
    pooled_difference,
    share_of,
    total_of,
)
from relubench.findings.claims.metrics import of_layers, of_measures, of_probes, of_units
from relubench.findings.claims.published import Number
from relubench.sweeps.folders import Tables

__all__ = [
    "Claim",
    "Condition",
    "Effect",
    "Number",
    "Premise",
    "Sample",
    "Tables",
    "holm",
    "judge",
    "law",
    "mean_at_best",
    "mean_effect",
    "mean_of",
    "mean_ratio",
    "of_layers",
    "of_measures",
    "of_probes",
    "of_units",
    "paired",
    "paired_at_best",
    "paired_ratio",
    "pooled",
    "pooled_difference",
    "share_effect",
    "share_of",
    "total_effect",
    "total_of",
]
