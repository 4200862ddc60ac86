"""Shows the progress of a training: bar, lines, TensorBoard, warnings."""

from __future__ import annotations

import logging
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import rich.progress
from rich.console import Console

from asr.errors import OutputError

log = logging.getLogger(__name__)

# Attention that moves forward in fewer steps than this, or is flatter, is not aligned.
_DEAD_MONOTONICITY = 0.6
_DEAD_FOCUS = 0.15

_ACRONYMS = re.compile(r"\b([wc]er|bleu|ctc|rouge)")
# Beginnings of the names of figures that are shares of 1.
_SHARES = ("dev_wer", "dev_cer", "dev_accuracy", "dev_rouge", "dev_sentence")

_LINE_SECONDS = 120.0  # between two lines
# Figure of a batch -> its label in the progress bar.
_SHOWN = {"loss": "loss", "ctc_loss": "ctc", "phone_loss": "phones"}


class ProgressBar:
    """A bar for the epoch in progress; without a terminal, a line every two minutes.

    Each finished epoch gets a line.

    Args:
        epochs: Number of epochs.
        unit: Unit of the length of a source.
        quiet: Whether to show nothing.
    """

    def __init__(self, epochs: int, unit: str = "s", *, quiet: bool = False) -> None:
        self.epochs, self.unit = epochs, unit
        self.console = Console(file=sys.stderr, quiet=quiet)
        self._progress = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(bar_width=24),
            rich.progress.TextColumn("{task.percentage:>3.0f}%  {task.fields[facts]}"),
            rich.progress.TimeRemainingColumn(compact=True),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._started = self._written = self._begun = time.monotonic()
        self._read = 0.0
        self._finished = 0  # epochs

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
        self._started = self._written = time.monotonic()
        self._read = 0.0

    def advance(self, length: float, logs: dict[str, float]) -> None:
        """Move on by one batch of sources of that length."""
        self._read += length
        facts = "  ".join(
            f"{label} {logs[name]:.3f}"
            for name, label in _SHOWN.items()
            if name in logs
        )
        facts += f"  {self.rate:.0f} {self.unit}/s"
        self._progress.update(self._task, advance=length, facts=facts)
        now = time.monotonic()
        if not self.console.is_terminal and now - self._written >= _LINE_SECONDS:
            self._written = now
            task = self._progress.tasks[0]
            done, total = task.completed, task.total or 0.0
            left = max(total - done, 0.0) / self.rate / 60
            self._print(
                f"{task.description}  {done / total:.0%}  loss {logs['loss']:.3f}  "
                f"{left:.0f} min left in this epoch"
            )

    @property
    def rate(self) -> float:
        """Length of sources trained on in a second of this epoch."""
        return self._read / max(time.monotonic() - self._started, 1e-9)

    def finish_epoch(self, record: dict[str, Any], best: int) -> None:
        """Print the figures of a finished epoch.

        Args:
            record: The figures.
            best: Number of the best epoch so far.
        """
        self._finished += 1
        number = record["epoch"]
        parts = [f"epoch {number}/{self.epochs}"]
        figures = {name: value for name, value in record.items() if name != "epoch"}
        parts += [self._figure(name, value) for name, value in figures.items()]
        parts.append("best so far" if best == number else f"best: epoch {best}")
        if number < self.epochs:
            seconds = (time.monotonic() - self._begun) / self._finished
            parts.append(f"{_span(seconds * (self.epochs - number))} left")
        self._print("  ".join(parts))

    def _figure(self, name: str, value: Any) -> str:
        """Return a figure with its unit."""
        if name == "rate":
            return f"{value:.0f} {self.unit}/s"
        if name == "minutes":
            return f"{_span(60 * value)} so far"
        label = _ACRONYMS.sub(lambda found: found[0].upper(), name.replace("_", " "))
        if name.startswith(_SHARES):
            return f"{label} {value:.1%}".replace("%", " %")
        if name == "learning_rate":
            return f"{label} {value:.2g}"
        return f"{label} {value:.3f}" if type(value) is float else f"{label} {value}"

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True)


def _span(seconds: float) -> str:
    """Format a length of time."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


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
                        self._tf.summary.scalar(_grouped(name), value)
                if image is not None:
                    self._tf.summary.image("attention", image[None])
            self._writer.flush()
        except self._tf.errors.OpError as error:
            reason = error.message.splitlines()[0]
            raise OutputError(f"cannot write TensorBoard events: {reason}") from error


def _grouped(name: str) -> str:
    """Return the name of a figure in its group: `dev/wer`, `train/loss`."""
    if name.startswith("dev_"):
        return f"dev/{name.removeprefix('dev_')}"
    return f"{'dev' if name in ('monotonicity', 'focus') else 'train'}/{name}"


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


def is_dead(monotonicity: float, focus: float) -> bool:
    """Return whether a decoder ignores the encoder."""
    return monotonicity < _DEAD_MONOTONICITY or focus < _DEAD_FOCUS


def warn_of_dead_attention(monotonicity: float, focus: float) -> None:
    """Warn of a decoder that ignores the encoder."""
    log.warning(
        "attention is not aligned yet (monotonicity %.2f, focus %.2f); if this "
        "lasts beyond a few epochs, raise train.ctc_weight, lengthen "
        "train.warmup_steps or data.ascending_epochs",
        monotonicity,
        focus,
    )
