"""The design of an experiment as its YAML file has it: factors, grid and base setting, without Hydra.

The file is experiment/NAME.yaml of relubench or of a folder on the import path, as --config-dir and the working folder
are: so an experiment of one's own is known by its module, too, when that is imported in Python.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, ListConfig, OmegaConf

from relubench import config
from relubench.errors import UserError, shown, unknown
from relubench.lazy import pl
from relubench.paths import CONF
from relubench.sweeps import factors, grid

#: The user's folder of YAML files, while a command line is at work that names one.
USER_FOLDER: ContextVar[Path | None] = ContextVar("user_folder", default=None)
#: A list that a resolver makes holds at most so many values: each becomes a node of the configuration.
MOST_LISTED = 1_000_000


# Resolvers, for YAML and the command line alike. OmegaConf takes a ListConfig only.


def _logspace(first: float, last: float, count: int) -> ListConfig:
    """Powers of ten from 10^first to 10^last, rounded to 12 digits so that 10^-1 is .1."""
    exponents = _evenly(first, last, count)
    return ListConfig([float(f"{10.0**exponent:.12g}") for exponent in exponents])


def _linspace(first: float, last: float, count: int) -> ListConfig:
    return ListConfig([float(f"{value:.12g}") for value in _evenly(first, last, count)])


def _evenly(first: float, last: float, count: int) -> list[float]:
    _check_length(count)
    return [first + (last - first) * n / max(count - 1, 1) for n in range(count)]


def _range(*limits: int) -> ListConfig:
    _check_length(len(range(*limits)))
    return ListConfig(list(range(*limits)))


def _check_length(count: int) -> None:
    if not 1 <= count <= MOST_LISTED:
        raise UserError(
            f"a list of {count:,} values: it takes from one to {MOST_LISTED:,}; seeds=N, of any N, makes no list"
        )


def _by_size(small: Any, *larger: Any, _root_: DictConfig) -> Any:
    """Of two values the last where `size=full`, else the first; of three that of small, reference or full."""
    if not 1 <= len(larger) <= 2:
        raise UserError(f"${{by_size:…}} of {1 + len(larger)} values: it takes two, small and full, or three")
    return {"small": small, "reference": larger[0] if larger[1:] else small, "full": larger[-1]}[_root_.size]


def _rate(name: str) -> str:
    """A rate by rule: put in where the grid is built, since it differs between its cells."""
    return f"rate:{name}"


def _rates(name: str) -> ListConfig:
    """Rates by rule, likewise."""
    return ListConfig([f"rates:{name}"])


def _world(name: str, *parts: str, _parent_: Any) -> DictConfig:
    """Of conf/worlds.yaml the data, network and training of this name; or its title, seeds and some `parts`."""
    path = CONF / "worlds.yaml"
    worlds = _load(path, path.stat().st_mtime_ns)
    if name not in worlds:
        raise unknown("world", name, map(str, worlds))
    world: Any = OmegaConf.to_container(worlds[name], resolve=False)
    for part in parts:
        if part not in world:
            raise unknown(f"part of world {name}", part, world)
    kept = {part: values for part, values in world.items() if not parts or part in ("title", "seeds", *parts)}
    return DictConfig(kept, parent=_parent_)


def register_resolvers() -> None:
    """Make the resolvers known to OmegaConf."""
    resolvers: dict[str, Any] = {
        "logspace": _logspace, "linspace": _linspace, "range": _range, "by_size": _by_size,
        "rate": _rate, "rates": _rates, "world": _world,
    }  # fmt: skip
    for name, resolver in resolvers.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)


class Design(NamedTuple):
    """What an experiment varies."""

    factors: tuple[factors.Factor, ...]
    base: dict[str, Any]  # the setting around which it varies, by dotted key
    values: dict[str, list[Any]]  # those that each factor and setting key has
    runs: int  # in all
    seeds: int

    def changed(self, runs: grid.Grid) -> list[str]:
        """Return the setting keys, seeds aside, of which runs have a value that the design does not have."""
        skipped = {"seed", *grid.NOT_IN_ID}
        kept = (key for key in sorted(runs.base) if key not in skipped)
        return [key for key in kept if not set(runs.values(key)) <= set(self.values[key])]


def design(name: str, size: str = "small") -> Design | None:
    """Return the design of an experiment at one of its sizes; None where it has no YAML file."""
    files = tuple(_files(name))
    return _read(files, size, frozenset(config.SETTING_KEYS)) if files else None


def _files(name: str, within: tuple[str, ...] = ()) -> list[tuple[Path, int]]:
    """Return an experiment's file, and when it changed last, after those of the experiments in its defaults list.

    There is none where it has no file.
    """
    places = (folder.resolve() / "experiment" / f"{name}.yaml" for folder in _folders())
    path = next(filter(Path.is_file, places), None)
    if path is None:
        return []
    changed = path.stat().st_mtime_ns
    *bases, last = _load(path, changed).get("defaults") or ["_self_"]
    if last != "_self_":
        bases.append(last)
    names = [entry.removeprefix("/experiment/") for entry in bases if isinstance(entry, str)]
    files = [() if base in (*within, name) else _files(base, (*within, name)) for base in names]
    if len(files) < len(bases) or not all(files):
        raise UserError(
            f"{path}: defaults={shown(bases)}: it takes other experiments, such as /experiment/bias, then _self_"
        )
    return [*itertools.chain.from_iterable(files), (path, changed)]


def _folders() -> Iterator[Path]:
    yield from filter(None, (CONF, USER_FOLDER.get(), *map(Path, sys.path)))


@functools.cache
def _load(path: Path, changed: int) -> Any:
    """Return what a file holds as it was `changed` last."""
    return OmegaConf.load(path)


@functools.cache
def _read(files: tuple[tuple[Path, int], ...], size: str, keys: frozenset[str]) -> Design:
    """Return the design in files, read with these keys: a module may bring more later."""
    register_resolvers()
    loaded = (_load(*file) for file in files)
    trees = [OmegaConf.masked_copy(tree, [key for key in tree if key != "defaults"]) for tree in loaded]
    whole = OmegaConf.merge(OmegaConf.create(config.schema()), *trees, {"size": size})
    values: Any = OmegaConf.to_container(whole, resolve=True)
    parsed, base = factors.parse(values["factors"]), config.setting_values(values)
    cells = grid.build(
        base, grid.with_seeds(values["grid"], values["seeds"], values["first_seed"]), parsed, values["rates"] or None
    )
    base = cells.base
    varied = {key: [value] for key, value in base.items()} | {key: list(of) for key, of in cells.points.items()}
    return Design(tuple(parsed), base, varied, len(cells), len(cells.values("seed")))


def _sizes(name: str) -> list[Design]:
    """Return the design of an experiment at each of its sizes; none where it has no YAML file."""
    return [each for size in config.KEYS["size"].metadata["choices"] if (each := design(name, size))]


def values(name: str) -> dict[str, list[Any]]:
    """Return the values that each factor and setting key has at some size of an experiment."""
    held: dict[str, list[Any]] = {}
    for whole in _sizes(name):
        for key, of in whole.values.items():
            held.setdefault(key, []).extend(value for value in of if value not in held.get(key, []))
    return held


def levels(name: str, factor: str) -> dict[str, factors.Level]:
    """Return the levels of a factor by their names, those of any size of the experiment."""
    every = _sizes(name)
    if not every:
        raise UserError(f"experiment={name}: no folder of the import path has experiment/{name}.yaml")
    held = [level for whole in every for each in whole.factors if each.name == factor for level in each.levels]
    if not held:
        raise unknown(f"factor of experiment={name}", factor, [each.name for each in every[0].factors])
    return {level.name: level for level in held}


def titles(name: str, factor: str) -> dict[str, str]:
    """Return the titles of a factor's levels, by their names, as the experiment's YAML file has them."""
    return {level.name: level.title for level in levels(name, factor).values()}


def place_of(column: str, names: Iterable[str]) -> pl.Expr:
    """Return where a column's value stands among `names`, null where it does not: rows are sorted by it."""
    places = {name: place for place, name in enumerate(names)}
    return pl.col(column).replace_strict(places, default=None, return_dtype=pl.Int64)


def title_of(column: str, titles: Mapping[str, str]) -> pl.Expr:
    """Return the title of each level in a column; a level of the user's own is its name."""
    return pl.col(column).replace_strict(titles, default=pl.col(column))
