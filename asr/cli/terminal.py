"""Standard streams, error messages and a quiet start of Keras."""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import json
import logging
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asr.errors import AsrError, OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = "asr.command"
"""Key of the command line in the `meta` of click's context."""

_LONGEST_MESSAGE = 1000  # characters; a path has up to 4,096
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def command_line() -> str:
    """Return the command line that is running, as for a shell."""
    return str(click.get_current_context().find_root().meta.get(COMMAND, ""))


def prepare_streams() -> None:
    """Open standard streams that are closed; escape names that are not UTF-8."""
    if sys.stdin is None:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        empty = io.FileIO(0)
        empty.name = "<stdin>"  # as Python calls it
        sys.stdin = io.TextIOWrapper(io.BufferedReader(empty))
    if sys.stderr is None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        sys.stderr = os.fdopen(2, "w")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def escaped(text: str) -> str:
    """Escape the control characters that a terminal would obey."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def _shortened(line: str) -> str:
    """Cut a message in the middle: an argument or a name in it is very long."""
    if len(line) <= _LONGEST_MESSAGE:
        return line
    half = _LONGEST_MESSAGE // 2
    return f"{line[:half]} ... {line[-half:]}"


def print_json(value: Any) -> None:
    """Print a value as one line of JSON."""
    click.echo(json.dumps(value, ensure_ascii=False))


def print_scores(scores: Any, *shown: Any, as_json: bool) -> None:
    """Print `scores.to_json(*shown)` as JSON, or `scores.summary(*shown)`."""
    if as_json:
        print_json(scores.to_json(*shown))
    else:
        click.echo(escaped(scores.summary(*shown)))


class Formatter(logging.Formatter):
    """Formats log lines without control characters."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return _shortened(escaped(super().format(record)))


def report(error: Exception) -> int:
    """Print an error as one line `error: ...`; return its exit status."""
    message, status = _describe(error)
    click.echo(f"error: {_shortened(escaped(' '.join(message.split())))}", err=True)
    return status


def _describe(error: Exception) -> tuple[str, int]:
    if isinstance(error, AsrError):
        return str(error), error.exit_status
    if isinstance(error, click.ClickException):
        command = getattr(getattr(error, "ctx", None), "command_path", "asr")
        text = f"{error.format_message().rstrip('.')}; see {command} --help"
        return text, UsageError.exit_status
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        where = error.filename or ("the output" if full else "")
        return f"{where}: {reason}" if where else reason, OutputError.exit_status
    if isinstance(error, MemoryError):
        return "out of memory; use a smaller --batch-seconds", 1
    name = type(error).__name__
    return f"{name}: {error} (a fault in asr; asr --debug shows the traceback)", 1


@contextlib.contextmanager
def status(text: str) -> Iterator[None]:
    """Show what goes on, if standard error is a terminal; remove it in the end."""
    if not sys.stderr.isatty():
        yield
        return
    click.echo(escaped(text), nl=False, err=True)
    try:
        yield
    finally:
        click.echo("\r\x1b[K", nl=False, err=True)


def prints_to_terminal() -> bool:
    """Return whether standard output is open and a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def flush_stdout() -> None:
    """Flush standard output, if it is open."""
    if sys.stdout is not None:
        sys.stdout.flush()


def silence_stdout() -> None:
    """Redirect standard output to nowhere after it failed or its reader has closed it.

    Otherwise the interpreter reports an error when it flushes the rest at exit.
    """
    # Under a test, standard output has no descriptor.
    with contextlib.suppress(OSError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def start_backend() -> None:
    """Import Keras and its backend without their messages at start-up.

    The C++ part of TensorFlow prints notes on oneDNN and missing GPUs before it reads a
    log level, so the descriptor itself is redirected meanwhile. Failures still arrive
    as exceptions. `--log-level debug` shows the notes.
    """
    if "keras" in sys.modules or os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        importlib.import_module("keras")
        return
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        importlib.import_module("keras")
    finally:
        os.dup2(saved, 2)
        os.close(saved)
