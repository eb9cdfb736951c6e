"""Dead units by layer beside those of networks that PyTorch has trained alike (row 17)."""

from __future__ import annotations

import zlib

import numpy as np
import polars as pl

from relubench import config
from relubench.experiments.designs import titles, values
from relubench.experiments.published.extras import lacks_pytorch
from relubench.findings.claims import Claim, Condition, Effect, Tables, of_layers
from relubench.findings.claims.measurements import Measurement
from relubench.findings.claims.metrics import of_runs
from relubench.findings.claims.published import Published

#: Standard errors to each side within which two means agree.
_ERRORS = 3.0


def _within_errors(shares: np.ndarray) -> Effect:
    """Return the mean of shares [networks] with so many standard errors to each side."""
    mean, error = shares.mean(), shares.std(ddof=1) / np.sqrt(len(shares))
    return Effect(mean, mean - _ERRORS * error, mean + _ERRORS * error, len(shares), lambda bound: np.nan)


def _rival_shares(training: str, runs: pl.DataFrame) -> np.ndarray:
    """Return the share of dead units by layer of as many networks of PyTorch's, trained as these runs were."""
    from relubench.experiments.published.pytorch import rival

    values = config.stored_values(runs.row(0, named=True))
    return rival.dead_shares(tuple(values.items()), runs.height, seed=zlib.crc32(training.encode()))


def _beside(training: str, title: str, layer: int) -> Condition:
    where = {"factor.training": training}
    dead = of_layers(pl.col("dead_train").sum() / pl.col("units").sum(), layer=layer)

    def ours(tables: Tables) -> Effect:
        shares = of_runs(tables, dead, where)["value"]
        return _within_errors(shares.drop_nulls().to_numpy())._replace(left_out=shares.null_count())

    def theirs(tables: Tables) -> Effect:
        return _within_errors(_rival_shares(training, of_runs(tables, dead, where))[:, layer - 1])

    rival = Measurement(theirs, (where,), (), lacks=lacks_pytorch())
    published = Published(None, errors=_ERRORS, rival=rival)
    return Condition(f"{title}, layer {layer}", Measurement(ours, (where,), (dead,)), published)


CLAIMS = (
    Claim(
        id=17,
        kind="published",
        statement="digits, 64-[64]x3-10, 600 steps, 32 networks of each; the same data, start and law of batches",
        source="PyTorch",
        statistic="share of dead units of the layer after training, ours beside PyTorch's",
        conditions=tuple(
            _beside(training, title, layer)
            for training, title in titles("published/pytorch", "training").items()
            for layer in range(1, len(values("published/pytorch")["model.widths"][0]) + 1)
        ),
        note="the intervals are 3 standard errors to each side, and the errors of both count: chance alone puts one of "
        "33 numbers beyond in about one verification of ten",
    ),
)
