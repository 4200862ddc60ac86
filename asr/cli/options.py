"""Options that several commands share, and their checks."""

from __future__ import annotations

import dataclasses
import re
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from asr.config.schema import BATCH_SECONDS
from asr.data.text_files import text_lines
from asr.errors import UsageError
from asr.text.normalizers import NORMALIZERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from asr.config.schema import DecodingConfig

F = TypeVar("F", bound="Callable[..., Any]")
T = TypeVar("T")

SPEECH_TASKS = ("speech_recognition", "classification")
"""Tasks whose models take recordings; all others take texts."""

SEARCH = (
    "beam_size",
    "ctc_weight",
    "phone_weight",
    "language_model",
    "lm_weight",
    "word_bonus",
)
"""Fields of `DecodingConfig` that `decoding` has options for."""

_ERROR_RATES = ("by", "errors", "alignments", "report", "vocabulary", "sclite_")

PATH = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
COUNT = click.IntRange(1)
SHARE = click.FloatRange(0, 1)
POSITIVE = click.FloatRange(0, min_open=True)


class _Time(click.ParamType):
    """Seconds, `MINUTES:SECONDS` or `HOURS:MINUTES:SECONDS`, with decimals."""

    name = "time"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Return the time in seconds."""
        if isinstance(value, float):
            return value
        fields = _TIME.fullmatch(value)
        if not fields:
            self.fail(f"{value!r} is no time; write 90, 1:30 or 1:02:03.5", param, ctx)
        hours, minutes, seconds = (float(field or 0) for field in fields.groups())
        if (fields[2] and seconds >= 60) or (fields[1] and minutes >= 60):
            self.fail(f"{value!r}: minutes and seconds must be below 60", param, ctx)
        return 3600 * hours + 60 * minutes + seconds


_TIME = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,9}(?:\.\d*)?|\.\d+)", re.ASCII)
TIME = _Time()


class GroupedCommand(click.Command):
    """Command whose help lists options in groups.

    Args:
        groups: Name of the first option of a group -> title of the group.
    """

    def __init__(self, *arguments: Any, groups: dict[str, str], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._groups = groups

    def format_options(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the options, a section for each group."""
        sections: list[tuple[str, list[tuple[str, str]]]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record and isinstance(parameter, click.Option):
                own = parameter in self.params  # click adds --help
                if title := self._groups.get(parameter.name or "") if own else "Other":
                    sections.append((title, []))
                sections[-1][1].append(record)
        for title, records in sections:
            with formatter.section(title):
                formatter.write_dl(records)


def option(names: str, kind: Any, text: str, **more: Any) -> Callable[[F], F]:
    """Return an option with these names, separated by spaces; type `bool` is a flag.

    `--help` shows a default that is not empty. `more` goes to `click.option`.
    """
    more["is_flag" if kind is bool else "type"] = True if kind is bool else kind
    more.setdefault("show_default", bool(more.get("default")))
    return click.option(*names.split(), help=text, **more)


def combined(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Combine options into one decorator; `--help` keeps their order."""
    return lambda command: reduce(lambda f, add: add(f), reversed(decorators), command)


run_folder = option(
    "-o --output", FOLDER, "Folder of the run.  [default: runs/ and the recipe's name]"
)

as_json = option("--json as_json", bool, "Print one JSON object on standard output.")


def overrides(text: str) -> Callable[[F], F]:
    """Return the option that changes keys of a recipe."""
    return option("--set overrides", str, text, multiple=True, metavar="KEY=VALUE")


def normalizer(name: str | None, text: str) -> Callable[[F], F]:
    """Return the option of a text normaliser with its default."""
    return option("--normalizer", click.Choice(list(NORMALIZERS)), text, default=name)


def model_named(name: str) -> Callable[[F], F]:
    """Return the option of a model with a bundled default."""
    text = "Use this bundled model, model folder or run folder."
    return option("--model", str, text, default=name, metavar="NAME|DIR")


model = model_named("english")


threads = option(
    "--threads",
    COUNT,
    "Processor threads of the network.  [default: all cores; for speech one less]",
)


def _split(_: click.Context, __: click.Parameter, text: str) -> tuple[str, ...]:
    """Return the phrases between commas."""
    return tuple(filter(None, (phrase.strip() for phrase in text.split(","))))


def _read_words(
    _: click.Context, __: click.Parameter, path: Path | None
) -> tuple[str, ...]:
    """Return the lines of a file that are not empty."""
    lines = (line.strip() for _, line in text_lines(path)) if path else ()
    return tuple(filter(None, lines))


names = combined(
    option(
        "--hotwords",
        str,
        "Boost these words and phrases, separated by commas.",
        default="",
        metavar="WORDS",
        callback=_split,
    ),
    option(
        "--words",
        FILE,
        "Add the names in this file, one a line, to the vocabulary.",
        callback=_read_words,
    ),
)


def n_best(text: str) -> Callable[[F], F]:
    """Return the option of n-best hypotheses."""
    return option("--n-best", click.IntRange(1, 256), text, default=1)


def _of_model(names: str, kind: Any, text: str, **more: Any) -> Callable[[F], F]:
    return option(names, kind, f"{text}  [default: the model's]", **more)


beam_size = _of_model(
    "--beam-size",
    click.IntRange(1, 256),
    "Hypotheses kept (in lexicon decoding: rescored); 1 is greedy search.",
)

decoding = combined(
    beam_size,
    _of_model("--ctc-weight", SHARE, "Share of CTC scores in character search."),
    _of_model("--phone-weight", SHARE, "Share of phones; 0 selects character search."),
    _of_model("--language-model", str, "Language model or none.", metavar="NAME|DIR"),
    _of_model("--lm-weight", click.FloatRange(0, 10), "Weight of the language model."),
    _of_model(
        "--word-bonus",
        click.FloatRange(-100, 100),
        "Word insertion bonus (character search with language model).",
    ),
    option(
        "--batch-seconds",
        POSITIVE,
        "Seconds of audio decoded together; fewer save memory.",
        default=BATCH_SECONDS,
    ),
)


def request(kind: Callable[..., T], given: dict[str, Any]) -> T:
    """Build a record of the arguments and options of a command.

    Those in `SEARCH` form its dictionary `search`.
    """
    search = {name: given.pop(name) for name in SEARCH}
    return kind(**given, search=search)


def not_stdout(
    _: click.Context, parameter: click.Parameter, path: Path | None
) -> Path | None:
    """Refuse `-`, because results go to standard output already."""
    if path == Path("-"):
        reason = "results go to standard output"
        raise UsageError(f"--{parameter.name} must be a file, got -; {reason}")
    return path


error_rates = combined(
    option(
        "--by",
        str,
        "Score groups, repeatable: speaker, lang, length or a manifest key.",
        multiple=True,
        metavar="KEY",
    ),
    option(
        "--errors",
        click.IntRange(0),
        "Name the N most frequent errors.",
        default=0,
        metavar="N",
    ),
    option(
        "--alignments",
        click.Path(path_type=Path, dir_okay=False, allow_dash=True),
        "Write alignments to this file; - is standard output.",
    ),
    option("--report", FILE, "Write an HTML page of scores.", callback=not_stdout),
)


def refuse(rules: Mapping[str, object]) -> None:
    """Refuse options by the first rule that is broken, message -> whether it is."""
    for message, broken in rules.items():
        if broken:
            raise UsageError(message)


def refuse_error_rates(request: object) -> None:
    """Refuse options of error rates where another score is computed."""
    for name in _ERROR_RATES:
        if getattr(request, name, None):
            name = name.strip("_")
            raise UsageError(f"--{name} applies only to error rates; leave it out")


def decoding_config(
    default: DecodingConfig, search: Mapping[str, Any], **more: Any
) -> DecodingConfig:
    """Apply options of the command line to the decoding settings of a model.

    Args:
        default: The settings stored with the model.
        search: Field of `DecodingConfig` -> value; None keeps the default.
        more: Further fields, the same way.

    Raises:
        UsageError: The beam is too small, or a language model is missing.
    """
    given = {**search, **more}
    changes = {key: value for key, value in given.items() if value is not None}
    if changes.get("language_model") == "none":
        changes["language_model"] = ""
    config = dataclasses.replace(default, **changes)
    if not config.language_model:
        if {"lm_weight", "word_bonus"} & changes.keys():
            raise UsageError("--lm-weight and --word-bonus need a --language-model")
        if changes.get("phone_weight"):
            raise UsageError("--phone-weight needs a --language-model with a lexicon")
    if (n_best := config.n_best) > config.beam_size:
        raise UsageError(
            f"--n-best {n_best} needs a beam of as many; give --beam-size {n_best}"
        )
    return config
