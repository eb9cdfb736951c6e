"""Signals that ask to stop: noted when they come, acted upon where nothing is lost.

Python's own way, an exception wherever the program happens to be, is no use here: in a callback of JAX's it is lost.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

#: SIGHUP is not known to every system.
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
#: Signals within so many seconds are one: `timeout`, for example, sends each to the process and to its group.
ONE_SIGNAL_SECONDS = 0.1
_SHOW_CURSOR = b"\x1b[?25h"

# Signals come to the process, and so does what is noted of them: `noted` starts from nothing.
_noted: list[int] = []
_hurried = threading.Event()
_active = threading.Event()


class Interrupted(KeyboardInterrupt):
    """A signal has asked to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_status = 128 + number


@contextlib.contextmanager
def noted() -> Iterator[None]:
    """Note SIGINT, SIGTERM and SIGHUP, for `check` to act upon; a second one ends the process at once.

    A signal that the process is set to ignore, as `nohup` does, stays ignored. Under Slurm a job that exits counts
    as failed and is not requeued: there SIGTERM and SIGHUP only make a run save its state after every call, until the
    job is killed, or done. Within another `noted`, and in any but the main thread, this does nothing.
    """
    if _active.is_set() or threading.current_thread() is not threading.main_thread():
        yield
        return
    _noted.clear()
    _hurried.clear()
    _active.set()
    heeded = [number for number in _SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    handlers = {number: signal.signal(number, _note) for number in heeded}
    try:
        with _watched():
            yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        _active.clear()


def check() -> None:
    """Raise `Interrupted` if a signal has asked to stop."""
    if _noted:
        raise Interrupted(_noted[0])


def hurried() -> bool:
    """Whether the process may be killed soon, so that what it has done should be saved as it goes."""
    return _hurried.is_set()


def _only_hurries(number: int) -> bool:
    return number != signal.SIGINT and "SLURM_JOB_ID" in os.environ


def _note(number: int, frame: FrameType | None) -> None:
    if _only_hurries(number):
        _hurried.set()
    else:
        _noted.append(number)


@contextlib.contextmanager
def _watched() -> Iterator[None]:
    """Let a thread see the signals as they come: Python calls its handlers only between two calls of compiled code."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader,), daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        writer.close()


def _watch(signals: socket.socket) -> None:
    """Answer each signal at once with a line, and end the process on the second that asks to stop."""
    last = -ONE_SIGNAL_SECONDS
    asked = False
    with signals:
        while number := int.from_bytes(signals.recv(1), "big"):
            now, before = time.monotonic(), last
            if number not in _SIGNALS or now - before < ONE_SIGNAL_SECONDS:
                continue
            last = now
            if _only_hurries(number):
                _say(f"{signal.Signals(number).name} under Slurm: going on, and saving after every call")
            elif asked:
                os._exit(128 + number)
            else:
                asked = True
                if sys.stderr and sys.stderr.isatty():
                    _say("stopping as soon as nothing is lost; once more to stop at once", _SHOW_CURSOR)


def _say(text: str, before: bytes = b"") -> None:
    """Write a line without Python's buffers, which the main thread may be in the middle of."""
    with contextlib.suppress(OSError):
        os.write(2, before + f"\nrelubench: {text}\n".encode())
