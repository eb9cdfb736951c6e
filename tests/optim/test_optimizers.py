"""Update rules and schedules against plain NumPy and PyTorch."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from relubench import config, optim
from relubench.optim import remedies
from tests.support.hand_made import promoting

RATE, STEPS = 0.1, 5
DRAW = np.random.default_rng(0)
START = {"output": {"kernel": DRAW.normal(size=(3, 2)), "bias": DRAW.normal(size=2)}}
LAYERS = remedies.AffineLayers(
    get=lambda tree: [(tree["output"]["kernel"], tree["output"]["bias"])],
    set=lambda tree, layers: {"output": dict(zip(("kernel", "bias"), layers[0], strict=True))},
)
GRADIENTS = [jax.tree.map(lambda p: DRAW.normal(size=p.shape), START) for _ in range(STEPS)]


def by_relubench(**settings):
    with jax.enable_x64(True):
        optimizer = optim.make_optimizer(config.make(config.Optimizer, learning_rate=RATE, **settings), STEPS, LAYERS)
        optimizer = promoting(optimizer)
        params = jax.tree.map(jnp.asarray, START)
        state = optimizer.init(params)
        for gradient in GRADIENTS:
            updates, state = optimizer.update(jax.tree.map(jnp.asarray, gradient), state, params)
            params = optax.apply_updates(params, updates)
        return jax.tree.map(np.asarray, params)


def plain(step, **settings):
    """Apply `step(gradient, memory, t) -> update` to each parameter, after clipping and decay."""
    params, memory = jax.tree.map(np.copy, START), jax.tree.map(lambda p: {}, START)
    for t, gradient in enumerate(GRADIENTS):
        norm = np.sqrt(sum((leaf**2).sum() for leaf in jax.tree.leaves(gradient)))
        shrink = min(1.0, settings.get("clip_norm", np.inf) / norm)
        for name, decay in (("kernel", "weight_decay"), ("bias", "bias_decay")):
            value = params["output"][name]
            g = shrink * gradient["output"][name] + settings.get(decay, 0.0) * value
            rate = RATE * (settings.get("bias_rate", 1.0) if name == "bias" else 1.0)
            params["output"][name] = value - rate * step(g, memory["output"][name], t)
    return params


def sgd(g, memory, t):
    return g


def momentum(g, memory, t):
    memory["m"] = 0.9 * memory.get("m", 0) + g
    return memory["m"]


def nesterov(g, memory, t):
    return g + 0.9 * momentum(g, memory, t)


def adam(g, memory, t):
    memory["m"] = 0.9 * memory.get("m", 0) + 0.1 * g
    memory["v"] = 0.999 * memory.get("v", 0) + 0.001 * g**2
    return memory["m"] / (1 - 0.9 ** (t + 1)) / (np.sqrt(memory["v"] / (1 - 0.999 ** (t + 1))) + 1e-8)


def rmsprop(g, memory, t):
    memory["v"] = 0.99 * memory.get("v", 0) + 0.01 * g**2
    return g / (np.sqrt(memory["v"]) + 1e-8)


RULES = {"sgd": sgd, "momentum": momentum, "nesterov": nesterov, "adam": adam, "rmsprop": rmsprop}


@pytest.mark.parametrize("name", sorted(RULES))
@pytest.mark.parametrize(
    "settings", [{}, {"weight_decay": 0.3, "bias_decay": 0.7, "clip_norm": 0.5}, {"bias_rate": 0.25}], ids=str
)
def test_an_update_rule_is_its_formula(name, settings):
    updated, expected = by_relubench(name=name, **settings), plain(RULES[name], **settings)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-7), updated, expected)


TORCH = {
    "sgd": lambda torch, params: torch.optim.SGD(params, RATE),
    "momentum": lambda torch, params: torch.optim.SGD(params, RATE, momentum=0.9),
    "nesterov": lambda torch, params: torch.optim.SGD(params, RATE, momentum=0.9, nesterov=True),
    "adam": lambda torch, params: torch.optim.Adam(params, RATE),
    "adamw": lambda torch, params: torch.optim.AdamW(params, RATE, weight_decay=0.2),
    "rmsprop": lambda torch, params: torch.optim.RMSprop(params, RATE),
}


def test_every_update_rule_has_one_in_pytorch():
    assert set(TORCH) == set(optim.OPTIMIZERS)


@pytest.mark.parametrize("name", sorted(TORCH))
def test_an_update_rule_is_that_of_pytorch(name):
    torch = pytest.importorskip("torch", reason="needs the extra `bench`")
    params = [torch.nn.Parameter(torch.tensor(START["output"][leaf])) for leaf in ("kernel", "bias")]
    optimizer = TORCH[name](torch, params)
    for gradient in GRADIENTS:
        for param, leaf in zip(params, ("kernel", "bias"), strict=True):
            param.grad = torch.tensor(gradient["output"][leaf])
        optimizer.step()
    decay = {"weight_decay": 0.2, "bias_decay": 0.2} if name == "adamw" else {}
    updated = by_relubench(name=name, **decay)
    for param, leaf in zip(params, ("kernel", "bias"), strict=True):
        np.testing.assert_allclose(updated["output"][leaf], param.detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        ({}, {0: 1, 50: 1, 99: 1}),
        ({"warmup_steps": 4}, {0: 0.25, 1: 0.5, 3: 1, 50: 1}),
        ({"name": "linear", "end_factor": 0.2}, {0: 1, 50: 0.6, 100: 0.2}),
        ({"name": "cosine"}, {0: 1, 25: 0.5 + 0.5 * np.sqrt(0.5), 50: 0.5, 100: 0}),
        (
            {"name": "cosine", "warmup_steps": 10, "decay_steps": 40, "end_factor": 0.1},
            {9: 1, 30: 0.55, 50: 0.1, 99: 0.1},
        ),
    ],
    ids=str,
)
def test_a_schedule_is_its_formula(schedule, factors):
    factor = optim.schedule_factor(config.make(config.Schedule, **schedule), total_steps=100)
    for step, expected in factors.items():
        assert float(factor(jnp.asarray(step))) == pytest.approx(expected, abs=1e-6)
