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
_COMMON = 64  # of them by the pixels that they fill


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
    """Return a palette, (256,) packed: what fills most, and what differs most from it.

    Rare colours count: the strongest weights of attention are few.
    """
    colours, counts = np.unique(picture, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_COMMON]
    channels, chosen = _channels(colours), list(order)
    distances = np.full(len(colours), np.inf)
    for index in order:
        distances = np.minimum(distances, _distances(channels, index))
    while len(chosen) < _COLOURS and distances.max() > 0:
        chosen.append(distances.argmax())
        distances = np.minimum(distances, _distances(channels, chosen[-1]))
    return np.asarray(colours[chosen])


def _distances(channels: np.ndarray, index: int) -> np.ndarray:
    """Return the squared distances of all colours from one of them, (n,)."""
    return np.asarray(((channels - channels[index]) ** 2).sum(axis=1))


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
