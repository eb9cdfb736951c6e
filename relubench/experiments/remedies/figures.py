"""The figures of `remedies`."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from relubench.experiments.base import Frames
from relubench.experiments.remedies.metrics import USABLE, USABLE_LOSS
from relubench.findings.words import extremes, percent
from relubench.plots.figure import Figure, interval_note, line_panels, runs_note
from relubench.plots.forest import forest
from relubench.plots.points import points

#: A difference of accuracies at the best rates beyond this would squeeze all others in their figure.
FAR = 0.1
LOSS_FAR = 1.0  # of log10 of the test loss
#: Remedies whose profiles are drawn: more lines cannot be told apart.
PROFILED = ("none", "leaky_relu", "warm_up", "clipping", "batch_norm", "layer_norm", "redo", "self_normalized_resets")


def _rows(frames: Frames, metric: str) -> pl.DataFrame:
    return frames.titled(frames.curves.filter(pl.col("metric") == metric))


def _forest(
    frames: Frames,
    metric: str,
    name: str,
    label: str,
    favours: tuple[str, str],
    words: str,
    farthest: float = 1.0,
    percent: bool = True,
) -> Figure:
    rows = _rows(frames, metric)
    figure = forest(
        rows, label=frames.title("remedy"), x_label=label, groups=frames.title("optimizer"),
        favours=favours, farthest=farthest, percent=percent,
    )  # fmt: skip
    caption = (
        f"{words} Each line is the difference of a remedy to none: means of differences paired by seed (same initial "
        "weights, but for RAI, and same batches), with 95 % bootstrap intervals."
    )
    remedy, optimizer = frames.title("remedy"), frames.title("optimizer")
    told = extremes(rows, label, lambda row: f"{row[remedy]}, {row[optimizer]}", " points" if percent else None)
    return Figure(name, figure, f"{caption} {told}", claims=())


def _dead(frames: Frames, suffix: str, setting: str) -> Figure:
    words = f"{setting}: dead units at the high rate of plain networks, over the pairs in which neither run diverged."
    label, favours = "difference in dead units", ("fewer dead", "more dead")
    return _forest(frames, "dead_at_high_rate", f"dead_at_high_rate{suffix}", label, favours, words)


def _accuracy(frames: Frames, suffix: str, setting: str) -> Figure:
    words = f"{setting}: test accuracy at the high rate of plain networks, diverged runs at chance."
    label, favours = "difference in test accuracy", ("worse", "better")
    return _forest(frames, "accuracy_at_high_rate", f"accuracy_at_high_rate{suffix}", label, favours, words)


def _at_best(frames: Frames, suffix: str, setting: str) -> Figure:
    words = (
        f"{setting}: test accuracy, diverged runs at chance, at each one's own best of five rates: each half of the "
        f"seeds at the rate that is best on the other half. An arrow is a difference of {100 * FAR:g} points or more."
    )
    label, favours = "difference in test accuracy", ("worse", "better")
    return _forest(frames, "accuracy_at_best_rate", f"accuracy_at_best_rate{suffix}", label, favours, words, FAR)


def _loss_at_best(frames: Frames, suffix: str, setting: str) -> Figure:
    words = (
        f"{setting}: log10 of the test loss at each one's own best of five rates: each half of the seeds at the rate "
        f"that is best on the other half. An arrow is a difference of {LOSS_FAR:g} or more."
    )
    label, favours = "difference in log10 of the test loss", ("better", "worse")
    return _forest(frames, "loss_at_best_rate", f"loss_at_best_rate{suffix}", label, favours, words, LOSS_FAR, False)


def _usable(frames: Frames, suffix: str, setting: str) -> Figure:
    rows = {"highest usable rate": _rows(frames, "highest_rate")}
    figure = points(rows, x=frames.title("remedy"), lines=frames.title("optimizer"), percent=False, log_y=True)
    caption = (
        f"{setting}: the highest of five rates at which a run's {_enough(frames)} its seed reaches at any rate without "
        "a remedy; an arrow: half of the seeds or more can "
        "use the highest rate tried (up), or none (down). Geometric means over seeds, one without a usable rate "
        f"counting with the lowest, with 95 % BCa bootstrap intervals. {runs_note(rows)}"
    )
    return Figure(f"usable_rate{suffix}", figure, caption, claims=(7,), setting=setting)


def _enough(frames: Frames) -> str:
    if "accuracy_at_high_rate" in _measured(frames):
        return f"test accuracy lies at most {100 * USABLE:g} points below the best that"
    return f"test loss is at most {USABLE_LOSS:g} times the least that"


def _best(profiles: pl.DataFrame, remedy: str, optimizer: str) -> str:
    """Say under which profile of each optimiser the area, the mean accuracy over all rates, is largest."""
    areas = profiles.group_by(optimizer, remedy, maintain_order=True).agg(area=pl.col("mean").mean())
    best = areas.filter(pl.col("area") == pl.col("area").max().over(optimizer))
    told = (f"{row[remedy]} with {row[optimizer]} ({percent(row['area'])} %)" for row in best.iter_rows(named=True))
    return f"The largest area, the mean accuracy over all rates, is that of {'; '.join(told)}."


def _profiles(frames: Frames, suffix: str, setting: str) -> Figure:
    shown = frames.curves.filter(pl.col("metric") == "profile")
    chosen = shown.filter(pl.col("factor.remedy").is_in(PROFILED))
    shown = shown if chosen.is_empty() else chosen  # a grid of others alone
    rows = {"runs above\nthis accuracy": frames.titled(shown)}
    figure = line_panels(
        rows, x="accuracy", columns=frames.title("optimizer"), lines=frames.title("remedy"), x_label="test accuracy"
    )
    caption = (
        f"{setting}: performance profiles (Agarwal et al. 2021), the share of the runs over all five rates whose test "
        "accuracy is above each value, diverged runs at chance. A line further up is a remedy that is good at more "
        f"rates. {interval_note(rows, over='seeds')} "
        f"{_best(frames.titled(shown), frames.title('remedy'), frames.title('optimizer'))}"
    )
    return Figure(f"profiles{suffix}", figure, caption, claims=())


#: What is drawn of each metric.
_DRAWN = {
    "dead_at_high_rate": _dead,
    "accuracy_at_high_rate": _accuracy,
    "accuracy_at_best_rate": _at_best,
    "loss_at_best_rate": _loss_at_best,
    "highest_rate": _usable,
    "profile": _profiles,
}


def _measured(frames: Frames) -> list[str]:
    """Return the metrics of a setting: the loss takes the place of the accuracy where targets are real-valued."""
    there = frames.curves.filter(pl.col("mean").is_not_null())["metric"].unique().to_list()
    if "accuracy_at_high_rate" in there:
        return [metric for metric in there if metric != "loss_at_best_rate"]
    return there


def figures(frames: Frames) -> Iterator[Figure]:
    """Draw differences to none, usable rates and profiles, in each setting: one after another, as they are many."""
    for suffix, title, of_setting in frames.settings():
        measured = _measured(of_setting)
        for metric, draw in _DRAWN.items():
            if metric in measured:
                yield draw(of_setting, suffix, title)
