"""Plots of learning curves and scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullFormatter, PercentFormatter

from asr.errors import UsageError
from asr.reports.figures import new_figure, save_figure

_SMALL_ERROR = 0.05  # differences of smaller rates do not show beside 100 %
_MARKERS = "osD^vP*X"

_PANELS = {
    "loss": {
        "loss": "training",
        "dev_loss": "dev",
        "ctc_loss": "training, CTC",
        "dev_ctc_loss": "dev, CTC",
        "phone_loss": "training, phones",
    },
    "error rate": {"dev_cer": "dev CER", "dev_wer": "dev WER"},
    "score": {"dev_bleu": "dev BLEU", "dev_chrf": "dev chrF"},
    "ROUGE": {
        "dev_rouge1": "dev ROUGE-1",
        "dev_rouge2": "dev ROUGE-2",
        "dev_rougeL": "dev ROUGE-L",
    },
    "accuracy": {"dev_accuracy": "dev accuracy"},
    "learning rate": {"learning_rate": "learning rate"},
}
"""Panel -> keys of a history row, with their labels."""


def learning_curves(
    history: Sequence[Mapping[str, Any]], path: str | Path, *, best: int = 0
) -> None:
    """Draw losses and scores by epoch.

    Args:
        history: A row for each epoch with `epoch` and any of `loss`, `dev_loss`,
            `ctc_loss`, `dev_ctc_loss`, `phone_loss` (nats), `dev_cer`, `dev_wer`,
            `dev_accuracy`, `dev_rouge1`, `dev_rouge2`, `dev_rougeL` (fractions),
            `dev_bleu`, `dev_chrf` (0 to 100) and `learning_rate`. A value that is
            absent, None or not finite leaves a gap.
        path: Output file, `.png` or `.svg`.
        best: Number of the best epoch, which gets a line; 0 for none.

    Raises:
        UsageError: No row holds a value to draw, or the suffix is another.
        OutputError: The file cannot be written.
    """
    panels = _panels(history)
    figure = new_figure(8.0, 0.6 + 2.9 * len(panels))
    drawn = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (ylabel, curves) in zip(drawn, panels.items(), strict=True):
        for label, points in curves.items():
            axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=label)
        axes.set_ylim(bottom=0.0)
        _style(axes)
        axes.set_ylabel(ylabel)
        if ylabel == "error rate":
            _error_axis(axes, [y for points in curves.values() for _, y in points])
        if best:
            label = f"best epoch: {best}"
            axes.axvline(best, color="0.5", linewidth=1, linestyle=":", label=label)
        axes.legend(frameon=False)
    drawn[-1].set_xlabel("epoch")
    drawn[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    save_figure(figure, path)


def _panels(
    history: Sequence[Mapping[str, Any]],
) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Return panel -> label -> points, of what a history holds."""
    panels: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for ylabel, keys in _PANELS.items():
        for key, label in keys.items():
            known = [row for row in history if row.get(key) is not None]
            points = [(x["epoch"], x[key]) for x in known if math.isfinite(x[key])]
            if points:
                panels.setdefault(ylabel, {})[label] = points
    if not panels:
        raise UsageError(
            f"nothing to draw in the history; its rows need 'epoch' and one of "
            f"{', '.join(key for keys in _PANELS.values() for key in keys)}"
        )
    return panels


def _error_axis(axes: Axes, rates: Sequence[float]) -> None:
    """Scale an axis of error rates; by powers of ten where they are small."""
    # An untrained model inserts without end; trained ones are below 100 %.
    top = min(1.0, axes.get_ylim()[1])
    smallest = min((rate for rate in rates if rate > 0), default=1.0)
    axes.set_ylim(0.0, top)
    if smallest < _SMALL_ERROR:
        axes.set_yscale("log")
        axes.set_ylim(smallest / 1.5, max(top, 2 * smallest))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def scores(values: Mapping[str, Sequence[float]], path: str | Path, label: str) -> None:
    """Draw scores of variants: a dot for each training run, a line at their mean.

    Args:
        values: Variant -> its scores.
        path: Output file, `.png` or `.svg`.
        label: Name of the score.

    Raises:
        UsageError: The suffix is another.
        OutputError: The file cannot be written.
    """
    figure = new_figure(7.0, 0.9 + 0.35 * len(values))
    axes = figure.add_subplot()
    for row, runs in enumerate(values.values()):
        axes.plot(runs, [row] * len(runs), "o", color="C0", alpha=0.6)
        axes.plot([float(np.mean(runs))] * 2, [row - 0.3, row + 0.3], color="C0")
    axes.set_yticks(range(len(values)), list(values), parse_math=False)
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_xlabel(label)
    _style(axes, "x")
    save_figure(figure, path)


def by_length(
    values: Mapping[str, Sequence[Sequence[float]]],
    lengths: Sequence[tuple[float, float]],
    path: str | Path,
    label: str,
) -> None:
    """Draw scores by the length of the source, a line for each variant.

    Args:
        values: Variant -> scores of each training run, by group.
        lengths: Minimum and maximum length of each group.
        path: Output file, `.png` or `.svg`.
        label: Name of the score.

    Raises:
        UsageError: The suffix is another.
        OutputError: The file cannot be written.
    """
    figure = new_figure(7.0, 4.0)
    axes = figure.add_subplot()
    positions = np.arange(len(lengths))
    for marker, (variant, runs) in zip(cycle(_MARKERS), values.items(), strict=False):
        matrix = np.array(runs)  # (runs, groups)
        axes.plot(positions, matrix.mean(axis=0), marker=marker, label=variant)
        if len(runs) > 1:
            low, high = matrix.min(axis=0), matrix.max(axis=0)
            axes.fill_between(positions, low, high, alpha=0.15)
    axes.set_xticks(positions, [f"{low:g}-{high:g}" for low, high in lengths])
    axes.set_xlabel("length of the source")
    axes.set_ylabel(label)
    _style(axes)
    axes.legend(frameon=False, fontsize=8)
    save_figure(figure, path)


def _style(axes: Axes, grid: Literal["x", "both"] = "both") -> None:
    axes.grid(axis=grid, color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
