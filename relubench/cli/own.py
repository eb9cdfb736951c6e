"""What a user brings: modules that register choices and experiments, imported from where the user works."""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from relubench.errors import IMPORTING, UserError, reason, shown
from relubench.experiments.designs import USER_FOLDER

_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@contextlib.contextmanager
def importable(conf: Path | None) -> Iterator[None]:
    """Let modules of the user's folder `conf`, and of the working folder, be imported, and its YAML files be read.

    They come last, so that none takes the place of an installed one that is imported later.
    """
    places = [str(place) for place in (conf, Path.cwd()) if place is not None]
    added = [place for place in dict.fromkeys(places) if place not in sys.path]
    sys.path += added
    token = USER_FOLDER.set(conf)
    try:
        yield
    finally:
        USER_FOLDER.reset(token)
        for place in added:
            with contextlib.suppress(ValueError):
                sys.path.remove(place)


def bring(modules: Sequence[str], conf: Path | None) -> None:
    """Import the modules of `imports`; one that is not there, or fails, is refused with the reason."""
    importlib.invalidate_caches()
    for name in modules:
        if not _MODULE.fullmatch(name):
            raise UserError(f"imports: {shown(name)} is no name of a module; it takes names such as [my_study]")
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:  # a user's module may raise anything
            raise UserError(f"imports=[{','.join(modules)}]: {_reason(name, error, conf)}") from error


def _reason(name: str, error: BaseException, conf: Path | None) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
        places = ", ".join(str(place) for place in (conf, Path.cwd()) if place is not None)
        hint = "" if conf else "; --config-dir=DIR adds a folder"
        return f"there is no module {error.name} in {places}, nor is one installed{hint}"
    return f"module {name}: {reason(error, IMPORTING)}"
