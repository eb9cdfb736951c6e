"""Measured numbers as a person says them: "3 in 10", "34 % [31, 37]", "1.2 points less"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from relubench.errors import unknown


class Plain:
    """A row of claims.parquet that a text can name: `f"{number:people}"`; see `WAYS`."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.value, self.ends = row["value"], (row["ci_low"], row["ci_high"])
        self.runs = row["n"]

    def __format__(self, way: str) -> str:
        if way not in WAYS:
            raise unknown("way to write a number", way, WAYS)
        return WAYS[way](self)

    def interval(self, write: Callable[[float], str]) -> str:
        """Return the interval in brackets; of equal values, which have none, how many runs there are."""
        low, high = self.ends
        return (
            f"[{write(low)}, {write(high)}]" if low is not None and high is not None else f"in all {self.runs:,} runs"
        )


def _percent(share: float) -> str:
    return _short(100 * share)


def _short(number: float) -> str:
    """Return a number with one decimal below ten, and without above; 0 and whole ones as they are."""
    text = f"{number:.1f}" if abs(number) < 9.95 else f"{number:.0f}"
    if text in ("0.0", "-0.0"):
        return "0" if number == 0 else "0.0"
    return text


def _people(number: Plain) -> str:
    """Return a share as so many in ten, or where that is a fifth off, in a hundred, or in a thousand."""
    share = number.value
    if share in (0, 1):
        return "none" if share == 0 else "all"
    whole = next((whole for whole in (10, 100, 1000) if abs(round(share * whole) / whole - share) <= share / 5), None)
    if whole is None:
        return "fewer than 1 in 1,000"
    if round(share * whole) == whole:
        return "nearly all"
    return f"{round(share * whole)} in {whole:,}"


#: How a number is written in a text, by the word after the colon.
WAYS: dict[str, Callable[[Plain], str]] = {
    "people": _people,
    "percent": lambda number: f"{_percent(number.value)} % {number.interval(_percent)}",
    "points": lambda number: f"{_percent(number.value)} points {number.interval(_percent)}",
    "times": lambda number: f"{number.value:.2g} times {number.interval(lambda end: f'{end:.2g}')}",
    "power": lambda number: (
        f"{10**number.value:.2g} times {number.interval(lambda end: f'{10**end:.2g}')}"
    ),  # of a log10
    "n": lambda number: f"{number.runs:,}",
}
