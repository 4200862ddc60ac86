"""The `asr` program: global options, commands, and errors to exit statuses."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import logging
import os
import shlex
import signal
import sys
import threading
from typing import TYPE_CHECKING

import click
from click.exceptions import Exit, NoArgsIsHelpError
from click.shell_completion import shell_complete

from asr import __version__
from asr.cli import terminal
from asr.errors import EXTRAS, UsageError, did_you_mean, install_hint, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COMMANDS = {
    "transcribe": "Transcribe recordings.",
    "listen": "Transcribe the microphone.",
    "batch": "Transcribe, score or prepare a large corpus on many machines.",
    "serve": "Transcribe and translate over HTTP, with a web page.",
    "align": "Find the time of each word of a known text.",
    "translate": "Translate texts.",
    "summarize": "Write titles for texts.",
    "pronounce": "Print the phones of words.",
    "punctuate": "Write texts with case and punctuation.",
    "evaluate": "Score a model on a test set.",
    "run": "Prepare, train and evaluate a recipe in one folder.",
    "train": "Train a model from a recipe.",
    "launch": "Train with several processes of this machine.",
    "compare": "Train variants of a recipe and compare them.",
    "prepare": "Check a corpus and write its manifests.",
    "score": "Score hypotheses against references.",
    "export": "Export a model: ONNX, SavedModel or LiteRT.",
    "arpa": "Export or import a language model in the ARPA format.",
    "models": "List the bundled models.",
    "info": "Describe a model, a recording or the installation.",
    "plot": "Plot attention or a spectrogram.",
}
"""Command -> its line in `asr --help`; the command itself is `asr.cli.NAME.command`."""

_COMPLETE = "_ASR_COMPLETE"
_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_TERMINATED = 143  # 128 + SIGTERM
_BROKEN_PIPE = 141  # 128 + SIGPIPE


class _LazyGroup(click.Group):
    """Imports the module of a command only when that command runs."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            return importlib.import_module(f"asr.cli.{cmd_name}").command
        if ctx.resilient_parsing or cmd_name.startswith("-"):
            return None  # click completes a word, or reports an unknown option
        raise UsageError(
            f"no command {quoted(cmd_name)}{did_you_mean(cmd_name, list(COMMANDS))}"
        )

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        # click would import every command to get its first line.
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: asr transcribe talk.mp3",
)
@click.version_option(__version__, prog_name="asr", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="Least severe messages on standard error.",
    default="warning",
    show_default=True,
)
def cli(debug: bool, log_level: str) -> None:  # noqa: ARG001 - main reads debug
    """Recognise speech, translate and summarise; train models and score them."""
    logging.basicConfig(level=log_level.upper(), force=True)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(terminal.Formatter("%(levelname)s: %(message)s"))
        handler.setLevel(log_level.upper())  # a log file may record more
    if log_level != "debug":  # it warns when a graph is compiled for another shape
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # Errors in the C++ part of TensorFlow arrive as exceptions; its own messages are
    # about missing GPUs.
    quiet = "0" if log_level == "debug" else "3"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", quiet)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments after the program name; by default those of the process.

    Returns:
        Exit status: 0, the status of the error, 130 after Ctrl-C, 143 after
        SIGTERM, 141 when standard output is closed.
    """
    if completing := os.environ.get(_COMPLETE):
        return shell_complete(cli, {}, "asr", _COMPLETE, completing)
    # NumPy's products are small: more threads gain nothing, and spin while they wait.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Looking for cycles among the objects of modules takes 5 ms each time.
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)
    status = _run(list(sys.argv[1:] if argv is None else argv))
    if status:
        gc.collect()  # nanobind complains at exit of what a traceback holds
    return status


def _run(arguments: list[str]) -> int:
    terminal.prepare_streams()
    with _terminable() as terminated:
        return _invoke(arguments, terminated)


@contextlib.contextmanager
def _terminable() -> Iterator[threading.Event]:
    """Turn SIGTERM into Ctrl-C, so that no unfinished file is left.

    Yields:
        Whether SIGTERM came. The exception cannot tell: Ray raises one of its own.
    """
    terminated = threading.Event()

    def end(*_: object) -> None:
        terminated.set()
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield terminated
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield terminated
    finally:
        signal.signal(signal.SIGTERM, before)


def _invoke(arguments: list[str], terminated: threading.Event) -> int:
    """Run the command line; return the exit status."""
    context: click.Context | None = None
    try:
        context = cli.make_context("asr", list(arguments))
        context.meta[terminal.COMMAND] = shlex.join(["asr", *arguments])
        with context:
            status = int(cli.invoke(context) or 0)
        terminal.flush_stdout()  # a full disk or a closed pipe fails here, not at exit
    except Exit as exit_:
        return exit_.exit_code
    except NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        return _TERMINATED if terminated.is_set() else _INTERRUPTED
    except BrokenPipeError:
        terminal.silence_stdout()
        return _BROKEN_PIPE
    except Exception as error:
        if context is not None and context.params.get("debug"):
            raise
        if isinstance(error, OSError) and error.filename is None:
            terminal.silence_stdout()  # the write that failed would fail again at exit
        return terminal.report(_explained(error))
    return status


def _explained(error: Exception) -> Exception:
    """Return an error that says how to install a package that is missing."""
    package = (getattr(error, "name", None) or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or package not in EXTRAS:
        return error
    hint = install_hint(EXTRAS[package])
    return UsageError(f"this command needs the package {package}: {hint}")
