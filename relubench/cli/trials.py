"""The trials of a search: what all of them are asked, and the levels of a factor that they differ by."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from relubench import config
from relubench.cli import grammar
from relubench.cli.groups import EXPERIMENT, Groups
from relubench.config import SETTING_KEYS
from relubench.errors import UserError
from relubench.sweeps.factors import Factor, Level

#: The factor whose levels are the trials.
TRIAL = "trial"
#: How many digits of a number a trial's title has.
_DIGITS = 6

#: What a sweeper is told of a trial: the value of each objective, or None where it has none.
Values = list[float] | None


class Trials:
    """All trials of a sweep so far, those of earlier batches included: one configuration asks for all of their runs."""

    def __init__(self, groups: Groups, directions: Sequence[str] = ()) -> None:
        self.directions = tuple(directions)  # minimize or maximize, for each objective; none: nothing is sought
        self.words: list[str] = []  # that all trials have in common
        self.settings: list[dict[str, Any]] = []  # of each, the setting keys that they differ by
        self.levels: list[str] = []  # of each, once they are a factor
        self.values: list[Values] = []  # of the trials that are done
        self._groups = groups
        self._jobs: list[dict[str, str]] = []  # the words of each, by what they set

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, jobs: Sequence[Sequence[str]]) -> None:
        """Add a batch of jobs, each some words of a command line; other differences than of settings are refused."""
        self._jobs += [{word.partition("=")[0]: word for word in words} for words in jobs]
        common = {key: word for key, word in self._jobs[0].items() if all(job.get(key) == word for job in self._jobs)}
        self.words, choices = list(common.values()), self._groups.names()
        own = ([word for key, word in job.items() if key not in common] for job in self._jobs)
        settings = (self._setting(words, choices) for words in own)
        # What a choice of a group sets gives way to a key that is set for all.
        self.settings = [{k: value for k, value in setting.items() if k not in common} for setting in settings]

    @property
    def new(self) -> range:
        """The numbers of the trials that are not done."""
        return range(len(self.values), len(self._jobs))

    def _setting(self, words: Sequence[str], choices: Collection[str]) -> dict[str, Any]:
        """Return the values that words set; a key wins over a choice of its group, as it does in Hydra."""
        chosen: dict[str, Any] = {}
        keys: dict[str, Any] = {}
        for word in words:
            key, value = _read(word)
            if key in choices and key != EXPERIMENT:
                chosen |= config.flatten(self._groups.tree(key, str(value)), f"{key}.")
            elif key in SETTING_KEYS and key != "seed":
                keys[key] = value
            else:
                raise UserError(
                    f"{word}: hydra/launcher=vmap trains trials together that differ in a run's setting, and takes one "
                    f"{key} for all of them"
                )
        return {key: config.find_key(key).parse(value) for key, value in (chosen | keys).items()}

    @property
    def in_vain(self) -> bool:
        """Whether all trials are done and none has a value."""
        return not self.new and all(values is None for values in self.values)

    @property
    def best(self) -> int | None:
        """The number of the best trial of those that have a value, where one number is sought."""
        known = [(values[0], number) for number, values in enumerate(self.values) if values]
        if len(self.directions) != 1 or not known:
            return None
        sign = -1 if self.directions[0] == "maximize" else 1
        return min(known, key=lambda pair: sign * pair[0])[1]

    @property
    def keys(self) -> tuple[str, ...]:
        """The setting keys that the trials differ by."""
        return tuple(dict.fromkeys(key for setting in self.settings for key in setting))

    def factor(self, base: Mapping[str, Any], varied: Collection[str]) -> Factor:
        """Return the factor of all trials; those that come to the same setting share the first one's level.

        `base` is the setting around them, `varied` are the keys that a grid or another factor varies.
        """
        keys, levels = self.keys, []
        first: dict[Any, str] = {}
        self.levels = []
        for number, setting in enumerate(self.settings):
            values = {**base, **setting}
            counting = tuple((key, values[key]) for key in keys if _counts(key, values, varied))
            name = first.setdefault(counting, f"t{number}")
            if name == f"t{number}":
                levels.append(Level(name, title(setting) or name, setting))
            self.levels.append(name)
        return Factor(TRIAL, TRIAL, tuple(levels))


@functools.cache
def _read(word: str) -> tuple[str, Any]:
    """Return what a word sets, and its value: each batch asks for those of all before it."""
    override = grammar.parse(word)
    return override.key_or_group, grammar.plain(override.value())


def _counts(key: str, values: Mapping[str, Any], varied: Collection[str]) -> bool:
    """Whether a run with these values, or one with another of the `varied` choices, reads a key."""
    choice = SETTING_KEYS[key].choice
    if choice is None or choice in varied:
        return True
    return values[choice] in SETTING_KEYS[key].readers and _counts(choice, values, varied)


def title(setting: Mapping[str, Any]) -> str:
    """Return a trial's setting in words."""
    return ", ".join(f"{key} {_written(value)}" for key, value in setting.items())


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return "-".join(map(str, value)) or "none"
    return "null" if value is None else f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)
