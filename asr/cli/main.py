"""The program: options of all commands, and the one place that ends it."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from typing import TYPE_CHECKING

import click
from click.exceptions import Exit, NoArgsIsHelpError

from asr import __version__
from asr.cli import terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "transcribe": "Write down what recordings say.",
    "listen": "Write down what is said into the microphone.",
    "align": "Tell when each word of a known text is said.",
    "translate": "Translate texts.",
    "summarize": "Write titles for texts.",
    "evaluate": "Score a model on recordings or texts with known results.",
    "run": "Prepare, train and evaluate a recipe, all in one folder.",
    "train": "Train a model from a recipe, or go on with one.",
    "compare": "Train a recipe in several variants and compare them.",
    "prepare": "Check a corpus and write its manifests.",
    "arpa": "Export or import a language model in the ARPA format.",
    "score": "Score one file of texts against another.",
    "models": "List the bundled models.",
    "info": "Describe a model or a recording.",
    "plot": "Draw attention or a spectrogram.",
}
"""Command -> its line in `asr --help`; the command itself is `asr.cli.NAME.command`."""

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_BROKEN_PIPE = 141  # 128 + SIGPIPE


class _LazyGroup(click.Group):
    """Imports a command's module only when that command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"asr.cli.{cmd_name}")
        return module.command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        # click would import every command for its first line.
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
    default="warning",
    show_default=True,
    help="What to tell on standard error.",
)
def cli(debug: bool, log_level: str) -> None:  # noqa: ARG001 - main reads debug
    """Recognise speech, translate and summarise; train models and score them."""
    logging.basicConfig(level=log_level.upper(), force=True)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(terminal.Formatter("%(levelname)s: %(message)s"))
        handler.setLevel(log_level.upper())  # a log file may want to know more
    if log_level != "debug":  # it warns of graphs that are compiled for several sizes
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # Errors of TensorFlow's C++ part come up as exceptions as well; what it prints
    # beside them is about GPUs that are not there.
    quiet = "0" if log_level == "debug" else "3"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", quiet)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments after the program's name; None takes those of the process.

    Returns:
        Exit status: 0, an error's own status, 130 after Ctrl-C, 141 when the reader of
        standard output has gone.
    """
    terminal.prepare_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    context: click.Context | None = None
    try:
        context = cli.make_context("asr", arguments)
        with context:
            status = int(cli.invoke(context) or 0)
        terminal.flush_stdout()  # a full disk or a closed pipe shows here, not at exit
    except Exit as exit_:
        return exit_.exit_code
    except NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        return _INTERRUPTED
    except BrokenPipeError:
        terminal.silence_stdout()
        return _BROKEN_PIPE
    except Exception as error:
        if context is not None and context.params.get("debug"):
            raise
        if isinstance(error, OSError) and error.filename is None:
            terminal.silence_stdout()  # it may be what failed, and would fail again
        return terminal.report(error)
    return status
