"""Hydra's sweeper `vmap`: an ordinary multirun folded into the grid, so that its runs share compiled programs.

Swept keys of a run's setting become axes of `grid`; only what must be a job of its own (`shard`, `out`,
`experiment`) is left to the launcher.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from hydra.core.override_parser.types import Override, RangeSweep
from hydra.core.plugins import Plugins
from hydra.types import HydraContext
from omegaconf import DictConfig

from relubench.cli import plugins
from relubench.cli.groups import is_stored
from relubench.config import SETTING_KEYS
from relubench.sweeps.factors import PICKED

Plugins.instance()  # its scan re-executes Hydra's core modules: BasicSweeper must be imported after it

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper  # noqa: E402


class Job(Protocol):
    """What Hydra calls with each configuration that it composes."""

    statuses: list[int]  # exit statuses of those that have ended

    def __call__(self, composed: DictConfig, /) -> int:
        """Do what the configuration asks for; return the exit status."""


def _axis(override: Override) -> str | None:
    """Return where the values go that the override sweeps over, if one grid can hold them.

    That is an axis of the grid, for which a choice of a group without a YAML file stands for its `name`, or the levels
    of a factor.
    """
    if not override.is_sweep_override() or not override.is_discrete_sweep():
        return None
    key = override.key_or_group
    if key.startswith("factors.") and key.endswith(PICKED):
        return None if any(item.startswith("[") for item in override.sweep_string_iterator()) else key
    if key in SETTING_KEYS:
        return f"grid.{key}"
    named = f"{key}.name" in SETTING_KEYS and all(is_stored(key, name) for name in override.sweep_string_iterator())
    return f"grid.{key}.name" if named else None


def _as_grid(key: str, override: Override) -> str:
    """Return the override that makes an axis of a sweep; a range stays one, since long lists parse slowly."""
    sweep: Any = override.value()
    if (
        isinstance(sweep, RangeSweep)
        and not sweep.shuffle
        and isinstance(sweep.start, int)
        and isinstance(sweep.step, int)
    ):
        return f"++{key}=${{range:{sweep.start},{sweep.stop},{sweep.step}}}"
    return f"++{key}=[{','.join(override.sweep_string_iterator())}]"


class VmapSweeper(BasicSweeper):
    """One job for all runs of a multirun that one grid can hold."""

    @staticmethod
    def split_arguments(overrides: list[Override], max_batch_size: int | None) -> list[list[list[str]]]:
        """Return batches of jobs, each a list of overrides."""
        axes = [(_axis(override), override) for override in overrides]
        folded = [_as_grid(key, override) for key, override in axes if key]
        batches = BasicSweeper.split_arguments([override for key, override in axes if not key], max_batch_size)
        return [[[*job, *folded] for job in batch] for batch in batches]

    def setup(self, *, hydra_context: HydraContext, task_function: Any, config: DictConfig) -> None:
        """Get ready to sweep."""
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        self._job: Job = task_function

    def sweep(self, arguments: list[str]) -> Any:
        """Run the jobs; give their exit statuses to the job here, as a launcher may run it in other processes."""
        batches: Sequence[Any] = super().sweep(arguments)
        self._job.statuses.extend(int(job.return_value) for batch in batches for job in batch)
        return batches


def register() -> None:
    """Make `hydra/sweeper=vmap` known."""
    plugins.register("sweeper", "vmap", VmapSweeper, max_batch_size=None, params=None)
