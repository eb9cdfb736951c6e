"""What claims measure, against NumPy on tables made by hand."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relubench.errors import UserError
from relubench.findings import stats
from relubench.findings.claims import (
    Tables,
    mean_at_best,
    mean_of,
    mean_ratio,
    of_layers,
    of_measures,
    of_probes,
    of_units,
    paired,
    paired_at_best,
    paired_ratio,
    pooled,
    pooled_difference,
    share_of,
    total_of,
)
from relubench.findings.claims.metrics import of_runs

RATE, NAME = "optimizer.learning_rate", "model.activation.name"
SEEDS, RATES = 20, (0.1, 1.0)


def make_tables(change=lambda runs: runs, **others):
    """Two activations, two rates and 20 seeds; a diverged run has null metrics."""
    draw = np.random.default_rng(0)
    rows = [
        {
            "run_id": f"{name}-{rate}-{seed:02}",
            "seed": seed,
            RATE: rate,
            NAME: name,
            "model.widths": [8, 8] if name == "relu" else [8],
            "optimizer.clip_norm": None if rate == 1.0 else 5.0,
            "units": 16,
            "dead_train": float(draw.integers(0, 9)),
            "dead_train_fraction": draw.random() * (0.5 if name == "relu" else 0.2),
            "test_accuracy": 0.9 - 0.1 * rate + 0.01 * draw.random(),
            "diverged": False,
            "diverged_step": None,
        }
        for seed in range(SEEDS)
        for rate in RATES
        for name in ("relu", "tanh")
    ]
    runs = change(pl.DataFrame(rows).sort("run_id"))
    runs = runs.with_columns(
        test_accuracy_or_chance=pl.when("diverged").then(0.1).otherwise("test_accuracy"),
        diverged_step=pl.when("diverged").then(pl.lit(7, pl.Int64)),
    )
    metrics = ["dead_train", "dead_train_fraction", "test_accuracy"]
    runs = runs.with_columns(pl.when(~pl.col("diverged")).then(pl.col(name)).alias(name) for name in metrics)
    return Tables(**({"runs": runs, "probes": pl.DataFrame(), "layers": pl.DataFrame()} | others))


def diverging(*run_ids):
    return lambda runs: runs.with_columns(diverged=pl.col("run_id").is_in(run_ids))


RELU, TANH = {NAME: "relu", RATE: 1.0}, {NAME: "tanh", RATE: 1.0}


def column(tables, name, where):
    rows = tables.runs.filter(*(pl.col(key) == value for key, value in where.items())).sort("seed")
    return rows[name].to_numpy()


def interval(effect):
    return effect.low, effect.high


def expected(values):
    low, high = stats.mean_interval([values])
    return pytest.approx((low[0], high[0]), rel=1e-12)


def test_a_mean_is_over_the_runs_that_did_not_diverge():
    tables = make_tables(diverging("relu-1.0-03", "relu-1.0-04"))
    found = mean_of("dead_train_fraction", RELU)(tables)
    values = column(tables, "dead_train_fraction", RELU)
    values = values[~np.isnan(values)]
    assert (found.value, found.n, found.lost) == (pytest.approx(values.mean()), 18, (2, 0))
    assert interval(found) == expected(values)
    assert found.p(0.9) == stats.mean_p(values, 0.9, (0.0, 1.0))
    for end, lost in zip(found.if_lost, (values.min(), values.max()), strict=True):
        assert (end.value, end.n) == (pytest.approx(np.mean([*values, lost, lost])), 20)


def test_a_mean_without_lost_runs_hangs_on_none():
    assert mean_of("dead_train_fraction", RELU)(make_tables()).if_lost == ()


def test_several_runs_of_a_seed_count_as_one():
    tables = make_tables()
    found = mean_of("dead_train_fraction", {NAME: "relu"})(tables)
    both = np.mean([column(tables, "dead_train_fraction", {NAME: "relu", RATE: rate}) for rate in RATES], axis=0)
    assert found.n == SEEDS
    assert interval(found) == expected(both)
    died = share_of(pl.col("dead_train") > 4, {NAME: "relu"})(tables)
    flags = np.mean([column(tables, "dead_train", {NAME: "relu", RATE: rate}) > 4 for rate in RATES], axis=0)
    assert died.n == SEEDS
    assert interval(died) == expected(flags)


def test_equal_values_of_a_known_metric_are_judged_by_the_interval_of_a_share_of_none():
    tables = make_tables(lambda runs: runs.with_columns(dead_train_fraction=pl.lit(0.0)))
    zero = mean_of("dead_train_fraction", RELU)(tables)
    assert zero.equal
    assert interval(zero) == pytest.approx((0, 1 - 0.025 ** (1 / SEEDS)))
    found = paired("dead_train_fraction", RELU, TANH)(tables)
    assert interval(found) == pytest.approx((0.025 ** (1 / SEEDS) - 1, 1 - 0.025 ** (1 / SEEDS)))
    assert np.isnan(interval(mean_of(pl.col("dead_train_fraction"), RELU)(tables))).all()
    given = mean_of(pl.col("dead_train_fraction"), RELU, bounds=(0.0, 1.0))(tables)
    assert interval(given) == pytest.approx((0, 1 - 0.025 ** (1 / SEEDS)))


def test_a_share_of_runs_is_clopper_and_pearsons():
    tables = make_tables(diverging("relu-1.0-03", "relu-1.0-04"))
    diverged = share_of("diverged", RELU)(tables)
    low, high = stats.share_interval(np.array([2]), np.array([20]))
    assert (diverged.value, diverged.n, diverged.lost) == (0.1, 20, (0, 0))
    assert interval(diverged) == (low[0], high[0])
    dead = share_of("any_dead", RELU)(tables)
    values = column(tables, "dead_train", RELU)
    assert (dead.n, dead.lost, dead.value) == (18, (2, 0), pytest.approx(np.sum(values > 0) / 18))


def test_a_total_is_exact():
    tables = make_tables(diverging("relu-1.0-03"))
    found = total_of("dead_train", RELU)(tables)
    assert (found.value, found.n, found.lost) == (np.nansum(column(tables, "dead_train", RELU)), 19, (1, 0))


def test_a_paired_difference_is_that_of_runs_of_one_seed():
    tables = make_tables()
    found = paired("dead_train_fraction", RELU, TANH)(tables)
    differences = column(tables, "dead_train_fraction", TANH) - column(tables, "dead_train_fraction", RELU)
    assert (found.value, found.n, found.lost) == (pytest.approx(differences.mean()), SEEDS, (0, 0))
    assert found.if_lost == ()
    assert interval(found) == expected(differences)


def test_lost_pairs_are_counted_and_given_the_extremes_seen():
    tables = make_tables(diverging("relu-1.0-03", "tanh-1.0-04", "relu-1.0-05", "tanh-1.0-05"))
    found = paired("dead_train_fraction", RELU, TANH)(tables)
    a, b = (column(tables, "dead_train_fraction", side) for side in (RELU, TANH))
    assert found.n == SEEDS - 3
    assert (found.left_out, found.lost) == (3, (2, 2))  # one pair is lost on both sides
    assert found.value == pytest.approx(np.nanmean(b - a))
    seen = np.concatenate([a, b])
    low, high = np.nanmin(seen), np.nanmax(seen)
    least, greatest = np.array(b - a), np.array(b - a)
    least[3], least[4], least[5] = b[3] - high, low - a[4], 0.0
    greatest[3], greatest[4], greatest[5] = b[3] - low, high - a[4], 0.0
    for end, differences in zip(found.if_lost, (least, greatest), strict=True):
        assert (end.value, end.n) == (pytest.approx(differences.mean()), SEEDS)
        assert interval(end) == expected(differences)


@pytest.mark.parametrize("measure", [paired, lambda metric, a, b: mean_of(metric, b)], ids=["paired", "of one arm"])
def test_an_accuracy_stands_beside_that_with_diverged_runs_at_chance(measure):
    tables = make_tables(diverging("tanh-1.0-03", "tanh-1.0-04"))
    found = measure("test_accuracy", RELU, TANH)(tables)
    b = column(tables, "test_accuracy", TANH)
    against = column(tables, "test_accuracy", RELU) if measure is paired else 0.0
    assert (found.n, found.at_chance.n, found.at_chance.left_out) == (SEEDS - 2, SEEDS, 0)
    assert found.at_chance.value == pytest.approx(np.mean(np.where(np.isnan(b), 0.1, b) - against))
    assert mean_of("dead_train_fraction", TANH)(tables).at_chance is None


def in_splits(runs):
    return runs.with_columns(pl.lit(4, pl.Int64).alias("data.splits"))


@pytest.mark.parametrize(
    "metric",
    ["test_accuracy", pl.col("test_accuracy") + 0, pl.col("test_accuracy") - pl.col("dead_train_fraction")],
    ids=str,
)
def test_seeds_that_share_a_split_of_the_data_are_resampled_within_it_where_accuracies_are_compared(metric):
    tables = make_tables(in_splits)
    a, b = (of_runs(tables, metric, side)["value"].to_numpy() for side in (RELU, TANH))
    low, high = stats.mean_interval([b - a], [np.arange(SEEDS) % 4])
    found = paired(metric, RELU, TANH, bounds=(0.0, 1.0))(tables)
    assert interval(found) == pytest.approx((low[0], high[0]), rel=1e-12)
    assert found.p(0.1) == stats.mean_p(b - a, 0.1, (-1.0, 1.0), np.arange(SEEDS) % 4)


def test_dead_shares_do_not_hang_on_the_split_of_the_data():
    for measure in (
        paired("dead_train_fraction", RELU, TANH), mean_of("dead_train_fraction", TANH),
        pooled("dead_train", "units", TANH), pooled_difference("dead_train", "units", RELU, TANH),
    ):  # fmt: skip
        found, whole = measure(make_tables(in_splits)), measure(make_tables())
        assert interval(found) == interval(whole)
        assert found.p(0.1) == whole.p(0.1)
    by_split = paired("dead_train_fraction", RELU, TANH, by=["seed", "data.splits"])(make_tables(in_splits))
    assert by_split.value == paired("dead_train_fraction", RELU, TANH)(make_tables()).value


def test_a_pooled_share_is_of_all_units_and_its_interval_the_jackknifes():
    tables = make_tables()
    found = pooled("dead_train", "units", RELU)(tables)
    dead = column(tables, "dead_train", RELU)
    assert (found.value, found.n) == (pytest.approx(dead.sum() / (16 * SEEDS)), SEEDS)
    assert found.remark == f"{dead.sum():.0f} of {16 * SEEDS}"
    assert interval(found) == expected(dead / 16)  # where all wholes are equal it is that of a mean of shares
    uneven = pooled("dead_train", pl.col("seed") * 5, RELU, bounds=(0, np.inf))(tables)
    whole = 5 * np.arange(SEEDS)
    ratio = dead.sum() / whole.sum()
    leave_one_out = np.array([(dead.sum() - d) / (whole.sum() - w) for d, w in zip(dead, whole, strict=True)])
    assert uneven.value == pytest.approx(ratio)
    theirs = 1.96 * np.sqrt((SEEDS - 1) * leave_one_out.var())
    assert uneven.high - uneven.low == pytest.approx(2 * theirs, rel=0.25)


def test_ends_of_a_ratio_lie_where_it_can():
    tables, one = make_tables(), pl.col("seed") == 3
    some = one.cast(pl.Float64)
    whole = pl.when(one).then(1.0).otherwise(0.01)  # one run has most of it
    rare, most = (pooled(part * whole, whole, RELU)(tables) for part in (some, 1.0 - some))
    assert (rare.high, most.low) == (1, 0)  # unclipped, 1.6 and -.6
    for part in ("units", pl.col("dead_train") - pl.col("units")):  # more than the whole, and less than nothing
        with pytest.raises(UserError, match=r"pooled: a run has -?\d+ of \d+, and bounds=\(0.0, 1.0\) do not allow"):
            pooled(part, "dead_train", RELU)(tables)
    less = pooled(0.02 - some, whole + 0.02, RELU, bounds=(-1, 1))(tables)
    assert -1 <= less.low < less.value < 0
    assert less.remark == ""  # no so many of so many
    large = pooled("units", pl.col("dead_train") + 1, RELU, bounds=(0, np.inf))(tables)
    assert 1 < large.low < large.value < large.high
    assert large.remark == ""
    apart = pooled_difference(some * whole * (pl.col(NAME) == "relu"), whole, TANH, RELU)(tables)
    assert apart.value > 0.5
    assert apart.high == 1
    ratio = mean_ratio(pl.when(one).then(1.0).otherwise(0.001 * (pl.col(NAME) == "tanh")), TANH, RELU)(tables)
    assert ratio.low >= 0


def test_a_pooled_share_without_a_whole_is_nothing_and_lost_runs_get_none_or_all():
    tables = make_tables(diverging("relu-1.0-03"))
    assert pooled(*[pl.col("seed") * 0] * 2, RELU)(tables).n == 0
    found = pooled("dead_train", "units", RELU)(tables)
    assert (found.n, found.left_out) == (SEEDS - 1, 1)
    dead = np.nansum(column(tables, "dead_train", RELU))
    ends = [(dead + more) / (16 * SEEDS) for more in (0, 16)]
    assert [end.value for end in found.if_lost] == pytest.approx(ends)


def test_a_difference_of_pooled_shares_is_over_the_seeds_that_both_have():
    tables = make_tables(diverging("relu-1.0-03"))
    found = pooled_difference("dead_train", "units", RELU, TANH)(tables)
    a, b = (column(tables, "dead_train", side) for side in (RELU, TANH))
    there = ~np.isnan(a)
    assert (found.n, found.left_out, found.lost) == (SEEDS - 1, 1, (1, 0))
    assert found.value == pytest.approx((b[there].mean() - a[there].mean()) / 16)
    assert interval(found) == expected((b - a)[there] / 16)


def test_a_ratio_of_means_is_over_pairs():
    tables = make_tables(diverging("relu-1.0-03"))
    found = mean_ratio("dead_train_fraction", RELU, TANH)(tables)
    a, b = (column(tables, "dead_train_fraction", side) for side in (RELU, TANH))
    there = ~np.isnan(a)
    assert (found.n, found.lost) == (SEEDS - 1, (1, 0))
    assert found.value == pytest.approx(b[there].mean() / a[there].mean())
    assert found.low < found.value < found.high


def test_pairs_by_more_than_the_seed_count_once_a_seed():
    tables = make_tables(diverging("relu-0.1-03"))
    found = paired("dead_train_fraction", {NAME: "relu"}, {NAME: "tanh"}, by=("seed", RATE))(tables)
    assert (found.n, found.lost) == (SEEDS, (1, 0))  # seed 3 has its other rate
    assert paired("dead_train_fraction", {NAME: "relu"}, {NAME: "tanh"})(tables).n == SEEDS - 1


def test_a_paired_ratio_is_a_geometric_mean():
    tables = make_tables(diverging("relu-1.0-03"))
    found = paired_ratio("dead_train_fraction", RELU, TANH)(tables)
    a, b = (column(tables, "dead_train_fraction", side) for side in (RELU, TANH))
    logarithms = np.log(b / a)[~np.isnan(a)]
    low, high = stats.mean_interval([logarithms])
    assert found.value == pytest.approx(np.exp(logarithms.mean()))
    assert interval(found) == pytest.approx((np.exp(low[0]), np.exp(high[0])))
    assert found.p(0.5) == pytest.approx(stats.mean_p(logarithms, np.log(0.5)))
    assert found.p(0.0) == 0.0
    assert found.if_lost[0].value < found.value < found.if_lost[1].value


def test_a_ratio_needs_positive_numbers():
    tables = make_tables(
        lambda runs: runs.with_columns(dead_train=pl.when(pl.col("seed") > 2).then(2.0).otherwise(0.0))
    )
    found = paired_ratio("dead_train", RELU, TANH)(tables)
    assert (found.n, found.lost, found.value) == (SEEDS - 3, (3, 3), 1.0)


def test_each_side_is_measured_at_its_best_rate_on_seeds_that_did_not_choose_it():
    def better_at_high_rates(runs):
        tanh, even = pl.col(NAME) == "tanh", pl.col("seed") % 2 == 0
        lifted = pl.when(tanh & even & (pl.col(RATE) == 1.0)).then(1.0).otherwise(pl.col("test_accuracy"))
        return runs.with_columns(test_accuracy=lifted)

    tables = make_tables(better_at_high_rates)
    found = paired_at_best("dead_train_fraction", {NAME: "relu"}, {NAME: "tanh"})(tables)
    low, high = (column(tables, "dead_train_fraction", {NAME: "tanh", RATE: rate}) for rate in RATES)
    a = column(tables, "dead_train_fraction", {NAME: "relu", RATE: 0.1})
    b = np.where(np.arange(SEEDS) % 2, high, low)  # even seeds choose 1 for odd ones, which choose .1 for them
    assert (found.n, found.value) == (SEEDS, pytest.approx(np.mean(b - a)))
    pooled, edge = " (halves of the seeds at different ones)", " (censored: the grid ends there)"
    assert found.remark == f"best learning rate 1 and 0.1{pooled}{edge} against 0.1{edge}"
    alone = mean_at_best("dead_train_fraction", {NAME: "tanh"})(tables)
    assert (alone.n, alone.value) == (SEEDS, pytest.approx(b.mean()))
    lowest = mean_at_best("dead_train_fraction", {NAME: "tanh"}, higher_is_better=False)(tables)
    assert lowest.remark == f"best learning rate 0.1 and 1{pooled}{edge}"


def test_a_best_value_between_others_is_not_at_an_end_of_the_grid():
    tables = make_tables()
    best = {name: pl.lit(0.99) for name in ("test_accuracy", "test_accuracy_or_chance")}
    third = tables.runs.filter(pl.col(RATE) == 1.0).with_columns(pl.lit(0.5).alias(RATE), **best)
    runs = pl.concat([tables.runs, third.with_columns(pl.col("run_id") + "third")])
    found = mean_at_best("test_accuracy", {NAME: "relu"})(replace(tables, runs=runs))
    assert (found.value, found.remark) == (pytest.approx(0.99), "best learning rate 0.5")


def test_a_rate_at_which_runs_diverge_is_not_the_best():
    def high(runs):  # the surviving runs of the high rate are the best of all
        return runs.with_columns(
            test_accuracy=pl.when(pl.col(RATE) == 1.0).then(0.95).otherwise(pl.col("test_accuracy")),
            diverged=(pl.col(RATE) == 1.0) & (pl.col("seed") > 1),
        )

    assert mean_at_best("test_accuracy", {NAME: "relu"})(make_tables(high)).remark.startswith("best learning rate 0.1 ")


def test_where_no_run_is_left_nothing_is_measured():
    tables = make_tables(lambda runs: runs.with_columns(diverged=pl.lit(True)))
    for measure in (
        mean_of("test_accuracy", RELU),
        paired("test_accuracy", RELU, TANH),
        paired_at_best("test_accuracy", {NAME: "relu"}, {NAME: "tanh"}),
        share_of("any_dead", RELU),
        total_of("dead_train", RELU),
        mean_of("test_accuracy", {NAME: "gelu"}),
        paired_at_best("test_accuracy", {NAME: "gelu"}, {NAME: "tanh"}),
        paired_ratio("test_accuracy", RELU, TANH),
    ):
        found = measure(tables)
        assert (found.n, found.if_lost) == (0, ())
        assert np.isnan([found.value, found.p(found.value), found.p(0.5)]).all()


@pytest.mark.parametrize(
    ("where", "runs"),
    [
        ({}, 80),
        ({"seed": 3}, 4),
        ({"seed": range(3)}, 12),
        ({NAME: ["relu", "gelu"]}, 40),
        ({RATE: 10**-1 * (1 + 1e-12)}, 40),
        ({RATE: (0.1, 1)}, 80),
        ({"optimizer.clip_norm": None}, 40),
        ({"optimizer.clip_norm": [None, 5.0]}, 80),
        ({"model.widths": (8, 8)}, 40),
        ({"model.widths": [8]}, 40),
        ({"model.widths": [[8], (8, 8)]}, 80),
        ({"model.widths": (4,)}, 0),
        ({NAME: [None]}, 0),
    ],
)
def test_runs_are_chosen_by_value_or_values(where, runs):
    assert total_of(pl.lit(1.0), where)(make_tables()).n == runs


def test_misspelt_names_are_refused_with_the_nearest():
    with pytest.raises(UserError, match=r"unknown metric 'test_acuracy'.*did you mean 'test_accuracy'"):
        mean_of("test_acuracy", {})(make_tables())
    with pytest.raises(UserError, match=r"unknown column of runs 'sed'.*did you mean 'seed'"):
        mean_of("test_accuracy", {"sed": 1})(make_tables())


def over_steps(tables, **columns):
    """Rows of every run at steps 0, 5 and 10, in the order of the runs."""
    steps = pl.DataFrame({"step": [0, 5, 10]})
    return tables.runs.select("run_id", "seed").join(steps, how="cross").with_columns(**columns).drop("seed")


STEP, SEED = pl.col("step"), pl.col("seed")


@pytest.mark.parametrize(("step", "at"), [(None, 10), (10, 10), (9, 5), (5, 5), (0, 0)])
def test_a_metric_of_probes_is_taken_at_the_last_probe_up_to_a_step(step, at):
    tables = make_tables(diverging("relu-1.0-03"))  # at step 7
    tables = replace(tables, probes=over_steps(tables, train_loss=STEP * 1.0 + SEED))
    found = mean_of(of_probes(pl.col("train_loss").last(), step=step), RELU)(tables)
    seeds = [seed for seed in range(SEEDS) if seed != 3 or at < 7]  # what was known before does not hang on it
    assert (found.n, found.left_out) == (len(seeds), SEEDS - len(seeds))
    assert found.value == pytest.approx(at + np.mean(seeds))


def test_a_metric_of_layers_folds_them_or_takes_one():
    tables = make_tables()
    layers = over_steps(tables, dead_train=STEP).join(pl.DataFrame({"layer": [1, 2], "units": [4, 12]}), how="cross")
    tables = replace(tables, layers=layers.with_columns(dead_train=pl.col("layer") * (pl.col("step") > 0)))
    share = pl.col("dead_train").sum() / pl.col("units").sum()
    assert mean_of(of_layers(share), RELU)(tables).value == pytest.approx(3 / 16)
    assert mean_of(of_layers(share, layer=2), RELU)(tables).value == pytest.approx(2 / 12)
    assert mean_of(of_layers(share, step=4), RELU)(tables).value == 0


def test_a_metric_of_units_folds_them():
    tables = make_tables()
    units = tables.runs.select("run_id", "seed").join(
        pl.DataFrame({"layer": [1, 1, 2], "bias": [1.0, -2.0, 9.0]}), how="cross"
    )
    tables = replace(tables, units=units.with_columns(bias=pl.col("bias") + SEED))
    found = mean_of(of_units(pl.col("bias").min(), layer=1), RELU)(tables)
    assert found.value == pytest.approx(-2 + np.mean(range(SEEDS)))
    with pytest.raises(UserError, match=r"units\.parquet"):
        mean_of(of_units(pl.col("bias").min()), RELU)(make_tables())


def with_measures(tables):
    none = pl.lit(None, pl.Int64)
    layers, items = pl.DataFrame({"layer": [1, 2]}), pl.DataFrame({"layer": [1, 1], "item": [0, 1]})

    def rows(measure, value, places=None):
        found = over_steps(tables, measure=pl.lit(measure), value=value)
        found = found if places is None else found.join(places, how="cross")
        missing = {name: none for name in ("layer", "item") if name not in found.columns}
        return found.with_columns(pl.col("value").cast(pl.Float64), **missing)

    measures = [
        rows("died", STEP + SEED, layers),
        rows("died_by_bias", SEED, layers),
        rows("changes", STEP * 2),
        rows("on_first", STEP, items).with_columns(pl.col("value") * (pl.col("item") + 1)),
    ]
    columns = ["run_id", "step", "measure", "layer", "item", "value"]
    return replace(tables, measures=pl.concat(each.select(columns) for each in measures))


@pytest.mark.parametrize(
    ("number", "places", "value"),
    [
        (pl.col("died").sum(), {}, lambda seed: 2 * (10 + seed)),
        (pl.col("died").sum(), {"layer": 1, "step": 5}, lambda seed: 5 + seed),
        (pl.col("died_by_bias").sum() / pl.col("died").sum(), {}, lambda seed: seed / (10 + seed)),
        ((pl.col("died") - pl.col("died_by_bias")).max(), {}, lambda seed: 10),
        (pl.col("changes").sum(), {}, lambda seed: 20),
        (pl.col("on_first").filter(pl.col("item") == 1).sum(), {"step": 7}, lambda seed: 10),
        (
            pl.col("died").filter(pl.col("layer") == 2).sum() / pl.col("units").first(),
            {},
            lambda seed: (10 + seed) / 16,
        ),
    ],
)
def test_a_metric_of_measures_combines_them(number, places, value):
    found = mean_of(of_measures(number, **places), RELU)(with_measures(make_tables()))
    assert found.n == SEEDS
    assert found.value == pytest.approx(np.mean([value(seed) for seed in range(SEEDS)]))


def test_a_run_in_which_nothing_could_be_measured_is_lost():
    found = mean_of(of_measures(pl.col("died").sum() / pl.col("died_by_bias").sum()), RELU)(
        with_measures(make_tables())
    )
    assert (found.n, found.lost) == (SEEDS - 1, (1, 0))  # seed 0 has no death by its bias


def test_a_measure_that_was_not_taken_is_named():
    with pytest.raises(UserError, match=r"probe\.measures=\[changes, died, .*\].* needs shift"):
        mean_of(of_measures(pl.col("shift").sum()), RELU)(with_measures(make_tables()))
    with pytest.raises(UserError, match=r"probe\.measures=\[\].* needs died"):
        mean_of(of_measures(pl.col("died").sum()), RELU)(make_tables())


@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(1, 9)), min_size=5, max_size=SEEDS),
    st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (0.0, np.inf)]),
)
def test_a_pooled_ratio_lies_in_its_interval_and_both_where_they_can(counts, bounds):
    least, most = bounds
    wholes = np.array([whole for _, whole in counts])
    parts = np.clip([part for part, _ in counts], least * wholes, np.minimum(most, 9) * wholes)
    runs = pl.DataFrame({"run_id": [str(place) for place in range(len(counts))], "seed": range(len(counts))})
    tables = Tables(runs.with_columns(units=parts, all=wholes, diverged=False), pl.DataFrame(), pl.DataFrame())
    found = pooled(pl.col("units"), pl.col("all"), {}, bounds=bounds)(tables)
    assert found.value == pytest.approx(parts.sum() / wholes.sum())
    assert least <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= most
