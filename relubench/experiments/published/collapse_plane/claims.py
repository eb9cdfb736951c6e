"""Networks of two inputs whose output is constant after training, by initialisation (row 2)."""

from __future__ import annotations

from relubench.experiments.published.he_and_rai import after_training

CLAIMS = (
    after_training(
        "two inputs, two outputs", "a target with two inputs and outputs, 1,000 networks", {}, he=0.768, rai=0.096
    ),
)
