"""What a command line asks for, once it is composed and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from relubench.config import Config
from relubench.sweeps.factors import Factor
from relubench.sweeps.grid import Grid


@dataclass(frozen=True)
class Request:
    """One composed and checked command."""

    config: Config  # `out`, `name` and whatever else is no part of a setting
    base: dict[str, Any]  # the setting around which the grid varies, by dotted key
    grid: Grid
    factors: tuple[Factor, ...]  # those of the grid, with their titles
    shard: tuple[int, int] | None  # (index, count)
    overrides: tuple[str, ...]
    notes: tuple[str, ...]  # what the user should know of how the command was read
    yaml: str  # the composed configuration
