"""What all commands say on standard error: errors, progress, and nothing else."""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import logging
import os
import re
import sys

import click

from asr.errors import AsrError, OutputError, UsageError

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def prepare_streams() -> None:
    """Have standard error where it is closed, and names that are not UTF-8 printed."""
    if sys.stderr is None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        sys.stderr = os.fdopen(2, "w")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def visible(text: str) -> str:
    """Write control characters out, which a terminal would obey; not tabs and lines."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


class Formatter(logging.Formatter):
    """Log lines without control characters of what they tell of."""

    def format(self, record: logging.LogRecord) -> str:
        """See the class."""
        return visible(super().format(record))


def report(error: Exception) -> int:
    """Print an error as one line `error: ...`.

    Args:
        error: What went wrong.

    Returns:
        The exit status that belongs to it.
    """
    message, status = _describe(error)
    click.echo(f"error: {visible(' '.join(message.split()))}", err=True)
    return status


def _describe(error: Exception) -> tuple[str, int]:
    if isinstance(error, AsrError):
        return str(error), error.exit_status
    if isinstance(error, click.ClickException):
        return _usage(error), UsageError.exit_status
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        where = error.filename or ("the output" if full else "")
        return f"{where}: {reason}" if where else reason, OutputError.exit_status
    if isinstance(error, MemoryError):
        return "out of memory; give it less at once (--batch-seconds)", 1
    name = type(error).__name__
    return f"{name}: {error} (a fault in asr; asr --debug shows the traceback)", 1


def _usage(error: click.ClickException) -> str:
    command = getattr(getattr(error, "ctx", None), "command_path", "asr")
    return f"{error.format_message().rstrip('.')}; see {command} --help"


def prints_to_terminal() -> bool:
    """Tell whether a person reads standard output, which may be closed."""
    return sys.stdout is not None and sys.stdout.isatty()


def flush_stdout() -> None:
    """Pass on what was printed, where standard output is not closed."""
    if sys.stdout is not None:
        sys.stdout.flush()


def silence_stdout() -> None:
    """Point standard output nowhere after it failed or its reader has gone.

    Otherwise the interpreter complains when it flushes what is left.
    """
    # Under a test there is no descriptor, and nothing to complain.
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, sys.stdout.fileno())
        finally:
            os.close(nowhere)


def start_backend() -> None:
    """Import Keras and its backend without what they print while starting.

    TensorFlow's C++ part greets with notes on oneDNN and missing GPUs before it reads
    any log level, so the descriptor itself goes elsewhere meanwhile. Failures come as
    exceptions and are seen. `--log-level debug` lets the notes through.
    """
    if "keras" in sys.modules or os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        importlib.import_module("keras")
        return
    sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        importlib.import_module("keras")
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
