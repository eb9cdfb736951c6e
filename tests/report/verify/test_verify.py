"""Verification: cheap rows in full, costly ones at their smallest, and the oracles."""

from pathlib import Path

import polars as pl
import pytest

from relubench.data.idx import FASHION_MNIST
from relubench.report.verify import PUBLISHED, table
from relubench.report.verify.oracles import ORACLES, dispersion
from relubench.report.verify.studies import STUDIES
from relubench.report.verify.study import request_of

pytestmark = pytest.mark.slow

FILE = "results/verify/verify.parquet"

needs_fashion_mnist = pytest.mark.skipif(
    not FASHION_MNIST.is_dir(), reason="needs Debian's package dataset-fashion-mnist"
)


@pytest.fixture
def shrunken(relubench, monkeypatch):
    """Run one study with fewer runs, and other settings: its rows of the table."""

    def run(folder, runs, setting=(), *arguments, **changed):
        study = next(study for study in STUDIES if study.folder == folder)
        small = study.small._replace(runs=runs, setting={**study.small.setting, **dict(setting)}, **changed)
        monkeypatch.setattr(table, "STUDIES", [study._replace(small=small)])
        status, told, errors = relubench("verify", str(study.row), *arguments)
        assert status == 0, errors
        assert f"Full size: python -m relubench verify {study.row} size=full" in " ".join(told.split())
        return pl.read_parquet(FILE).filter(pl.col("row") == study.row)

    return run


def test_every_study_answers_numbers_of_the_published_table_and_none_is_left_out():
    answered = {(study.row, part.part) for study in STUDIES for part in study.parts}
    assert answered == {(each.row, each.part) for each in PUBLISHED}


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.folder)
def test_what_an_effect_is_measured_from_is_a_number_of_the_same_study(study):
    answered = [
        each for each in PUBLISHED if each.row == study.row and each.part in {part.part for part in study.parts}
    ]
    for reference in {each.reference for each in answered if isinstance(each.reference, str)}:
        assert study.number(reference).part == reference


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.folder)
@pytest.mark.parametrize("size", ["small", "full"])
def test_every_study_makes_a_grid(study, size):
    from relubench import config

    asked = config.Config(out="results/verify", size=size)
    request = request_of(study, asked)
    assert len(request.grid) % study.size(size == "full").runs == 0
    assert request.config.out == f"results/verify/{study.folder}"


def test_positive_biases_halve_the_share_of_networks_born_dead(shrunken):
    found = shrunken("row_3", 3000)
    assert set(found["outcome"]) == {"pass"}
    assert found["ours"].to_list() == pytest.approx([0.88, 0.44, 0.44, 0.45], abs=0.04)


def test_gains_of_the_second_moment_are_the_published_ones(shrunken):
    found = shrunken("row_4", 48)
    assert set(found["outcome"]) == {"pass"}
    assert found["ours"].to_list() == pytest.approx([0.5, 0.98, 3.92], rel=0.1)


def test_lengths_spread_over_twenty_layers_as_published(shrunken):
    found = shrunken("row_5", 512)
    assert found["outcome"].to_list() == ["pass"]


def test_asymmetric_draws_leave_a_quarter_of_narrow_networks_born_constant(shrunken):
    found = shrunken("row_2_born", 2000)
    assert found["outcome"].to_list() == ["pass"]
    assert found["ours"].to_list() == pytest.approx([0.24], abs=0.04)


def test_asymmetric_draws_are_compared_with_ours_of_he_and_those_with_their_birth(shrunken):
    steps = {"train.steps": 2, "data.examples": 320}
    found = shrunken("row_2_trained", 128, steps)
    assert dict(found.select("part", "outcome").rows()) == {
        "x sin 5x, He": "not decided",  # nothing collapses in two steps
        "x sin 5x, RAI": "same direction",
        "step and sine, He": "not decided",
        "step and sine, RAI": "same direction",
    }
    assert found["effect"].to_list() == pytest.approx([0.0, -0.64, 0.0, -0.64], abs=0.1)


def test_rows_computed_anew_take_the_place_of_their_own_alone(shrunken):
    shrunken("row_3", 32, exact=False)
    shrunken("row_2_born", 16, exact=False)
    shrunken("row_3", 16, exact=False)
    assert pl.read_parquet(FILE).select("row", "runs").rows() == [(2, 16), *[(3, 16)] * 4]


@needs_fashion_mnist
def test_an_untrained_deep_network_on_fashion_mnist_is_half_dead_near_its_end(shrunken):
    shares = dict(shrunken("row_6", 2, (), "engine.width=2").select("part", "ours").rows())
    assert shares["layer 1"] < 0.01
    assert shares["layer 9"] > 0.3


#: On digits, so that the images themselves take no time.
TWO_STEPS = {"data.name": "digits", "train.steps": 2, "probe.count": 2}


@pytest.mark.parametrize(
    ("folder", "parts", "setting"),
    [
        ("row_8", 5, TWO_STEPS),
        ("row_9_permuted", 3, TWO_STEPS | {"data.stream.period": 1}),
        ("row_10", 3, TWO_STEPS | {"data.stream.period": 1}),
    ],
)
def test_two_runs_of_a_costly_row_have_numbers_and_decide_nothing(shrunken, folder, parts, setting):
    found = shrunken(folder, 2, setting, "engine.width=1")
    assert found["outcome"].to_list() == ["not decided"] * parts
    assert found["runs"].to_list() == [2] * parts
    assert found["ours"].is_between(0, 1).all()
    assert found["effect"].is_between(-1, 1).all()


def test_the_answer_has_published_numbers_with_tolerance_effect_and_command(relubench, shrunken):
    shrunken("row_3", 64, exact=False)
    assert (
        relubench(
            "experiment=learning_rate",
            "seeds=6",
            "train.steps=60",
            "model.widths=[16]",
            "optimizer.name=sgd",
            "model.activation.name=relu",
            "optimizer.learning_rate=1.0",
        )[0]
        == 0
    )
    status, _, errors = relubench("report")
    assert status == 0, errors
    page = Path("results/answer.md").read_text()
    assert "0.44 ± 0.005" in page
    assert "less bias 0: -0." in page
    assert "python -m relubench verify ROW size=full" in page


def test_a_row_that_nobody_published_is_refused(relubench):
    status, _, errors = relubench("verify", "11")
    assert status == 2
    assert "verify 11: it takes rows of published numbers from 1 to 10" in errors


@pytest.mark.parametrize("oracle", [oracle for oracle in ORACLES if oracle.__name__ != "dispersion"])
def test_relubench_agrees_with_the_oracle(oracle):
    check = oracle()
    assert check.compared > 30
    assert check.disagreements == 0, check


def test_relubench_agrees_with_the_oracle_of_dispersion_on_fewer_networks():
    check = dispersion(networks=500)
    assert check.disagreements == 0, check
