"""Two results folders side by side: the settings that differ, the runs in both, and the metrics at each grid point."""

from relubench.report.compare.comparison import Comparison, compare
from relubench.report.compare.words import FILE, figure, print_comparison

__all__ = ["FILE", "Comparison", "compare", "figure", "print_comparison"]
