"""What every remedy refuses, by name: numbers, activations, parameters and updates that it cannot use."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from relubench.errors import UserError
from relubench.optim import remedies
from tests.support.hand_made import KEY, SHAPES, initialize, make_story

#: Every argument of every remedy that isn't about finding or drawing layers, at a value that is taken.
SETTINGS = {
    "redo": {"tau": 0.1, "period": 2},
    "continual_backprop": {"replacement_rate": 0.1, "maturity": 3, "utility_decay": 0.9},
    "rerandomize": {"period": 2, "freeze": True, "order": "in_turn", "stage": 1},
    "regrama": {"gradient_tau": 0.1, "period": 2},
    "shrink_and_perturb": {"shrink": 0.9, "perturb": 0.1, "period": 2},
    "selective_weight_resets": {"utility_threshold": 0.1, "period": 2},
    "self_normalized_resets": {"rejection": 0.1, "patience": 2},
    "l2_init": {"strength": 0.1},
    "decay": {"weights": 0.1, "biases": 0.0},
    "freeze": {"frozen": [1]},
}
FACTORIES = {
    name: getattr(remedies, name)
    for name in remedies.__all__
    if inspect.isfunction(getattr(remedies, name)) and "wired" not in getattr(remedies, name).__module__
}
WITH_ACTIVATIONS = ["redo", "continual_backprop", "self_normalized_resets"]
STORY = make_story(seed=1, steps=1)
START, GRADIENT = (jax.tree.map(jnp.asarray, layers) for layers in (STORY.start, STORY.gradients[0]))
ACTIVATIONS = [jnp.asarray(h) for h in STORY.activations[0]]


def build(name, **changes):
    common = {"inner": optax.sgd(0.1), "layers": remedies.PLAIN, "initialize": initialize, "key": KEY}
    known = inspect.signature(FACTORIES[name]).parameters
    given = {k: value for k, value in common.items() if k in known} | SETTINGS[name] | changes
    return FACTORIES[name](**given)


def use(name, params=START, updates=GRADIENT, activations=ACTIVATIONS, start=None, **changes):
    """Return a remedy's first update; `start` are the parameters at `init`, if others."""
    rule = optax.with_extra_args_support(build(name, **changes))
    state = rule.init(params if start is None else start)
    return rule.update(updates, state, params, activations=activations)[0]


def refusal(name, **arguments):
    with pytest.raises(UserError) as caught:
        use(name, **arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert "it takes" in message
    return message


def test_every_remedy_and_each_of_its_numbers_has_its_cases_here():
    assert FACTORIES.keys() == SETTINGS.keys()
    for name, factory in FACTORIES.items():
        parameters = inspect.signature(factory).parameters
        assert parameters.keys() - {"inner", "layers", "initialize", "key", "_"} == SETTINGS[name].keys()
        numbers = {key for key, parameter in parameters.items() if parameter.annotation == "ArrayLike"}
        assert numbers == {key for owner, key in NUMBERS if owner == name}


#: The least and the most that a number may be, and whether it must be whole.
NUMBERS = {
    ("redo", "tau"): (0, None, False),
    ("redo", "period"): (1, 2**31 - 1, True),
    ("continual_backprop", "replacement_rate"): (0, 1, False),
    ("continual_backprop", "maturity"): (0, 2**31 - 1, True),
    ("continual_backprop", "utility_decay"): (0, 1, False),
    ("rerandomize", "period"): (1, 2**31 - 1, True),
    ("rerandomize", "stage"): (1, 2**31 - 1, True),
    ("regrama", "gradient_tau"): (0, None, False),
    ("regrama", "period"): (1, 2**31 - 1, True),
    ("shrink_and_perturb", "shrink"): (0, 1, False),
    ("shrink_and_perturb", "perturb"): (0, None, False),
    ("shrink_and_perturb", "period"): (1, 2**31 - 1, True),
    ("selective_weight_resets", "utility_threshold"): (0, None, False),
    ("selective_weight_resets", "period"): (1, 2**31 - 1, True),
    ("self_normalized_resets", "rejection"): (0, 1, False),
    ("self_normalized_resets", "patience"): (1, 2**31 - 1, True),
    ("l2_init", "strength"): (0, None, False),
    ("decay", "weights"): (0, None, False),
    ("decay", "biases"): (0, None, False),
}
each_number = pytest.mark.parametrize(("name", "key"), NUMBERS, ids="-".join)
NEVER = [
    np.nan, np.inf, -np.inf, -1, -0.5, "1", "", None, True, False, np.True_, 1j, [1], (), {}, object(),
    np.float32(np.nan), np.array(-1), np.array([1, 1]), np.array("1"), np.array(True),
]  # fmt: skip
ON_DEVICE = [np.nan, np.inf, -1, [1.0], True]


@each_number
def test_a_number_that_is_none_or_out_of_range_is_refused(name, key):
    low, high, whole = NUMBERS[name, key]
    beyond = [low - 1] + ([] if high is None else [high + 1])
    for value in [*NEVER, *map(jnp.asarray, ON_DEVICE), *beyond, *([2.5, np.float32(2.5)] if whole else [])]:
        message = refusal(name, **{key: value})
        assert message.startswith(f"{key}=")
        assert f">= {low}" in message


@each_number
def test_a_number_at_its_limits_of_any_kind_or_traced_is_taken(name, key):
    low, high, _ = NUMBERS[name, key]
    for value in (low, high or 7, np.int64(1), np.float32(1), np.array(1), jnp.asarray(1), jnp.asarray(1.0), 1.0):
        build(name, **{key: value})
    jax.eval_shape(lambda value: use(name, **{key: value}), jnp.asarray(1.0))
    jax.eval_shape(jax.vmap(lambda value: use(name, **{key: value})), jnp.asarray([1, 2]))


@pytest.mark.parametrize("frozen", [1, "1", None, [1.5], [True], ["1"], [None], [np.nan], [0], [-1], [4], {1: 2}])
def test_layers_to_freeze_that_are_no_list_of_layers_are_refused(frozen):
    assert refusal("freeze", frozen=frozen).startswith("frozen")


@pytest.mark.parametrize("freeze", [1, 0.0, "yes", None, [True], np.array([True])])
def test_whether_to_freeze_is_true_or_false(freeze):
    assert refusal("rerandomize", freeze=freeze).startswith("freeze=")


@pytest.mark.parametrize("order", ["at_random", "", None, 1])
def test_the_order_of_freezing_is_one_of_two(order):
    assert refusal("rerandomize", order=order) == f"order={order!r}: it takes in_turn, progressive"


ones = jnp.ones
OTHER_ACTIVATIONS = {
    "none": None,
    "too few": ACTIVATIONS[:1],
    "too many": [*ACTIVATIONS, ones((4, 2))],
    "other units": [ACTIVATIONS[0], ones((4, 6))],
    "swapped": ACTIVATIONS[::-1],
    "no axis of examples": [ones(6), ones(5)],
    "a number": 1.0,
    "one array": ones((2, 4, 6)),
    "a dict": dict(enumerate(ACTIVATIONS)),
    "a string": "ab",
    "lists": [h.tolist() for h in ACTIVATIONS],
    "absent ones": [None, None],
    "strings": [np.full((4, 6), "a"), np.full((4, 5), "a")],
    "no examples": [ones((0, 6)), ones((0, 5))],
}


@pytest.mark.parametrize("name", WITH_ACTIVATIONS)
@pytest.mark.parametrize("case", OTHER_ACTIVATIONS)
def test_activations_that_do_not_fit_are_refused(name, case):
    assert refusal(name, activations=OTHER_ACTIVATIONS[case]).startswith("activations")


@pytest.mark.parametrize("name", WITH_ACTIVATIONS)
def test_activations_left_out_are_refused(name):
    rule = build(name)
    with pytest.raises(UserError, match="activations=None"):
        rule.update(GRADIENT, rule.init(START), START)


def failing(error):
    def get(params):
        raise error

    return remedies.AffineLayers(get, lambda params, layers: params)


def named(layers):
    return {f"layer{n}": {"kernel": kernel, "bias": bias} for n, (kernel, bias) in enumerate(layers)}


def with_second(layer):
    return [START[0], layer, START[2]]


OTHER_PARAMS = {
    "a Flax dict": {"params": named(START)},
    "an empty dict": {},
    "none": None,
    "no layers": [],
    "an array": ones((3, 6)),
    "a string": "params",
    "arrays, no pairs": [ones((3, 6)), ones((6, 5))],
    "triples": [(*layer, ones(())) for layer in START],
    "dicts": [{"kernel": kernel, "bias": bias} for kernel, bias in START],
    "nested": [START],
    "no bias": with_second((START[1][0], None)),
    "no kernel": with_second((None, START[1][1])),
    "bias first": with_second(START[1][::-1]),
    "kernel of rank 1": with_second((ones(6), ones(5))),
    "kernel of rank 0": with_second((ones(()), ones(()))),
    "bias of rank 2": with_second((ones((6, 5)), ones((1, 5)))),
    "bias of another size": with_second((ones((6, 5)), ones(4))),
    "whole numbers": with_second((ones((6, 5), int), ones(5, int))),
    "lists of numbers": with_second(([[1.0]], [1.0])),
}
each_name = pytest.mark.parametrize("name", FACTORIES)


@each_name
@pytest.mark.parametrize("case", OTHER_PARAMS)
def test_parameters_that_the_lens_cannot_read_are_refused_at_the_start_and_at_an_update(name, case):
    params = OTHER_PARAMS[case]
    with pytest.raises(UserError, match=r"^params.*it takes"):
        build(name).init(params)
    assert refusal(name, start=START, params=params, updates=params).startswith("params")


OTHER_LENSES = {
    "get raises KeyError": failing(KeyError("kernel")),
    "get raises at length": failing(ValueError("line\nline")),
    "get gives none": remedies.AffineLayers(lambda params: None, lambda params, layers: params),
    "get gives a dict": remedies.AffineLayers(named, lambda params, layers: params),
    "set raises": remedies.AffineLayers(lambda params: params, lambda params, layers: layers[7]),
    "set gives another tree": remedies.AffineLayers(lambda params: params, lambda params, layers: named(layers)),
    "a function": lambda params: params,
    "none": None,
    "a dict": {},
}


@each_name
@pytest.mark.parametrize("case", OTHER_LENSES)
def test_a_lens_that_fails_is_refused(name, case):
    assert "layers" in refusal(name, layers=OTHER_LENSES[case])


OTHER_UPDATES = {
    "a layer less": GRADIENT[:2],
    "a layer more": [*GRADIENT, GRADIENT[0]],
    "a dict": named(GRADIENT),
    "none": None,
    "another shape": [GRADIENT[0], (ones((6, 6)), ones(6)), GRADIENT[2]],
    "kernels turned": [(kernel.T, bias) for kernel, bias in GRADIENT],
    "no bias": [(kernel, None) for kernel, _ in GRADIENT],
    "tuples for lists": tuple(GRADIENT),
}


@each_name
@pytest.mark.parametrize("case", OTHER_UPDATES)
def test_updates_unlike_the_parameters_are_refused(name, case):
    assert refusal(name, updates=OTHER_UPDATES[case]).startswith("updates")


DRAWS = {"kernel": lambda kernel, bias: (kernel.T, bias), "bias": lambda kernel, bias: (kernel, bias[:1])}


@pytest.mark.parametrize("name", ["redo", "continual_backprop", "rerandomize"])
@pytest.mark.parametrize("turned", [*DRAWS.values(), lambda kernel, bias: kernel])
def test_a_draw_that_is_not_shaped_like_its_layer_is_refused(name, turned):
    assert refusal(name, initialize=lambda *how: turned(*initialize(*how))).startswith("initialize")


@each_name
def test_plain_parameters_may_be_any_sequence_of_pairs(name):
    as_tuples, as_lists = tuple(START), [list(layer) for layer in START]
    expected = jax.tree.leaves(use(name))
    for params, updates in ((as_tuples, tuple(GRADIENT)), (as_lists, [list(layer) for layer in GRADIENT])):
        moved = use(name, params=params, updates=updates)
        assert jax.tree.structure(moved) == jax.tree.structure(params)
        jax.tree.map(np.testing.assert_array_equal, jax.tree.leaves(moved), expected)


@pytest.mark.parametrize("name", ["redo", "rerandomize", "decay", "freeze"])
def test_the_state_of_a_remedy_can_be_mapped_over_its_parameters(name):
    changes = {"inner": optax.adam(0.1)} if name != "decay" else {}
    rule = optax.chain(build(name, **changes), optax.trace(0.9))
    doubled = optax.tree.map_params(rule, lambda moment: moment + 1, rule.init(START))
    moments = [leaf for leaf in jax.tree.leaves(doubled) if jnp.ndim(leaf)]
    assert len(moments) >= 2 * len(SHAPES)
    assert all((leaf == 1).all() for leaf in moments)
