"""Progress bars and progress lines."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress, ProgressColumn


@contextlib.contextmanager
def progress(
    total: int | None, unit: str, *, quiet: bool = False
) -> Iterator[Callable[[], None]]:
    """Show a bar on standard error, if that is a terminal.

    Args:
        total: How many there are to do, if that is known.
        unit: What is counted, in the plural.
        quiet: Whether to show nothing, as when results go to the same terminal.

    Yields:
        A function to call for each one done.
    """
    # Imported here: only commands that take a while show a bar.
    from rich import progress as bars  # noqa: PLC0415 - start-up time

    with _bar(quiet, bars.MofNCompleteColumn(), bars.TimeRemainingColumn()) as bar:
        task = bar.add_task(unit, total=total)
        yield lambda: bar.advance(task)


@contextlib.contextmanager
def audio_progress(
    total: float | None, *, quiet: bool = False, as_json: bool = False
) -> Iterator[Callable[[float], None]]:
    """Show how much of some audio is done, with speed and time left; see `progress`.

    Args:
        total: Seconds in all, if that is known.
        quiet: As in `progress`.
        as_json: Whether to write lines of JSON for programs instead, one a second at
            most and one at the end: `done`, `total`, `left` in seconds, and `speed`.

    Yields:
        A function to call with the seconds of audio that were done.
    """
    if as_json:
        lines = _JsonProgress(total)
        try:
            yield lines.advance
        finally:
            lines.write()
        return
    from rich import progress as bars  # noqa: PLC0415 - start-up time

    columns = (
        bars.TextColumn("{task.fields[clock]}"),
        bars.TextColumn("{task.fields[speed]}"),
        bars.TimeRemainingColumn(),
    )
    with _bar(quiet, *columns) as bar:
        task = bar.add_task("transcribing", total=total, clock="", speed="")
        started = time.monotonic()
        ends = f" of {_clock(total)}" if total else ""

        def advance(seconds: float) -> None:
            bar.advance(task, seconds)
            done = bar.tasks[task].completed
            speed = done / max(time.monotonic() - started, 1e-3)
            bar.update(task, clock=_clock(done) + ends, speed=f"{speed:.0f}x")

        yield advance


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _JsonProgress:
    """Lines of JSON on standard error."""

    def __init__(self, total: float | None) -> None:
        self._total, self._done = total, 0.0
        self._started = self._written = time.monotonic()

    def advance(self, seconds: float) -> None:
        """Count, and write a line if there was none for a second."""
        self._done += seconds
        if time.monotonic() - self._written >= 1.0:
            self.write()

    def write(self) -> None:
        """Write a line."""
        self._written = time.monotonic()
        speed = self._done / max(self._written - self._started, 1e-3)
        line: dict[str, float | None] = {
            "done": round(self._done, 3),
            "total": None if self._total is None else round(self._total, 3),
            "speed": round(speed, 2),
            "left": None
            if self._total is None or not speed
            else round(max(0.0, self._total - self._done) / speed, 1),
        }
        click.echo(json.dumps(line), err=True)


@contextlib.contextmanager
def download(total: int) -> Iterator[Callable[[int], None]]:
    """Show bytes as they come, with their rate; see `progress`.

    Args:
        total: How many will come, or 0 where that is not known.

    Yields:
        A function to call with each number of bytes.
    """
    from rich import progress as bars  # noqa: PLC0415 - start-up time

    columns = (
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
    )
    with _bar(False, *columns) as bar:
        task = bar.add_task("downloading", total=total or None)
        yield lambda amount: bar.advance(task, amount)


def shows_bar(quiet: bool) -> bool:
    """Tell whether `progress` shows something."""
    return not quiet and sys.stderr.isatty()


def _bar(quiet: bool, *columns: ProgressColumn) -> Progress:
    from rich import progress as bars  # noqa: PLC0415 - start-up time
    from rich.console import Console  # noqa: PLC0415 - start-up time

    console = Console(stderr=True)
    # Results must reach standard output itself, whatever rich thinks of it.
    return bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        *columns,
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
        redirect_stdout=False,
    )
