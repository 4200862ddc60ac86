"""Progress on standard error: bars for people, JSON lines for programs."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from rich.progress import Progress

_TIME_LEFT = "TimeRemainingColumn"


class AudioProgress(NamedTuple):
    """Progress of a transcription.

    Attributes:
        advance: To call with seconds of finished audio.
        hidden: Context in which results may be printed to the terminal of the bar.
        skip: To call with seconds that were finished before; they have no speed.
    """

    advance: Callable[[float], None]
    hidden: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
    skip: Callable[[float], None] = lambda _: None


@contextlib.contextmanager
def progress(total: int | None, unit: str) -> Iterator[Callable[[], None]]:
    """Show a bar of items on a terminal; yield a function to call for each."""
    if not shows_bar():
        yield lambda: None
        return
    with _bar("MofNCompleteColumn", _TIME_LEFT) as bar:
        task = bar.add_task(unit, total=total)
        yield lambda: bar.advance(task)


@contextlib.contextmanager
def audio_progress(
    total: float | None, *, as_json: bool = False, label: str = "transcribing"
) -> Iterator[AudioProgress]:
    """Show seconds of finished audio, with speed and remaining time.

    Args:
        total: Seconds of audio; None if unknown.
        as_json: Write JSON lines instead of a bar, at most one a second and one at the
            end. Keys: `done`, `total`, `left` (seconds) and `speed`.
        label: What is done, in front of the bar.

    Yields:
        What to report to.
    """
    if as_json:
        lines = _JsonProgress(total)
        try:
            yield AudioProgress(lines.advance, skip=lines.skip)
        finally:
            lines.write()
        return
    if not shows_bar():
        yield AudioProgress(lambda _: None)
        return
    with _bar("{task.fields[clock]}", "{task.fields[speed]}", _TIME_LEFT) as bar:
        task = bar.add_task(label, total=total, clock="", speed="")
        started, skipped = time.monotonic(), 0.0
        ends = f" of {_clock(total)}" if total else ""

        def advance(seconds: float) -> None:
            bar.advance(task, seconds)
            done = bar.tasks[task].completed
            speed = (done - skipped) / max(time.monotonic() - started, 1e-3)
            bar.update(task, clock=_clock(done) + ends, speed=f"{speed:.0f}x")

        def skip(seconds: float) -> None:
            nonlocal skipped
            skipped += seconds
            advance(seconds)

        @contextlib.contextmanager
        def hidden() -> Iterator[None]:
            bar.stop()
            try:
                yield
            finally:
                bar.start()

        yield AudioProgress(advance, hidden, skip)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _JsonProgress:
    """Writes progress as JSON lines on standard error."""

    def __init__(self, total: float | None) -> None:
        self._total, self._done, self._skipped = total, 0.0, 0.0
        self._started = self._written = time.monotonic()

    def advance(self, seconds: float) -> None:
        """Add seconds; write a line if the last one is a second old."""
        self._done += seconds
        if time.monotonic() - self._written >= 1.0:
            self.write()

    def skip(self, seconds: float) -> None:
        """Add seconds that were finished before."""
        self._skipped += seconds
        self.advance(seconds)

    def write(self) -> None:
        """Write a line."""
        self._written = time.monotonic()
        worked = self._done - self._skipped
        speed = worked / max(self._written - self._started, 1e-3)
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
    if not shows_bar():
        yield lambda _: None
        return
    with _bar("DownloadColumn", "TransferSpeedColumn", _TIME_LEFT) as bar:
        task = bar.add_task("downloading", total=total or None)
        yield lambda amount: bar.advance(task, amount)


def shows_bar() -> bool:
    """Return whether `progress` shows a bar."""
    terminal = sys.stderr.isatty() or bool(os.environ.get("FORCE_COLOR"))
    return terminal and os.environ.get("TERM") != "dumb"


def _bar(*columns: str) -> Progress:
    """Return a bar with columns: names of classes of `rich.progress`, or formats."""
    from rich import progress as bars  # noqa: PLC0415 - slow to start, mostly not needed
    from rich.console import Console  # noqa: PLC0415

    return bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        *(
            bars.TextColumn(name) if "{" in name else getattr(bars, name)()
            for name in columns
        ),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # results go there
    )
