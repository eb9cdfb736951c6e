"""Adam with a count of steps for each unit, against optax's own and plain NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import relubench
from relubench import optim
from relubench.optim import remedies
from tests.support.hand_made import KEY, by_optax, initialize, make_story, promoting


def test_without_a_reset_it_is_adam():
    story = make_story(seed=4, steps=12)
    ours, theirs = (
        by_optax(story, remedies.l2_init(promoting(scaling), layers=remedies.PLAIN, strength=0.0))[0]
        for scaling in (optim.scale_by_counted_adam(), optax.scale_by_adam())
    )
    # In single precision 1 - .999^t of optax has five digits at the first steps.
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5), ours, theirs)


def trained(scaling, steps=40):
    """Return every update of a layer of two units, the first of which is silent and reset at step 30."""
    params = [(jnp.ones((3, 2)), jnp.zeros(2)), (jnp.ones((2, 1)), jnp.zeros(1))]
    rule = remedies.redo(promoting(scaling), layers=remedies.PLAIN, initialize=initialize, key=KEY, tau=0.0, period=30)
    state, seen = rule.init(params), []
    draw = np.random.default_rng(0)
    for step in range(1, steps + 1):
        gradients = jax.tree.map(lambda p: jnp.asarray(draw.normal(size=p.shape), jnp.float32) + 2, params)
        h = jnp.ones((4, 2)).at[:, 0].set(0.0 if step == 30 else 1.0)
        updates, state = rule.update(gradients, state, params, activations=[h])
        seen.append((gradients, updates))
    return seen


def test_a_reset_unit_begins_anew_as_adam_does():
    counted, shared = trained(optim.scale_by_counted_adam()), trained(optax.scale_by_adam())
    for unit, since in ((0, 30), (1, 0)):  # steps before the moments of the unit's weights begin
        mu = nu = 0.0
        for n, (gradients, updates) in enumerate(counted, start=1):
            g = np.asarray(gradients[0][0], np.float64)[:, unit]
            mu, nu = (0.0, 0.0) if n - 1 == since and since else (mu, nu)
            mu, nu = 0.9 * mu + 0.1 * g, 0.999 * nu + 0.001 * g**2
            t = n - since if n > since else n
            expected = mu / (1 - 0.9**t) / (np.sqrt(nu / (1 - 0.999**t)) + 1e-8)
            if n != 30 or unit:  # at the reset itself the update carries the weights to their new values
                np.testing.assert_allclose(updates[0][0][:, unit], expected, rtol=1e-4)
    first = [np.abs(updates[0][0][:, 0]).max() for updates in (counted[30][1], shared[30][1])]
    np.testing.assert_allclose(first[0], 1, rtol=1e-4)
    assert first[1] == pytest.approx(0.1 / np.sqrt(0.001) * np.sqrt(1 - 0.999**31) / (1 - 0.9**31), rel=1e-3)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_it_is_chosen_by_a_key_of_the_optimizer(name):
    setting = {
        "optimizer.name": name, "optimizer.learning_rate": 0.05, "train.steps": 60, "model.widths": [12],
        "remedy.name": "redo", "remedy.period": 20, "probe.count": 2,
    }  # fmt: skip
    losses = [
        relubench.sweep(setting | {"optimizer.counts": counts}, {"seed": range(4)})["runs"]["train_loss"]
        for counts in ("run", "unit")
    ]
    assert not losses[0].equals(losses[1])
