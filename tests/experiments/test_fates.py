"""What becomes of units that one step has killed: recounted from tables made by hand, and closed forms."""

import numpy as np
import polars as pl
import pytest

import relubench
from relubench.experiments.one_step import fates
from relubench.sweeps.folders import Tables

END, FACTOR = 20, 0.1
#: Units of layer 1, then of layer 2: dead at steps 0, 1 and the last; last active; distances at step 1, at the end.
UNITS = [
    (0, 1, 1, 0, 1.0, 1.0),  # killed, never active again, and still
    (0, 1, 1, 0, 1.0, 1.5),  # killed, never active again, carried on by half a step
    (0, 1, 1, 7, 1.0, 3.0),  # killed, active at step 7, dead at the end
    (0, 1, 0, 0, 1.0, 4.0),  # killed, active at the end alone
    (1, 1, 1, -1, 0.0, 0.0),  # born dead
    (0, 0, 1, 9, 2.0, 3.0),  # killed later
    (0, 0, 0, 19, 2.0, 3.0),  # alive throughout
    (0, 1, 1, 0, 4.0, 5.0),  # killed, never active again, carried on by a quarter
]


def tables_of(units, diverged=False):
    rows, half = [], len(units) // 2
    for place, (born, after, end, _, distance, last) in enumerate(units):
        where = {"layer": 1 + place // half, "item": place % half}
        for step, dead, moved in ((0, born, 0.0), (1, after, distance), (END, end, last)):
            rows += [
                {"run_id": "a", "step": step, "measure": measure, **where, "value": float(value)}
                for measure, value in (("unit_dead", dead), ("distance_from_birth", moved))
            ]
    active = [
        {"run_id": "a", "layer": 1 + place // half, "unit": place % half, "last_active": unit[3]}
        for place, unit in enumerate(units)
    ]
    runs = {"run_id": "a", "seed": 0, "diverged": diverged, "optimizer.schedule.end_factor": FACTOR}
    probes = [{"run_id": "a", "step": step} for step in (0, 1, END)]
    return Tables(pl.DataFrame([runs]), pl.DataFrame(probes), pl.DataFrame(), pl.DataFrame(active), pl.DataFrame(rows))


@pytest.mark.parametrize(
    ("number", "layer", "value"),
    [
        (pl.len(), None, 5),
        (pl.len(), 1, 4),
        (fates.NEVER_AGAIN.sum(), None, 3),
        (fates.NEVER_AGAIN.sum(), 2, 1),
        (fates.DEAD_AT_END.sum(), 1, 3),
        (fates.MOVED.filter(fates.NEVER_AGAIN).sum(), None, 2),
        (fates.CARRIED.filter(fates.NEVER_AGAIN).sum(), None, 0.5 / FACTOR + 0.25 / FACTOR),
    ],
    ids=str,
)
def test_fates_are_those_of_the_units_that_the_first_step_killed(number, layer, value):
    counted = fates.of_fates(number, layer=layer)(tables_of(UNITS))
    assert counted.rows() == [("a", pytest.approx(value))]


def test_a_run_without_such_a_unit_counts_none_and_one_that_diverged_not_at_all():
    killed = fates.of_fates(pl.len())
    assert killed(tables_of(UNITS[4:7] * 2)).rows() == [("a", 0)]
    assert killed(tables_of(UNITS, diverged=True)).is_empty()


def test_deadly_rates_of_a_summed_loss_are_compared_to_the_last_bit():
    low = np.array([0.3, 1.5, np.inf, 0.0], np.float32)
    high = np.array([np.inf, 7.0, 0.0, 0.2], np.float32)
    off = np.array([1, 1 + 2.0**-23, 1, 1], np.float32)  # of one unit a last bit
    rows = [
        {"run_id": run, "step": 0, "measure": name, "layer": None, "item": unit, "value": float(value)}
        for run, scale in (("mean", np.float32(1)), ("sum", off / np.float32(256)))
        for name, ends in (("deadly_rate", low), ("deadly_rate_end", high))
        for unit, value in enumerate(ends * scale)
    ]
    keys = {"seed": 0, "factor.world": "w", fates.RATE: 0.1, "train.steps": 1}
    runs = [{"run_id": run, "loss.reduction": run, **keys} for run in ("mean", "sum")]
    tables = Tables(pl.DataFrame(runs), pl.DataFrame(), pl.DataFrame(), None, pl.DataFrame(rows))
    assert fates.inexact(256)(tables).rows() == [("sum", 1)]
    assert fates.inexact(255)(tables).rows() == [("sum", 3)]  # all but the one that no rate kills: (inf, 0)


def carried(optimizer, steps):
    """Return how many more steps a lone gradient's memory makes after the first, in lengths of that one."""
    first, second, moved = 0.0, 0.0, []
    for step in range(1, steps + 1):
        gradient = float(step == 1)
        if optimizer == "momentum":
            first = 0.9 * first + gradient
            moved.append(first)
        else:
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            moved.append(first / (1 - 0.9**step) / np.sqrt(second / (1 - 0.999**step)))
    return sum(moved[1:]) / moved[0]


@pytest.mark.parametrize(("optimizer", "rate"), [("momentum", 5.0), ("adam", 0.3)])
def test_units_never_active_again_go_on_as_far_as_the_optimiser_remembers(optimizer, rate):
    steps = 40
    setting = {
        "model.widths": [16, 16], "optimizer.name": optimizer, "optimizer.learning_rate": rate,
        "optimizer.schedule.name": "linear", "optimizer.schedule.decay_steps": 1, "train.steps": steps,
        "optimizer.schedule.end_factor": 0.01, "train.batch_size": None, "probe.count": 3,
        "probe.measures": ["unit_dead", "distance_from_birth"],
    }  # fmt: skip
    tables = Tables(**relubench.sweep(setting, {"seed": [0, 1, 2, 3]}))
    never = fates.fates(tables).filter(fates.NEVER_AGAIN)
    assert never.height > 20
    further = never.select((pl.col("distance_at_end") / pl.col("distance_after_step") - 1) / 0.01)
    np.testing.assert_allclose(further.to_series(), carried(optimizer, steps), rtol=0.02)
