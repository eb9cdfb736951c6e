"""The claim about many inputs."""

from __future__ import annotations

import functools

from relubench.experiments.cases import at, in_settings
from relubench.findings.claims import Claim, paired
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.metrics import Where

NAME = "sizes"
FEW, ALL = ({"factor.examples": level} for level in ("n_64", "all"))


def _more_dead(metric: str, runs: Where) -> Measurement:
    return paired(metric, {**runs, **ALL}, {**runs, **FEW})


CLAIMS = (
    Claim(
        id=22,
        statement="With many inputs there is hope that not all are on the flat side",
        source="answer 2",
        statistic="share of units dead when trained on 64 examples, less that when trained on all, at the high rate",
        smallest=0.05,
        conditions=(
            *in_settings(NAME, functools.partial(_more_dead, "dead_train_fraction"), at(FEW)),
            *in_settings(
                NAME, functools.partial(_more_dead, "dead_test_fraction"), at(FEW),
                label="counted on the test set", beside=True,
            ),
        ),
        note="Dead on the set that the network was trained on, by as many steps. The high rate is that of all "
        "examples.",
    ),
)  # fmt: skip
