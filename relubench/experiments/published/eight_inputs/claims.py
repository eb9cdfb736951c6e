"""Dead units over Adam's learning rate, from a study on the web whose data are not at hand (row 7)."""

from __future__ import annotations

from relubench.findings.claims import Claim, Number


def _rate(label: str) -> Number:
    where = {"optimizer.learning_rate": float(label)}
    return Number(f"rate {label}", "dead_train_fraction", where)


CLAIMS = (
    Claim(
        id=7,
        kind="published",
        statement="8 inputs, 2 x 64 ReLU, He, Adam, batch 256",
        source="GitHub study of the 40 %",
        statistic="share of dead units after training",
        conditions=(
            _rate("1e-3").beside(0.003, rounding=5e-4, less=_rate("1e-2"), sign=-1),
            *(
                _rate(rate).beside(dead, rounding=0.005, less=_rate(lower))
                for rate, dead, lower in (("1e-2", 0.10, "1e-3"), ("3e-2", 0.32, "1e-2"), ("1e-1", 0.48, "3e-2"))
            ),
        ),
        note="the data of the study are not at hand, nor its number of steps; tried with 5,000 Gaussian examples "
        "labelled by a linear teacher",
    ),
)
