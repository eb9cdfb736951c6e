"""What the figures share."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relubench.plots import canvas


def test_values_are_null_first_numbers_in_order_and_names_as_they_come():
    frames = [pl.DataFrame({"a": [0.5, None, 0.1], "b": ["z", "a", "z"]}), pl.DataFrame({"a": [0.2], "b": ["m"]})]
    assert canvas.values(frames, "a") == [None, 0.1, 0.2, 0.5]
    assert canvas.values(frames, "b") == ["z", "a", "m"]
    assert canvas.values(frames, None) == [None]


def test_rows_are_found_by_null_and_by_list():
    frame = pl.DataFrame({"bias": [None, 0.0, None], "widths": [[8, 8], [8], [8]], "place": [0, 1, 2]})
    assert canvas.where(frame, "bias", None)["place"].to_list() == [0, 2]
    assert canvas.where(frame, "widths", [8])["place"].to_list() == [1, 2]
    assert canvas.where(frame, None, None).equals(frame)
    assert canvas.values([frame], "widths") == [[8, 8], [8]]


@given(st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 3)), st.integers()), min_size=1))
def test_the_values_of_a_key_part_the_rows(rows):
    frame = pl.DataFrame(rows, {"key": pl.Int64, "place": pl.Int128}, orient="row")
    parts = [canvas.where(frame, "key", value) for value in canvas.values([frame], "key")]
    assert all(part.height for part in parts)
    assert sorted(pl.concat(parts)["place"].to_list()) == sorted(place for _, place in rows)


@pytest.mark.parametrize(
    ("value", "percent", "written"),
    [
        (0.0, True, "0"),
        (0.00143, True, "0.14"),
        (0.0303, True, "3.0"),
        (0.0994, True, "9.9"),
        (0.0996, True, "10"),
        (1.0, True, "100"),
        (-0.123, True, "−12"),
        (2.6512, False, "2.65"),
        (-0.5, False, "−0.5"),
    ],
)
def test_a_small_space_holds_two_or_three_digits(value, percent, written):
    assert canvas.short(value, percent) == written


def test_an_interval_that_is_missing_is_not_written():
    assert canvas.span(0.01, 0.5, True) == "[1.0, 50]"
    assert canvas.span(float("nan"), float("nan"), True) == ""


def test_a_row_that_does_not_exist_cannot_be_chosen():
    assert canvas.chosen(["loss"], "loss", ["loss", "dead"])
    assert not canvas.chosen(["loss"], "dead", ["loss", "dead"])
    with pytest.raises(AssertionError, match="rows are"):
        canvas.chosen(["los"], "loss", ["loss"])
