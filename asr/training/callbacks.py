"""Shows the progress of a training: bar, lines, TensorBoard, warnings."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import rich.progress
from rich.console import Console

from asr.errors import OutputError

log = logging.getLogger(__name__)

# Attention that moves forward in fewer steps than this, or is flatter, is not aligned.
_DEAD_MONOTONICITY = 0.6
_DEAD_FOCUS = 0.15

# Figure of a batch -> its label in the progress bar.
_SHOWN = {"loss": "loss", "ctc_loss": "ctc", "phone_loss": "phones"}


class StepMonitor(keras.callbacks.Callback):
    """Counts the steps of an epoch and moves the progress bar.

    Args:
        bar: The progress bar.
        length_of_batch: Total source length of each batch of this epoch.
        before: Called before the first batch, after metrics are reset.
        after_step: Called after each batch with the mean figures so far.
    """

    def __init__(
        self,
        bar: ProgressBar,
        length_of_batch: Sequence[float],
        *,
        before: Callable[[], None],
        after_step: Callable[[dict[str, float]], None],
    ) -> None:
        super().__init__()
        self.bar = bar
        self.length_of_batch = length_of_batch
        self.before = before
        self.after_step = after_step

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras signature
        """See the class."""
        self.before()

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """See the class."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        self.bar.advance(self.length_of_batch[batch], figures)
        self.after_step(figures)


class ProgressLines:
    """Writes a line every few minutes within an epoch, for logs without a terminal.

    Args:
        epochs: Number of epochs.
        write: Writes a line.
        minutes: Time between two lines.
        clock: Time in seconds.
    """

    def __init__(
        self,
        epochs: int,
        write: Callable[[str], None],
        *,
        minutes: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.epochs, self.write = epochs, write
        self.seconds, self.clock = 60 * minutes, clock

    def start_epoch(self, epoch: int, total: float, done: float) -> None:
        """Begin an epoch of sources of length `total`, of which `done` is trained."""
        self._epoch, self._total = epoch, total
        self._done = self._before = done
        self._started = self._written = self.clock()

    def advance(self, length: float, loss: float) -> None:
        """Count a batch of sources of that length, and write a line if it is time."""
        self._done += length
        now = self.clock()
        if now - self._written < self.seconds:
            return
        self._written = now
        rate = (self._done - self._before) / (now - self._started)
        left = max(self._total - self._done, 0.0) / rate / 60
        self.write(
            f"epoch {self._epoch + 1}/{self.epochs}  {self._done / self._total:.0%}  "
            f"loss {loss:.3f}  {left:.0f} min left in this epoch"
        )


class ProgressBar:
    """A bar for the epoch in progress on a terminal, `ProgressLines` elsewhere.

    Each finished epoch gets a line.

    Args:
        epochs: Number of epochs.
        unit: Unit of the length of a source.
    """

    def __init__(self, epochs: int, unit: str = "s") -> None:
        self.epochs, self.unit = epochs, unit
        self.console = Console(file=sys.stderr)
        self._progress = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(bar_width=24),
            rich.progress.TextColumn("{task.percentage:>3.0f}%  {task.fields[facts]}"),
            rich.progress.TimeRemainingColumn(compact=True),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._lines = ProgressLines(epochs, self._print)
        self._started = time.monotonic()
        self._read = 0.0

    def __enter__(self) -> ProgressBar:
        """Start drawing."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop drawing."""
        self._progress.stop()

    def start_epoch(self, epoch: int, total: float, done: float) -> None:
        """Begin an epoch of sources of length `total`, of which `done` is trained."""
        for task in self._progress.task_ids:
            self._progress.remove_task(task)
        self._task = self._progress.add_task(
            f"epoch {epoch + 1}/{self.epochs}", total=total, facts=""
        )
        self._progress.update(self._task, completed=done)
        self._lines.start_epoch(epoch, total, done)
        self._started, self._read = time.monotonic(), 0.0

    def advance(self, length: float, logs: dict[str, float]) -> None:
        """Move on by one batch of sources of that length."""
        self._read += length
        if not self.console.is_terminal:
            self._lines.advance(length, logs["loss"])
            return
        facts = "  ".join(
            f"{label} {logs[name]:.3f}"
            for name, label in _SHOWN.items()
            if name in logs
        )
        facts += f"  {self.rate:.0f} {self.unit}/s"
        self._progress.update(self._task, advance=length, facts=facts)

    @property
    def rate(self) -> float:
        """Length of sources trained on in a second of this epoch."""
        return self._read / max(time.monotonic() - self._started, 1e-9)

    def finish_epoch(self, record: dict[str, Any]) -> None:
        """Print the figures of a finished epoch."""
        figures = (
            f"{name} {value:.3f}" if isinstance(value, float) else f"{name} {value}"
            for name, value in record.items()
            if name != "epoch"
        )
        self._print(f"epoch {record['epoch']}/{self.epochs}  {'  '.join(figures)}")

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True)


class TensorBoard:
    """Writes scalars and attention images; without TensorFlow it does nothing.

    Args:
        folder: Folder of the event files.
    """

    def __init__(self, folder: Path) -> None:
        try:
            import tensorflow as tf  # noqa: PLC0415 - optional beside another backend
        except ImportError:
            self._tf = None
            return
        self._tf = tf
        self._writer = tf.summary.create_file_writer(str(folder))

    def write(
        self, step: int, scalars: dict[str, Any], image: np.ndarray | None
    ) -> None:
        """Write the figures of an epoch and an attention map, (h, w, 3) uint8.

        Raises:
            OutputError: The event file cannot be written.
        """
        if self._tf is None:
            return
        try:
            with self._writer.as_default(step=step):
                for name, value in scalars.items():
                    if isinstance(value, float):
                        self._tf.summary.scalar(name, value)
                if image is not None:
                    self._tf.summary.image("attention", image[None])
            self._writer.flush()
        except self._tf.errors.OpError as error:
            reason = error.message.splitlines()[0]
            raise OutputError(f"cannot write TensorBoard events: {reason}") from error


def alignment_quality(weights: np.ndarray, lengths: np.ndarray) -> tuple[float, float]:
    """Measure the monotonicity and focus of attention.

    Args:
        weights: (B, U, S); rows sum to 1.
        lengths: Number of real rows of each utterance, (B,).

    Returns:
        Monotonicity, the share of steps that do not go back by more than half a frame
        (0 for an utterance without any progress), and focus, the mean largest weight.
    """
    positions = weights @ np.arange(weights.shape[-1])  # (B, U)
    forward, peaks = [], []
    for row, length in enumerate(lengths):
        path = positions[row, :length]
        peaks.append(float(weights[row, :length].max(axis=-1).mean()))
        if length > 1:
            moves = bool(path[-1] - path[0] > 1.0)
            forward.append(float(np.mean(np.diff(path) > -0.5)) if moves else 0.0)
    return float(np.mean(forward or [1.0])), float(np.mean(peaks))


def warn_if_dead(monotonicity: float, focus: float) -> bool:
    """Warn of a decoder that ignores the encoder, and return whether it does."""
    dead = monotonicity < _DEAD_MONOTONICITY or focus < _DEAD_FOCUS
    if dead:
        log.warning(
            "attention is not aligned yet (monotonicity %.2f, focus %.2f); if this "
            "lasts beyond a few epochs, raise train.ctc_weight, lengthen "
            "train.warmup_steps or data.ascending_epochs",
            monotonicity,
            focus,
        )
    return dead
