"""Numbers as a person says them."""

import pytest

from relubench.errors import UserError
from relubench.report.plain import Plain


def number(value, low=None, high=None, n=64):
    return Plain({"value": value, "ci_low": low, "ci_high": high, "n": n})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "none"), (0.0003, "fewer than 1 in 1,000"), (0.004, "4 in 1,000"), (0.0147, "15 in 1,000"),
        (0.023, "2 in 100"), (0.049, "5 in 100"), (0.066, "7 in 100"), (0.09, "1 in 10"), (0.147, "15 in 100"),
        (0.31, "3 in 10"), (0.94, "9 in 10"), (0.97, "nearly all"), (1.0, "all"),
    ],
)  # fmt: skip
def test_shares_are_so_many_in_ten_a_hundred_or_a_thousand(value, words):
    assert f"{number(value):people}" == words


def test_intervals_stand_beside_what_they_belong_to_in_its_unit():
    assert f"{number(0.3333, 0.3012, 0.3571):percent}" == "33 % [30, 36]"
    assert f"{number(0.0123, 0.0, 0.0251):points}" == "1.2 points [0, 2.5]"
    assert f"{number(-0.0002, -0.004, 0.004):points}" == "0.0 points [-0.4, 0.4]"
    assert f"{number(0.432, 0.39, 0.471):times}" == "0.43 times [0.39, 0.47]"
    assert f"{number(1.0, 0.9, 1.1):power}" == "10 times [7.9, 13]"
    assert f"{number(0.5, n=1024):n} networks" == "1,024 networks"


def test_equal_values_have_no_interval_and_tell_their_count():
    assert f"{number(0.0):percent}" == "0 % in all 64 runs"


def test_a_way_that_there_is_not_is_refused():
    with pytest.raises(UserError, match=r"unknown way to write a number 'persent'.*percent"):
        f"{number(0.1):persent}"
