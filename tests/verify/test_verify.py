"""Verification: cheap rows in full, costly ones at their smallest, and the oracles."""

import polars as pl
import pytest

from relubench.data.idx import FASHION_MNIST
from relubench.verify import PUBLISHED, table
from relubench.verify.oracles import ORACLES
from relubench.verify.studies import STUDIES
from relubench.verify.study import request_of


@pytest.fixture
def shrunken(relubench, monkeypatch):
    """Run `verify ROW` with fewer runs: its table."""

    def run(row, runs, **changed):
        studies = [
            study._replace(small=study.small._replace(runs=runs, **changed)) for study in STUDIES if study.row == row
        ]
        monkeypatch.setattr(table, "STUDIES", studies)
        status, told, errors = relubench("verify", str(row))
        assert status == 0, errors
        assert "outcome" in told
        return pl.read_parquet("results/verify/verify.parquet")

    return run


def test_every_study_answers_numbers_of_the_published_table_and_none_is_left_out():
    answered = {(study.row, part.part) for study in STUDIES for part in study.parts}
    assert answered == {(each.row, each.part) for each in PUBLISHED}


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.folder)
@pytest.mark.parametrize("size", ["small", "full"])
def test_every_study_makes_a_grid(study, size):
    from relubench import config

    asked = config.Config(out="results/verify", size=size)
    request = request_of(study, asked)
    assert len(request.grid) % study.size(size == "full").runs == 0
    assert request.config.out == f"results/verify/{study.folder}"


def test_positive_biases_halve_the_share_of_networks_born_dead(shrunken):
    found = shrunken(3, 3000)
    assert set(found["outcome"]) == {"pass"}
    assert found["ours"].to_list() == pytest.approx([0.88, 0.44, 0.44, 0.45], abs=0.04)


def test_gains_of_the_second_moment_are_the_published_ones(shrunken):
    found = shrunken(4, 48)
    assert set(found["outcome"]) == {"pass"}
    assert found["ours"].to_list() == pytest.approx([0.5, 0.98, 3.92], rel=0.1)


@pytest.mark.skipif(not FASHION_MNIST.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_an_untrained_deep_network_on_fashion_mnist_is_half_dead_near_its_end(shrunken):
    found = shrunken(6, 2, exact=False).filter(pl.col("part").str.starts_with("layer"))
    shares = dict(found.select("part", "ours").rows())
    assert shares["layer 1"] < 0.01
    assert shares["layer 9"] > 0.3


def test_a_row_that_nobody_published_is_refused(relubench):
    status, _, errors = relubench("verify", "11")
    assert status == 2
    assert "verify 11: it takes rows of published numbers from 1 to 10" in errors


@pytest.mark.parametrize("oracle", [oracle for oracle in ORACLES if oracle.__name__ != "dispersion"])
def test_relubench_agrees_with_the_oracle(oracle):
    check = oracle()
    assert check.compared > 30
    assert check.disagreements == 0, check
