"""The command line's output when nobody takes it: a closed pipe, a full disk, no standard output at all."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import Any, TextIO


class Forgiving:
    """A stream that keeps the first error of writing to it, and from then on writes nowhere: work goes on."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write `text`, if the stream still takes any."""
        with self._forgiven():
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is buffered, if the stream still takes any."""
        with self._forgiven():
            self.stream.flush()

    @contextlib.contextmanager
    def _forgiven(self) -> Any:
        try:
            yield
        except OSError as error:
            if self.error is None:
                self.error = error
                self._redirect()

    def _redirect(self) -> None:
        """Let the file descriptor lead nowhere: Python flushes at its exit what the stream still holds."""
        with contextlib.suppress(OSError, AttributeError), open(os.devnull, "w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), self.stream.fileno())


@contextlib.contextmanager
def forgiving() -> Any:
    """Replace standard output and error for a while by ones that forgive; yield the output."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed before Python began
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 it serves to the end
    whole = sys.stdout, sys.stderr
    guarded: Any = Forgiving(whole[0])
    errors: Any = Forgiving(whole[1])
    sys.stdout, sys.stderr = guarded, errors
    try:
        yield guarded
    finally:
        guarded.flush()
        errors.flush()
        sys.stdout, sys.stderr = whole


def complaint(stream: Forgiving) -> str | None:
    """Return what to say of output that was lost; a reader that has gone, as in `| head -1`, wanted no more."""
    if stream.error is None or stream.error.errno == errno.EPIPE:
        return None
    return f"standard output: {stream.error.strerror or stream.error}; what was to be shown is lost, results are not"
