"""What claims of anatomy and revival count, recounted from tables made by hand."""

import polars as pl
import pytest

from relubench.experiments.anatomy.claims import _of_rare
from relubench.experiments.revival.claims import ALL, AT_END, MOVED, _of_layer_1
from relubench.findings.spells import HALFWAY, count_at
from relubench.sweeps.folders import Tables

STEPS = (0, 10, 20, 30, 41)


def tables_of(measures, diverged=False):
    """Return the tables of a run: `measures` are (measure, layer, unit, its value at each of `STEPS`)."""
    rows = [
        {"run_id": "a", "step": step, "measure": measure, "layer": layer, "item": unit, "value": float(value)}
        for measure, layer, unit, values in measures
        for step, value in zip(STEPS, values, strict=True)
    ]
    probes = pl.DataFrame([{"run_id": "a", "step": step} for step in STEPS])
    runs = pl.DataFrame([{"run_id": "a", "seed": 0, "diverged": diverged}])
    return Tables(runs, probes, pl.DataFrame(), None, pl.DataFrame(rows))


#: Of a unit: its layer, whether it is dead at each probe, and a sum of its weights' bits.
UNITS = [
    (1, (0, 1, 1, 1, 1), (1, 2, 2, 2, 2)),  # dead, and stays as it is
    (1, (0, 1, 1, 1, 1), (1, 2, 3, 3, 3)),  # dead, carried on
    (1, (0, 1, 0, 1, 0), (1, 2, 3, 4, 5)),  # twice dead, and back in the end
    (1, (0, 1, 1, 0, 0), (1, 2, 3, 4, 5)),  # back
    (1, (0, 0, 0, 0, 1), (1, 2, 3, 4, 5)),  # found dead by the last probe alone
    (1, (0, 0, 0, 0, 0), (1, 2, 3, 4, 5)),  # alive
    (2, (1, 1, 1, 1, 0), (1, 1, 1, 1, 2)),  # of another layer
]


def deaths(diverged=False):
    return tables_of(
        [
            (measure, layer, unit, values)
            for unit, (layer, dead, bits) in enumerate(UNITS)
            for measure, values in (("unit_dead", dead), ("plane_checksum", bits))
        ],
        diverged,
    )


@pytest.mark.parametrize(("chosen", "number"), [(ALL, 4), (MOVED, 3), (MOVED & AT_END, 2), (~MOVED, 1)], ids=str)
def test_units_of_layer_1_found_dead_are_counted_once_by_what_became_of_them(chosen, number):
    assert _of_layer_1(chosen)(deaths()).rows() == [("a", number)]
    assert _of_layer_1(chosen)(deaths(diverged=True)).is_empty()


@pytest.mark.parametrize(("among", "layer", "number"), [(None, None, 4), (AT_END, None, 2), (AT_END, 1, 1)], ids=str)
def test_what_is_dead_halfway_is_not_what_was_dead_before(among, layer, number):
    # Halfway is step 20: the unit that is back by then is none of them.
    assert count_at(HALFWAY, among, layer=layer)(deaths()).rows() == [("a", number)]


#: Of a unit: its layer, how often it fires at birth and at the end, and how far it has moved.
FIRING = [
    (1, 0.005, 0.0, 3.0),  # rare, and dies
    (1, 0.009, 0.5, 1.0),  # rare
    (1, 0.0, 0.5, 9.0),  # silent at birth: left out
    (1, 0.01, 0.0, 2.0),  # the others
    (1, 0.5, 0.5, 4.0),
    (2, 0.005, 0.0, 5.0),  # a layer without others: nothing to compare with
]


@pytest.mark.parametrize(
    ("column", "number"), [("number", 2), ("way", 3 / 3 + 1 / 3), ("deaths", (1 - 0.5) + (0 - 0.5))]
)
def test_units_that_fire_rarely_at_birth_are_compared_with_the_others_of_their_layer(column, number):
    measures = []
    for unit, (layer, born, end, way) in enumerate(FIRING):
        measures.append(("unit_firing_rate", layer, unit, (born, 0.3, 0.3, 0.3, end)))
        measures.append(("distance_from_birth", layer, unit, (0.0, 7.0, 7.0, 7.0, way)))
    assert _of_rare(column)(tables_of(measures)).rows() == [("a", pytest.approx(number))]
    assert _of_rare(column)(tables_of(measures[-2:])).rows() == [("a", 0)]
    assert _of_rare(column)(tables_of(measures, diverged=True)).is_empty()
