"""Measures: what a probe tells beside its counts, by name; one idea a file."""

from relubench.run.measures import activations, anatomy, one_step, online, shift, unit
from relubench.run.measures.base import MEASURES, Context, add_step, start_sums, take

__all__ = [
    "MEASURES",
    "Context",
    "activations",
    "add_step",
    "anatomy",
    "one_step",
    "online",
    "shift",
    "start_sums",
    "take",
    "unit",
]
