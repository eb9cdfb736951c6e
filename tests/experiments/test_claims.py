"""Claims of all experiments ask for what their YAML files have; what these lack is refused."""

import dataclasses

import pytest

from relubench import experiments
from relubench.errors import UserError
from relubench.experiments.bias import claims
from relubench.findings.claims import Condition, mean_of


@pytest.mark.parametrize("name", experiments.names())
def test_every_claim_is_about_runs_of_its_experiment(name):
    experiment = experiments.find(name)
    assert experiment.question
    for claim in experiment.claims:  # they are checked when they are loaded
        assert claim.statement


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ({"factor.bais": "zero"}, "unknown factor or key 'factor.bais'.*did you mean 'factor.bias'"),
        ({"factor.bias": "zeros"}, "unknown value of factor.bias 'zeros'.*did you mean 'zero'"),
        ({"optimizer.learning_rate": 0.2}, "unknown value of optimizer.learning_rate '0.2'"),
        ({"optimizer.learningrate": 0.1}, "did you mean 'optimizer.learning_rate'"),
        ({"train.batch_size": 16}, "unknown value of train.batch_size '16': it takes one of 32, 64"),
        ({"optimizer.name": ["sgd", "rmsprop"]}, "unknown value of optimizer.name 'rmsprop'"),
    ],
)
def test_a_claim_about_runs_that_there_are_not_is_refused_with_the_nearest(monkeypatch, where, told):
    wrong = dataclasses.replace(claims.CLAIMS[0], conditions=(Condition("", mean_of("test_loss", where)),))
    monkeypatch.setattr(claims, "CLAIMS", (wrong,))
    with pytest.raises(UserError, match=f"experiment=bias: claim 6 .*{told}"):
        experiments.find("bias").claims  # noqa: B018


def test_rates_that_differ_in_their_last_bits_are_the_same(monkeypatch):
    measured = mean_of("test_loss", {"optimizer.learning_rate": 0.1 + 1e-12})
    near = dataclasses.replace(claims.CLAIMS[0], conditions=(Condition("", measured),))
    monkeypatch.setattr(claims, "CLAIMS", (near,))
    assert experiments.find("bias").claims == (near,)


@pytest.mark.parametrize(
    ("name", "word", "told"),
    [
        ("revival", "probe.measures=[unit_dead]", "need plane_checksum; it takes them in probe.measures"),
        ("one_step", "probe.measures=[]", "need deadly_rate"),
        ("inputs", "units=false", "need units; it takes them in probe.measures, or units=true for units"),
    ],
)
def test_what_claims_read_is_asked_for_before_anything_is_trained(relubench, tmp_path, name, word, told):
    status, _, error = relubench(f"experiment={name}", word, "seeds=1")
    assert status == 2
    assert told in error
    assert not (tmp_path / "results").exists()
