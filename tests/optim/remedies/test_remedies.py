"""What every remedy shares: any optimiser, any tree of parameters, jit and vmap with traced numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from relubench import config, nn
from relubench.errors import UserError
from relubench.nn import networks
from relubench.optim import remedies
from tests.support.hand_made import (
    FOREIGN,
    KEY,
    SHAPES,
    assert_same,
    by_optax,
    continual_backprop,
    foreign,
    initialize,
    l2_init,
    make_story,
    promoting,
    redo,
    regrama,
    rerandomize,
    selective_weight_resets,
    self_normalized_resets,
    shrink_and_perturb,
    stack,
    train,
)

MOMENTUM = optax.sgd(0.1, momentum=0.9)
REMEDIES = {
    "redo": redo,
    "continual_backprop": continual_backprop,
    "rerandomize": rerandomize,
    "regrama": regrama,
    "shrink_and_perturb": shrink_and_perturb,
    "selective_weight_resets": selective_weight_resets,
    "self_normalized_resets": self_normalized_resets,
    "l2_init": l2_init,
}
KNOBS = {
    "redo": {"tau": np.array([0.0, 0.05, 0.6]), "period": np.array([3, 1, 2])},
    "continual_backprop": {
        "replacement_rate": np.array([0.0, 0.3, 1.0]),
        "maturity": np.array([2, 0, 3]),
        "utility_decay": np.array([0.8, 0.99, 0.5]),
    },
    "rerandomize": {"period": np.array([3, 1, 2])},
    "regrama": {"gradient_tau": np.array([0.0, 0.5, 0.9]), "period": np.array([3, 1, 2])},
    "shrink_and_perturb": {
        "shrink": np.array([0.8, 1.0, 0.3]),
        "perturb": np.array([0.1, 0.0, 0.5]),
        "period": np.array([3, 1, 2]),
    },
    "selective_weight_resets": {"utility_threshold": np.array([0.0, 0.1, 0.3]), "period": np.array([3, 1, 2])},
    "self_normalized_resets": {"rejection": np.array([0.0, 0.3, 0.9]), "patience": np.array([3, 1, 2])},
    "l2_init": {"strength": np.array([0.0, 0.3, 2.0])},
}
each_remedy = pytest.mark.parametrize("name", sorted(REMEDIES))


@pytest.fixture(scope="module")
def compiled_quickly():
    """Nothing: two programs are compared to the rounding of single precision, so both must be optimised alike."""


@pytest.mark.parametrize("name", ["redo", "regrama", "selective_weight_resets"])
@pytest.mark.parametrize("factor", [2.0**126, 2.0**-100])
def test_what_is_reset_does_not_depend_on_the_size_of_activations_and_gradients(name, factor):
    story, rule = make_story(seed=1, steps=8), REMEDIES[name](optax.set_to_zero())
    story = story._replace(activations=jax.tree.map(lambda h: np.tile(h, (16, 1)), story.activations))
    gradients, activations = jax.tree.map(lambda x: x * factor, (story.gradients, story.activations))
    (expected, _), (found, _) = (
        by_optax(story, rule),
        by_optax(story._replace(gradients=gradients, activations=activations), rule),
    )
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    assert not np.array_equal(expected[-1][1][0], story.start[1][0])  # something was reset


@each_remedy
def test_runs_with_their_own_traced_numbers_train_together_as_each_alone(name):
    story = make_story(seed=1, steps=8)
    start, stacked = jax.tree.map(jnp.asarray, story.start), stack(story)

    def run(knobs):
        return train(REMEDIES[name](MOMENTUM, **knobs), start, stacked)[0]

    together, alone = jax.jit(jax.vmap(run))(KNOBS[name]), jax.jit(run)
    for n in range(3):
        expected = alone({knob: values[n] for knob, values in KNOBS[name].items()})
        assert_same(jax.tree.map(lambda leaf, n=n: leaf[n], together), expected, rtol=1e-4)


def test_nothing_is_drawn_at_a_step_at_which_no_run_is_due():
    drawn, story = [], make_story(seed=2, steps=8)
    start, stacked = jax.tree.map(jnp.asarray, story.start), stack(story)

    def counted(key, layer, shape):
        if layer == 1:
            jax.debug.callback(lambda: drawn.append(layer))
        return initialize(key, layer, shape)

    @jax.jit
    @jax.vmap
    def run(period):
        rule = remedies.redo(optax.sgd(0.1), layers=remedies.PLAIN, initialize=counted, key=KEY, tau=0.1, period=period)
        return train(rule, start, stacked)[0]

    for periods, draws in {(4, 4): 2, (4, 3): 4, (9, 9): 0}.items():
        drawn.clear()
        jax.block_until_ready(run(np.array(periods)))
        jax.effects_barrier()
        assert len(drawn) == draws


@each_remedy
def test_a_remedy_works_on_any_tree_in_any_chain(name):
    def chain(layers):
        return optax.chain(
            optax.clip_by_global_norm(1.0),
            REMEDIES[name](optax.chain(optax.add_decayed_weights(0.1), MOMENTUM), layers=layers),
        )

    story = make_story(seed=3, steps=7)
    plain, _ = by_optax(story, chain(remedies.PLAIN))
    other = story._replace(gradients=[foreign(layers) | {"temperature": np.zeros(())} for layers in story.gradients])
    trained, _ = by_optax(other, chain(FOREIGN), params=foreign(story.start))
    assert_same(FOREIGN.get(trained[-1]), plain[-1], rtol=1e-5, atol=1e-8)  # differences of float32 numbers near 1
    assert trained[-1]["temperature"] < 1  # decayed, and otherwise left alone


def all_moments(state):
    return [leaf for leaf in jax.tree.leaves(state) if jnp.ndim(leaf) > 0]


@pytest.mark.parametrize(
    "inner",
    [
        MOMENTUM,
        promoting(optax.amsgrad(0.1)),
        optax.adafactor(0.1, momentum=0.9),
        optax.masked(promoting(optax.adam(0.1)), [(True, False)] * len(SHAPES)),
    ],
    ids=["momentum", "amsgrad", "adafactor", "masked"],
)
def test_resetting_all_units_forgets_all_moments_of_any_optimiser(inner):
    story = make_story(seed=4, steps=3)
    _, state = by_optax(story, redo(inner, tau=100.0, period=3))
    shapes = [shape for kernel in SHAPES for shape in (kernel, kernel[-1:])]
    forgotten = [moment for moment in all_moments(state.inner) if moment.shape in shapes[:-1]]
    assert forgotten
    assert not any(moment.any() for moment in forgotten)


def test_a_unit_of_a_convolution_is_a_channel():
    model = config.Model(name="cnn", widths=[3, 4])
    network = nn.build(model, KEY, features=16, image_shape=(4, 4, 1), outputs=2)
    params = nnx.state(network, nnx.Param)
    report = networks.structure(network, model)
    layers = remedies.AffineLayers(report.affine_layers, report.with_affine_layers)
    rule = redo(promoting(optax.adam(0.1)), layers=layers, period=1)
    first = jnp.ones((2, 4, 4, 3)).at[..., 1].set(0)
    activations = [first, jnp.ones((2, 2, 2, 4))]
    updates, state = jax.jit(lambda p: rule.update(p, rule.init(p), p, activations=activations))(params)
    kernels = [np.asarray(kernel) for kernel, _ in report.affine_layers(optax.apply_updates(params, updates))]
    drawn, _ = initialize(jax.random.fold_in(jax.random.fold_in(KEY, 1), 1), 1, kernels[0].shape)
    np.testing.assert_allclose(kernels[0][..., 1], drawn[..., 1], rtol=1e-5)
    assert not kernels[1][..., 1, :].any()
    assert kernels[1][..., 0, :].any()
    moments = report.affine_layers(optax.tree.get(state.inner, "mu"))
    np.testing.assert_array_equal((np.asarray(moments[0][0]) == 0).all((0, 1, 2)), [False, True, False])


@each_remedy
def test_a_remedy_without_parameters_is_refused(name):
    rule, story = REMEDIES[name](), make_story(seed=5, steps=1)
    state = rule.init(jax.tree.map(jnp.asarray, story.start))
    with pytest.raises(UserError, match="params=None"):
        rule.update(story.gradients[0], state, activations=story.activations[0])


@each_remedy
def test_layers_that_do_not_fit_together_are_refused(name):
    rule = REMEDIES[name]()
    params = [(jnp.ones((2, 3)), jnp.ones(3)), (jnp.ones((12, 2)), jnp.ones(2))]
    with pytest.raises(UserError, match="layer 1 has 3 units but layer 2 12 inputs"):
        rule.update(params, rule.init(params), params, activations=[jnp.ones((4, 3))])
