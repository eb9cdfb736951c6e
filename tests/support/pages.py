"""The files that a page of the docs shows."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def shown_files(page):
    """Return {path: text} of the blocks that follow the name of a file."""
    return dict(re.findall(r"`([\w/]+\.(?:yaml|py|sh))`:\n```(?:yaml|python|sh)\n(.*?)```", page.read_text(), re.S))


def write_files(page, folder):
    """Make the files that a page shows in a folder; return it."""
    for name, text in shown_files(page).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder
