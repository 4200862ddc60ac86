"""Multi-head attention: ours and that of Keras, with the same weights.

Self-attention over sequences of several lengths: largest difference of the outputs,
seconds of a call and of a call with its gradients, as compiled functions, and the peak
memory of a process that runs the longest. `--plot FILE` draws the seconds.
"""

from __future__ import annotations

import argparse
import functools
import resource
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import harness
import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from asr.layers import MultiHeadAttention

BATCH, SIZE, HEADS = 16, 256, 4
LENGTHS = (50, 100, 200, 400)
ROUNDS = 5
NAMES = {"asr": "asr.layers", "keras": "keras.layers"}

Attention = Callable[[tf.Tensor], tf.Tensor]


def values(length: int) -> tf.Tensor:
    """Return random frames, (B, S, D)."""
    random = np.random.default_rng(length)
    return tf.constant(random.normal(size=(BATCH, length, SIZE)), "float32")


def make() -> dict[str, Attention]:
    """Return both layers as functions of the frames, with the same weights."""
    ours = MultiHeadAttention(HEADS, SIZE // HEADS)
    theirs = keras.layers.MultiHeadAttention(HEADS, SIZE // HEADS)
    frames = values(LENGTHS[0])
    ours(frames, frames)
    theirs(frames, frames)
    weights = {weight.name: np.asarray(weight) for weight in ours.weights}
    order = [
        weights[f"{part}_{kind}"]
        for part in ("query", "key", "value", "output")
        for kind in ("kernel", "bias")
    ]
    theirs.set_weights(
        [
            one.reshape(other.shape)
            for one, other in zip(order, theirs.weights, strict=True)
        ]
    )
    return {"asr": lambda x: ours(x, x)[0], "keras": lambda x: theirs(x, x)}


def training(call: Attention) -> Attention:
    """Return the gradient of a call, in the place of its output."""

    def gradient(frames: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(frames)
            loss = tf.reduce_sum(tf.square(call(frames)))
        return tape.gradient(loss, frames)

    return gradient


def compiled(call: Attention) -> Attention:
    """Return a function as a graph."""
    function: Attention = tf.function(call, autograph=False)
    return function


def peak_mb(name: str) -> float:
    """Return the peak memory of a process that trains at the longest length."""
    command = [sys.executable, __file__, "--memory", name]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(ended.stdout.splitlines()[-1])


def measure(rounds: int) -> dict[tuple[str, str], list[float]]:
    """Print a table; return milliseconds by layer and what was done."""
    found: dict[tuple[str, str], list[float]] = {}
    print("| length | largest difference | " + " | ".join(
        f"{NAMES[name]}, {what}" for what in ("call", "training") for name in NAMES
    ) + " |")  # fmt: skip
    layers = make()
    for length in LENGTHS:
        frames = values(length)
        outputs = [call(frames) for call in layers.values()]
        difference = float(tf.reduce_max(tf.abs(outputs[0] - outputs[1])))
        row = []
        for what, wrap in (("call", lambda it: it), ("training", training)):
            for name, call in layers.items():
                step = functools.partial(compiled(wrap(call)), frames)
                seconds = harness.timed(rounds, step)["processor"]
                found.setdefault((name, what), []).append(1000 * seconds)
                row.append(f"{1000 * seconds:.1f} ms")
        print(f"| {length} | {difference:.1e} | {' | '.join(row)} |")
    return found


def plot(found: dict[tuple[str, str], list[float]], path: str) -> None:
    """Draw the milliseconds by length."""
    figure = Figure((5, 3.2), layout="constrained")
    axes = figure.subplots()
    for (name, what), milliseconds in found.items():
        style = "-" if what == "training" else "--"
        color = "tab:blue" if name == "asr" else "tab:orange"
        label = f"{NAMES[name]}, {what}"
        axes.plot(LENGTHS, milliseconds, style, color=color, marker="o", label=label)
    axes.set(xlabel="frames", ylabel="ms of processor time", ylim=(0, None))
    axes.legend()
    figure.savefig(path, dpi=100)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", metavar="FILE")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--memory", choices=NAMES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        compiled(training(make()[arguments.memory]))(values(LENGTHS[-1])).numpy()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    harness.announce()
    found = measure(1 if arguments.quick else ROUNDS)
    for name, title in NAMES.items():
        print(f"{title}: peak memory {peak_mb(name):.0f} MB at {LENGTHS[-1]} frames")
    if arguments.plot:
        plot(found, arguments.plot)


if __name__ == "__main__":
    main()
