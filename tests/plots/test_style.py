"""How names are written."""

import pytest

from relubench.plots import style


@pytest.mark.parametrize(
    ("value", "key", "written"),
    [
        ("optimizer.learning_rate", "", "learning rate"),
        ("model.init.scale", "", "initial weight scale"),
        ("data.target_offset", "", "target offset"),
        ("redo", "remedy.name", "ReDo"),
        ("slow_bits", "data.stream.name", "slow bits"),
        ("pytorch", "model.init.name", "PyTorch default"),
        ("layer", "model.norm", "layer norm"),
        ("layer", "", "layer"),
        (None, "model.init.bias", "initialiser's own"),
        (None, "optimizer.clip_norm", "none"),
        (None, "layer", "all layers"),
        (True, "remedy.freeze", "yes"),
        (0.0001, "optimizer.learning_rate", "0.0001"),
        (1e-5, "", "1e-5"),
        (1e5, "", "1e5"),
        (1e-12, "", "1e-12"),
        (64, "model.width", "64"),
        ([64, 32], "model.widths", "64-32"),
        ([5] * 10, "model.widths", "10 × 5"),
        ([], "optimizer.frozen", "none"),
        ("learning rate 0.01, ReLU", "point", "learning rate 0.01, ReLU"),
        ("", "panel", ""),
    ],
)
def test_values_and_keys_are_written_in_words(value, key, written):
    assert style.name(value, key) == written


@pytest.mark.parametrize(
    ("value", "key", "written"),
    [
        (0.1, "optimizer.learning_rate", "learning rate 0.1"),
        ([8, 8], "model.widths", "widths 8-8"),
        ("adam", "optimizer.name", "Adam"),
        (None, "model.init.bias", "initialiser's own"),
        (None, "optimizer.clip_norm", "clip norm none"),
        (2, "layer", "layer 2"),
    ],
)
def test_a_title_names_its_key_where_the_value_alone_says_nothing(value, key, written):
    assert style.title(value, key) == written
