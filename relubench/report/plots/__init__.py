"""Figures from frames, one kind a file. Every frame has columns mean, ci_low, ci_high beside its keys."""

from relubench.report.plots.forest import forest
from relubench.report.plots.heatmap import heat_map
from relubench.report.plots.lines import line_panels
from relubench.report.plots.planes import animation, planes, planes_of
from relubench.report.plots.points import points
from relubench.report.plots.survival import survival_panels
from relubench.report.plots.violin import violins

__all__ = [
    "animation", "forest", "heat_map", "line_panels", "planes", "planes_of", "points", "survival_panels", "violins",
]  # fmt: skip
