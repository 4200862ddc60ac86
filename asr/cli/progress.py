"""Progress on standard error: bars for people, JSON lines for programs."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from rich import progress as bars
from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


@dataclass(frozen=True)
class AudioProgress:
    """Progress of a transcription.

    Attributes:
        advance: To call with seconds of finished audio.
        hidden: Context in which results may be printed to the terminal of the bar.
    """

    advance: Callable[[float], None]
    hidden: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext


@contextlib.contextmanager
def progress(total: int | None, unit: str) -> Iterator[Callable[[], None]]:
    """Show a bar of items on a terminal; yield a function to call for each."""
    with _bar(bars.MofNCompleteColumn(), bars.TimeRemainingColumn()) as bar:
        task = bar.add_task(unit, total=total)
        yield lambda: bar.advance(task)


@contextlib.contextmanager
def audio_progress(
    total: float | None, *, as_json: bool = False
) -> Iterator[AudioProgress]:
    """Show seconds of finished audio, with speed and remaining time.

    Args:
        total: Seconds of audio; None if unknown.
        as_json: Write JSON lines instead of a bar, at most one a second and one at the
            end. Keys: `done`, `total`, `left` (seconds) and `speed`.

    Yields:
        What to report to.
    """
    if as_json:
        lines = _JsonProgress(total)
        try:
            yield AudioProgress(lines.advance)
        finally:
            lines.write()
        return
    columns = (
        bars.TextColumn("{task.fields[clock]}"),
        bars.TextColumn("{task.fields[speed]}"),
        bars.TimeRemainingColumn(),
    )
    with _bar(*columns) as bar:
        task = bar.add_task("transcribing", total=total, clock="", speed="")
        started = time.monotonic()
        ends = f" of {_clock(total)}" if total else ""

        def advance(seconds: float) -> None:
            bar.advance(task, seconds)
            done = bar.tasks[task].completed
            speed = done / max(time.monotonic() - started, 1e-3)
            bar.update(task, clock=_clock(done) + ends, speed=f"{speed:.0f}x")

        @contextlib.contextmanager
        def hidden() -> Iterator[None]:
            if bar.disable:
                yield
                return
            bar.stop()
            try:
                yield
            finally:
                bar.start()

        yield AudioProgress(advance, hidden)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _JsonProgress:
    """Writes progress as JSON lines on standard error."""

    def __init__(self, total: float | None) -> None:
        self._total, self._done = total, 0.0
        self._started = self._written = time.monotonic()

    def advance(self, seconds: float) -> None:
        """Add seconds; write a line if the last one is a second old."""
        self._done += seconds
        if time.monotonic() - self._written >= 1.0:
            self.write()

    def write(self) -> None:
        """Write a line."""
        self._written = time.monotonic()
        speed = self._done / max(self._written - self._started, 1e-3)
        total = self._total
        left = (
            None if total is None or not speed else max(0, total - self._done) / speed
        )
        line = {
            "done": round(self._done, 3),
            "total": None if total is None else round(total, 3),
            "speed": round(speed, 2),
            "left": None if left is None else round(left, 1),
        }
        click.echo(json.dumps(line), err=True)


@contextlib.contextmanager
def download(total: int) -> Iterator[Callable[[int], None]]:
    """Show downloaded bytes of a total, 0 if unknown, and their rate."""
    speed = bars.TransferSpeedColumn()
    with _bar(bars.DownloadColumn(), speed, bars.TimeRemainingColumn()) as bar:
        task = bar.add_task("downloading", total=total or None)
        yield lambda amount: bar.advance(task, amount)


def shows_bar() -> bool:
    """Return whether `progress` shows a bar."""
    return sys.stderr.isatty()


def _bar(*columns: bars.ProgressColumn) -> bars.Progress:
    console = Console(stderr=True)
    # rich must not redirect standard output: results go there.
    return bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal or console.is_dumb_terminal,
        redirect_stdout=False,
    )
