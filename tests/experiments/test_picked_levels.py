"""Figures are drawn of whichever levels a user picks: walked over the committed results."""

from pathlib import Path

import polars as pl
import pytest
from matplotlib import pyplot as plt

from relubench import experiments
from relubench.report import collect

FOLDERS = sorted(path.parent for path in (Path(__file__).parents[2] / "results/reference").glob("*/config.yaml"))


def picked(frames, factor, level):
    """Return the frames as they are where one level of a factor is picked."""

    def of_level(rows):
        return rows.filter(pl.col(factor.column) == level) if factor.column in rows.columns else rows

    return frames._replace(summary=of_level(frames.summary), curves=of_level(frames.curves))


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_figures_are_drawn_of_one_level_of_any_factor(folder):
    frames = collect.frames(folder)
    for factor in frames.factors:
        for level in dict.fromkeys((factor.levels[0].name, factor.levels[-1].name)):
            some = picked(frames, factor, level)
            for figure in experiments.find(folder.name).figures(some):
                assert figure.caption
                assert "nan" not in figure.caption.lower().split()
                plt.close(figure.figure)
