"""The door between Hydra and the rest: arguments in, a checked request out. Nothing beyond it reads Hydra."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import hydra
import yaml
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override, Sweep, ValueType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from relubench import config
from relubench.cli import grammar, launcher, own, plugins, shards, sweeper
from relubench.cli.groups import EXPERIMENT, Groups, user_folder
from relubench.cli.trials import TRIAL, Trials
from relubench.config import KEYS, SETTING_KEYS, Config
from relubench.errors import Notice, StorageError, UserError, shown, unknown
from relubench.experiments import designs
from relubench.experiments.designs import Design, register_resolvers
from relubench.paths import CONF
from relubench.sweeps import factors, folders, grid, interrupts, rates
from relubench.sweeps.factors import FACTOR, PICKED, Factor
from relubench.sweeps.request import Request

#: Options of Hydra's that make sense here, with the values that follow some of them.
_OPTIONS: dict[str, tuple[str, ...]] = {
    "--multirun": (),
    "--cfg": ("job", "hydra", "all"),
    "--resolve": (),
    "--info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
    "--hydra-help": (),
}
#: What is run without a word: see conf/config.yaml.
DEFAULT = "learning_rate"
#: The name under which a folder's configuration is composed again.
AGAIN = "again_"
#: Beginnings of Hydra's own keys that may be set: where jobs run, and where they write.
_HYDRA = ("hydra/launcher", "hydra.launcher.", "hydra/sweeper", "hydra.sweeper.", "hydra.sweep.", "hydra.job.")
#: Of these, the ones whose own defaults are null.
_NULLABLE = ("hydra.launcher.", "hydra.sweeper.sampler.")
#: Those of trees that take any key: it is added by force, as an axis of the grid is.
_ANY = ("hydra.launcher.ray.init.", "hydra.launcher.ray.remote.")
#: The sweeper of conf/config.yaml; those that look at nothing that a job returns.
SWEEPER = "vmap"
NOT_SEEKING = (SWEEPER, "basic")


class Search(NamedTuple):
    """What is done with the trials of a search."""

    batch: Callable[[Request, Trials], None]  # trains those that are not done, and tells them their values
    end: Callable[[Request, Trials, Path], int]  # once all are; what a sweeper has written is in the folder


def main(
    arguments: Sequence[str],
    task: Callable[[Request], int],
    again: Path | None = None,
    *,
    stored: bool = False,
    search: Search | None = None,
) -> int:
    """Compose the command line, give each resulting request to `task`, and return the worst exit status.

    `again` is a folder of results whose config.yaml stands in the place of an experiment's YAML file. Where `stored`,
    the task reads a folder of results: the modules that it was made with are imported as well. The trials of a search
    go to `search`, and not to `task`.
    """
    opened = _Opened.of(arguments)
    with own.importable(opened.groups.conf):
        own.bring(_imports(opened, again, stored), opened.groups.conf)
        if stored and not _given(opened.words, "imports"):
            _bring_those_below(_given(opened.words, "out"), opened.groups.conf)
        return _main(opened, _Job(task, search, opened, again))


def _main(opened: _Opened, job: _Job) -> int:
    _register(opened.groups)
    arguments = [*opened.option, *_checked(opened.words, opened.groups.names())]
    if job.again is not None:
        _store(job.again)
        arguments = [*arguments, f"experiment={AGAIN}"]
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra then raises instead of printing and exiting
    before, sys.argv = sys.argv, ["relubench", *arguments]
    try:
        hydra.main(config_path=str(CONF), config_name="config", version_base="1.3")(job)()
    except UserError:  # of a search
        raise
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(grammar.one_line(error)) from error
    except OSError as error:
        raise StorageError(f"{error.filename or 'out'}: {error.strerror or error}") from error
    except Exception as error:
        if job.searched is not None and job.searched.trials.in_vain:  # of which Optuna asks for the best
            raise UserError(f"objective: none of the {len(job.searched.trials):,} trials has a value") from error
        if job.composed:
            raise
        told = grammar.one_line(error)  # Hydra's own slips
        raise UserError(f"the command line cannot be composed: {told}") from error
    finally:
        sys.argv = before
    job.end()
    return max(job.statuses, default=0)


class _Job:
    """The work of one composed configuration: the request that it makes goes to `task`."""

    def __init__(
        self, task: Callable[[Request], int], search: Search | None, opened: _Opened, again: Path | None
    ) -> None:
        self._task, self._search, self._opened, self.again = task, search, opened, again
        self.groups = opened.groups
        self.composed = False  # whether Hydra has composed one, and so all
        self.statuses: list[int] = []
        self.searched: _Searched | None = None

    def __call__(self, composed: DictConfig, /) -> int:
        self.composed = True
        with interrupts.noted(), own.importable(self._opened.groups.conf):  # a launcher may run this in another process
            try:
                status = self._task(self._request(composed))
            except UserError as error:  # reported here: this may be another process, behind a launcher
                print(f"relubench: {error}", file=sys.stderr)
                status = error.exit_status
        self.statuses.append(status)
        return status

    def _request(self, composed: DictConfig) -> Request:
        overrides: Any = OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False)  # as they were typed
        request = _request(composed, overrides, self.groups, self.again)
        return replace(request, overrides=_as_typed(overrides, self._opened, self.again))

    def together(self, composed: DictConfig, trials: Trials, folder: Path) -> None:
        """Train the trials of a search that are not done; its sweeper writes into the folder."""
        if self._search is None:
            raise UserError("hydra/launcher=vmap: it trains; it goes with the verbs run and again")
        self.composed = True
        request = _request(composed, trials.words, self.groups, self.again, trials)
        if request.shard is not None:
            raise UserError(f"shard={request.config.shard}: a search needs all runs of a trial")
        request = replace(request, overrides=_as_typed(self._opened.words, self._opened, self.again))
        self.searched = _Searched(request, trials, folder)
        self._search.batch(request, trials)

    def end(self) -> None:
        """End a search."""
        if self.searched is not None and self._search is not None:
            self.statuses.append(self._search.end(*self.searched))


class _Searched(NamedTuple):
    """How far a search is."""

    request: Request  # for all trials so far
    trials: Trials
    folder: Path


class _Opened(NamedTuple):
    """A command line, and the folder of YAML files that comes with it."""

    folder: str | None  # as it was typed
    groups: Groups
    words: list[str]  # without the folder

    @staticmethod
    def of(arguments: Sequence[str]) -> _Opened:
        folder, words = user_folder(list(arguments))
        return _Opened(folder, Groups(None if folder is None else Path(os.path.expanduser(folder)).resolve()), words)

    @property
    def option(self) -> list[str]:
        """The folder as Hydra's option."""
        return [] if self.groups.conf is None else [f"--config-dir={self.groups.conf}"]


def _register(groups: Groups) -> None:
    register_resolvers()
    groups.store()
    ConfigStore.instance().store(name="schema", node=config.schema())
    sweeper.register()
    launcher.register()


def _imports(opened: _Opened, again: Path | None, stored: bool) -> list[str]:
    """Return the modules that the command line names; else those that the experiment's YAML file, or a folder, does.

    They are asked for before anything is composed, as they bring keys and choices of their own.
    """
    named, known = _given(opened.words, "imports"), opened.groups.files(EXPERIMENT)
    if named:
        return _module_names(*named)
    if again is not None:
        trees = [folders.read_tree(again / "config.yaml")]
    else:
        asked = _given(opened.words, EXPERIMENT) or [DEFAULT]
        names = [name for name in asked if isinstance(name, str) and name in known]
        trees = [opened.groups.tree(EXPERIMENT, name) for name in names]
    if stored:
        name = (_given(opened.words, "name") or [None])[0]
        outs = _given(opened.words, "out") or [tree.get("out", f"results/{name or tree.get('name')}") for tree in trees]
        trees += _stored(_folder(out) / "config.yaml" for out in outs)
    return _modules_of(*trees)


def _folder(out: Any) -> Path:
    return Path(os.path.expanduser(str(out)))


def _bring_those_below(roots: Sequence[Any], conf: Path | None) -> None:
    """Import what the folders of results under these name, for the questions that their modules ask."""
    for path in (path for root in roots for path in sorted(_folder(root).glob("*/config.yaml"))):
        try:
            own.bring(_modules_of(*_stored([path])), conf)
        except UserError as error:
            warnings.warn(f"{path.parent}: its question is left out; {error}", Notice, stacklevel=2)


def _stored(configs: Iterable[Path]) -> list[dict[str, Any]]:
    """Return the configurations of results, of those files that there are."""
    return [folders.read_tree(path) for path in configs if path.exists()]


def _modules_of(*trees: Mapping[str, Any]) -> list[str]:
    """Return the modules that configurations name."""
    return [module for tree in trees for module in _module_names(tree.get("imports", []))]


def _given(words: Sequence[str], key: str) -> list[Any]:
    """Return the values that a command line gives a key, which it may sweep over."""
    found = [word for word in words if word.partition("=")[0].lstrip("+") == key]
    return list(grammar.values(grammar.read(found[-1])[1])) if found else []


def _module_names(*values: Any) -> list[str]:
    if len(values) > 1:
        raise UserError(f"imports={','.join(map(str, values))}: it takes one list, such as [my_study]")
    return list(KEYS["imports"].parse(values[0]))


def _store(folder: Path) -> None:
    """Make the configuration of a folder of results known as an experiment: with its runs, in that folder."""
    tree = folders.read_tree(folder / "config.yaml") | {"out": str(folder), "shard": None}
    ConfigStore.instance().store(group="experiment", name=AGAIN, node=tree, package="_global_", provider="relubench")


def _as_typed(overrides: Iterable[str], opened: _Opened, again: Path | None = None) -> tuple[str, ...]:
    """Return all words that make a request again."""
    first = [] if again is None else ["again", str(again)]
    option = [] if opened.folder is None else [f"--config-dir={opened.folder}"]
    return (*first, *option, *(_word(override) for override in overrides if override != f"experiment={AGAIN}"))


def listed(arguments: Sequence[str]) -> list[tuple[str, Design]]:
    """Return each experiment that there is with its design, those on shelves after the others."""
    opened = _Opened.of(arguments)
    others = [word for word in opened.words if not word.startswith("imports=")]
    if others:
        raise UserError(f"list {others[0]!r}: it takes --config-dir=DIR and imports=[MODULE]")
    with own.importable(opened.groups.conf):
        own.bring(_imports(opened, None, False), opened.groups.conf)
        names = sorted(opened.groups.files(EXPERIMENT), key=lambda name: ("/" in name, name))
        return [(name, _design_of(name, opened.groups)) for name in names]


def _design_of(experiment: str, groups: Groups) -> Design:
    own.bring(_modules_of(groups.tree(EXPERIMENT, experiment)), groups.conf)
    try:
        design = designs.design(experiment)
    except UserError as error:
        raise UserError(f"experiment={experiment}: {error}") from None
    assert design is not None, "it has a file"
    return design


def with_two_folders(arguments: Sequence[str], task: Callable[[Path, Path, Path | None], int]) -> int:
    """Give two folders of results, and `out=` or None, to `task`, once the modules that they name are imported."""
    opened = _Opened.of(arguments)
    paths = [Path(word) for word in opened.words if not word.startswith(("out=", "-"))]
    outs = [Path(_with_home(word).removeprefix("out=")) for word in opened.words if word.startswith("out=")]
    if len(paths) != 2 or len(outs) > 1 or len(paths) + len(outs) < len(opened.words):
        raise UserError(
            f"compare {shlex.join(opened.words)}: it takes two folders of results, and out=FOLDER to write into"
        )
    with own.importable(opened.groups.conf):
        own.bring(_modules_of(*_stored(folder / "config.yaml" for folder in paths)), opened.groups.conf)
        return task(paths[0], paths[1], outs[0] if outs else None)


def request_of(experiment: str, words: Sequence[str] = ()) -> Request:
    """Return the request of `experiment=NAME` as its YAML file has it, with further words of a command line.

    Within a command line's task they may be those of its request: Hydra then looks where it did for these.
    """
    opened, within = _Opened.of(words), GlobalHydra.instance().is_initialized()
    _register(opened.groups)
    choices = opened.groups.names()
    overrides = [f"experiment={experiment}", *(_checked_override(word, choices) for word in opened.words)]
    with contextlib.nullcontext() if within else hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        request = _request(hydra.compose("config", overrides), overrides, opened.groups)
    return replace(request, overrides=_as_typed(overrides, opened))


def _checked(arguments: Sequence[str], choices: Mapping[str, list[str]]) -> list[str]:
    """Return the words of a command line as Hydra takes them; `choices` are the names that each group takes.

    Refused in our own words is what Hydra would believe, or refuse in six lines: unknown options, keys and choices,
    values of a wrong type.
    """
    sweeper = _last(arguments, "hydra/sweeper") or SWEEPER
    seeks = sweeper not in NOT_SEEKING
    launched, asked = _last(arguments, "hydra/launcher"), [str(shard) for shard in _given(arguments, "shard")]
    if launched not in ("", "basic", "vmap") and any("auto" in shard for shard in asked):
        raise UserError(
            f"shard={','.join(asked)}: hydra/launcher={launched} starts a job for each value, and counts them all; "
            "it takes shard=0/4,1/4,2/4,3/4"
        )
    options: list[str] = []  # in front: Hydra takes no option between two overrides
    words: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word.startswith("-"):
            options.append(_checked_option(word, rest))
        elif "=" not in word and not word.startswith("~"):
            raise UserError(f"{shown(word)} is no KEY=VALUE; a verb comes first, before options and keys")
        else:
            words.append(_checked_override(word, choices, seeks))
    names = dict.fromkeys(option.partition("=")[0] for option in options)
    kinds = [name for name in names if name != "--resolve"]
    if len(kinds) > 1:
        raise UserError(f"{' and '.join(kinds)}: it takes one of them")
    if "--resolve" in names and kinds != ["--cfg"]:
        raise UserError("--resolve: it goes with --cfg")
    if seeks:
        _check_search(sweeper, words, "--multirun" in names)
    return [*options, *words, *(_seeded(words) if sweeper == "optuna" else [])]


def _last(words: Sequence[str], key: str) -> str:
    """Return the last value that a command line gives a key, "" where it gives none."""
    return str(["", *_given(words, key)][-1])


def _check_search(sweeper: str, words: Sequence[str], multirun: bool) -> None:
    """Refuse a sweeper that seeks something where it would be ignored, or told the jobs' exit statuses."""
    if not multirun:
        raise UserError(f"hydra/sweeper={sweeper}: it goes with -m")
    if _last(words, "hydra/launcher") != "vmap":
        raise UserError(f"hydra/sweeper={sweeper}: it takes hydra/launcher=vmap, which tells it the trials' objective")
    if _last(words, "hydra.sweeper.storage"):
        raise UserError("hydra.sweeper.storage: the folder of results keeps a search; the same command goes on with it")


def _seeded(words: Sequence[str]) -> list[str]:
    """Return the word that seeds Optuna's sampler where nothing else is said: the same command resumes a search."""
    key, sampler = "hydra.sweeper.sampler.seed", _last(words, "hydra/sweeper/sampler")
    return [] if _given(words, key) or sampler == "grid" else [f"{key}=0"]


def _checked_option(word: str, rest: list[str]) -> str:
    """Return an option with its value, which may be the first word of the `rest` (and is then taken from it)."""
    name, _, value = word.partition("=")
    name = "--multirun" if name == "-m" else name
    if name not in _OPTIONS:
        options = ", ".join(("-m", "--config-dir", *_OPTIONS))
        raise UserError(f"unknown option {shown(word)}: it takes {options}; keys are written KEY=VALUE")
    allowed = _OPTIONS[name]
    if allowed and not value and rest and "=" not in rest[0]:
        value = rest.pop(0)
    if (value or allowed) and value not in allowed:
        raise UserError(f"{name}={shown(value)}: it takes {' or '.join(allowed) if allowed else 'no value'}")
    return f"{name}={value}" if value else name


def _checked_override(text: str, choices: Mapping[str, list[str]], seeks: bool = False) -> str:
    """Return an override as Hydra takes it: axes of the grid added or taken away by force, odd paths quoted.

    Where a sweeper seeks something it may sweep over an interval.
    """
    text, override = grammar.read(_with_home(text))
    key = override.key_or_group
    if re.match(r"hydra\b", key):
        unset = override.value() is None and not key.startswith(_NULLABLE)
        if not key.startswith(_HYDRA) or override.is_delete() or unset:
            raise UserError(
                f"{shown(text)}: of Hydra's own keys it takes {', '.join(f'{name}…' for name in _HYDRA)} with a value"
            )
        plugins.check_installed(key, str(override.value()))
        return f"++{text.lstrip('+')}" if key.startswith(_ANY) else text
    if override.is_delete():
        if not key.startswith("grid."):
            raise UserError(
                f"{text}: only an axis of the grid can be taken away, such as ~grid.seed; {key}=null unsets a key"
            )
        config.find_key(key.removeprefix("grid."))
        return f"++{key}=null"
    if key in choices and override.value_type is ValueType.GLOB_CHOICE_SWEEP:
        return f"{key}={_fitting(override, choices[key])}"
    if key == "factors" or (key.startswith("factors.") and not text.startswith("+")):
        raise UserError(f"{shown(text)}: it takes levels of one factor, such as '{FACTOR}bias=[zero,none]'")
    if key.startswith("factors."):  # as a request's words have it
        return f"++{text.lstrip('+')}"
    if key.startswith(FACTOR):
        return f"++{_factor_key(text, override)}={text.partition('=')[2]}"
    if key.startswith("grid."):
        _check_grid_override(text, override)
        return f"++{text.lstrip('+')}"
    _check_override(override, choices, seeks)
    return text


def _word(override: str) -> str:
    """Return an override in the form in which one is typed: `factor.bias=[zero]` for what Hydra was given."""
    key, _, value = override.removeprefix("++").partition("=")
    if not override.startswith("++") or not key.startswith(("factors.", "grid.")):
        return override
    if key.startswith("factors."):
        key = FACTOR + key.removeprefix("factors.").removesuffix(f".{PICKED}")
    return f"{key}={value}"


def _fitting(override: Override, names: list[str]) -> str:
    """Return the names that a pattern stands for, those on shelves included, which Hydra's own search leaves out."""
    pattern: Any = override.value()
    fitting = pattern.filter(names)
    if not fitting:
        raise UserError(f"{override.input_line}: no name fits; {override.key_or_group} takes names such as {names[0]}")
    return ",".join(fitting)


def _with_home(text: str) -> str:
    """Return a path that begins with ~ in full: a shell leaves it as it is after an equals sign."""
    key, _, value = text.partition("=")
    is_path = key in KEYS and KEYS[key].metadata.get("path")
    return f"{key}={os.path.expanduser(value)}" if is_path and value.startswith("~") else text


def _check_override(override: Override, choices: Mapping[str, list[str]], seeks: bool) -> None:
    key = override.key_or_group
    if seeks and override.value_type is ValueType.INTERVAL_SWEEP and key in SETTING_KEYS:
        _check_interval(override, SETTING_KEYS[key])
    elif override.value_type in grammar.OPEN_SWEEPS:
        raise UserError(
            f"{shown(override.input_line)}: it takes values, such as {key}=a,b with -m; no glob, no interval"
        )
    elif key in choices:
        for name in grammar.values(override):
            if name not in choices[key]:
                raise unknown(key, str(name), choices[key], config.ADDED)
    elif key not in KEYS:
        raise unknown("configuration key", key, [*KEYS, *choices])
    elif key not in ("seeds", *config.TREES):
        for value in grammar.values(override):
            if not (isinstance(value, str) and "${" in value):
                KEYS[key].parse(value)


def _check_interval(override: Override, key: config.Key) -> None:
    interval: Any = override.value()
    for end in (interval.start, interval.end):
        key.parse(end)
        if key.type is int and not isinstance(end, int):  # Hydra makes both ends real
            raise UserError(f"{shown(override.input_line)}: it takes whole numbers, {key.name}=int(interval(1,9))")


def _factor_key(text: str, override: Override) -> str:
    """Return the key under `factors` that an override of a factor sets: the levels to take, or one more of them."""
    name, _, level = override.key_or_group.removeprefix(FACTOR).partition(".")
    value = override.value()
    if level:
        level, _, rest = level.partition(".")
        if rest or not isinstance(value, dict):
            raise UserError(
                f"{shown(text)}: a level takes its keys, such as '{FACTOR}{name}.{level}={{optimizer: {{name: adam}}}}'"
            )
        return f"factors.{name}.{level}"
    if isinstance(value, dict) or value is None:
        raise UserError(f"{shown(text)}: it takes a list of levels, such as '{FACTOR}{name}=[a,b]'")
    return f"factors.{name}.{PICKED}"


def _check_grid_override(text: str, override: Override) -> None:
    key = override.key_or_group.removeprefix("grid.")
    config.find_key(key)
    value = override.value()
    scalars = isinstance(value, Sweep) or not isinstance(value, list | str | dict)
    swept_lists = isinstance(value, Sweep) and all(item.startswith("[") for item in override.sweep_string_iterator())
    if scalars and not swept_lists and value is not None:
        got = text.removeprefix("++").split("=", 1)[1]
        raise UserError(
            f"grid.{key}={got}: it takes a list, such as [0.1,1.0]; a shell changes an unquoted ${{…}}, so quote "
            f"it: 'grid.{key}=${{logspace:-4,0,9}}'"
        )


def _request(
    composed: DictConfig,
    overrides: Sequence[str],
    groups: Groups,
    again: Path | None = None,
    trials: Trials | None = None,
) -> Request:
    tree = _resolved(composed)
    own.bring(_module_names(tree["imports"]), groups.conf)  # for this may be another process
    _check_keys(tree)
    written = dict(text.lstrip("+").partition("=")[::2] for text in overrides)
    if again is None:
        _check_name(tree["name"], written)
    _refuse_taken_levels(tree["name"], written, again)
    _prune(tree, written)
    meant = list(dict.fromkeys([*_keys_set(written, groups), *(trials.keys if trials else ())]))
    notes = _take_as_meant(tree, written, meant)
    base = config.setting_values(tree)
    _pick_added_levels(tree["factors"], written)
    kept, base, touched = factors.set_for_all(factors.parse(tree["factors"]), {*meant, *_axes_set(written)}, base)
    if {"seeds", "grid.seed", "seed"} & written.keys():
        kept, whole = factors.with_all_seeds(kept)
        touched += whole
    if trials is not None:
        kept.append(_trial(trials, base, tree["grid"], kept))
    tree["factors"] = factors.written(kept)
    built = grid.build(
        base, grid.with_seeds(tree["grid"], tree["seeds"], _first_seed(tree)), kept, tree["rates"] or None
    )
    if any(name in config.RULES for name in _leaves(tree)) and not tree["rates"]:
        tree["rates"] = dict(rates.shipped())  # so that the folder tells which they were
    checked = config.fill(Config(seeds=tree["seeds"]), {**built.base, **config.outside_values(tree)})
    if checked.objective and not any(factor.name == TRIAL for factor in kept):
        touched.append("objective is what a search seeks, and this is none: see hydra/sweeper=optuna")
    return Request(
        config=checked,
        base=built.base,
        grid=built,
        factors=tuple(kept),
        shard=shards.read(checked.shard),
        overrides=tuple(overrides),
        notes=(*notes, *touched, *built.notes),
        yaml=yaml.safe_dump(tree, sort_keys=False, default_flow_style=None, allow_unicode=True),
    )


def _trial(trials: Trials, base: Mapping[str, Any], axes: Any, others: Sequence[Factor]) -> Factor:
    """Return the factor whose levels are the trials of a search."""
    if any(factor.name == TRIAL for factor in others):
        raise UserError(f"{FACTOR}{TRIAL}: the experiment has a factor of this name, as a search adds one")
    return trials.factor(base, {*config.flatten(axes), *(key for factor in others for key in factor.keys)})


def _first_seed(tree: Mapping[str, Any]) -> int:
    return KEYS["first_seed"].parse(tree["first_seed"])


def _leaves(node: Any) -> Iterator[Any]:
    """Yield every value of a configuration that holds no others."""
    if isinstance(node, Mapping | list):
        for item in node.values() if isinstance(node, Mapping) else node:
            yield from _leaves(item)
    else:
        yield node


def _check_name(name: str, written: Mapping[str, str]) -> None:
    """Refuse an experiment whose file gives it another name than the file's own, which is that of its module."""
    chosen = written.get(EXPERIMENT, DEFAULT)
    if "name" not in written and name != chosen:
        raise UserError(f"experiment={chosen}: its YAML file has name: {name}; it takes name: {chosen}")


def _refuse_taken_levels(name: str, written: Iterable[str], again: Path | None) -> None:
    """Refuse to add a level under the name of another one, for which claims and titles would take it."""
    added = [key.removeprefix("factors.") for key in written if key.startswith("factors.")]
    held = _factors_of(name, again) if added else ()
    levels = {f"{factor.name}.{level.name}" for factor in held for level in factor.levels}
    for key in added:
        if ".".join(key.split(".")[:2]) in levels:
            raise UserError(f"{FACTOR}{key}: the experiment has a level of this name; one of your own takes another")


def _factors_of(name: str, again: Path | None) -> Sequence[Factor]:
    if again is not None:
        return folders.read_config(again / "config.yaml").factors
    design = designs.design(name)
    return design.factors if design else ()


def _pick_added_levels(tree: Any, written: Iterable[str]) -> None:
    """Where levels are picked, pick those as well that the command line adds."""
    for key in written:
        group, _, rest = key.partition(".")
        name, _, level = rest.partition(".")
        node = tree.get(name) if group == "factors" and isinstance(tree, Mapping) else None
        if level and "." not in level and level != PICKED and isinstance(node, Mapping):
            picked = node.get(PICKED)
            if picked is not None:
                tree[name] = {**node, PICKED: [*(picked if isinstance(picked, list) else [picked]), level]}


def _resolved(composed: DictConfig) -> dict[str, Any]:
    """Return the configuration with its ${…} replaced, in the types they give.

    A typed configuration would bend them to the key's: a number of steps to `true`.
    """
    try:
        untyped = OmegaConf.create(OmegaConf.to_container(composed, resolve=False))
        tree: Any = OmegaConf.to_container(untyped, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise UserError(grammar.one_line(error)) from error
    return tree


def _prune(tree: dict[str, Any], written: Mapping[str, str]) -> None:
    """Take away the axes of the grid that are null, and with `seed` the number of seeds."""
    if not isinstance(tree["grid"], Mapping):
        raise UserError(f"grid={shown(tree['grid'])}: it takes keys with lists, such as grid.seed=[0,1]")
    absent = [key for key, leaf in config.flatten(tree["grid"]).items() if leaf is None]
    if "seed" in absent and "seeds" not in written:
        tree["seeds"] = None
    for key in absent:
        tree["grid"] = grid.without(tree["grid"], key)


def _check_keys(tree: Mapping[str, Any]) -> None:
    """Refuse keys that the schema lacks: Hydra lets `+key=…` and a YAML file at the root add any."""
    for key in config.flatten({name: value for name, value in tree.items() if name not in config.TREES}):
        if key.startswith(f"{EXPERIMENT}."):  # where Hydra puts the keys of such a file
            raise UserError(
                f"{key}: an experiment's YAML file sets the keys of a run; it begins with # @package _global_"
            )
        if key not in KEYS:
            raise unknown("configuration key", key, KEYS)


def _take_as_meant(tree: dict[str, Any], written: Mapping[str, str], meant: Iterable[str]) -> list[str]:
    """Let the keys that the command line sets take the place of the grid's axes; return a line for each."""
    notes, in_grid = [], _axes_set(written)
    if "seeds" in written:
        if "seed" in in_grid:
            raise UserError("seeds and grid.seed: both are set; it takes one of the two")
        tree["grid"].pop("seed", None)
        in_grid.add("seed")
    elif "seed" in tree["grid"]:
        tree["seeds"] = None
    for key in meant:
        if (key == "seed" and tree["seeds"] is not None) or key in config.flatten(tree["grid"]):
            if key in in_grid:
                raise UserError(f"{key}: it is set both as a value and as a grid axis; it takes one of the two")
            if key == "seed":
                tree["seeds"] = None
            tree["grid"] = grid.without(tree["grid"], key)
            notes.append(f"{key} is set on the command line and takes the place of the grid's axis")
    return notes


def _axes_set(written: Mapping[str, str]) -> set[str]:
    """Return the setting keys that the command line varies on an axis of the grid."""
    return {key.removeprefix("grid.") for key, value in written.items() if key[:5] == "grid." and value != "null"}


def _keys_set(written: Mapping[str, str], groups: Groups) -> Iterator[str]:
    """Yield the setting keys that the command line sets, by their own name or by a choice of a group."""
    choices = groups.names()
    for name, text in written.items():
        if name in SETTING_KEYS:
            yield name
        elif name in choices and name != EXPERIMENT:
            for value in grammar.values(grammar.parse(f"{name}={text}")):
                yield from (f"{name}.{leaf}" for leaf in config.flatten(groups.tree(name, str(value))))
