"""Which grid points the table shows."""

import polars as pl
import pytest

from relubench.report.terminal.cliff import MOST_ROWS, around_cliff

RATE = "optimizer.learning_rate"
RATES = [0.001, 0.00316, 0.01, 0.0316, 0.1, 0.316, 1.0]


def points(dead, diverged=None, rates=RATES, **keys):
    rows = len(dead)
    lost = diverged or [0] * rows
    return pl.DataFrame(
        {RATE: rates[:rows], "dead": dead, "diverged": lost}, schema_overrides={"dead": pl.Float64}
    ).with_columns(runs=pl.lit(8), collapsed=pl.lit(0), **{key: pl.lit(value) for key, value in keys.items()})


def shown_rates(frame, keys=(RATE,)):
    return around_cliff(frame, keys)[RATE].to_list()


@pytest.mark.parametrize(
    ("dead", "diverged", "shown"),
    [
        ([0, 0, 0, 0.06, 0.5, 0.9, 1], None, [0.01, 0.0316, 0.1]),
        ([0, 0, 0, 0.04, 0.5, 0.9, 1], None, [0.0316, 0.1, 0.316]),  # a few are dead before
        ([0, 0, 0, 0, 0, 0, None], [0, 0, 0, 0, 0, 1, 8], [0.1, 0.316, 1.0]),
        ([0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1], None, [0.001, 0.00316]),
        ([0, 0, 0, 0, 0, 0, 0], None, [1.0]),
        ([None], [8], [0.001]),
    ],
)
def test_the_rates_around_the_first_deaths_or_divergences_are_shown(dead, diverged, shown):
    assert shown_rates(points(dead, diverged)) == shown


def test_all_rates_within_three_times_are_shown_and_at_least_the_next_ones():
    fine = [0.01 * 10 ** (n / 8) for n in range(17)]  # eight a decade
    dead = [0.0] * 8 + [0.1] * 9
    assert shown_rates(points(dead, rates=fine)) == fine[4:13]
    assert shown_rates(points([0, 0, 0.5, 0.5, 0.5], rates=[0.0, 1e-4, 1e-2, 1.0, 9.0])) == [1e-4, 1e-2, 1.0]


def test_each_cell_has_its_own_cliff_and_its_rows_stand_together():
    both = pl.concat([points([0, 0, 0, 0, 0, 0.2, 1], by="sgd"), points([0, 0.2, 0.5, 1, 1, 1, 1], by="adam")])
    found = around_cliff(both.sort(RATE, maintain_order=True), ["by", RATE])
    assert found.select("by", RATE).rows() == [
        *(("sgd", rate) for rate in (0.1, 0.316, 1.0)),
        *(("adam", rate) for rate in (0.001, 0.00316, 0.01)),
    ]


def test_of_many_cells_the_rows_nearest_to_the_cliff_and_with_most_deaths_are_shown():
    cells = [points([0, n / 50, 0.9], by=n) for n in range(40)]
    found = around_cliff(pl.concat(cells), ["by", RATE])
    assert found.height == MOST_ROWS
    assert found["by"].is_sorted()
    # Each cell's cliff comes first: its second rate from n = 3 on, else its third.
    assert set(found["by"]) == {0, 1, 2} | set(range(18, 40))
    assert set(found.filter(pl.col("by") >= 3)[RATE]) == {RATES[1]}


def test_without_an_axis_of_rates_the_points_with_most_deaths_are_shown_in_their_order():
    dead = [(7 * n % 100) / 100 for n in range(100)]
    many = pl.DataFrame({"bias": range(100), "dead": dead})
    found = around_cliff(many, ["bias"])
    assert sorted(found["dead"], reverse=True) == sorted(dead, reverse=True)[:MOST_ROWS]
    assert found["bias"].is_sorted()
