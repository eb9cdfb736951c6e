"""The experiments on published numbers: their designs, and the numbers of their sources."""

import numpy as np
import pytest

from relubench import experiments
from relubench.cli import compose
from relubench.experiments.published import extras
from relubench.experiments.published.born_biased.claims import SHARES
from relubench.findings.claims.published import MONTE_CARLO, agrees
from relubench.report.verify import picked
from relubench.sweeps.training import asked
from tests.support import born

CLAIMS = {name: experiments.find(name).claims for name in picked([])}
CONDITIONS = [
    pytest.param(claim, condition, id=f"{claim.id} {claim.source} {condition.label}")
    for claims in CLAIMS.values()
    for claim in claims
    for condition in claim.conditions
]


@pytest.mark.parametrize("name", CLAIMS)
def test_it_is_a_row_of_published_numbers_with_a_design_at_every_size(name):
    assert {claim.kind for claim in CLAIMS[name]} == {"published"}
    for size in ("small", "reference", "full"):
        request = compose.request_of(name, [f"size={size}"])
        assert request.config.out == f"results/{name}"
        assert experiments.design(name, size).changed(request.grid) == []
        assert experiments.design(name, size).runs == len(request.grid)
        assert experiments.find(name).needs <= asked(request)


def test_a_setting_of_ones_own_is_no_longer_that_of_the_source():
    request = compose.request_of("published/born_biased", ["data.examples=32", "grid.train.steps=[0,5]", "seeds=3"])
    design = experiments.design("published/born_biased")
    assert design.changed(request.grid) == ["data.examples", "train.steps"]


def test_no_number_is_there_twice():
    assert len({each.id for each in CONDITIONS}) == len(CONDITIONS) == 150


def test_every_row_has_an_experiment():
    assert {claim.id for claims in CLAIMS.values() for claim in claims} == set(range(1, 18))


@pytest.mark.parametrize(("claim", "condition"), CONDITIONS)
def test_every_number_has_its_place(claim, condition):
    number = condition.published
    assert claim.source
    if number.value is None:
        assert number.rival or number.contrast
    else:
        assert "share" not in claim.statistic or 0 <= number.value <= 1
    assert 0 <= number.rounding <= 0.1


def test_a_published_number_is_on_its_own_side():
    known = {(param.values[0].id, param.values[1].label): param.values[1].published.value for param in CONDITIONS}
    compared = 0
    for param in CONDITIONS:
        claim, condition = param.values
        number, contrast = condition.published, condition.published.contrast
        if contrast is None or number.value is None:
            continue
        key = (claim.id, contrast.reference) if claim.id != 13 else (8, contrast.reference)  # beside row 8's
        reference = known.get(key, contrast.rule.threshold)
        if key in known or contrast.reference[0].isdigit():
            beyond = number.value - reference + 1e-9 * {">": 1, "<": -1}.get(number.relation, 0)  # more than 0 is not 0
            assert (beyond > 0) == (contrast.rule.direction == "above"), param.id
            compared += 1
    assert compared == 91


@pytest.mark.parametrize(
    ("row", "source", "values"),
    [
        (1, "Lu et al. 2020", [0.6, 0.1, 0.01, 0.9]),
        (1, MONTE_CARLO, [0.88, 0.91, 0.58, 0.627, 0.13, 0.156, 0.0014, 0.002]),
        (2, "Lu et al. 2020", [0.919, 0.292, 0.938, 0.326, 0.768, 0.096]),
        (2, MONTE_CARLO, [0.24]),
        (3, MONTE_CARLO, [0.88086, 0.442745, 0.430912, 0.452972]),
        (4, "initialisation post shown in the answers", [100 * sigma**2 / 2 for sigma in (0.1, 0.14, 0.28)]),
        (5, "Hanin & Rolnick 2018", [2.65]),
        (6, "UvA deep learning tutorial 3", 2 * [0.56, *(dead / 256 for dead in (0, 0, 7, 27, 89)),
                                                 *(dead / 128 for dead in (60, 58, 61, 72, 56))]),
        (7, "GitHub study of the 40 %", [0.003, 0.10, 0.32, 0.48]),
        (8, "depth notebook on MNIST", [0.277, 0.121, 0.356, 0.441, 0.656]),
        (9, "Dohare et al. 2024", [0.25, 0.60, *[0.0] * 9]),
        (10, "Sokar et al. 2023", [0.10, 0.02, 0.35]),
        (11, "Brownlowe et al. 2024", [1 / 4, 3 / 16, 1 / 8, 5 / 64, 9 / 256]),
        (12, "Cross Validated, answer to question 450100", [1 / 2, 1 / 4, 1 / 8]),
        (13, "depth notebook on MNIST", [silent / 256 for silent in (69, 64, 115, 152, 70, 10, 3, 82, 178, 210)]),
        (14, "notebook on MNIST, December 2025", [*(dead / 128 for dead in (124, 36, 126, 120, 21, 0)),
                                                  *(dead / 64 for dead in (58, 10, 62, 64, 6, 6)),
                                                  *(dead / 32 for dead in (28, 6, 32, 32, 5, 4))]),
    ],
)  # fmt: skip
def test_every_row_holds_its_sources_numbers(row, source, values):
    found = [param.values[1] for param in CONDITIONS if (param.values[0].id, param.values[0].source) == (row, source)]
    assert sorted(condition.published.value for condition in found) == pytest.approx(sorted(values), abs=5.1e-5)


@pytest.mark.parametrize(("level", "bias"), list(zip(SHARES, born.BIASES, strict=True)))
def test_references_of_row_3_come_out_again_with_other_draws(level, bias):
    share, error = born.constant_share(bias, 60_000, seed=1)
    published, their_error = SHARES[level]
    assert abs(share - published) < 5 * np.hypot(error, their_error)
    assert their_error == pytest.approx(np.sqrt(published * (1 - published) / 1e6), rel=0.02)


def test_what_takes_pytorch_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert extras.lacks_pytorch() == "needs PyTorch: pip install 'relubench[bench]'"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert extras.lacks_pytorch() == ""


def test_the_dispersion_is_that_of_twenty_layers_of_a_hundred():
    number = CLAIMS["published/dispersion"][0].conditions[0].published
    held = [agrees(number.relation, number.value, number.rounding, 1.05**n, 1.05**n) for n in (19, 20, 21)]
    assert held == [False, True, False]
