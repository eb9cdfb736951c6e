"""How units have moved since birth, recounted in NumPy from the weights of birth and of the end."""

import jax
import numpy as np
import pytest

from relubench import config, data
from relubench.sweeps import engine
from tests.support.planned import layouts
from tests.support.reference import forward

NAMES = [
    "distance_from_birth", "died_bias_fell", "died_weights_fell", "died_lowered_by_weights", "killed_by_bias_alone",
    "killed_by_weights_alone",
]  # fmt: skip
SETTING = {
    "model.widths": [16, 16], "model.init.scale": 1.5, "engine.precision": "float64", "train.batch_size": 32,
    "probe.count": 2, "probe.measures": NAMES,
}  # fmt: skip
SEEDS = [0, 1, 2, 3]
X = data.load(config.Data()).x_train


@pytest.fixture(scope="module", params=[(60, 0.6), (1, 20.0)], ids=["60 steps", "a large one"])
def runs(request):
    """(weights at birth, weights at the end, measures at the end by name) of each seed."""
    steps, rate = request.param
    varied = {"optimizer.learning_rate": [rate, 0.0], "seed": SEEDS}  # rate 0 moves nothing
    (run,) = engine.train_grid(layouts(SETTING | {"train.steps": steps}, varied))
    layers = run.layout.structure.affine_layers(run.state.params)
    weights = [[(np.asarray(k[place]), np.asarray(b[place])) for k, b in layers] for place in range(2 * len(SEEDS))]
    last = [jax.tree.map(lambda rows: np.asarray(rows)[:, -1], of) for of in run.state.records.measures]
    found = [
        {name: [layer[place] for layer in of] for name, of in zip(NAMES, last, strict=True)}
        for place in range(len(SEEDS))
    ]
    return list(zip(weights[len(SEEDS) :], weights[: len(SEEDS)], found, strict=True))


def layers_of(born, end):
    """Yield (inputs at birth, (kernel, bias) at birth, at the end, which units were active at birth, died) by layer."""
    before, after = (forward(weights, X)[0] for weights in (born, end))
    for layer, inputs in enumerate([X, np.maximum(before[0], 0)]):
        active = before[layer] > 0
        yield layer, inputs, born[layer], end[layer], active, (after[layer] <= 0).all(0) & active.any(0)


def test_units_that_died_are_told_by_the_way_their_own_parameters_went(runs):
    died_in_all = lowered_in_all = 0
    for born, end, found in runs:
        for layer, inputs, (kernel, bias), (new_kernel, new_bias), active, died in layers_of(born, end):
            moved = new_kernel - kernel
            distance = np.sqrt((moved**2).sum(0) + (new_bias - bias) ** 2)
            np.testing.assert_allclose(found["distance_from_birth"][layer], distance, rtol=1e-8)
            assert found["died_bias_fell"][layer] == (died & (new_bias < bias)).sum()
            assert found["died_weights_fell"][layer] == (died & (moved.mean(0) < 0)).sum()
            lowered = ((inputs @ moved) * active).sum(0) < 0
            assert found["died_lowered_by_weights"][layer] == (died & lowered).sum()
            died_in_all, lowered_in_all = died_in_all + died.sum(), lowered_in_all + (died & lowered).sum()
    assert died_in_all > lowered_in_all > 5  # or the comparison says little


def test_units_killed_by_their_bias_or_weights_alone_are_dead_on_their_inputs_of_birth(runs):
    killed = 0
    for born, end, found in runs:
        for layer, inputs, (kernel, bias), (new_kernel, new_bias), active, _ in layers_of(born, end):
            by_bias = (inputs @ kernel + new_bias <= 0).all(0) & active.any(0)
            by_weights = (inputs @ new_kernel + bias <= 0).all(0) & active.any(0)
            assert found["killed_by_bias_alone"][layer] == by_bias.sum()
            assert found["killed_by_weights_alone"][layer] == by_weights.sum()
            killed += by_bias.sum() + by_weights.sum()
    assert killed > 5
