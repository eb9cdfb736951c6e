"""Figures from frames, one kind a file. Every frame has columns mean, ci_low, ci_high beside its keys."""

from relubench.plots.forest import forest
from relubench.plots.heatmap import heat_map
from relubench.plots.lines import line_panels
from relubench.plots.planes import animation, planes, planes_of
from relubench.plots.points import points
from relubench.plots.survival import survival_panels
from relubench.plots.violin import violins

__all__ = [
    "animation", "forest", "heat_map", "line_panels", "planes", "planes_of", "points", "survival_panels", "violins",
]  # fmt: skip
