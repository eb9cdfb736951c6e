"""The table of published numbers, and the rule that compares ours with them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relubench.errors import UserError
from relubench.report.verify.published import MONTE_CARLO, PUBLISHED, Estimate, Published, compare

PRINTED = Published(
    row=1,
    part="",
    source="",
    setting="",
    statistic="",
    value=0.6,
    rounding=0.05,
    relation="~",
    unit="share",
    exact_setting=True,
    reference=0.0,
    sign=1,
)
CASES = [
    # relation, value, rounding, our 99 % interval, outcome
    ("=", 0.88, 0.005, (0.87, 0.89), "pass"),
    ("=", 0.88, 0.005, (0.884, 0.90), "pass"),  # only by its rounding
    ("=", 0.88, 0.005, (0.886, 0.90), "fail"),
    ("=", 0.88, 0.005, (0.86, 0.874), "fail"),
    ("=", 0.88, 0.005, (0.86, 0.876), "pass"),
    ("~", 0.60, 0.05, (0.56, 0.57), "pass"),
    ("~", 0.60, 0.05, (0.51, 0.54), "fail"),
    (">", 0.90, 0.0, (0.87, 0.89), "fail"),
    (">", 0.90, 0.0, (0.89, 0.91), "pass"),
    (">", 0.90, 0.0, (0.95, 0.97), "pass"),
    (">", 0.90, 0.0, (0.80, 0.90), "fail"),  # more than, not as much as
    ("<", 0.01, 0.0, (0.001, 0.002), "pass"),
    ("<", 0.01, 0.0, (0.009, 0.02), "pass"),
    ("<", 0.01, 0.0, (0.01, 0.02), "fail"),
]
shares = st.floats(0, 1)
UNKNOWN = Estimate(math.nan, math.nan, math.nan, 0)


def between(low, high):
    """Return the estimate in the middle of an interval."""
    return Estimate((low + high) / 2, low, high, 64)


@pytest.mark.parametrize(("relation", "value", "rounding", "ends", "outcome"), CASES)
def test_at_the_sources_size_the_interval_decides(relation, value, rounding, ends, outcome):
    published = PRINTED._replace(relation=relation, value=value, rounding=rounding)
    assert compare(published, between(*ends), UNKNOWN) == outcome


@pytest.mark.parametrize(
    ("sign", "effect", "outcome"),
    [
        (1, between(0.01, 0.2), "same direction"),
        (1, between(-0.2, -0.01), "other direction"),
        (1, between(-0.01, 0.2), "not decided"),  # although its middle lies on the published side
        (1, between(0.0, 0.2), "not decided"),  # none is not more than none
        (-1, between(-0.2, -0.01), "same direction"),
        (-1, between(0.01, 0.2), "other direction"),
        (-1, between(-0.2, 0.01), "not decided"),
        (1, Estimate(0.1, math.nan, math.nan, 4), "not decided"),  # too few runs for an interval
        (-1, UNKNOWN, "not decided"),
    ],
)
def test_elsewhere_the_whole_interval_of_the_effect_decides(sign, effect, outcome):
    published = PRINTED._replace(exact_setting=False, sign=sign)
    assert compare(published, between(0.5, 0.7), effect) == outcome


@given(st.sampled_from(["=", "~", ">", "<"]), shares, shares, shares, st.floats(0, 0.1), shares)
def test_a_wider_interval_never_turns_a_pass_into_a_fail(relation, value, one, other, wider, middle):
    low, high = sorted([one, other])
    published = PRINTED._replace(relation=relation, value=value)
    if compare(published, Estimate(middle, low, high, 64), UNKNOWN) == "pass":
        assert compare(published, Estimate(middle, low - wider, high + wider, 64), UNKNOWN) == "pass"


@given(st.sampled_from([1, -1]), *[st.floats(-1, 1)] * 2, st.floats(0, 0.1))
def test_a_wider_interval_decides_no_more_directions(sign, one, other, wider):
    low, high = sorted([one, other])
    published = PRINTED._replace(exact_setting=False, sign=sign)
    narrow, wide = (compare(published, between(0.5, 0.7), between(low - by, high + by)) for by in (0.0, wider))
    assert wide in (narrow, "not decided")


@pytest.mark.parametrize(
    ("value", "low", "high", "named"),
    [(math.nan, 0.0, 1.0, "value"), (0.5, math.nan, math.nan, "low"), (0.5, 0.6, 0.4, "low")],
)
def test_what_is_no_number_or_no_interval_is_refused(value, low, high, named):
    with pytest.raises(UserError, match=named):
        compare(PRINTED, Estimate(value, low, high, 64), UNKNOWN)


def place(published):
    return f"{published.row} {published.source} {published.part}"


def test_no_number_is_told_twice():
    assert len({place(published) for published in PUBLISHED}) == len(PUBLISHED)


def published_effect(published):
    """Return a published number less its reference; None where nobody published that."""
    known = {(each.row, each.part): each.value for each in PUBLISHED}
    reference = known.get((published.row, published.reference), published.reference)
    beside = 1e-9 * {">": 1, "<": -1}.get(published.relation, 0)  # more than 0 is not 0
    return None if isinstance(reference, str) else published.value + beside - reference


@pytest.mark.parametrize("published", [each for each in PUBLISHED if published_effect(each) is not None], ids=place)
def test_a_published_number_is_on_its_own_side(published):
    effect = published_effect(published)
    assert compare(published._replace(exact_setting=False), UNKNOWN._replace(value=0.5), between(effect, effect)) == (
        "same direction"
    )


@pytest.mark.parametrize("published", PUBLISHED, ids=place)
def test_shares_are_shares(published):
    assert published.unit in ("share", "ratio", "squared error")
    assert published.unit != "share" or 0 <= published.value <= 1
    assert 0 <= published.rounding <= 0.1
    assert published.setting
    assert published.statistic


@pytest.mark.parametrize(
    ("row", "source", "values"),
    [
        (1, "Lu et al. 2020", [0.9, 0.6, 0.1, 0.01]),
        (1, MONTE_CARLO, [0.88, 0.91, 0.58, 0.627, 0.13, 0.156, 0.0014, 0.002]),
        (2, "Lu et al. 2020", [0.919, 0.292, 0.938, 0.326, 0.768, 0.096]),
        (2, MONTE_CARLO, [0.24]),
        (3, MONTE_CARLO, [0.88, 0.44, 0.44, 0.45]),
        (6, "UvA deep learning tutorial 3", [0.56, *(dead / 256 for dead in (0, 0, 7, 27, 89))]),
        (7, "GitHub study of the 40 %", [0.003, 0.10, 0.32, 0.48]),
        (8, "depth notebook on MNIST", [0.277, 0.121, 0.356, 0.441, 0.656]),
        (9, "Dohare et al. 2024", [0.25, 0.60, *[0.0] * 9]),
        (10, "Sokar et al. 2023", [0.10, 0.02, 0.35]),
    ],
)
def test_every_row_holds_its_sources_numbers(row, source, values):
    found = [published for published in PUBLISHED if published.row == row and published.source == source]
    assert [published.value for published in found[: len(values)]] == pytest.approx(values, abs=5e-5)
    assert len(found) == len(values) + 5 * (row == 6)


def test_the_last_five_layers_of_the_tutorial_are_its_counts_of_128_units():
    found = [published.value for published in PUBLISHED if published.row == 6][-5:]
    assert found == pytest.approx([dead / 128 for dead in (60, 58, 61, 72, 56)], abs=5e-5)


@pytest.mark.parametrize("sigma", [0.10, 0.14, 0.28])
def test_the_gain_is_that_of_a_hundred_relu_units(sigma):
    gain = next(published for published in PUBLISHED if published.part == f"sigma .{round(100 * sigma)}")
    assert gain.value == pytest.approx(100 * sigma**2 / 2)


def test_the_dispersion_is_that_of_twenty_layers_of_a_hundred():
    dispersion = next(published for published in PUBLISHED if published.row == 5)
    assert compare(dispersion, between(1.05**20, 1.05**20), UNKNOWN) == "pass"
    assert compare(dispersion, between(1.05**21, 1.05**21), UNKNOWN) == "fail"
