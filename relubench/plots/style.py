"""The house style of the figures: sizes, fonts, colours and markers, and how names are written."""

from __future__ import annotations

import functools
import re
from typing import Any

#: Width of a text column pair in inches (a full-width figure of a paper).
FULL_WIDTH = 6.9
#: Okabe & Ito's palette, which colour-blind readers can distinguish, darkest first so that grey keeps an order; grey
#: stands for its yellow, which is too pale for a line.
COLOURS = ("#000000", "#D55E00", "#0072B2", "#56B4E9", "#009E73", "#CC79A7", "#E69F00", "#999999")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (7, 2)))
#: Shades of a cell from little to much, which colour-blind readers can distinguish, and monotonic in grey.
HEAT = "YlGnBu"

RC: Any = {
    "figure.dpi": 200,
    "savefig.dpi": 200,
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "legend.fontsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "svg.hashsalt": "relubench",
}

_NAMES = {
    "relu": "ReLU", "leaky_relu": "leaky ReLU", "prelu": "PReLU", "elu": "ELU", "selu": "SELU", "gelu": "GELU",
    "silu": "SiLU", "sgd": "SGD", "momentum": "SGD with momentum", "nesterov": "Nesterov", "adam": "Adam",
    "adamw": "AdamW", "rmsprop": "RMSprop", "he": "He", "he_normal": "He normal", "he_uniform": "He uniform",
    "glorot": "Glorot", "glorot_normal": "Glorot normal", "glorot_uniform": "Glorot uniform", "lecun": "LeCun",
    "lecun_normal": "LeCun normal", "lecun_uniform": "LeCun uniform", "rai": "RAI", "pytorch": "PyTorch default",
    "mlp": "MLP", "cnn": "CNN", "mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "redo": "ReDo",
    "rerandomize": "re-randomise", "permuted": "permuted inputs", "reshuffled": "reshuffled labels",
    "shift": "shifted inputs",
    "data.name": "data", "data.scale": "input scale", "data.offset": "input offset",
    "data.normalize": "normalisation", "data.noise": "noise", "data.stream.name": "stream",
    "data.stream.period": "steps a task", "data.stream.scale": "shift: scale", "data.stream.offset": "shift: offset",
    "model.name": "network", "model.widths": "widths", "model.norm": "norm", "model.activation.name": "activation",
    "model.init.name": "initialiser", "model.init.scale": "initial weight scale", "model.init.bias": "initial bias",
    "optimizer.name": "optimiser", "optimizer.learning_rate": "learning rate", "optimizer.momentum": "momentum",
    "optimizer.frozen": "frozen layers", "optimizer.schedule.name": "schedule", "remedy.name": "remedy",
    "remedy.period": "steps between resets", "loss.name": "loss", "loss.scale": "loss scale",
    "loss.reduction": "loss reduction",
}  # fmt: skip
#: Values whose meaning depends on their key.
_VALUES: dict[tuple[str, Any], str] = {
    ("model.norm", "batch"): "batch norm", ("model.norm", "layer"): "layer norm",
    ("loss.reduction", "mean"): "mean over examples", ("loss.reduction", "sum"): "sum over examples",
    ("data.normalize", "scalar"): "all inputs alike", ("data.normalize", "feature"): "each input",
    ("model.init.bias", None): "initialiser's own", ("train.batch_size", None): "full batch",
    ("optimizer.schedule.decay_steps", None): "to the end", ("layer", None): "all layers",
}  # fmt: skip
_IDENTIFIER = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)*")
#: So many equal widths in a row are written as layers × width.
_LONG = 5


def name(value: Any, key: str = "") -> str:
    """Return how a configuration value (of `key`) or a key is written in a figure; words come back as they are."""
    if isinstance(value, list):
        return _list(value)
    if (key, value) in _VALUES:
        return _VALUES[key, value]
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return re.sub(r"e([+-])0?", lambda power: "e-" if power[1] == "-" else "e", f"{value:.3g}")
    if value in _NAMES:
        return _NAMES[value]
    text = str(value)
    return text.rsplit(".", 1)[-1].replace("_", " ") if _IDENTIFIER.fullmatch(text) else text


def title(value: Any, key: str) -> str:
    """Return a value with the name of its key where it says nothing by itself: a number, a list, yes or no."""
    alone = isinstance(value, str) or (key, value) in _VALUES if not isinstance(value, list) else False
    return name(value, key) if alone else f"{name(key)} {name(value, key)}"


def _list(values: list[Any]) -> str:
    if not values:
        return "none"
    if len(values) >= _LONG and len(set(values)) == 1:
        return f"{len(values)} × {values[0]}"
    return "-".join(map(str, values))


def series(place: int, count: int, ordered: bool) -> dict[str, Any]:
    """Return colour, marker and dashes of line `place` of `count`; `ordered` lines take shades of one scale.

    The last of them, the greatest number, is the darkest.
    """
    if ordered or count > len(COLOURS):
        shade = ordered_shades()(place / max(count - 1, 1))
        return {"color": shade, "marker": MARKERS[place % len(MARKERS)], "linestyle": "-"}
    return {"color": COLOURS[place], "marker": MARKERS[place], "linestyle": DASHES[place]}


@functools.cache
def ordered_shades() -> Any:
    """Return the colour map of numbers, the greatest the darkest, without the palest part."""
    from matplotlib import colormaps, colors

    shades = colormaps["viridis"].reversed()
    return colors.ListedColormap([shades(0.22 + 0.78 * place / 255) for place in range(256)], "ordered")
