"""Animated pictures of figures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from asr.files import atomic_write

_FRAME_MS, _LAST_FRAME_MS = 250, 2000
_COLOURS = 256  # of a GIF


def save_animation(figure: Figure, path: str | Path, frames: Iterable[None]) -> None:
    """Write a GIF; iterating `frames` updates the figure for each of its pictures.

    Raises:
        OutputError: The file cannot be written.
    """
    canvas, drawn = FigureCanvasAgg(figure), []
    for _ in frames:
        canvas.draw()
        drawn.append(_packed(np.asarray(canvas.buffer_rgba())))
    # The last picture has all colours: one palette for all.
    table = _palette(drawn[-1])
    first, *rest = (_indexed(pixels, table) for pixels in drawn)
    times = [*[_FRAME_MS] * len(rest), _LAST_FRAME_MS]
    with atomic_write(path, "wb") as file:
        first.save(
            file, "gif", save_all=True, append_images=rest, duration=times, loop=0
        )


def _packed(pixels: np.ndarray) -> np.ndarray:
    """Return one number for each pixel of (height, width, 3 or more) uint8."""
    red, green, blue = np.moveaxis(pixels[..., :3].astype("uint32"), -1, 0)
    return np.asarray(red << 16 | green << 8 | blue)


def _channels(colours: np.ndarray) -> np.ndarray:
    """Return the channels of packed colours, (n, 3) float32."""
    return np.stack([colours >> 16, colours >> 8 & 255, colours & 255], 1).astype("f4")


def _palette(picture: np.ndarray) -> np.ndarray:
    """Return a palette, (256,) packed: the colours that fill most, and all others."""
    colours, counts = np.unique(picture, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    exact, others = colours[order[: _COLOURS // 2]], np.sort(order[_COLOURS // 2 :])
    if not others.size:
        return exact
    rest = _channels(colours[others]).astype("uint8")[None]
    means = Image.fromarray(rest).quantize(_COLOURS // 2).getpalette() or []
    return np.concatenate([exact, _packed(np.array(means).reshape(1, -1, 3))[0]])


def _indexed(picture: np.ndarray, table: np.ndarray) -> Image.Image:
    """Return a picture in the nearest colours of a palette."""
    colours, places = np.unique(picture, return_inverse=True)
    known = _channels(table)
    # |a - b|^2 = |a|^2 - 2ab + |b|^2, of which the first is the same for all b.
    distances = (known**2).sum(axis=1) - 2 * _channels(colours) @ known.T
    nearest = distances.argmin(axis=1).astype("uint8")
    image = Image.fromarray(nearest[places].reshape(picture.shape), "P")
    image.putpalette(known.astype("uint8").ravel().tolist())
    return image
