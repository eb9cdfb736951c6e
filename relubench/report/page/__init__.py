"""The interactive page: one file with the answer, every experiment's numbers, and what draws them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

#: The packages that it takes, which the extra `report` brings.
_PACKAGES = ("jinja2", "markdown_it", "vl_convert")
INSTALL = "pip install 'relubench[report]'"


def missing() -> list[str]:
    """Return which of the packages that the page takes are not installed."""
    return [name for name in _PACKAGES if importlib.util.find_spec(name) is None]


def write(root: Path, answer: Path, page: Path) -> None:
    """Write the page of the results folders under `root`, with the answer in a Markdown file, as one HTML file."""
    from relubench.report.page import document

    document.write(root, answer, page)
