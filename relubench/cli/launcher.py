"""Hydra's launcher `vmap`: the jobs of a batch are trained together, in one compiled program per group.

It serves a sweeper that asks for a few jobs, looks at what they return, and asks for the next, as Optuna's does.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from relubench.cli import plugins
from relubench.cli.groups import Groups
from relubench.cli.trials import Trials
from relubench.errors import UserError

#: Loggers that tell what the lines of trials do, with the levels from which on they are heard.
_SAID_OTHERWISE = {"optuna": logging.WARNING, "hydra_plugins.hydra_optuna_sweeper": logging.CRITICAL}


class Job(Protocol):
    """What trains the trials of a batch together."""

    groups: Groups

    def together(self, composed: DictConfig, trials: Trials, folder: Path) -> None:
        """Train the trials that are not done, in the configuration that all have in common; tell them their values."""


class VmapLauncher(Launcher):
    """One configuration for all jobs of a sweep."""

    def setup(self, *, hydra_context: HydraContext, task_function: Any, config: DictConfig) -> None:
        """Get ready to launch."""
        if config.hydra.runtime.choices["hydra/sweeper"] == "vmap":
            raise UserError(
                "hydra/launcher=vmap: the sweeper vmap trains together what it sweeps over already; it takes another, "
                "such as hydra/sweeper=optuna"
            )
        directions = _directions(config)
        _check_objectives(config, directions)
        for name, level in _SAID_OTHERWISE.items():
            logging.getLogger(name).setLevel(level)
        self._context, self._config = hydra_context, config
        self._job: Job = task_function
        self._trials = Trials(self._job.groups, directions)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Train a batch of jobs; each returns its value, or a list of them, or None where it has none."""
        setup_globals()
        folder = Path(str(self._config.hydra.sweep.dir))  # the sweeper writes into it
        folder.mkdir(parents=True, exist_ok=True)
        self._trials.add(job_overrides)
        composed = self._context.config_loader.load_sweep_config(self._config, self._trials.words)
        new = self._trials.new
        own = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
        self._job.together(own, self._trials, folder)
        return [
            JobReturn(overrides=list(words), status=JobStatus.COMPLETED, _return_value=_returned(self._trials, number))
            for words, number in zip(job_overrides, new, strict=True)
        ]


def _directions(config: DictConfig) -> list[str]:
    """Return minimize or maximize for each objective; none where the sweeper seeks nothing."""
    given = config.hydra.sweeper.get("direction")
    listed = [] if given is None else list(given) if OmegaConf.is_list(given) else [given]
    return [str(getattr(direction, "name", direction)) for direction in listed]


def _check_objectives(config: DictConfig, directions: Sequence[str]) -> None:
    """Refuse a search for nothing, and one for more or less than it has directions for."""
    objective = config.objective if OmegaConf.is_list(config.objective) else [config.objective]
    if len(objective) != len(directions):
        given, sought = (",".join(map(str, names)) for names in (objective, directions))
        raise UserError(
            f"objective=[{given}]: with hydra.sweeper.direction=[{sought}] it takes {len(directions)}, such as "
            "[test_accuracy]"
        )


def _returned(trials: Trials, number: int) -> Any:
    values = trials.values[number]
    return values[0] if values is not None and len(values) == 1 else values


def register() -> None:
    """Make `hydra/launcher=vmap` known."""
    plugins.register("launcher", "vmap", VmapLauncher)
