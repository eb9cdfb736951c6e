"""Signals that ask to stop: noted when they come, acted upon where nothing is lost.

Python's own way, an exception wherever the program happens to be, is no use here: in a callback of JAX's it is lost.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

#: SIGHUP is not known to every system.
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_SHOW_CURSOR = b"\x1b[?25h"

_noted: list[int] = []
_hurried = threading.Event()


class Interrupted(KeyboardInterrupt):
    """A signal has asked to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_status = 128 + number


@contextlib.contextmanager
def noted() -> Iterator[None]:
    """Note SIGINT, SIGTERM and SIGHUP, for `check` to act upon; a second one ends the process at once.

    Under Slurm a job that exits on SIGTERM counts as failed and is not requeued: there that signal only makes a run
    save its state after every call, until the job is killed, or done.
    """
    if threading.current_thread() is not threading.main_thread():  # Python lets no other set handlers
        yield
        return
    _noted.clear()
    _hurried.clear()
    before = {number: signal.signal(number, _note) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check() -> None:
    """Raise `Interrupted` if a signal has asked to stop."""
    if _noted:
        raise Interrupted(_noted[0])


def hurried() -> bool:
    """Whether the process may be killed soon, so that what it has done should be saved as it goes."""
    return _hurried.is_set()


def _note(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGTERM and "SLURM_JOB_ID" in os.environ:
        _hurried.set()
        _tell("SIGTERM under Slurm: going on, and saving after every call, so that a requeued job goes on from there")
    elif _noted:
        os._exit(128 + number)
    else:
        _noted.append(number)
        if sys.stderr.isatty():
            os.write(2, _SHOW_CURSOR)
            _tell("stopping as soon as nothing is lost; once more to stop at once")


def _tell(text: str) -> None:
    """Write a line without Python's buffers, which the signal may have come in the middle of."""
    with contextlib.suppress(OSError):
        os.write(2, f"\nrelubench: {text}\n".encode())
