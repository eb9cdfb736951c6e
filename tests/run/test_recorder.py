"""What probes record: on which networks, and in which room."""

import numpy as np
import polars as pl
import pytest

import relubench
from relubench.errors import UserError
from relubench.run.recorder import MEASURES
from relubench.sweeps import engine, rows
from tests.support.planned import layouts

NETWORKS = {
    "a convolution": {"model.name": "cnn", "model.widths": [3, 2]},
    "batch norm": {"model.widths": [4, 3], "model.norm": "batch"},
    "layer norm": {"model.widths": [4, 3], "model.norm": "layer"},
    "no hidden layer": {"model.widths": []},
}
SETTING = {"train.steps": 2, "probe.count": 3, "probe.spacing": "linear"}
#: They take the first layer's pre-activations for planes over the inputs.
PLANES = {"deadly_rate", "deadly_rate_end", "plane_weights", "plane_bias"}
#: They take the first layer for granted.
FIRST_LAYER = {"plane_checksum"}


def refused(network):
    """Return the measures that a network refuses, each by its name."""
    errors = {}
    for name in MEASURES:
        try:
            layouts(SETTING | network | {"probe.measures": [name]})
        except UserError as error:
            errors[name] = str(error)
    assert all(f"probe.measures={name}: it takes" in error for name, error in errors.items())
    return set(errors)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in NETWORKS])
def test_a_measure_either_works_on_a_network_or_is_refused_by_name(name):
    network = NETWORKS[name]
    expected = PLANES | (FIRST_LAYER if not network["model.widths"] else set())
    assert refused(network) == expected
    allowed = [measure for measure in MEASURES if measure not in expected]
    tables = relubench.sweep(SETTING | network | {"probe.measures": allowed}, width=1)
    assert set(tables["measures"]["measure"]) <= set(allowed)
    finite = tables["measures"].filter(pl.col("step") > 0, pl.col("measure") != "online_accuracy")
    assert finite["value"].is_not_null().all()


def test_a_measure_of_planes_is_refused_where_a_norm_moves_them():
    with pytest.raises(UserError, match=r"probe\.measures=deadly_rate: it takes .*model\.norm=none"):
        layouts(SETTING | NETWORKS["batch norm"] | {"probe.measures": ["deadly_rate"]})


@pytest.mark.parametrize("network", [{"model.norm": "layer"}, {"model.name": "cnn"}], ids=str)
def test_a_margin_is_a_distance_in_the_layers_inputs_or_null_where_a_norm_moves_the_plane(network):
    setting = SETTING | {"model.widths": [3], "train.steps": 0, "probe.count": 2} | network
    (run,) = engine.train_grid(layouts(setting, width=1))
    (margin,) = run.state.records.units["margin"]
    if "model.norm" in network:
        assert np.isnan(margin).all()
        assert rows.part_frame(run, with_units=True)["table_units"].explode().struct.field("margin").is_null().all()
        return
    (kernel, bias), _ = run.layout.structure.affine_layers(run.state.params)
    kernel = np.asarray(kernel[0]).reshape(9, -1)
    images = np.pad(run.layout.datasets[0].x_train.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    patches = np.lib.stride_tricks.sliding_window_view(images, (3, 3), (1, 2)).reshape(-1, 9)
    expected = -(patches @ kernel + np.asarray(bias[0])).max(0) / np.linalg.norm(kernel, axis=0)
    np.testing.assert_allclose(margin[0], expected, rtol=1e-4)
