"""The exact oracles at fixed seeds: the laws of `relubench.theory` against what relubench trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import polars as pl

from relubench import api, config, data, nn, theory, units
from relubench.sweeps import machine

#: Monte Carlo must agree with a closed form within so many standard errors.
STANDARD_ERRORS = 5.0
_BATCHES = 50
_SEEDS = list(range(16))
_EXACT = {
    "engine.precision": "float64", "model.widths": [64], "train.batch_size": None, "probe.count": 2,
    "data.examples": 200, "data.name": "gaussian", "data.features": 6, "data.classes": 3,
}  # fmt: skip
#: Networks at birth, on one input.
_ONE_INPUT = {
    "data.name": "interval", "data.examples": 4, "data.scale": 0.0, "data.offset": 1.0, "data.normalize": "none",
    "loss.name": "squared_error", "train.steps": 0, "train.batch_size": 2, "probe.count": 2,
}  # fmt: skip


class Check(NamedTuple):
    """What an oracle says, how often it was asked, and how often relubench said otherwise."""

    oracle: int
    statement: str
    compared: int
    disagreements: int
    remark: str = ""


def _measured(tables: dict[str, pl.DataFrame], name: str, step: int) -> dict[str, np.ndarray]:
    """Return a measure of the first layer at a step by run: arrays [items]."""
    rows = tables["measures"].filter(
        pl.col("measure") == name, pl.col("step") == step, pl.col("layer").fill_null(1) == 1
    )
    return {str(run): group["value"].to_numpy() for (run,), group in rows.group_by("run_id")}


def hull() -> Check:
    """Oracle 1: a first-layer unit is dead iff the support of its weights over the inputs is at most minus its bias."""
    setting = _EXACT | {"train.steps": 0, "model.init.name": "pytorch", "data.offset": 1.0}
    setting |= {"probe.measures": ["unit_dead", "plane_weights", "plane_bias"], "data.normalize": "none"}
    x = data.load(config.build_setting(config.over_defaults(setting)).data).x_train + 1.0
    tables = api.sweep(setting, {"seed": _SEEDS})
    compared = wrong = ties = 0
    for run, dead in _measured(tables, "unit_dead", 0).items():
        weights = _measured(tables, "plane_weights", 0)[run].reshape(x.shape[1], -1)
        bias = _measured(tables, "plane_bias", 0)[run]
        clear = ~theory.ties(x, weights, bias)
        predicted = theory.support(x, weights) <= -bias
        compared, ties = compared + int(clear.sum()), ties + int((~clear).sum())
        wrong += (predicted[clear] != dead.astype(bool)[clear]).sum()
    return Check(1, "dead iff max w.x <= -b over the inputs", compared, int(wrong), f"{ties} ties left out")


def one_step() -> Check:
    """Oracle 2: a unit is alive after a full-batch step at .999 of its deadly rate and dead at 1.001 of it."""
    beside = _EXACT | {"data.offset": 2.0}  # with 0 amid the inputs one step can kill few units
    born = api.sweep(beside | {"train.steps": 0, "probe.measures": ["deadly_rate"]}, {"seed": _SEEDS})
    seeds = dict(born["runs"].select("run_id", "seed").rows())
    chosen = {}  # the lowest deadly rate of each run, and the unit it kills
    for run, lowest in _measured(born, "deadly_rate", 0).items():
        alive = np.where(lowest > 0, lowest, np.inf)
        if np.isfinite(alive.min()):
            chosen[seeds[run]] = (int(np.argmin(alive)), float(alive.min()))
    factors = (0.999, 1.001)
    rates = [factor * rate for _, rate in chosen.values() for factor in factors]
    after = api.sweep(
        beside | {"train.steps": 1, "probe.measures": ["unit_dead"]},
        {"seed": list(chosen), "optimizer.learning_rate": rates},
    )
    dead = _measured(after, "unit_dead", 1)
    wrong = 0
    for seed, (unit, rate) in chosen.items():
        for factor in factors:
            row = after["runs"].filter(pl.col("seed") == seed, pl.col("optimizer.learning_rate") == factor * rate)
            wrong += bool(dead[row["run_id"][0]][unit]) != (factor > 1)
    return Check(2, "one full-batch step kills from the rate max z/d on", 2 * len(chosen), int(wrong))


def summed_loss() -> Check:
    """Oracle 3: SGD on the summed loss at rate r is SGD on the mean at n r."""
    examples, rate = 160, 0.16  # of the training set
    setting = _EXACT | {"train.steps": 20, "optimizer.learning_rate": rate}
    mean = api.sweep(setting, {"seed": _SEEDS})
    setting |= {"optimizer.learning_rate": rate / examples, "loss.reduction": "sum"}
    total = api.sweep(setting, {"seed": _SEEDS})
    close = np.isclose(_unit_numbers(mean), _unit_numbers(total), rtol=1e-9, atol=1e-12)
    return Check(3, "a summed loss at rate r is the mean at n r", close.size, int((~close).sum()))


def _unit_numbers(tables: dict[str, pl.DataFrame]) -> np.ndarray:
    """Return norm of the weights, bias and margin of every unit, in the order of seeds."""
    units = tables["units"].join(tables["runs"].select("run_id", "seed"), on="run_id")
    return units.sort("seed", "layer", "unit").select("weight_norm", "bias", "margin").to_numpy()


def stuck_or_not() -> Check:
    """Oracle 4: dead in layer 1, plain SGD moves no bit, equal decay wakes none, decay of the bias alone does."""
    setting = _EXACT | {
        "model.init.bias": -4.0, "train.batch_size": 32, "train.steps": 400, "optimizer.learning_rate": 0.1,
        "probe.measures": ["unit_dead", "plane_weights", "plane_bias"],
    }  # fmt: skip
    plain = api.sweep(setting, {"seed": _SEEDS})
    equal = api.sweep(setting | {"optimizer.weight_decay": 0.1, "optimizer.bias_decay": 0.1}, {"seed": _SEEDS})
    alone = api.sweep(setting | {"optimizer.bias_decay": 0.1}, {"seed": _SEEDS})
    compared = wrong = woken = 0
    for tables, kept in ((plain, True), (equal, True), (alone, False)):
        before, after = (_measured(tables, "unit_dead", step) for step in (0, 400))
        for run, dead in before.items():
            gone = dead.astype(bool)
            compared += int(gone.sum())
            woken += (after[run][gone] == 0).sum() * (not kept)
            wrong += (after[run][gone] == 0).sum() * kept
    for name in ("plane_weights", "plane_bias"):
        born, old, new = _measured(plain, "unit_dead", 0), _measured(plain, name, 0), _measured(plain, name, 400)
        for run, dead in born.items():
            moved = (old[run] != new[run]).reshape(-1, len(dead)).any(0)
            wrong += (moved & dead.astype(bool)).sum()
    wrong += woken == 0
    return Check(4, "a dead first-layer unit stays as it is", compared, int(wrong), f"{woken} woken by bias decay")


def born_dead() -> Check:
    """Oracle 5: on one input, networks are born dead as often as Lu et al.'s bound."""
    width, hidden, networks = 3, 9, 10_000
    setting = _ONE_INPUT | {"model.widths": [width] * hidden}
    # On one input every network's output is constant: what tells a dead one is that its last layer is dead.
    layers = api.sweep(setting, {"seed": list(range(networks))})["layers"]
    dead = layers.filter(pl.col("layer") == hidden).select(pl.col("dead_train") == width).to_series().to_numpy()
    return _monte_carlo(5, "born dead on one input", dead.astype(float), theory.born_dead_bound(width, hidden))


def two_inputs() -> Check:
    """Oracle 6: units of Gaussian weights and bias are dead on two inputs as often as Sheppard's formula says.

    The bias is the weight of an input that is always 1: no initialiser draws both from one Gaussian.
    """
    machine.prepare()
    inputs = np.array([[1.0, -0.5, 1.0], [0.5, 1.0, 1.0]])  # two inputs, each with the bias's 1
    model = config.Model(widths=[400_000], init=config.Init(name="normal"))
    network = nn.build(model, jax.random.key(2, impl="threefry2x32"), features=3, image_shape=None, outputs=1)
    (layer,) = network(inputs, train=False).hidden
    dead = np.asarray(units.dead(units.observe(*layer)))
    cosine = inputs[0] @ inputs[1] / np.prod(np.linalg.norm(inputs, axis=1))
    return _monte_carlo(6, "dead on two inputs", dead.astype(float), theory.dead_on_two_inputs(cosine))


def dispersion(networks: int = 4_000) -> Check:
    """Oracle 7: the dispersion of the squared length of the last hidden activations is Hanin and Rolnick's."""
    widths = [30] * 8
    setting = _ONE_INPUT | {"model.widths": widths, "probe.measures": ["second_moment"]}
    moments = api.sweep(setting, {"seed": list(range(networks))})["measures"].filter(pl.col("layer") == len(widths))
    last = moments["value"].to_numpy()
    ratio = (last / last.mean()) ** 2
    return _monte_carlo(7, "dispersion of squared lengths", ratio, theory.length_dispersion(widths))


def _monte_carlo(oracle: int, statement: str, values: np.ndarray, expected: float) -> Check:
    """Compare a mean with a closed form; the standard error is by batches, since values may be heavy-tailed."""
    means = values[: len(values) // _BATCHES * _BATCHES].reshape(_BATCHES, -1).mean(1)
    mean, error = means.mean(), means.std(ddof=1) / np.sqrt(_BATCHES)
    away = abs(mean - expected) / error
    return Check(
        oracle, statement, len(values), int(away > STANDARD_ERRORS),
        f"{mean:.4g} against {expected:.4g}: {away:.1f} standard errors",
    )  # fmt: skip


ORACLES: tuple[Callable[[], Check], ...] = (
    hull, one_step, summed_loss, stuck_or_not, born_dead, two_inputs, dispersion,
)  # fmt: skip
