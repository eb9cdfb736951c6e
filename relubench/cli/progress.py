"""Progress of a training: a bar on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import datetime
import time

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

#: Seconds between two lines where there is no terminal.
LINE_SECONDS = 10.0


class Progress:
    """Tells runs done, run-steps per second and the time left. A context manager."""

    def __init__(self, console: Console, runs: int, run_steps: int) -> None:
        self.total_runs, self.total_steps = runs, run_steps
        self.done_runs = self.done_steps = 0
        self.begun = self.reported = time.monotonic()
        self.console = console
        columns = (BarColumn(), TextColumn("{task.description}"))
        self.bar = Bar(*columns, console=console, transient=True, disable=not console.is_terminal)
        self.task = self.bar.add_task("compiling", total=max(run_steps, runs))

    def __enter__(self) -> Progress:
        self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.bar.stop()
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self.console.print(f"{self.done_runs:,} of {self.total_runs:,} runs finished and are safe on disk")

    def steps(self, run_steps: int) -> None:
        """Note so many more run-steps."""
        self.done_steps += run_steps
        self._tell()

    def runs(self, runs: int) -> None:
        """Note so many more finished runs."""
        self.done_runs += runs
        self._tell()

    def _tell(self) -> None:
        if not self.bar.disable:
            done = self.done_steps if self.total_steps else self.done_runs
            self.bar.update(self.task, completed=done, description=self._words())
        elif time.monotonic() - self.reported >= LINE_SECONDS:
            self.reported = time.monotonic()
            self.console.print(self._words())

    def _words(self) -> str:
        elapsed = max(time.monotonic() - self.begun, 1e-9)
        share = self.done_steps / self.total_steps if self.total_steps else self.done_runs / self.total_runs
        left = datetime.timedelta(seconds=round(elapsed / share - elapsed)) if share else "?"
        return f"{self.done_runs:,}/{self.total_runs:,} runs, {self.done_steps / elapsed:,.0f} run-steps/s, {left} left"
