"""Narrow networks whose output is constant after training, by initialisation (row 2)."""

from __future__ import annotations

from relubench.experiments.published.he_and_rai import after_training

_NARROW = "10 layers of width 2, 1,000 networks, trained on {}"

CLAIMS = (
    after_training("x sin 5x", _NARROW.format("x sin 5x"), {"factor.function": "sine"}, he=0.919, rai=0.292),
    after_training("step and sine", _NARROW.format("step and sine"), {"factor.function": "step"}, he=0.938, rai=0.326),
)
