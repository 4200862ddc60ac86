"""Pictures: attention over a spectrogram, spectrograms, learning curves.

PNG or SVG by the file's suffix. Figures are drawn on canvases of their own: no pyplot,
no global state, no display.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from PIL import Image

from asr.errors import UsageError
from asr.files import atomic_write

_HEAT = "Blues"
_SOUND = "magma"
_SPACE = "\u2423"
_ROW = 0.125  # inches; smaller and labels touch
_CELL = 0.16  # inches of a square between two texts
_FRAME_MS = 250
_LAST_FRAME_MS = 2000
_FRAMES = 60  # of an animation: more take gigabytes
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
    """Draw where the decoder looked: tokens downwards, time to the right.

    Args:
        weights: Attention weights, a row for each token and a column for each memory
            frame, (U, S).
        tokens: What each row wrote, U of them; a space is drawn as an open box.
            Where rows are too many to label, their words are written instead.
        frame_seconds: Length of a memory frame in seconds.
        path: Where to write, `.png` or `.svg`, or `.gif` for an animation.
        features: Log-mel energies (T, F), drawn above on the same time axis.
        hop_seconds: Time from one row of `features` to the next in seconds.

    Raises:
        UsageError: Shapes do not fit, values are not finite, or the suffix is another.
        OutputError: The file cannot be written.
    """
    weights = _matrix(weights, "attention weights")
    if len(tokens) != len(weights):
        raise UsageError(
            f"{len(weights)} rows of attention weights but {len(tokens)} tokens; "
            "give one token for each row"
        )
    rows, columns = weights.shape
    seconds = columns * frame_seconds
    height = min(max(_ROW * rows, 1.6), 14.0)
    heights = [height] if features is None else [1.6, height]
    figure = new_figure(_time_width(seconds), sum(heights) + 0.6)
    panels = figure.subplots(
        len(heights), 1, sharex=True, squeeze=False, height_ratios=heights
    )[:, 0]
    heat = panels[-1]
    image = heat.imshow(
        weights,
        aspect="auto",
        interpolation="nearest",
        cmap=_HEAT,
        vmin=0.0,
        extent=(0.0, seconds, rows - 0.5, -0.5),
    )
    _token_axis(heat, tokens, shown=int(height / _ROW))
    heat.set_xlabel("time (s)")
    _bar(figure, heat, image, "attention weight")
    if features is not None:
        drawn = _draw_features(panels[0], features, hop_seconds)
        _bar(figure, panels[0], drawn, "log energy")
    heat.set_xlim(0.0, seconds)
    save_figure(figure, path, frames=_growing(image, weights))


def text_attention(
    weights: np.ndarray,
    tokens: Sequence[str],
    source: Sequence[str],
    path: str | Path,
) -> None:
    """Draw where the decoder looked in a text: what it wrote downwards.

    Args:
        weights: Attention weights, (U, S).
        tokens: What each row wrote, U of them.
        source: What stands at each column, S of them.
        path: Where to write, `.png` or `.svg`, or `.gif` for an animation in which the
            rows appear one by one.

    Raises:
        UsageError: Shapes do not fit, values are not finite, or the suffix is another.
        OutputError: The file cannot be written.
    """
    weights = _matrix(weights, "attention weights")
    if weights.shape != (len(tokens), len(source)):
        raise UsageError(
            f"attention weights of shape {weights.shape} but {len(tokens)} tokens of a "
            f"source of {len(source)}; give a row for each token, a column for each of "
            "the source"
        )
    rows, columns = weights.shape
    figure = new_figure(
        min(max(_CELL * columns + 2.0, 4.0), 24.0), min(_CELL * rows + 1.6, 24.0)
    )
    axes = figure.add_subplot()
    image = axes.imshow(weights, cmap=_HEAT, vmin=0.0, aspect="auto")
    # A space before a piece is drawn as SentencePiece writes it, low and open.
    axes.set_xticks(range(columns), source, rotation=90, fontsize=7.5, parse_math=False)
    axes.set_yticks(range(rows), tokens, fontsize=7.5, parse_math=False)
    axes.tick_params(length=2, top=True, bottom=False, labeltop=True, labelbottom=False)
    axes.set_xlabel("source")
    axes.set_ylabel("written")
    axes.grid(color="0.9", linewidth=0.4)
    _bar(figure, axes, image, "attention weight")
    save_figure(figure, path, frames=_growing(image, weights))


def _growing(image: AxesImage, weights: np.ndarray) -> Iterator[None]:
    """Show the first rows, then more and more of them, at last all."""
    count = len(weights)
    stops = np.linspace(1, count, min(count, _FRAMES)).round().astype(int)
    for row in stops:
        seen = np.arange(len(weights))[:, None] < row
        image.set_data(np.where(seen, weights, 0.0))
        yield


def spectrogram(
    features: np.ndarray, hop_seconds: float, path: str | Path, *, title: str = ""
) -> None:
    """Draw log-mel energies over time, low bands at the bottom.

    Args:
        features: Log-mel energies, (T, F).
        hop_seconds: Time from one row to the next in seconds.
        path: Where to write, `.png` or `.svg`.
        title: Line above the picture.

    Raises:
        UsageError: Features are no finite matrix, or the suffix is another.
        OutputError: The file cannot be written.
    """
    figure = new_figure(_time_width(len(features) * hop_seconds), 3.2)
    axes = figure.add_subplot()
    image = _draw_features(axes, features, hop_seconds)
    axes.set_xlabel("time (s)")
    title = title.encode("utf-8", "replace").decode()  # of a file's name, any bytes
    axes.set_title(title, loc="left", fontsize=10, parse_math=False)
    _bar(figure, axes, image, "log energy")
    save_figure(figure, path)


def attention_image(weights: np.ndarray) -> np.ndarray:
    """Colour attention weights for TensorBoard, without axes.

    Args:
        weights: Attention weights, (U, S).

    Returns:
        RGB pixels, (height, width, 3) uint8: one square a weight, enlarged by a whole
        number so that the longer side has at most 512 pixels or one pixel a weight.

    Raises:
        UsageError: Weights are no finite matrix.
    """
    weights = _matrix(weights, "attention weights")
    scaled = weights / max(float(weights.max()), np.finfo(np.float32).tiny)
    pixels = mpl.colormaps[_HEAT](scaled, bytes=True)[..., :3]
    enlarge = max(1, 512 // max(weights.shape))
    return np.asarray(pixels).repeat(enlarge, axis=0).repeat(enlarge, axis=1)


def _matrix(values: np.ndarray, what: str) -> np.ndarray:
    """Check what is drawn: two axes, not empty, finite."""
    matrix = np.asarray(values, np.float32)
    if matrix.ndim != 2 or not matrix.size:
        raise UsageError(
            f"{what} of shape {matrix.shape}; give a matrix that is not empty"
        )
    if not np.isfinite(matrix).all():
        raise UsageError(f"{what} hold NaN or infinity; nothing was drawn")
    return matrix


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure, sizes in inches, that pyplot never hears of."""
    figure = Figure((width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _time_width(seconds: float) -> float:
    """Width in inches that gives a second of speech room for its tokens."""
    return min(max(1.3 * seconds, 8.0), 18.0)


def _draw_features(axes: Axes, features: np.ndarray, hop_seconds: float) -> AxesImage:
    features = _matrix(features, "features")
    frames, bands = features.shape
    # Padding and digital silence lie far below speech and would take all the colours.
    low, high = np.percentile(features, (5.0, 99.8))
    axes.set_ylabel("mel band")
    return axes.imshow(
        features.T,
        aspect="auto",
        origin="lower",
        cmap=_SOUND,
        vmin=low,
        vmax=max(high, low + 0.1),
        extent=(0.0, frames * hop_seconds, -0.5, bands - 0.5),
    )


def _token_axis(axes: Axes, tokens: Sequence[str], shown: int) -> None:
    """Label the rows, at most `shown` of them so that no label touches the next."""
    labels = {
        row: _SPACE if token == " " else token for row, token in enumerate(tokens)
    }
    if len(tokens) > shown and " " in tokens:
        labels = _words(tokens)
    rows: list[int] = []
    for row in labels:
        if not rows or row - rows[-1] >= len(tokens) / shown:
            rows.append(row)
    # A dollar sign is a token like any other, not the start of a formula.
    drawn = axes.set_yticks(
        rows, [labels[row] for row in rows], fontsize=7.5, parse_math=False
    )
    for tick in drawn:
        if tick.label1.get_text() == _SPACE:  # hangs low: lift it off the next letter
            tick.label1.set_verticalalignment("baseline")
    axes.tick_params(axis="y", length=2)
    axes.set_ylabel("token")
    axes.grid(axis="x", color="0.8", linewidth=0.5)
    for row, token in enumerate(tokens):
        if token == " ":  # lines between words lead the eye from label to weight
            axes.axhline(row, color="0.8", linewidth=0.5, alpha=0.6)


def _words(tokens: Sequence[str]) -> dict[int, str]:
    """Join characters to words, each at the row where it starts."""
    words: dict[int, str] = {}
    start = None
    for row, token in enumerate(tokens):
        if token == " ":
            start = None
        elif start is None or len(token) > 1:  # `</s>` and its like stand alone
            start = row
            words[row] = token
        else:
            words[start] += token
    return words


def _bar(figure: Figure, axes: Axes, image: AxesImage, label: str) -> None:
    """Explain the colours in a bar of one size, at the top right of any panel."""
    figure.draw_without_rendering()  # lays out, so that the panel's height is known
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
    """Write a figure; `frames` change it from one animated picture to the next."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".png", ".svg") and (suffix != ".gif" or frames is None):
        also = "" if frames is None else ", animations .gif"
        raise UsageError(f"{path}: pictures are .png or .svg{also}; change the suffix")
    if suffix == ".gif" and frames is not None:
        _save_animation(figure, path, frames)
        return
    with atomic_write(path, "wb") as file:
        if suffix == ".svg":
            # No date inside, so that the same figure gives the same bytes twice.
            FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})
        else:
            FigureCanvasAgg(figure).print_png(file)


def _save_animation(figure: Figure, path: str | Path, frames: Iterable[None]) -> None:
    figure.set_dpi(_ANIMATION_DPI)
    canvas, pictures = FigureCanvasAgg(figure), []
    for _ in frames:
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[..., :3].copy()
        pictures.append(Image.fromarray(pixels).quantize(64))
    with atomic_write(path, "wb") as file:
        pictures[0].save(
            file,
            "gif",
            save_all=True,
            append_images=pictures[1:],
            duration=[*[_FRAME_MS] * (len(pictures) - 1), _LAST_FRAME_MS],
            loop=0,
        )
