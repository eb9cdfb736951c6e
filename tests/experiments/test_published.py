"""The experiments on published numbers: their designs, and the numbers of their sources."""

import pytest

from relubench import experiments
from relubench.cli import compose
from relubench.findings.claims.published import MONTE_CARLO, agrees
from relubench.report.verify import picked

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
    assert len({claim.id for claim in CLAIMS[name]}) == 1
    for size in ("small", "reference", "full"):
        request = compose.request_of(name, [f"size={size}"])
        assert request.config.out == f"results/{name}"
        assert experiments.design(name, size).changed(request.grid) == []
        assert experiments.design(name, size).runs == len(request.grid)
        assert experiments.find(name).needs <= set(request.base["probe.measures"])


def test_a_setting_of_ones_own_is_no_longer_that_of_the_source():
    request = compose.request_of("published/born_biased", ["data.examples=32", "grid.train.steps=[0,5]", "seeds=3"])
    design = experiments.design("published/born_biased")
    assert design.changed(request.grid) == ["data.examples", "train.steps"]


def test_no_number_is_there_twice():
    assert len({each.id for each in CONDITIONS}) == len(CONDITIONS) == 61


@pytest.mark.parametrize(("claim", "condition"), CONDITIONS)
def test_every_number_has_its_place(claim, condition):
    number = condition.published
    assert claim.source
    assert "share" not in claim.statistic or 0 <= number.value <= 1
    assert 0 <= number.rounding <= 0.1


def test_a_published_number_is_on_its_own_side():
    known = {(param.values[0].id, param.values[1].label): param.values[1].published.value for param in CONDITIONS}
    compared = 0
    for param in CONDITIONS:
        claim, condition = param.values
        number = condition.published
        reference = known.get((claim.id, number.reference), number.rule.threshold)
        if (claim.id, number.reference) in known or number.reference[0].isdigit():
            beyond = number.value - reference + 1e-9 * {">": 1, "<": -1}.get(number.relation, 0)  # more than 0 is not 0
            assert (beyond > 0) == (number.rule.direction == "above"), param.id
            compared += 1
    assert compared == 55


@pytest.mark.parametrize(
    ("row", "source", "values"),
    [
        (1, "Lu et al. 2020", [0.6, 0.1, 0.01, 0.9]),
        (1, MONTE_CARLO, [0.88, 0.91, 0.58, 0.627, 0.13, 0.156, 0.0014, 0.002]),
        (2, "Lu et al. 2020", [0.919, 0.292, 0.938, 0.326, 0.768, 0.096]),
        (2, MONTE_CARLO, [0.24]),
        (3, MONTE_CARLO, [0.88, 0.44, 0.44, 0.45]),
        (4, "initialisation post shown in the answers", [100 * sigma**2 / 2 for sigma in (0.1, 0.14, 0.28)]),
        (5, "Hanin & Rolnick 2018", [2.65]),
        (6, "UvA deep learning tutorial 3", [0.56, *(dead / 256 for dead in (0, 0, 7, 27, 89)),
                                             *(dead / 128 for dead in (60, 58, 61, 72, 56))]),
        (7, "GitHub study of the 40 %", [0.003, 0.10, 0.32, 0.48]),
        (8, "depth notebook on MNIST", [0.277, 0.121, 0.356, 0.441, 0.656]),
        (9, "Dohare et al. 2024", [0.25, 0.60, *[0.0] * 9]),
        (10, "Sokar et al. 2023", [0.10, 0.02, 0.35]),
    ],
)  # fmt: skip
def test_every_row_holds_its_sources_numbers(row, source, values):
    found = [param.values[1] for param in CONDITIONS if (param.values[0].id, param.values[0].source) == (row, source)]
    assert sorted(condition.published.value for condition in found) == pytest.approx(sorted(values), abs=5e-5)


def test_the_dispersion_is_that_of_twenty_layers_of_a_hundred():
    number = CLAIMS["published/dispersion"][0].conditions[0].published
    held = [agrees(number.relation, number.value, number.rounding, 1.05**n, 1.05**n) for n in (19, 20, 21)]
    assert held == [False, True, False]
