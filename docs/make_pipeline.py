"""Draws `docs/pipeline.png`: what `english` computes for a recording.

python docs/make_pipeline.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import asr
from asr.audio.io import read

DOCS = Path(__file__).resolve().parent
SAMPLE = DOCS.parent / "data" / "samples" / "schedule.opus"
BLUE, GREY = "#2b5c8a", "#555555"
X_OF_NAMES = -0.248  # of a panel; 0.13 of the figure


def main() -> None:
    """Compute and draw."""
    recognizer = asr.load("english")
    samples = read(SAMPLE, recognizer.rate)
    found = recognizer.attention(SAMPLE)
    (memory,) = recognizer.network.encode([samples]).memory["memory_values"]
    text = asr.load_text("restore").restore("".join(found.tokens[:-1]))
    seconds = len(samples) / recognizer.rate

    figure = Figure(figsize=(10.0, 7.6), dpi=150, facecolor="white")
    heights = [0.8, 1.5, 1.3, 3.6]
    panels = figure.subplots(4, sharex=True, height_ratios=heights)
    figure.subplots_adjust(0.3, 0.12, 0.985, 0.985, hspace=0.16)
    wave, mel, states, attention = panels

    wave.plot(np.arange(len(samples)) / recognizer.rate, samples, BLUE, linewidth=0.4)
    wave.set_ylim(-np.abs(samples).max(), np.abs(samples).max())
    name(wave, "waveform", f"{len(samples):,} samples")

    rows = found.features
    picture(mel, rows, seconds, "magma")
    name(mel, "log-mel energies", f"{rows.shape[0]} frames x {rows.shape[1]} bands")

    # Units in the order of the moments at which they are largest show the time best.
    memory = (memory - memory.mean(axis=0)) / memory.std(axis=0)
    picture(states, memory[:, np.argsort(memory.argmax(axis=0))], seconds, "RdBu_r")
    shape = f"{memory.shape[0]} frames x {memory.shape[1]} units"
    name(states, "encoder", f"2 x Conv1D, stride 2\n3 x bidirectional GRU\n{shape}")

    picture(attention, found.weights.T, seconds, "Blues")
    attention.invert_yaxis()  # the first token is at the top
    words, middles = "".join(found.tokens[:-1]).split(), []
    for word in words:
        middles.append(sum(len(it) + 1 for it in words[: len(middles)]) + len(word) / 2)
    attention.set_yticks(np.array(middles) - 0.5, words, fontsize=8)
    attention.set_xlabel("seconds", fontsize=8, color=GREY)
    attention.tick_params(axis="x", labelsize=8)
    units = f"GRU decoder\n{found.weights.shape[0]} characters"
    name(attention, "Bahdanau attention", units)

    heights = [(box.y0 + box.y1) / 2 for box in (it.get_position() for it in panels)]
    for above, below in zip(heights, [*heights[1:], 0.04], strict=True):
        arrow(figure, above - 0.055, below + 0.045)
    box = attention.get_position()
    figure.text(0.13, 0.04, "text", weight="bold", ha="center", color=BLUE)
    figure.text((box.x0 + box.x1) / 2, 0.04, text, ha="center", fontsize=13)
    FigureCanvasAgg(figure).print_png(DOCS / "pipeline.png")


def picture(axes: Axes, frames: np.ndarray, seconds: float, colors: str) -> None:
    """Draw frames (T, F) over the time, the first value of a frame at the bottom."""
    extent = (0, seconds, -0.5, frames.shape[1] - 0.5)
    look = {"aspect": "auto", "origin": "lower", "interpolation": "nearest"}
    axes.imshow(frames.T, cmap=colors, extent=extent, **look)


def name(axes: Axes, title: str, details: str) -> None:
    """Write what a panel shows to its left."""
    if title != "Bahdanau attention":
        axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color("#bbbbbb")
    place = {"xycoords": axes.transAxes, "textcoords": "offset points", "ha": "center"}
    at = (X_OF_NAMES, 0.5)
    axes.annotate(title, at, (0, 3), weight="bold", color=BLUE, va="bottom", **place)
    axes.annotate(details, at, (0, 0), fontsize=8, color=GREY, va="top", **place)


def arrow(figure: Figure, start: float, end: float) -> None:
    """Draw an arrow downwards between the names of two panels."""
    axes = figure.add_axes((0, 0, 1, 1), frameon=False)
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[])
    look = {"arrowstyle": "->", "color": BLUE}
    axes.annotate("", (0.13, end), (0.13, start), arrowprops=look)


if __name__ == "__main__":
    main()
