"""The schema: what each key takes."""

import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from relubench import config
from relubench.errors import UserError


@pytest.mark.parametrize(
    ("key", "value", "parsed"),
    [
        ("optimizer.learning_rate", 1, 1.0),
        ("train.batch_size", None, None),
        ("train.steps", 10.0, 10),
        ("model.widths", [8, 4], (8, 4)),
        ("model.widths", 8, (8,)),
        ("model.widths", [], ()),
        ("model.init.bias", -0.5, -0.5),
        ("engine.mixed", True, True),
        ("optimizer.learning_rate", np.float32(0.1), 0.1),
        ("optimizer.learning_rate", jnp.float32(0.1), 0.1),
        ("optimizer.learning_rate", np.float16(0.1), 0.1),
        ("optimizer.learning_rate", -0.0, 0.0),
        ("train.steps", np.int64(3), 3),
        ("model.widths", np.array([3, 2]), (3, 2)),
        ("optimizer.name", np.str_("adam"), "adam"),
        ("remedy.freeze", np.bool_(False), False),
    ],
)
def test_a_value_is_taken_in_the_type_of_its_key(key, value, parsed):
    read = config.KEYS[key].parse(value)
    assert read == parsed
    assert type(read) is type(parsed)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("optimizer.learning_rate", "abc", "optimizer.learning_rate='abc': it takes a number >= 0"),
        ("optimizer.learning_rate", True, "it takes a number"),
        ("optimizer.learning_rate", float("inf"), "it takes a number"),
        ("optimizer.learning_rate", None, "it takes a number"),
        ("model.widths", [8, 0], "each a whole number >= 1"),
        ("train.steps", 1.5, "it takes a whole number >= 0"),
        ("model.activation.negative_slope", 0, "model.activation.name=relu"),
        ("optimizer.clip_norm", 0, "a number > 0, or null"),
        ("seed", -1, "a whole number >= 0 and <= 2147483647"),
        ("loss.reduction", "means", "did you mean 'mean'"),
        ("engine.mixed", 1, "true or false"),
        ("engine.mixed", np.int64(1), "true or false"),
        ("optimizer.learning_rate", np.array([0.1, 0.2]), "it takes a number"),
        ("optimizer.learning_rate", 10**400, "it takes a number"),
        ("out", "a\x00b", "it takes a name"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_what_is(key, value, message):
    with pytest.raises(UserError) as caught:
        config.KEYS[key].parse(value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_key_has_a_word_on_what_it_is():
    assert not [name for name, key in config.KEYS.items() if not key.metadata.get("doc")]


def test_a_setting_goes_through_its_flat_form_and_back():
    values = config.setting_values(config.Setting()) | {"model.widths": (3, 2), "optimizer.clip_norm": 2.0}
    assert config.setting_values(config.build_setting(values)) == values


@pytest.mark.parametrize("key", [key for key in config.KEYS.values() if key.type is int], ids=lambda key: key.name)
def test_no_whole_number_is_wider_than_the_program_takes(key):
    with pytest.raises(UserError, match=f"{key.name}="):
        key.parse([2**31] if key.is_list else 2**31)


@pytest.mark.parametrize(
    "key",
    [key for key in config.SETTING_KEYS.values() if (key.type, key.kind) == (float, "knob")],
    ids=lambda k: k.name,
)
def test_no_knob_is_larger_or_smaller_than_its_precision_holds(key):
    for value, precision in [(1e39, "float32"), (-1e39, "tf32"), (1e-39, "float32"), (1e-320, "float64")]:
        with pytest.raises(UserError, match=f"in {precision} it takes 0 or a magnitude"):
            key.check_magnitude([0.0, value], precision)
    key.check_magnitude([None, 0.0, 3e38, -2e-38], "float32")
    key.check_magnitude([1e300], "float64")


def test_the_order_of_keys_does_not_depend_on_what_was_imported_first():
    code = (
        "from relubench import {}; from relubench.sweeps import grid; from relubench import config; print(*config.KEYS)"
    )
    first, second = (
        subprocess.run([sys.executable, "-c", code.format(names)], capture_output=True, text=True, check=True).stdout
        for names in ("optim, nn, data", "data, optim, nn")
    )
    assert first == second
