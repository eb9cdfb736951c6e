"""What is trained for each row of published numbers, and at which size."""

from __future__ import annotations

from typing import Any

import polars as pl

from relubench.experiments.plasticity.metrics import change
from relubench.findings.claims import of_layers, of_measures
from relubench.findings.claims.metrics import Metric
from relubench.report.verify.study import Part, Size, Study
from relubench.sweeps.folders import Tables

_NETWORKS = 20_000  # random networks of a cell: an interval of .9 points at a share of one half
_SHARE = pl.col("dead_train").sum() / pl.col("units").sum()

# Rows 1 to 3: networks with constant output. One input, evenly spread over both signs; only its sign matters where
# biases are 0. "L layers" are L affine ones: L - 1 hidden layers.

_INTERVAL = {
    "data.name": "interval",
    "data.examples": 64,
    "data.normalize": "none",
    "loss.name": "squared_error",
    "probe.count": 2,
    "train.batch_size": 16,
}
_UNTRAINED = Size(_NETWORKS, {"train.steps": 0}, exact=True)


def _hidden(width: int, affine: int) -> list[int]:
    return [width] * (affine - 1)


_BORN = Study(
    row=1,
    name="born",
    setting=_INTERVAL,
    varied={"model.widths": [_hidden(width, affine) for width in (2, 3, 5, 10) for affine in (10, 11)]},
    parts=[
        *(Part(f"width {width}", {"model.widths": _hidden(width, 10)}, "born_collapsed", True) for width in (3, 5, 10)),
        *(
            Part(f"width {width}, {n} affine layers", {"model.widths": _hidden(width, n)}, "born_collapsed", True)
            for width in (2, 3, 5, 10)
            for n in (10, 11)
        ),
    ],
    small=_UNTRAINED,
    full=_UNTRAINED,
)

_TRAINED = {
    **_INTERVAL,
    "data.examples": 3750,  # 3,000 for training
    "train.batch_size": 128,
    "optimizer.name": "adam",
    "optimizer.learning_rate": 1e-3,
    "model.widths": _hidden(2, 10),
}
_UNCONFIRMED = "the source's optimiser and steps are unconfirmed"
_FEWER_STEPS = Size(1_000, {"train.steps": 2_000}, exact=False, reduction=f"Adam, 2,000 steps; {_UNCONFIRMED}")
_MORE_STEPS = Size(1_000, {"train.steps": 100_000}, exact=False, reduction=f"Adam, 100,000 steps; {_UNCONFIRMED}")

_AFTER_TRAINING = Study(
    row=1,
    name="trained",
    setting=_TRAINED | {"data.function": "abs"},
    varied={},
    parts=[Part("width 2", {}, "collapsed", True)],
    baselines=[Part("width 2 at birth", {}, "born_collapsed", True)],
    small=_FEWER_STEPS,
    full=_MORE_STEPS,
)

_FUNCTIONS = {"sine": "x sin 5x", "step": "step and sine"}
_INITIALISERS = {"he": "He", "rai": "RAI"}
_COLLAPSE = Study(
    row=2,
    name="trained",
    setting=_TRAINED,
    varied={"data.function": list(_FUNCTIONS), "model.init.name": list(_INITIALISERS)},
    parts=[
        Part(f"{told}, {init}", {"data.function": function, "model.init.name": name}, "collapsed", True)
        for function, told in _FUNCTIONS.items()
        for name, init in _INITIALISERS.items()
    ],
    baselines=[
        Part(f"{told}, He at birth", {"data.function": function, "model.init.name": "he"}, "born_collapsed", True)
        for function, told in _FUNCTIONS.items()
    ],
    small=_FEWER_STEPS,
    full=_MORE_STEPS,
)
_COLLAPSE_2D = Study(
    row=2,
    name="plane",
    setting=_TRAINED | {"data.name": "plane", "model.widths": _hidden(4, 20)},
    varied={"model.init.name": list(_INITIALISERS)},
    parts=[
        Part(f"two inputs, two outputs, {init}", {"model.init.name": name}, "collapsed", True)
        for name, init in _INITIALISERS.items()
    ],
    baselines=[Part("two inputs, two outputs, He at birth", {"model.init.name": "he"}, "born_collapsed", True)],
    small=_FEWER_STEPS._replace(runs=300, reduction=f"300 networks; {_FEWER_STEPS.reduction}"),
    full=_MORE_STEPS,
)
_BORN_RAI = Study(
    row=2,
    name="born",
    setting=_INTERVAL | {"model.init.name": "rai", "model.widths": _hidden(2, 10)},
    varied={},
    parts=[Part("born", {}, "born_collapsed", True)],
    small=_UNTRAINED,
    full=_UNTRAINED,
)
_BIASES = {"bias 0": 0.0, "bias 0.01": 0.01, "bias 0.1": 0.1, "bias 1": 1.0}
_BORN_BIASED = Study(
    row=3,
    setting=_INTERVAL | {"model.widths": _hidden(2, 10)},
    varied={"model.init.bias": list(_BIASES.values())},
    parts=[Part(part, {"model.init.bias": bias}, "born_collapsed", True) for part, bias in _BIASES.items()],
    small=_UNTRAINED,
    full=_UNTRAINED,
)

# Row 4: the second moment of a ReLU layer's activations over that of the layer before.


def _gain(tables: Tables) -> pl.DataFrame:
    """Return each run's mean gain of a layer; its expectation is exact, layer by layer."""
    assert tables.measures is not None
    moments = tables.measures.filter(pl.col("measure") == "second_moment", pl.col("step") == 0).sort("run_id", "layer")
    gains = moments.with_columns(gain=pl.col("value") / pl.col("value").shift(1).over("run_id"))
    return gains.group_by("run_id").agg(value=pl.col("gain").drop_nulls().mean())


_SIGMAS = {"sigma .10": 0.1, "sigma .14": 0.14, "sigma .28": 0.28}
_GAIN = Study(
    row=4,
    setting={
        "data.name": "gaussian",
        "data.features": 784,
        "data.examples": 320,
        "data.normalize": "none",
        "model.widths": [100] * 6,
        "model.init.name": "normal",
        "probe.measures": ["second_moment"],
        "probe.count": 2,
    },
    varied={"model.init.scale": list(_SIGMAS.values())},
    parts=[Part(part, {"model.init.scale": sigma}, _gain) for part, sigma in _SIGMAS.items()],
    small=Size(512, {"train.steps": 0}, exact=True),
    full=Size(512, {"train.steps": 0}, exact=True),
)

# Row 5: how far the squared length of the last hidden activations varies between networks, for one input.


def _dispersion(tables: Tables) -> pl.DataFrame:
    """Return M^2 / mean(M)^2 of each run, M the mean square of its last hidden activations: their mean is the row's."""
    assert tables.measures is not None
    last = tables.measures.filter(pl.col("measure") == "second_moment", pl.col("layer") == pl.col("layer").max())
    return last.select("run_id", value=(pl.col("value") / pl.col("value").mean()) ** 2)


_DISPERSION = Study(
    row=5,
    # One input: every example is 1, as the inputs are scaled by 0 and moved by 1.
    setting=_INTERVAL
    | {
        "data.examples": 4,
        "data.scale": 0.0,
        "data.offset": 1.0,
        "train.batch_size": 2,
        "model.widths": [100] * 20,
        "probe.measures": ["second_moment"],
    },
    varied={},
    parts=[Part("n = 100, 20 layers", {}, _dispersion)],
    small=Size(4_096, {"train.steps": 0}, exact=True),
    full=Size(65_536, {"train.steps": 0}, exact=True),
)

# Row 6: PyTorch's default initialisation, untrained.

_ALL_IMAGES = "counted on all 60,000 training images, the source's on 50,000 of them"
_FASHION = {"data.name": "fashion_mnist", "data.normalize": "none"}
_UNTRAINED_FASHION = Study(
    row=6,
    setting=_FASHION
    | {
        "data.scale": 2.0,
        "data.offset": -1.0,
        "model.widths": [256] * 5 + [128] * 5,
        "model.init.name": "pytorch",
        "train.batch_size": 128,
        "probe.count": 2,
        "train.steps": 0,
    },
    varied={},
    parts=[
        Part("layer 9, text", {}, of_layers(_SHARE, layer=9)),
        *(Part(f"layer {layer}", {}, of_layers(_SHARE, layer=layer)) for layer in range(1, 11)),
    ],
    small=Size(32, {}, exact=False, reduction=_ALL_IMAGES),
    full=Size(1_000, {}, exact=False, reduction=_ALL_IMAGES),
)

# Row 7: eight inputs and two layers of 64 under Adam.

_RATES = {"rate 1e-3": 1e-3, "rate 1e-2": 1e-2, "rate 3e-2": 3e-2, "rate 1e-1": 1e-1}
_EIGHT_INPUTS = Study(
    row=7,
    setting={
        "data.name": "gaussian",
        "data.features": 8,
        "data.examples": 5000,
        "model.widths": [64, 64],
        "optimizer.name": "adam",
        "train.batch_size": 256,
        "probe.count": 2,
    },
    varied={"optimizer.learning_rate": list(_RATES.values())},
    parts=[Part(part, {"optimizer.learning_rate": rate}, "dead_train_fraction") for part, rate in _RATES.items()],
    small=Size(64, {"train.steps": 2_000}, exact=False, reduction="Gaussian inputs and labels of a linear teacher"),
    full=Size(256, {"train.steps": 20_000}, exact=False, reduction="Gaussian inputs and labels of a linear teacher"),
)

# Row 8: five layers of 256, Glorot, Adam .005.

_WIDTH = 256


def _dead_on_a_thousand(layer: int) -> Metric:
    """Return the share of a layer's units that are dead on the first 1,024 training examples."""
    return of_measures(pl.col("dead_on_first").filter(pl.col("item") == 10).sum() / _WIDTH, layer=layer)


_EPOCH = 60_000 // 128
_FIRST_EXAMPLES = "the first 1,024 training examples in place of 1,000"
_DEPTH = Study(
    row=8,
    setting={
        "data.name": "fashion_mnist",
        "data.normalize": "none",
        "model.widths": [_WIDTH] * 5,
        "model.init.name": "glorot",
        "optimizer.name": "adam",
        "optimizer.learning_rate": 0.005,
        "train.batch_size": 128,
        "train.steps": 12 * _EPOCH,
        "probe.count": 2,
        "probe.measures": ["dead_on_first"],
    },
    varied={},
    parts=[Part(f"layer {layer}", {}, _dead_on_a_thousand(layer)) for layer in range(1, 6)],
    small=Size(16, {}, exact=False, reduction=f"Fashion-MNIST; {_FIRST_EXAMPLES}"),
    full=Size(64, {"data.name": "mnist"}, exact=False, reduction=_FIRST_EXAMPLES),
)

# Row 9: dead units of networks that learn one permutation of the pixels after another; the slowly-changing regression.

_ALGORITHMS = {
    "SGD": {"optimizer.name": "sgd", "remedy.name": "none"},
    "Adam": {"optimizer.name": "adam", "remedy.name": "none"},
    "continual backpropagation": {"optimizer.name": "sgd", "remedy.name": "continual_backprop"},
}


def _algorithms(sgd: float, adam: float, continual: float) -> dict[str, Any]:
    """Return the grid of the three algorithms at their learning rates."""
    return {
        "zip": {
            "optimizer.name": ["sgd", "adam", "sgd"],
            "optimizer.learning_rate": [sgd, adam, continual],
            "remedy.name": ["none", "none", "continual_backprop"],
        }
    }


_PERMUTED = Study(
    row=9,
    name="permuted",
    setting=_FASHION | {"data.stream.name": "permuted", "probe.spacing": "linear", "remedy.replacement_rate": 1e-4},
    varied={},
    parts=[Part(part, where, "dead_train_fraction") for part, where in _ALGORITHMS.items()],
    baselines=[Part(f"{part} at step 0", _ALGORITHMS[part], "born_dead_fraction") for part in ("SGD", "Adam")],
    small=Size(
        16,
        {
            "model.widths": [100] * 3,
            "train.batch_size": 16,
            "train.steps": 20_000,
            "data.stream.period": 200,
            "probe.count": 6,
        },
        exact=False,
        reduction="Fashion-MNIST, 3 x 100 units, batch 16, 100 tasks of 3,200; dead on the present task's images",
        varied=_algorithms(0.1, 0.001, 0.1),
    ),
    full=Size(
        30,
        {
            "data.name": "mnist",
            "model.widths": [2000] * 3,
            "train.batch_size": 1,
            "train.steps": 48_000_000,
            "data.stream.period": 60_000,
            "probe.count": 801,
        },
        exact=False,
        reduction="dead on the present task's images",
        varied=_algorithms(0.01, 1e-4, 0.003),
    ),
)


#: Names in the table of published numbers -> activation and rate; ReLU has one for each of the source's rates.
_SLOW_BITS_LEARNERS = {
    "ReLU, rate .01": ("relu", 0.01),
    "ReLU, rate .003": ("relu", 0.003),
    "ReLU, rate .001": ("relu", 0.001),
    "leaky ReLU, rate .01": ("leaky_relu", 0.01),
    "ELU, rate .01": ("elu", 0.01),
    "Swish, rate .01": ("silu", 0.01),
    "tanh, rate .01": ("tanh", 0.01),
    "sigmoid, rate .01": ("sigmoid", 0.01),
}
_SLOW_BITS_SIZE = Size(
    100,
    {"train.steps": 1_000_000},
    exact=False,
    reduction="He's gain in both layers; the source's is that of the activation in the first layer, 1 in the last",
)
_SLOW_BITS = Study(
    row=9,
    name="slow_bits",
    setting={
        "data.name": "bits",
        "data.normalize": "none",
        "data.stream.name": "slow_bits",
        "data.stream.period": 10_000,
        "loss.name": "squared_error",
        "loss.scale": 2.0,  # the source's squared error has no half
        "model.widths": [5],
        "model.init.name": "he_uniform",
        "train.batch_size": 1,
        "probe.count": 21,
        "probe.spacing": "linear",
        "probe.measures": ["online_loss"],
    },
    varied={
        "zip": {
            "model.activation.name": [activation for activation, _ in _SLOW_BITS_LEARNERS.values()],
            "optimizer.learning_rate": [rate for _, rate in _SLOW_BITS_LEARNERS.values()],
        }
    },
    parts=[
        Part(
            f"slowly-changing regression, {told}",
            {"model.activation.name": activation, "optimizer.learning_rate": rate},
            change("online_loss"),
        )
        for told, (activation, rate) in _SLOW_BITS_LEARNERS.items()
    ],
    small=_SLOW_BITS_SIZE,
    full=_SLOW_BITS_SIZE,
)

# Row 10: dormant units with fixed and with reshuffled labels.

_DORMANT = pl.col("dormant_train").sum() / pl.col("units").sum()
_FIXED, _RESHUFFLED = ({"data.stream.name": name} for name in ("none", "reshuffled"))
_LABELS = Study(
    row=10,
    setting=_FASHION
    | {
        "model.widths": [128, 128],
        "optimizer.name": "adam",
        "optimizer.learning_rate": 0.001,
        "train.batch_size": 128,
        "probe.count": 5,
        "probe.spacing": "linear",
    },
    varied={"data.stream.name": ["none", "reshuffled"]},
    parts=[
        Part("fixed labels, start", _FIXED, of_layers(_DORMANT, step=0)),
        Part("fixed labels, end", _FIXED, of_layers(_DORMANT)),
        Part("reshuffled labels, end", _RESHUFFLED, of_layers(_DORMANT)),
    ],
    small=Size(
        16,
        {"train.steps": 20 * _EPOCH, "data.stream.period": 4 * _EPOCH},
        exact=False,
        reduction="Fashion-MNIST, two layers of 128, labels reshuffled every 4 epochs, 20 epochs",
    ),
    full=Size(
        64,
        {"train.steps": 200 * _EPOCH, "data.stream.period": 20 * _EPOCH},
        exact=False,
        reduction="Fashion-MNIST, two layers of 128",
    ),
)

STUDIES: tuple[Study, ...] = (
    _BORN,
    _AFTER_TRAINING,
    _BORN_RAI,
    _COLLAPSE,
    _COLLAPSE_2D,
    _BORN_BIASED,
    _GAIN,
    _DISPERSION,
    _UNTRAINED_FASHION,
    _EIGHT_INPUTS,
    _DEPTH,
    _PERMUTED,
    _SLOW_BITS,
    _LABELS,
)
