"""Plots of attention weights and spectrograms, as PNG, SVG or GIF files.

Figures have canvases of their own: no pyplot, no global state, no display.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from asr.audio.mel import band_centres
from asr.errors import UsageError
from asr.reports.figures import add_color_bar, add_title, new_figure, save_figure

_WEIGHTS: dict[str, Any] = {"cmap": "Blues", "vmin": 0.0, "aspect": "auto"}
# Without parse_math, since a dollar sign is a token, not the start of a formula.
_LABELS: dict[str, Any] = {"fontsize": 7.5, "parse_math": False}
_ENERGY_COLORS = "magma"
_SPACE = "\u2423"
_ROW = 0.125  # inches of a token; labels overlap in smaller rows
_CELL = 0.16  # inches of a weight between two texts
_IMAGE_DPI = 100
_MAX_FRAMES = 60  # of an animation: more need gigabytes of memory
_HERTZ = (200, 500, 1000, 2000, 4000, 8000, 16000)
_WORD_MARK = "\u2581"  # SentencePiece's symbol for a space


def attention(
    weights: np.ndarray,
    tokens: Sequence[str],
    *,
    frame_seconds: float,
    path: str | Path,
    features: np.ndarray | None = None,
    hop_seconds: float = 0.01,
    rate: int = 16000,
    title: str = "",
) -> None:
    """Draw attention weights of speech: tokens downwards, time to the right.

    Args:
        weights: Attention weights, (U, S).
        tokens: Token of each row, U strings. If rows are too many to label, the words
            are the labels.
        frame_seconds: Length of a memory frame in seconds.
        path: Output file, `.png` or `.svg`, or `.gif` for an animation.
        features: Log-mel energies, (T, F), drawn above on the same time axis.
        hop_seconds: Seconds between rows of `features`.
        rate: Sample rate of the features in hertz.
        title: Title of the plot.

    Raises:
        UsageError: Shapes do not match, values are not finite, or the suffix is wrong.
        OutputError: The file cannot be written.
    """
    weights = _matrix(weights, "attention weights")
    rows, columns = weights.shape
    if len(tokens) != rows:
        raise UsageError(
            f"{rows} rows of attention weights but {len(tokens)} tokens; "
            "give one token for each row"
        )
    seconds = columns * frame_seconds
    height = min(max(_ROW * rows, 1.6), 14.0)
    heights = [height] if features is None else [1.6, height]
    figure = new_figure(_time_width(seconds), sum(heights) + 0.6)
    panels = np.atleast_1d(
        figure.subplots(len(heights), sharex=True, height_ratios=heights)
    )
    axes = panels[-1]
    extent = (0.0, seconds, rows - 0.5, -0.5)
    image = axes.imshow(weights, **_WEIGHTS, extent=extent, interpolation="nearest")
    _token_axis(axes, tokens, shown=int(height / _ROW))
    axes.set_xlabel("time (s)")
    add_color_bar(figure, axes, image, "attention weight")
    if features is not None:
        drawn = _draw_features(panels[0], features, hop_seconds, rate)
        add_color_bar(figure, panels[0], drawn, "log energy")
    axes.set_xlim(0.0, seconds)
    add_title(figure, panels[0], title)
    save_figure(figure, path, frames=_growing(image, weights))


def text_attention(
    weights: np.ndarray,
    tokens: Sequence[str],
    source: Sequence[str],
    path: str | Path,
    *,
    title: str = "",
) -> None:
    """Draw attention weights of a text: words downwards, source to the right.

    Pieces of SentencePiece are joined to words: the rows of a word are averaged, its
    columns are added.

    Args:
        weights: Attention weights, (U, S).
        tokens: Token of each row, U strings.
        source: Source token of each column, S strings.
        path: Output file, `.png` or `.svg`, or `.gif` for an animation row by row.
        title: Title of the plot.

    Raises:
        UsageError: Shapes do not match, values are not finite, or the suffix is wrong.
        OutputError: The file cannot be written.
    """
    weights = _matrix(weights, "attention weights")
    if weights.shape != (len(tokens), len(source)):
        raise UsageError(
            f"attention weights must have a row for each token and a column for each "
            f"source token, ({len(tokens)}, {len(source)}), got shape {weights.shape}"
        )
    written, tokens = _joined(tokens)
    read, source = _joined(source)
    weights = np.add.reduceat(weights, read, axis=1)
    sizes = np.diff([*written, len(weights)])
    weights = np.add.reduceat(weights, written, axis=0) / sizes[:, None]
    rows, columns = weights.shape
    width = min(max(_CELL * columns + 2.0, 4.0), 24.0)
    figure = new_figure(width, min(_CELL * rows + 1.6, 24.0))
    axes = figure.add_subplot()
    image = axes.imshow(weights, **_WEIGHTS)
    axes.set_xticks(range(columns), source, rotation=90, **_LABELS)
    axes.set_yticks(range(rows), tokens, **_LABELS)
    axes.tick_params(length=2, top=True, bottom=False, labeltop=True, labelbottom=False)
    axes.set_xlabel("source")
    axes.set_ylabel("written")
    # Lines between the cells, none through them.
    axes.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="0.9", linewidth=0.4)
    axes.tick_params(which="minor", length=0, top=False, bottom=False)
    add_title(figure, axes, title)
    add_color_bar(figure, axes, image, "attention weight")
    save_figure(figure, path, frames=_growing(image, weights))


def _growing(image: AxesImage, weights: np.ndarray) -> Iterator[None]:
    """Update an image frame by frame, from the first row to all rows."""
    rows = len(weights)
    for shown in np.linspace(1, rows, min(rows, _MAX_FRAMES)).round().astype(int):
        image.set_data(np.where(np.arange(rows)[:, None] < shown, weights, 0.0))
        yield


def _joined(tokens: Sequence[str]) -> tuple[list[int], list[str]]:
    """Join pieces to words; return the first token of each word, and the words."""
    if not any(token.startswith(_WORD_MARK) for token in tokens):
        return list(range(len(tokens))), list(tokens)
    firsts: list[int] = []
    words: list[str] = []
    for index, token in enumerate(tokens):
        special = token.startswith("<") and token.endswith(">")
        if not words or special or token.startswith(_WORD_MARK):
            firsts.append(index)
            words.append("")
        words[-1] += token.removeprefix(_WORD_MARK)
    return firsts, words


def spectrogram(
    features: np.ndarray,
    hop_seconds: float,
    path: str | Path,
    *,
    rate: int = 16000,
    title: str = "",
) -> None:
    """Draw log-mel energies over time, low bands at the bottom.

    Args:
        features: Log-mel energies, (T, F).
        hop_seconds: Seconds between rows.
        path: Output file, `.png` or `.svg`.
        rate: Sample rate of the features in hertz.
        title: Title of the plot.

    Raises:
        UsageError: Features are not a finite matrix, or the suffix is another.
        OutputError: The file cannot be written.
    """
    figure = new_figure(_time_width(len(features) * hop_seconds), 3.2)
    axes = figure.add_subplot()
    image = _draw_features(axes, features, hop_seconds, rate)
    axes.set_xlabel("time (s)")
    add_title(figure, axes, title)
    add_color_bar(figure, axes, image, "log energy")
    save_figure(figure, path)


def attention_image(weights: np.ndarray) -> np.ndarray:
    """Render attention weights, (U, S), as an image for TensorBoard, with axes.

    Returns:
        RGB pixels, (height, width, 3) uint8.

    Raises:
        UsageError: Weights are not a finite matrix.
    """
    weights = _matrix(weights, "attention weights")
    figure = new_figure(6.4, 4.8)
    figure.set_dpi(_IMAGE_DPI)
    axes = figure.add_subplot()
    image = axes.imshow(weights, **_WEIGHTS, interpolation="nearest")
    axes.set_xlabel("memory frame")
    axes.set_ylabel("token")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    add_color_bar(figure, axes, image, "attention weight")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _matrix(values: np.ndarray, name: str) -> np.ndarray:
    """Check that an array has two axes, is not empty and is finite."""
    matrix = np.asarray(values, np.float32)
    if matrix.ndim != 2 or not matrix.size:
        raise UsageError(f"{name} must be a non-empty matrix, got shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise UsageError(f"{name} must be finite, got NaN or infinity")
    return matrix


def _time_width(seconds: float) -> float:
    """Return the width in inches of a plot of speech."""
    return min(max(1.3 * seconds, 8.0), 18.0)


def _draw_features(
    axes: Axes, features: np.ndarray, hop_seconds: float, rate: int
) -> AxesImage:
    features = _matrix(features, "features")
    frames, bands = features.shape
    # Padding and digital silence are far below speech and would use most colours.
    low, high = np.percentile(features, (5.0, 99.8))
    hertz = band_centres(rate, bands)
    shown = [x for x in _HERTZ if hertz[0] <= x <= hertz[-1]]
    places = np.interp(shown, hertz, np.arange(bands)).tolist()
    axes.set_yticks(places, [f"{x:g}" for x in shown])
    axes.set_ylabel("frequency (Hz)")
    return axes.imshow(
        features.T,
        aspect="auto",
        origin="lower",
        cmap=_ENERGY_COLORS,
        vmin=low,
        vmax=max(high, low + 0.1),
        extent=(0.0, frames * hop_seconds, -0.5, bands - 0.5),
    )


def _token_axis(axes: Axes, tokens: Sequence[str], shown: int) -> None:
    """Label at most `shown` rows, so that labels do not overlap."""
    if len(tokens) > shown and " " in tokens:
        labels = _words(tokens)
    else:
        labels = {row: x if x != " " else _SPACE for row, x in enumerate(tokens)}
    rows: list[int] = []
    for row in labels:
        if not rows or row - rows[-1] >= len(tokens) / shown:
            rows.append(row)
    drawn = axes.set_yticks(rows, [labels[row] for row in rows], **_LABELS)
    for tick in drawn:
        if tick.label1.get_text() == _SPACE:  # a low glyph: keep it off the next label
            tick.label1.set_verticalalignment("baseline")
    axes.tick_params(axis="y", length=2)
    axes.set_ylabel("token")
    for row, token in enumerate(tokens):
        if token == " ":  # a line between words
            axes.axhline(row + 0.5, color="0.8", linewidth=0.5, alpha=0.6)


def _words(tokens: Sequence[str]) -> dict[int, str]:
    """Join characters to words; return first row -> word."""
    words: dict[int, str] = {}
    for row, token in enumerate(tokens):
        if not row or tokens[row - 1] == " " or len(token) > 1:  # such as `</s>`
            start = row
        if token != " ":
            words[start] = words.get(start, "") + token
    return words
