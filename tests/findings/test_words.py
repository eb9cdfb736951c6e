"""Published numbers and effects in words."""

import pytest

from relubench.findings import words


@pytest.mark.parametrize(
    ("relation", "published", "rounding", "told"),
    [
        ("=", 0.88, 0.0005, "0.88 ± 0.0005"),
        ("~", 0.6, 0.05, "~ 0.6 ± 0.05"),
        (">", 0.9, 0.0, "> 0.9"),
        ("<", 0.01, 0.0, "< 0.01"),
    ],
)
def test_a_published_number_comes_with_its_tolerance(relation, published, rounding, told):
    assert words.published({"relation": relation, "published": published, "rounding": rounding}) == told


def test_an_effect_comes_with_what_it_is_measured_from():
    row = {"reference": "layer 1", "effect": -0.1, "effect_low": -0.2, "effect_high": None}
    assert words.effect(row) == "less layer 1: -0.1"
    assert words.effect(row | {"effect_high": 0.0}) == "less layer 1: -0.1 [-0.2, 0]"
    assert words.effect(row | {"effect": None}) == ""
