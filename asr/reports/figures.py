"""Figures: made, titled, and written as pictures or animations."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from asr.errors import UsageError
from asr.files import atomic_write
from asr.reports.animation import save_animation

_ANIMATION_DPI = 100
_LARGEST = 1600  # pixels of a side


def new_figure(width: float, height: float) -> Figure:
    """Create an empty figure, in inches, that pyplot does not track."""
    return Figure((width, height), dpi=150, layout="constrained")


def add_title(figure: Figure, axes: Axes, title: str) -> None:
    """Set the title of a plot, cut to its width."""
    title = title.encode("utf-8", "replace").decode()  # file names hold any bytes
    longest = int(9 * figure.get_figwidth())  # characters
    title = title if len(title) <= longest else title[: longest - 3] + "..."
    axes.set_title(title, loc="left", fontsize=10, parse_math=False)


def add_color_bar(figure: Figure, axes: Axes, image: AxesImage, label: str) -> None:
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
        figure.set_dpi(_dpi(figure, _ANIMATION_DPI))
        save_animation(figure, path, frames)
        return
    if suffix not in (".png", ".svg"):
        also = "" if frames is None else ", animations .gif"
        raise UsageError(f"{path}: pictures are .png or .svg{also}; change the suffix")
    # Without a date, so that equal figures give equal files.
    metadata = {"Date": None} if suffix == ".svg" else None
    with atomic_write(path, "wb") as file:
        figure.savefig(
            file, format=suffix[1:], metadata=metadata, dpi=_dpi(figure, figure.dpi)
        )


def _dpi(figure: Figure, dpi: float) -> float:
    """Return the resolution at which no side has more pixels than allowed."""
    return min(dpi, _LARGEST / max(figure.get_size_inches()))
