"""Options that several commands share, and what they mean in Python."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack

import click

from asr.config.schema import BATCH_SECONDS
from asr.errors import UsageError
from asr.text.normalizers import NORMALIZERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from asr.config.schema import DecodingConfig

F = TypeVar("F", bound="Callable[..., Any]")

SPEECH_TASKS = ("speech_recognition", "classification")
"""Tasks whose models read recordings; all others read texts."""

run_folder = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the run.  [default: runs/ and the recipe's name]",
)

as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on standard output."
)


def overrides(helped: str) -> Callable[[F], F]:
    """Return the option that changes keys of a recipe."""
    return click.option(
        "--set", "overrides", multiple=True, metavar="KEY=VALUE", help=helped
    )


def normalizer(name: str | None, helped: str) -> Callable[[F], F]:
    """Return the option of a text normaliser; None leaves the default to others."""
    return click.option(
        "--normalizer",
        type=click.Choice(list(NORMALIZERS)),
        default=name,
        show_default=True,
        help=helped,
    )


def model_named(name: str) -> Callable[[F], F]:
    """Return the option of a model, by default a bundled one."""
    return click.option(
        "--model",
        default=name,
        show_default=True,
        metavar="NAME|DIR",
        help="A bundled model, or a model folder.",
    )


model = model_named("english")


beam_size = click.option(
    "--beam-size",
    type=click.IntRange(1, 256),
    help="Hypotheses kept; 1 is greedy search. By phones, texts that attention "
    "reads.  [default: the model's]",
)


def decoding(command: F) -> F:
    """Add the options of the search to a command."""
    added = (
        beam_size,
        click.option(
            "--ctc-weight",
            type=click.FloatRange(0, 1),
            help="Share of the CTC score in the search by characters.  "
            "[default: the model's]",
        ),
        click.option(
            "--phone-weight",
            type=click.FloatRange(0, 1),
            help="Share of phones in the search, attention has the rest; 0 searches by "
            "characters.  [default: the model's]",
        ),
        click.option(
            "--language-model",
            metavar="NAME|DIR",
            help="Language model that guides, or none.  [default: the model's]",
        ),
        click.option(
            "--lm-weight",
            type=click.FloatRange(0, 10),
            help="Weight of the language model.  [default: the model's]",
        ),
        click.option(
            "--word-bonus",
            type=click.FloatRange(-100, 100),
            help="What each word adds in the search by characters, beside a language "
            "model.  [default: the model's]",
        ),
        click.option(
            "--batch-seconds",
            type=click.FloatRange(0, min_open=True),
            default=BATCH_SECONDS,
            show_default=True,
            help="Seconds of audio decoded at once; less needs less memory.",
        ),
    )
    for option in reversed(added):
        command = option(command)
    return command


def a_file(
    _: click.Context, parameter: click.Parameter, path: Path | None
) -> Path | None:
    """Refuse standard output, where results are printed already."""
    if path == Path("-"):
        raise UsageError(f"--{parameter.name} - : needs a file; results are printed")
    return path


def error_rates(command: F) -> F:
    """Add the options of what is said of error rates to a command."""
    added = (
        click.option(
            "--by",
            multiple=True,
            metavar="KEY",
            help="Score each group by itself: speaker, lang, length or, "
            "with asr score, another key of a manifest.",
        ),
        click.option(
            "--errors",
            type=click.IntRange(0),
            default=0,
            metavar="N",
            help="Name the N most frequent errors.",
        ),
        click.option(
            "--alignments",
            type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
            help="Write reference over hypothesis here; - is standard output.",
        ),
        click.option(
            "--report",
            type=click.Path(path_type=Path, dir_okay=False),
            callback=a_file,
            help="Write a page of HTML with all of it here.",
        ),
    )
    for option in reversed(added):
        command = option(command)
    return command


def refuse_error_rates(**given: object) -> None:
    """Refuse options of error rates where there are none.

    Raises:
        UsageError: One was given.
    """
    named = [name for name, value in given.items() if value]
    if named:
        option = named[0].strip("_").replace("_", "-")
        raise UsageError(f"--{option} is about error rates, and there are none here")


class Guided(TypedDict, total=False):
    """What `decoding` gives of the search; None is left to the model."""

    beam_size: int | None
    ctc_weight: float | None
    phone_weight: float | None
    language_model: str | None
    lm_weight: float | None
    word_bonus: float | None


class Search(Guided, total=False):
    """The same with what some commands only have."""

    n_best: int
    hotwords: tuple[str, ...] | None
    prefix: str | None


def decoding_config(default: DecodingConfig, **given: Unpack[Search]) -> DecodingConfig:
    """Apply what was given on the command line to the model's own settings.

    Args:
        default: The settings stored with the model.
        given: See `Search`.

    Returns:
        The settings to decode with.

    Raises:
        UsageError: More hypotheses are asked for than the beam holds, or weights of a
            language model that there is not.
    """
    known: dict[str, Any] = {**given}
    known = {key: value for key, value in known.items() if value is not None}
    if known.get("language_model") == "none":
        known["language_model"] = ""
    config = dataclasses.replace(default, **known)
    if not config.language_model and {"lm_weight", "word_bonus"} & known.keys():
        raise UsageError("--lm-weight and --word-bonus need a --language-model")
    if not config.language_model and known.get("phone_weight"):
        raise UsageError(
            "--phone-weight needs a --language-model, whose words it finds"
        )
    if config.n_best > config.beam_size:
        raise UsageError(
            f"--n-best {config.n_best} needs a beam of as many; "
            f"give --beam-size {config.n_best}"
        )
    return config
