"""The schema: every configuration key, its type and range, and whether it may vary inside one compiled program.

A run's *setting* is everything that decides its result. Fields made by `knob` become traced scalars of the
compiled program; all other fields of a setting are static: runs that differ in one belong to different groups.
Fields made by `outside` are no part of a setting (they say where and how to compute, not what).

The keys here are those that the core reads. Whatever a name stands for (a remedy, a source of data) brings keys of its
own, which `registry` adds to the table `KEYS`: such a key is read where one of its *readers* is chosen, and counts for
nothing elsewhere. This module needs neither JAX nor Hydra, so that planning a sweep starts at once.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from relubench.errors import UserError, shown, unknown

#: Counters of the compiled program are 32 bits wide, and so is every whole number that it takes.
MOST = 2**31 - 1
#: (smallest, largest) magnitude of a knob other than 0, by the precision that its run computes in. Smaller numbers are
#: denormal: processors take them for 0.
MAGNITUDES = {"float64": (2.2250738585072014e-308, 1.7976931348623157e308)}
SINGLE = (1.1754943508222875e-38, 3.4028234663852886e38)
#: What a learning rate can be instead of a number: rates found for data, network and optimiser (sweeps/rates.py).
RULES = ("rate:proper", "rate:high", "rate:deadliest", "rate:kept", "rates:cliff", "rates:league", "rates:sweep")
#: Limits that a value either has or has not, as an error tells them.
_IN_WORDS = {"filled": " of at least one letter", "positive": " > 0", "nonzero": " other than 0"}


def _field(kind: str, default: Any, doc: str, **limits: Any) -> Any:
    metadata = {"kind": kind, "doc": doc, **limits}
    if isinstance(default, list | dict):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


def static(default: Any, doc: str, **limits: Any) -> Any:
    """A part of the setting that shapes the compiled program (`low`, `high`, `choices`, `positive`, `nonzero`)."""
    return _field("static", default, doc, **limits)


def knob(default: Any, doc: str, **limits: Any) -> Any:
    """A number of the setting that may differ between runs of one compiled program."""
    return _field("knob", default, doc, **limits)


def outside(default: Any, doc: str, **limits: Any) -> Any:
    """A key that does not influence the result of a run."""
    return _field("outside", default, doc, **limits)


def own() -> Any:
    """Return the field of a group for the keys that its choices bring, by their last words."""
    return field(default_factory=dict, metadata={"kind": "own"})


@dataclass
class Stream:
    """How the examples change over training, task by task, drawn from the run's seed."""

    name: str = static("none", "what a new task changes")
    own: dict[str, Any] = own()


@dataclass
class Data:
    """Where the examples come from, how inputs and targets are scaled, and how they change over training."""

    name: str = static("digits", "source of the data")
    root: str | None = outside(None, "folder of IDX files; null: the usual places", filled=True, path=True)
    normalize: str = static("scalar", "statistics of the training set", choices=("none", "scalar", "feature"))
    scale: float = knob(1.0, "factor on the normalised inputs")
    offset: float = knob(0.0, "added after `scale`")
    spread: float = static(
        1.0, "factor on the last input over that on the first, log-evenly between, after `offset`", low=1e-6, high=1e6
    )
    test_fraction: float = static(0.2, "share of the examples held out", low=0.01, high=0.9, shared="data.name")
    split_seed: int = static(0, "seed of the split and of generated examples", low=0)
    splits: int = static(
        1, "splits that the seeds share out: seed s has the split of seed split_seed + s mod splits", low=1
    )
    train_examples: int | None = static(
        None, "examples trained on, the first of an order that keeps classes in proportion; null: all", low=1
    )
    test_examples: int | None = static(None, "examples tested on, likewise", low=1)
    target_scale: float = knob(1.0, "factor on real-valued targets", shared="data.name")
    target_offset: float = knob(0.0, "added to real-valued targets after `target_scale`", shared="data.name")
    stream: Stream = field(default_factory=Stream)
    own: dict[str, Any] = own()


@dataclass
class Activation:
    """The hidden activation."""

    name: str = static("relu", "activation of every hidden layer", shared="model.name")
    own: dict[str, Any] = own()


@dataclass
class Init:
    """The initial weights."""

    name: str = static("he", "initialiser of every affine layer", shared="model.name")
    scale: float = knob(1.0, "factor on the drawn weights", low=0.0, shared="model.name")
    bias: float | None = knob(None, "initial hidden bias; null: the initialiser's own", shared="model.name")
    own: dict[str, Any] = own()


@dataclass
class Model:
    """The network."""

    name: str = static("mlp", "architecture; or MODULE.FUNCTION, a network of one's own")
    widths: list[int] = static(
        [64, 64, 64], "units, or channels, of each hidden layer or block", low=1, shared="model.name"
    )
    activation: Activation = field(default_factory=Activation)
    init: Init = field(default_factory=Init)
    norm: str = static(
        "none", "normalisation before the activation", choices=("none", "batch", "layer"), shared="model.name"
    )
    own: dict[str, Any] = own()


@dataclass
class Schedule:
    """The learning rate over time, as a factor on `optimizer.learning_rate`."""

    name: str = static("constant", "shape after the warm-up")
    warmup_steps: int = knob(0, "steps of linear warm-up", low=0)
    own: dict[str, Any] = own()


@dataclass
class Optimizer:
    """The update rule."""

    name: str = static("sgd", "update rule")
    learning_rate: float = knob(0.1, "peak learning rate, or the name of a rule", low=0.0, by_rule=True)
    weight_decay: float = knob(0.0, "decay of kernels", low=0.0)
    bias_decay: float = knob(0.0, "decay of biases", low=0.0)
    bias_rate: float = knob(1.0, "factor on the learning rate of biases; 0: they never move", low=0.0)
    clip_norm: float | None = knob(None, "largest global gradient norm; null: no clipping", positive=True)
    frozen: list[int] = static([], "affine layers, from 1 at the input, whose parameters never move", low=1)
    schedule: Schedule = field(default_factory=Schedule)
    own: dict[str, Any] = own()


@dataclass
class Remedy:
    """What is done about dead units beside the update rule."""

    name: str = static("none", "remedy")
    own: dict[str, Any] = own()


@dataclass
class Loss:
    """The training loss."""

    name: str = static("cross_entropy", "loss of one example")
    reduction: str = static("mean", "over the examples of a batch", choices=("mean", "sum"))
    scale: float = knob(1.0, "factor on the loss", low=0.0)
    own: dict[str, Any] = own()


@dataclass
class Train:
    """The length of a run."""

    steps: int = static(1000, "updates", low=0)
    batch_size: int | None = static(64, "examples per update; null: full batch", low=1)


@dataclass
class Probe:
    """The exact counts on whole sets."""

    count: int | None = static(
        None, "probes, first and last step included; null: one every 100 steps, 5 to 20", low=2, high=100_000
    )
    spacing: str = static("log", "spacing of the probes", choices=("log", "linear"))
    tau: float = knob(0.025, "dormancy threshold (Sokar et al. 2023)", low=0.0)
    measures: list[str] = static([], "what else each probe measures: names of relubench/run/measures/")


@dataclass
class Engine:
    """How to compute."""

    width: int | None = outside(None, "runs per vectorised block; null: chosen for the backend", low=1)
    devices: int | None = outside(None, "devices used; null: all", low=1)
    precision: str = static("float32", "of matrix products", choices=("float32", "tf32", "bfloat16", "float64"))
    mixed: bool = outside(False, "allow parts computed with another width, version or processor")


@dataclass
class Setting:
    """Everything that decides the result of one run."""

    seed: int = knob(0, "initial weights, batches and every other draw of a run", low=0)
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    optimizer: Optimizer = field(default_factory=Optimizer)
    remedy: Remedy = field(default_factory=Remedy)
    loss: Loss = field(default_factory=Loss)
    train: Train = field(default_factory=Train)
    probe: Probe = field(default_factory=Probe)
    engine: Engine = field(default_factory=Engine)


@dataclass
class Config(Setting):
    """A setting, the grid of values around it, and where the results go."""

    name: str = outside("custom", "name of the experiment", filled=True)
    seeds: Any = outside(None, "number of seeds, or a list: short for grid.seed")
    first_seed: int = outside(1000, "the first of a number of seeds; claims are judged on none below 1000", low=0)
    size: str = outside("small", "size of the experiment", choices=("small", "reference", "full"))
    factors: dict[str, Any] = outside({}, "named levels to cross, each some keys")
    grid: dict[str, Any] = outside({}, "lists to cross")
    rates: dict[str, Any] = outside({}, "learning rates by rule; none: those of conf/rates.yaml")
    reduced: str = outside("", "what is less, or other, than at the source of the published numbers")
    shard: str | None = outside(None, "i/n: train only the i-th of n shares, from 0; auto, auto/n: of a cluster")
    out: str = outside("results/${name}", "folder of the results", filled=True, path=True)
    figures: bool = outside(True, "draw the figures after a run")
    imports: list[str] = outside([], "modules of one's own that are imported before anything is looked up")
    units: bool = outside(False, "write units.parquet: a row a unit")
    objective: list[str] = outside([], "what a search seeks: metrics, or MODULE.FUNCTION of a trial's runs")


@dataclass(frozen=True)
class Key:
    """One configuration key: its dotted name, its type and its limits."""

    name: str
    type: type
    optional: bool
    is_list: bool
    default: Any
    metadata: Mapping[str, Any]
    choice: str | None = None  # the key whose value decides whether this one is read; None: it always is
    readers: set[str] = field(default_factory=set, compare=False)  # values of `choice` for which it is read

    def is_read(self, values: Mapping[str, Any]) -> bool:
        """Whether the key counts in a setting (every setting key by its dotted name)."""
        return self.choice is None or (
            values[self.choice] in self.readers and SETTING_KEYS[self.choice].is_read(values)
        )

    @property
    def kind(self) -> str:
        """Whether the key is `static`, a `knob`, or `outside` the setting."""
        return self.metadata["kind"]

    def parse(self, value: Any) -> Any:
        """Return `value` in the key's type, or raise a `UserError` naming key, value and what is allowed."""
        value = _plain(value)
        if (value is None and self.optional) or (self.metadata.get("by_rule") and value in RULES):
            return value
        if not self.is_list:
            return self._scalar(value, value)
        items = [value] if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(items, list | tuple):
            raise self._refuse(value)
        return tuple(self._scalar(item, value) for item in items)

    def _scalar(self, value: Any, whole: Any) -> Any:
        if self.type is bool or isinstance(value, bool):
            fits = isinstance(value, bool) and self.type is bool
        elif self.type is float:
            fits = isinstance(value, int | float) and abs(value) <= MAGNITUDES["float64"][1]  # nor NaN
        elif self.type is int:
            fits = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        else:
            fits = isinstance(value, self.type)
        if not fits:
            raise self._refuse(whole)
        value = self.type(value) + 0.0 if self.type is float else self.type(value)  # -0.0 is 0.0
        self._check_limits(value, whole)
        return value

    def _check_limits(self, value: Any, whole: Any) -> None:
        limits = self.metadata
        choices = limits.get("choices") or CHOICES.get(self.name)
        if choices and value not in choices and self.name in BRINGING:
            BRINGING[self.name](value)
        if choices and value not in choices:
            raise unknown(self.name, value, choices, "" if "choices" in limits else ADDED)
        low, high = limits.get("low", -math.inf), limits.get("high", MOST if self.type is int else math.inf)
        outside_range = self.type in (int, float) and not low <= value <= high
        empty = self.type is str and (not value.isprintable() or (limits.get("filled") and not value.strip()))
        if outside_range or empty or (limits.get("positive") and value <= 0) or (limits.get("nonzero") and value == 0):
            raise self._refuse(whole)

    def check_magnitude(self, values: Iterable[Any], precision: str) -> None:
        """Refuse a number that `precision` would take for infinite or for 0."""
        smallest, largest = MAGNITUDES.get(precision, SINGLE)
        for value in values:
            if value and self.type is float and not smallest <= abs(value) <= largest:
                wider = "" if precision in MAGNITUDES else "; engine.precision=float64 takes more"
                raise UserError(
                    f"{self.name}={value!r}: in {precision} it takes 0 or a magnitude from {smallest:.3g} to "
                    f"{largest:.3g}{wider}"
                )

    def allowed(self) -> str:
        """What the key takes, in words."""
        words = {int: "a whole number", float: "a number", str: "a name", bool: "true or false"}[self.type]
        ends = {">=": self.metadata.get("low"), "<=": self.metadata.get("high", MOST if self.type is int else None)}
        words += " and".join(f" {sign} {end}" for sign, end in ends.items() if end is not None)
        words += "".join(text for limit, text in _IN_WORDS.items() if self.metadata.get(limit))
        if self.is_list:
            words = f"a list, each {words}"
        if self.metadata.get("by_rule"):
            words += f", or {' or '.join(RULES)}"
        return words + (", or null" if self.optional else "")

    def _refuse(self, value: Any) -> UserError:
        hint = "; with slope 0 it is model.activation.name=relu" if self.metadata.get("nonzero") else ""
        return UserError(f"{self.name}={shown(value)}: it takes {self.allowed()}{hint}")


def _plain(value: Any) -> Any:
    """Return a scalar or array of NumPy's or JAX's as plain Python values, all else as it is.

    A number of fewer bits than Python's counts as the shortest decimal that stands for it: float32's .1 is .1.
    """
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if not (hasattr(value, "dtype") and hasattr(value, "ndim")):
        return value
    if value.ndim:
        return [_plain(item) for item in value]
    plain = value.item()
    return float(str(value)) if isinstance(plain, float) else plain


def _key(name: str, hint: Any, item: dataclasses.Field[Any]) -> Key:
    optional = typing.get_origin(hint) in (typing.Union, types.UnionType)
    inner = next(a for a in typing.get_args(hint) if a is not type(None)) if optional else hint
    is_list = typing.get_origin(inner) is list
    base = typing.get_args(inner)[0] if is_list else inner
    made = item.default_factory
    default = item.default if made is dataclasses.MISSING else tuple(made())
    return Key(name, base, optional, is_list, default, item.metadata, item.metadata.get("shared"))


def _walk(schema: type, prefix: str) -> Iterator[Key]:
    PREFIXES[schema] = prefix
    hints = typing.get_type_hints(schema)
    for item in dataclasses.fields(schema):
        hint, name = hints[item.name], prefix + item.name
        if dataclasses.is_dataclass(hint):
            yield from _walk(typing.cast(type, hint), name + ".")
        elif item.metadata["kind"] != "own":
            yield _key(name, hint, item)


#: What the names of each class of the schema begin with.
PREFIXES: dict[type, str] = {}
#: How a registry gets a name that it lacks.
ADDED = "imports=[MODULE] and --config-dir=DIR add one's own"
#: The names that a key takes, for those that registries fill: `remedy.name`, for example.
CHOICES: dict[str, list[str]] = {}
#: Of such a key, what adds a name that stands for itself, as that of a function in a module does.
BRINGING: dict[str, Callable[[str], None]] = {}
#: Keys that hold trees of their own.
TREES = ("factors", "grid", "rates")
#: Every key of the configuration by its dotted name; `grid`, `factors` and `seeds`, which hold any value, included.
KEYS: dict[str, Key] = {key.name: key for key in _walk(Config, "")}
PREFIXES[Setting] = PREFIXES.pop(Config)
_CORE = frozenset(KEYS)
#: The keys that decide the result of a run.
SETTING_KEYS: dict[str, Key] = {name: key for name, key in KEYS.items() if key.kind != "outside"}


def declare(choice: str, reader: str, keys: Mapping[str, Any], reads: Iterable[str]) -> None:
    """Add what the value `reader` of the key `choice` brings: itself, and keys of its own.

    `keys` maps their last words to what `knob` or `static` returns; a key of that name that another reader has
    declared must be the same. `reads` are last words of keys of the group, or of groups in it, that the core shares out
    so.
    """
    prefix = choice.rpartition(".")[0] + "."
    for leaf, item in keys.items():
        name, declared = prefix + leaf, item.metadata.get("type", type(item.default))
        optional = item.default is None or item.metadata.get("optional", False)
        key = Key(name, declared, optional, False, item.default, item.metadata, choice)
        if KEYS.setdefault(name, key) != key:
            raise KeyError(f"{name}: {reader} declares it otherwise than {', '.join(sorted(KEYS[name].readers))}")
        SETTING_KEYS[name] = KEYS[name]
    for table in (KEYS, SETTING_KEYS):  # in an order that does not depend on what was imported first
        for name in sorted(table.keys() - _CORE):
            table[name] = table.pop(name)
    for leaf in (*keys, *reads):
        read = [key for name, key in KEYS.items() if key.choice == choice and f"{name}.".startswith(f"{prefix}{leaf}.")]
        if not read:
            raise KeyError(f"{choice} {reader!r} reads {prefix}{leaf}: there is no such key that is shared out")
        for key in read:
            key.readers.add(reader)
    CHOICES.setdefault(choice, []).append(reader)


def find_key(name: str) -> Key:
    """Return the setting key `name`; an unknown one is refused with the nearest."""
    if name not in SETTING_KEYS:
        if name in KEYS:
            raise UserError(f"{name}: it does not change the result of a run, so it cannot be a grid axis")
        raise unknown("configuration key", name, SETTING_KEYS)
    return SETTING_KEYS[name]


def flatten(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Return the leaves of a nested dataclass or mapping under their dotted names."""
    flat: dict[str, Any] = {}
    items = dict(tree) if isinstance(tree, Mapping) else dict(vars(tree))
    if dataclasses.is_dataclass(tree):
        items |= items.pop("own", {})
    for name, value in items.items():
        if dataclasses.is_dataclass(value) or isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a nested dictionary of values by dotted name: the inverse of `flatten`."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *parents, leaf = name.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return tree


def schema() -> dict[str, Any]:
    """Return the whole configuration with its defaults, nested."""
    defaults = {name: list(key.default) if key.is_list else key.default for name, key in KEYS.items()}
    return nested(defaults | {name: {} for name in TREES})


def setting_values(tree: Any) -> dict[str, Any]:
    """Return the checked values of every setting key of a configuration, under their dotted names."""
    flat = flatten(tree)
    return {name: key.parse(flat[name]) if name in flat else key.default for name, key in SETTING_KEYS.items()}


def over_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return every setting key by its dotted name: `values`, checked, over the defaults of the schema."""
    return setting_values({}) | {key: find_key(key).parse(value) for key, value in values.items()}


def stored_values(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the setting of a row of runs: a key that the row lacks, or does not read, has its default."""
    held = {name: row.get(name, key.default) for name, key in SETTING_KEYS.items()}
    return {name: SETTING_KEYS[name].parse(value) for name, value in effective(held).items()}


def effective(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a setting with the schema's default for every key that its choices do not read."""
    return {
        name: value if SETTING_KEYS[name].is_read(values) else SETTING_KEYS[name].default
        for name, value in values.items()
    }


def outside_values(tree: Any) -> dict[str, Any]:
    """Return the checked values of the keys that are no part of a setting; those that hold trees are left out."""
    flat = flatten(tree)
    names = [name for name, key in KEYS.items() if key.kind == "outside" and name not in (*TREES, "seeds")]
    return {name: KEYS[name].parse(flat[name]) for name in names}


Schema = TypeVar("Schema", bound=Setting)


def fill(setting: Schema, values: Mapping[str, Any]) -> Schema:
    """Put `values` (by dotted name) into the nested `setting`, and return it."""
    for name, value in values.items():
        *groups, leaf = name.split(".")
        put(functools.reduce(getattr, groups, setting), leaf, value)
    return setting


def make(group: type[Any], **values: Any) -> Any:
    """Return a group of the schema with these values, by the last words of their keys."""
    made = group()
    for leaf, value in values.items():
        put(made, leaf, value)
    return made


def put(group: Any, leaf: str, value: Any) -> None:
    """Set a key of a group by its last word, whether the core reads it or a choice brings it."""
    if leaf in type(group).__dataclass_fields__:
        setattr(group, leaf, value)
    else:
        group.own[leaf] = value


def build_setting(values: Mapping[str, Any]) -> Setting:
    """Return the nested `Setting` that holds `values` (dotted names; the rest at their defaults)."""
    return fill(Setting(), {name: key.default for name, key in SETTING_KEYS.items()} | dict(values))
