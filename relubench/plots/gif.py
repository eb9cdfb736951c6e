"""Moving pictures: a figure drawn again and again into a GIF with few colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from matplotlib import figure as mpl_figure
from matplotlib.animation import PillowWriter
from PIL import Image

Part = TypeVar("Part")
#: Colours of the file: enough for lines on white, and small.
_COLOURS = 48


class _Writer(PillowWriter):
    """Writes a GIF whatever the file's name, all pictures in the colours of one palette."""

    _frames: list[Any]

    def __init__(self, milliseconds: Sequence[int]) -> None:
        super().__init__()
        self._milliseconds = list(milliseconds)

    def finish(self) -> None:
        palette = self._frames[-1].quantize(_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        pictures = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in self._frames]
        pictures[0].save(
            self.outfile, format="GIF", save_all=True, append_images=pictures[1:], duration=self._milliseconds, loop=0
        )


def write_gif(
    path: Path,
    figure: mpl_figure.Figure,
    draw: Callable[[Part], None],
    parts: Sequence[Part],
    *,
    milliseconds: Sequence[int],
) -> None:
    """Write a picture of `figure` after `draw`(part) for each part, and how long each stands."""
    writer = _Writer(milliseconds)
    with writer.saving(figure, str(path), dpi=figure.dpi):
        for part in parts:
            draw(part)
            writer.grab_frame()
