"""Plots of attention weights and spectrograms, as PNG, SVG or GIF files.

Figures have canvases of their own: no pyplot, no global state, no display.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from PIL import Image

from asr.errors import UsageError
from asr.files import atomic_write

_WEIGHT_COLORS = "Blues"
_WEIGHTS: dict[str, Any] = {"cmap": _WEIGHT_COLORS, "vmin": 0.0, "aspect": "auto"}
# Without parse_math, since a dollar sign is a token, not the start of a formula.
_LABELS: dict[str, Any] = {"fontsize": 7.5, "parse_math": False}
_ENERGY_COLORS = "magma"
_SPACE = "\u2423"
_ROW = 0.125  # inches of a token; labels overlap in smaller rows
_CELL = 0.16  # inches of a weight between two texts
_FRAME_MS, _LAST_FRAME_MS = 250, 2000
_MAX_FRAMES = 60  # of an animation: more need gigabytes of memory
_ANIMATION_DPI = 100


def attention(
    weights: np.ndarray,
    tokens: Sequence[str],
    *,
    frame_seconds: float,
    path: str | Path,
    features: np.ndarray | None = None,
    hop_seconds: float = 0.01,
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
    _bar(figure, axes, image, "attention weight")
    if features is not None:
        drawn = _draw_features(panels[0], features, hop_seconds)
        _bar(figure, panels[0], drawn, "log energy")
    axes.set_xlim(0.0, seconds)
    save_figure(figure, path, frames=_growing(image, weights))


def text_attention(
    weights: np.ndarray, tokens: Sequence[str], source: Sequence[str], path: str | Path
) -> None:
    """Draw attention weights of a text: tokens downwards, source to the right.

    Args:
        weights: Attention weights, (U, S).
        tokens: Token of each row, U strings.
        source: Source token of each column, S strings.
        path: Output file, `.png` or `.svg`, or `.gif` for an animation row by row.

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
    axes.grid(color="0.9", linewidth=0.4)
    _bar(figure, axes, image, "attention weight")
    save_figure(figure, path, frames=_growing(image, weights))


def _growing(image: AxesImage, weights: np.ndarray) -> Iterator[None]:
    """Update an image frame by frame, from the first row to all rows."""
    rows = len(weights)
    for shown in np.linspace(1, rows, min(rows, _MAX_FRAMES)).round().astype(int):
        image.set_data(np.where(np.arange(rows)[:, None] < shown, weights, 0.0))
        yield


def spectrogram(
    features: np.ndarray, hop_seconds: float, path: str | Path, *, title: str = ""
) -> None:
    """Draw log-mel energies over time, low bands at the bottom.

    Args:
        features: Log-mel energies, (T, F).
        hop_seconds: Seconds between rows.
        path: Output file, `.png` or `.svg`.
        title: Title of the plot.

    Raises:
        UsageError: Features are not a finite matrix, or the suffix is another.
        OutputError: The file cannot be written.
    """
    figure = new_figure(_time_width(len(features) * hop_seconds), 3.2)
    axes = figure.add_subplot()
    image = _draw_features(axes, features, hop_seconds)
    axes.set_xlabel("time (s)")
    title = title.encode("utf-8", "replace").decode()  # file names hold any bytes
    axes.set_title(title, loc="left", fontsize=10, parse_math=False)
    _bar(figure, axes, image, "log energy")
    save_figure(figure, path)


def attention_image(weights: np.ndarray) -> np.ndarray:
    """Render attention weights, (U, S), as an image for TensorBoard, without axes.

    Returns:
        RGB pixels, (height, width, 3) uint8. Each weight is a square; the longer side
        has at most 512 pixels, or one pixel for each weight.

    Raises:
        UsageError: Weights are not a finite matrix.
    """
    weights = _matrix(weights, "attention weights")
    scaled = weights / max(float(weights.max()), np.finfo(np.float32).tiny)
    pixels = mpl.colormaps[_WEIGHT_COLORS](scaled, bytes=True)[..., :3]
    enlarge = max(1, 512 // max(weights.shape))
    return np.asarray(pixels).repeat(enlarge, axis=0).repeat(enlarge, axis=1)


def _matrix(values: np.ndarray, name: str) -> np.ndarray:
    """Check that an array has two axes, is not empty and is finite."""
    matrix = np.asarray(values, np.float32)
    if matrix.ndim != 2 or not matrix.size:
        raise UsageError(f"{name} must be a non-empty matrix, got shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise UsageError(f"{name} must be finite, got NaN or infinity")
    return matrix


def new_figure(width: float, height: float) -> Figure:
    """Create an empty figure, in inches, that pyplot does not track."""
    return Figure((width, height), dpi=150, layout="constrained")


def _time_width(seconds: float) -> float:
    """Return the width in inches of a plot of speech."""
    return min(max(1.3 * seconds, 8.0), 18.0)


def _draw_features(axes: Axes, features: np.ndarray, hop_seconds: float) -> AxesImage:
    features = _matrix(features, "features")
    frames, bands = features.shape
    # Padding and digital silence are far below speech and would use most colours.
    low, high = np.percentile(features, (5.0, 99.8))
    axes.set_ylabel("mel band")
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
    axes.grid(axis="x", color="0.8", linewidth=0.5)
    for row, token in enumerate(tokens):
        if token == " ":  # a line between words
            axes.axhline(row, color="0.8", linewidth=0.5, alpha=0.6)


def _words(tokens: Sequence[str]) -> dict[int, str]:
    """Join characters to words; return first row -> word."""
    words: dict[int, str] = {}
    for row, token in enumerate(tokens):
        if not row or tokens[row - 1] == " " or len(token) > 1:  # such as `</s>`
            start = row
        if token != " ":
            words[start] = words.get(start, "") + token
    return words


def _bar(figure: Figure, axes: Axes, image: AxesImage, label: str) -> None:
    """Add a colour bar of fixed size at the top right of a panel."""
    figure.draw_without_rendering()  # the layout sets the panel's height
    panel = axes.get_position().height * figure.get_figheight()
    length = min(1.0, 1.5 / panel)
    inset = axes.inset_axes((1.01, 1 - length, 0.1 / figure.get_figwidth(), length))
    bar = figure.colorbar(image, cax=inset)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)


def save_figure(
    figure: Figure, path: str | Path, frames: Iterable[None] | None = None
) -> None:
    """Write a figure; iterating `frames` updates it for each frame of a GIF."""
    suffix = Path(path).suffix.lower()
    if suffix == ".gif" and frames is not None:
        _save_animation(figure, path, frames)
        return
    if suffix not in (".png", ".svg"):
        also = "" if frames is None else ", animations .gif"
        raise UsageError(f"{path}: pictures are .png or .svg{also}; change the suffix")
    # Without a date, so that equal figures give equal files.
    metadata = {"Date": None} if suffix == ".svg" else None
    with atomic_write(path, "wb") as file:
        figure.savefig(file, format=suffix[1:], metadata=metadata)


def _save_animation(figure: Figure, path: str | Path, frames: Iterable[None]) -> None:
    figure.set_dpi(_ANIMATION_DPI)
    canvas, pictures = FigureCanvasAgg(figure), []
    for _ in frames:
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[..., :3].copy()
        pictures.append(Image.fromarray(pixels).quantize(64))
    first, *rest = pictures
    times = [*[_FRAME_MS] * len(rest), _LAST_FRAME_MS]
    with atomic_write(path, "wb") as file:
        first.save(
            file, "gif", save_all=True, append_images=rest, duration=times, loop=0
        )
