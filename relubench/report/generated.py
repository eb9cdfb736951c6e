"""What of a page of the docs is made from the code: the lines between two comments."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def rewrite(page: Path, by: str, lines: Iterable[str]) -> None:
    """Write `lines` in place of what stands on the page between the comment that names the module `by` and its end."""
    begin, end = f"<!-- generated: {by} -->", "<!-- end -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    page.write_text("\n".join([before + begin, *lines, end + after]), encoding="utf-8")
