"""The command line of relubench in this process, as starting another one with JAX takes seconds."""

import contextlib
import io
from pathlib import Path

import pytest


def command(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Run a command line of relubench in a folder: (exit status, standard output, standard error)."""
    from relubench import cli

    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.chdir(folder)
        patch.setattr("sys.argv", ["relubench"])
        status = cli.main(arguments)
    return status, out.getvalue(), err.getvalue()
