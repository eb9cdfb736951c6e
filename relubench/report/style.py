"""The house style of the figures: sizes, fonts, colours and markers, and how names are written."""

from __future__ import annotations

from typing import Any

import matplotlib

#: Width of a text column pair in inches (a full-width figure of a paper).
FULL_WIDTH = 6.9
#: Okabe & Ito's palette, which colour-blind readers tell apart, darkest first so that grey keeps an order.
COLOURS = ("#000000", "#D55E00", "#0072B2", "#56B4E9", "#009E73", "#CC79A7", "#E69F00", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (7, 2)))

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
    "adamw": "AdamW", "rmsprop": "RMSprop", "he": "He", "glorot": "Glorot", "lecun": "LeCun", "rai": "RAI",
    "optimizer.learning_rate": "learning rate", "step": "step", "optimizer.name": "optimiser",
    "model.activation.name": "activation", "model.widths": "widths", "data.name": "data",
}  # fmt: skip


def name(value: Any) -> str:
    """Return how a configuration value or key is written in a figure."""
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list):
        return "-".join(map(str, value))
    if value in _NAMES:
        return _NAMES[value]
    return str(value).rsplit(".", 1)[-1].replace("_", " ")


def series(place: int, count: int, ordered: bool) -> dict[str, Any]:
    """Return colour, marker and dashes of line `place` of `count`; `ordered` lines take shades of one scale."""
    if ordered or count > len(COLOURS):
        shade = matplotlib.colormaps["viridis"](0.9 * place / max(count - 1, 1))
        return {"color": shade, "marker": MARKERS[place % len(MARKERS)], "linestyle": "-"}
    return {"color": COLOURS[place], "marker": MARKERS[place], "linestyle": DASHES[place]}
