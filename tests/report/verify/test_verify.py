"""Verification: cheap rows with fewer runs, costly ones at their smallest, and the oracles."""

from pathlib import Path

import polars as pl
import pytest

from relubench.data.idx import FASHION_MNIST
from relubench.report.verify.oracles import ORACLES, dispersion

pytestmark = pytest.mark.slow

FILE = "results/published/verify.parquet"

needs_fashion_mnist = pytest.mark.skipif(
    not FASHION_MNIST.is_dir(), reason="needs Debian's package dataset-fashion-mnist"
)


@pytest.fixture
def verified(relubench):
    """Verify a row with some words of a command line: its rows of the table."""

    def run(row, *words):
        status, told, errors = relubench("verify", str(row), "first_seed=0", *words)
        assert status == 0, errors
        assert f"Full size: python -m relubench verify {row} size=full" in " ".join(told.split())
        return pl.read_parquet(FILE).filter(pl.col("claim") == row)

    return run


@pytest.fixture
def trained(relubench):
    """Run an experiment on published numbers with some words: its claims.parquet."""

    def run(name, *words):
        status, _, errors = relubench(f"experiment=published/{name}", "first_seed=0", *words)
        assert status == 0, errors
        return pl.read_parquet(f"results/published/{name}/claims.parquet")

    return run


def directions(found):
    """Return what is told of each condition's direction."""
    assert set(found["verdict"]) == {"not comparable"}
    return dict(found.select("condition", "remark").rows())


def test_positive_biases_halve_the_share_of_networks_born_dead(verified):
    found = verified(3, "seeds=3000")
    reduced = "3,000 of 20,000 seeds"  # so that it is not judged: a wide interval agrees with any number
    assert found["reduced"].unique().to_list() == [reduced]
    assert set(directions(found).values()) == {"same direction"}
    assert found["value"].to_list() == pytest.approx([0.88, 0.44, 0.43, 0.45], abs=0.04)
    assert found["ratio"].to_list() == pytest.approx([1.0] * 4, abs=0.1)
    assert Path("results/published/born_biased/runs.parquet").exists()


def test_gains_of_the_second_moment_are_the_published_ones(verified):
    found = verified(4, "seeds=48")
    assert set(directions(found).values()) == {"same direction"}
    assert found["value"].to_list() == pytest.approx([0.5, 0.98, 3.92], rel=0.1)


def test_lengths_spread_over_twenty_layers_as_published(verified):
    found = verified(5, "seeds=512")
    assert directions(found) == {"n = 100, 20 layers": "same direction"}
    assert found["reduced"].to_list() == ["4,096 networks, too few for an interval that could fail; 512 of 4,096 seeds"]


def test_asymmetric_draws_leave_a_quarter_of_narrow_networks_born_constant(trained):
    found = trained("born_rai", "seeds=2000")
    assert directions(found) == {"born": "same direction"}
    assert found["value"].to_list() == pytest.approx([0.24], abs=0.04)


def test_asymmetric_draws_are_compared_with_ours_of_he_and_those_with_their_birth(trained):
    found = trained("collapse", "seeds=128", "train.steps=2", "data.examples=320")
    assert directions(found) == {
        "x sin 5x, He": "direction open",  # nothing collapses in two steps
        "x sin 5x, RAI": "same direction",
        "step and sine, He": "direction open",
        "step and sine, RAI": "same direction",
    }
    assert found["effect"].to_list() == pytest.approx([0.0, -0.64, 0.0, -0.64], abs=0.1)
    assert found["reduced"].str.ends_with("; other data.examples, train.steps; 128 of 300 seeds").all()


@pytest.mark.parametrize(("row", "seeds"), [(11, 200), (12, 100)])
def test_units_are_off_or_dead_at_birth_as_often_as_the_formulas_say(verified, row, seeds):
    found = verified(row, f"seeds={seeds}")
    half = (found["ci_high"] - found["ci_low"]) / 2  # 2.6 standard errors
    assert ((found["value"] - found["published"]).abs() < 2 * half).all()
    assert half.max() < 0.03


def test_an_experiment_draws_its_numbers_beside_the_published_ones(trained):
    trained("born_biased", "seeds=8")
    caption = Path("results/published/born_biased/figures/published.txt").read_text()
    assert "Runs per point: 8" in caption
    assert "Of 4 numbers: 4 not comparable." in caption


def test_rows_computed_anew_take_the_place_of_their_own_alone(verified):
    verified(3, "seeds=6", "data.examples=32", "figures=false")
    verified(5, "seeds=6", "data.examples=5", "figures=false")
    verified(3, "seeds=5", "data.examples=32", "figures=false")
    assert pl.read_parquet(FILE).select("claim", "n").rows() == [*[(3, 5)] * 4, (5, 6)]


@needs_fashion_mnist
def test_the_tutorials_own_network_has_the_dead_units_that_it_prints(verified):
    pytest.importorskip("torch", reason="needs the extra `bench`")
    found = verified(6, "seeds=2", "engine.width=2", "data.train_examples=500")
    own = found.filter(pl.col("n") == 1)
    assert own.height == 11
    assert set(own["verdict"]) == {"passes"}  # whatever the runs are: it reads none of them
    shares = own["value"].to_list()[1:]
    units = [256] * 5 + [128] * 5
    assert [round(share * n) for share, n in zip(shares, units, strict=True)] == [0, 0, 7, 27, 89, 60, 58, 61, 72, 56]


@needs_fashion_mnist
def test_an_untrained_deep_network_on_fashion_mnist_is_half_dead_near_its_end(trained):
    found = trained("untrained", "seeds=2", "engine.width=2")
    shares = dict(found.select("condition", "value").rows())
    assert shares["layer 1"] < 0.01
    assert shares["layer 9"] > 0.3


#: On digits, so that the images themselves take no time.
TWO_STEPS = (
    "seeds=2", "engine.width=1", "data.name=digits", "data.test_examples=null", "train.steps=2", "probe.count=2",
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "conditions", "words"),
    [
        ("depth", 15, TWO_STEPS),
        ("batches", 18, TWO_STEPS),
        ("permuted", 12, (*TWO_STEPS, "data.stream.period=1")),
        ("dormancy", 3, (*TWO_STEPS, "data.stream.period=1")),
    ],
)
def test_two_runs_of_a_costly_row_have_numbers_and_decide_nothing(trained, name, conditions, words):
    found = trained(name, *words)
    assert set(directions(found).values()) == {"direction open"}
    assert found["n"].to_list() == [2] * conditions
    assert found["value"].is_between(0, 1).all()
    assert found["effect"].is_between(-1, 1).all()


def test_a_row_that_nobody_published_is_refused(relubench):
    status, _, errors = relubench("verify", "18")
    assert status == 2
    assert "verify 18: it takes rows of published numbers: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10" in errors


def test_a_row_takes_its_own_numbers_alone_of_an_experiment_on_several(verified):
    words = ("data.stream.period=1", "figures=false")
    found = verified(16, *TWO_STEPS, *words)
    assert found["published"].null_count() == found.height == 6
    assert set(pl.read_parquet(FILE)["claim"]) == {16}
    one, five = (found.filter(pl.col("statement").str.contains(words))["value"] for words in ("1 %", "95 %"))
    assert (one <= five).all()


@pytest.mark.parametrize("oracle", [oracle for oracle in ORACLES if oracle.__name__ != "dispersion"])
def test_relubench_agrees_with_the_oracle(oracle):
    check = oracle()
    assert check.compared > 30
    assert check.disagreements == 0, check


def test_relubench_agrees_with_the_oracle_of_dispersion_on_fewer_networks():
    check = dispersion(networks=500)
    assert check.disagreements == 0, check
