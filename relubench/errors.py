"""Errors that the user can fix: one line, and the exit status that goes with it."""

from __future__ import annotations

import difflib
import importlib
import os
import traceback
from collections.abc import Iterable, Sequence

MOST_NAMES_LISTED = 20  # a longer list would bury the hint
MOST_LETTERS_SHOWN = 80


class UserError(ValueError):
    """Bad input. The message is one line naming the key, the value got, and what is allowed."""

    exit_status = 2


class MissingCode(UserError):
    """A module of the user's that a setting names is not there, or fails: what is stored is sound."""


class StorageError(UserError):
    """The disk refused: full, read-only, or a file that cannot be read. Nothing written so far is lost."""

    exit_status = 1


def shown(value: object) -> str:
    """Return a value as Python writes it, in one line and not too long to be read."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        text = "a number of thousands of digits"
    return text if len(text) <= MOST_LETTERS_SHOWN else f"{text[:MOST_LETTERS_SHOWN]}…"


def reason(error: BaseException, but: Sequence[str] = ()) -> str:
    """Return in a line what a user's own code has raised, and at which of its lines.

    Lines of relubench, of installed packages, and of files whose names begin with one of `but`, are not the user's.
    """
    calls = traceback.extract_tb(error.__traceback__)
    theirs = [call for call in calls if not call.filename.startswith((_HERE, *but)) and _PACKAGES not in call.filename]
    where = f"line {theirs[-1].lineno} of {theirs[-1].filename} " if theirs else ""
    told = "".join(traceback.format_exception_only(error)).strip().splitlines()[0]
    return f"{where}raises {told}"


_HERE, _PACKAGES = os.path.dirname(__file__) + os.sep, f"{os.sep}site-packages{os.sep}"
#: Where the calls stand that lead to a module that is imported.
IMPORTING = (importlib.__file__, "<frozen importlib")


class Notice(UserWarning):
    """Something damaged was put right, or is done without: one line, and the work goes on."""


def unknown(kind: str, got: str, known: Iterable[str], more: str = "") -> UserError:
    """The error for a name that nothing answers to: the known ones, the nearest, and where `more` come from."""
    names = sorted(known)
    nearest = difflib.get_close_matches(got, names, n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    listed = f": it takes one of {', '.join(names)}" if len(names) <= MOST_NAMES_LISTED else ""
    return UserError(f"unknown {kind} {shown(got)}{listed}{hint}{more and f'; {more}'}")
