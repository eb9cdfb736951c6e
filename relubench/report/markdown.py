"""Tables of the pages that are generated."""

from __future__ import annotations


def titles(*names: str) -> str:
    """Return the two lines that a table begins with."""
    return f"{row(*names)}\n|{'---|' * len(names)}"


def row(*cells: object) -> str:
    """Return a table's row; what would end a cell is escaped."""
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"
