"""The claims about single steps."""

from __future__ import annotations

import functools

from relubench.experiments.one_step import cause_claims, fate_claims
from relubench.findings.claims import Claim

#: A claim that a test proves.
_proved = functools.partial(Claim, kind="exact test", decided="holds")

CLAIMS = (
    *fate_claims.CLAIMS,
    *cause_claims.CLAIMS,
    _proved(
        id=19,
        statement="ReLU's local gradient is 0 or 1, and 0 at a tie",
        source="answer 2",
        note="tests/nn/test_relu_slope.py, over all float32 numbers. At z = 0 the answer says 1; JAX's and PyTorch's "
        "relu have 0, maximum(z, 0) a half, and leaky units 1.",
    ),
    _proved(
        id=20,
        statement="The bias is a weight w0 on a constant input of 1",
        source="answer 2",
        note="tests/experiments/test_one_step.py: trained so, weights are the same and the same units die.",
    ),
    _proved(
        id=34,
        statement="The chain rule gives the gradient, 0 for a dead unit",
        source="answer 3",
        note="tests/experiments/test_one_step.py: formula, automatic differentiation and finite differences agree.",
    ),
)
