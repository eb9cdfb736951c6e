"""What the page holds of numbers, in little room: short numbers as JSON, compressed, as text."""

from __future__ import annotations

import base64
import gzip
import json
import math
from typing import Any

#: Digits of a number: one more than a page shows.
DIGITS = 4


def packed(tree: Any) -> str:
    """Return lists, dicts, texts and numbers as one text, the same for the same tree; a page's script unpacks it."""
    text = json.dumps(_short(tree), separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=9, mtime=0)).decode()


def unpacked(text: str) -> Any:
    """Return what was packed, numbers with `DIGITS` digits."""
    return json.loads(gzip.decompress(base64.b64decode(text)))


def _short(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _short(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_short(value) for value in tree]
    if isinstance(tree, float):
        return _number(tree)
    return tree


def _number(value: float) -> float | int | None:
    """Return a number with few digits, a whole one without a point, null for what is no number."""
    if not math.isfinite(value):
        return None
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short == int(short) and abs(short) < 1e15 else short
