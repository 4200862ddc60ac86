"""Read transcripts to be scored, in the forms that recognisers write, and pair them.

Four forms: `trn` (`words (utterance)`, Sphinx's `<s> words </s> (utterance)` too),
`jsonl` (a manifest or predictions), `kaldi` (`utterance words`) and `lines` (texts,
whose line numbers name the utterances).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from asr.errors import DataError, UsageError

_TRN = re.compile(r"(?:<s>\s+)?(?P<text>.*?)\s*(?:</s>\s*)?\((?P<id>[^()\s]+)\)")


class Line(NamedTuple):
    """A line that is not blank, and where it stands.

    Args:
        number: Line number, from 1.
        text: The line without white space around it.
        file: Where it was read; messages name it.
    """

    number: int
    text: str
    file: Path

    def error(self, wrong: str) -> DataError:
        """Make an error that names this line."""
        return DataError(f"{self.file}:{self.number}: {wrong}")


class Pairs(NamedTuple):
    """References and hypotheses in step, and what was on one side only.

    Args:
        references: What was said, in the order of the reference file.
        hypotheses: What was recognised, in the same order; `""` for a missing one.
        missing: Utterances without a hypothesis, scored as if nothing was recognised.
        extra: Hypotheses without a reference, left out of the score.
    """

    references: list[str]
    hypotheses: list[str]
    missing: list[str]
    extra: list[str]

    def policy(self) -> str:
        """Say in one line, to stand beside the figure, what was done with them."""
        return (
            f"missing hypotheses scored as empty: {len(self.missing)}; "
            f"hypotheses without a reference left out: {len(self.extra)}"
        )


def read_texts(
    path: str | Path, *, form: str | None = None, predicted: bool = False
) -> dict[str, str]:
    """Read a file of transcripts.

    Args:
        path: A UTF-8 text file.
        form: A key of `FORMS`; None guesses it from the content (`guess_form`).
        predicted: Whether these are hypotheses: a jsonl line's `pred_text` is then
            taken where it has one. Otherwise its `text` is.

    Returns:
        Utterance -> text, in the order of the file. Blank lines are empty texts in the
        form `lines`, so that line numbers keep their meaning; other forms skip them.

    Raises:
        DataError: The file cannot be read, holds no line, breaks its form (the message
            names the line) or holds an utterance twice.
        UsageError: There is no such form.
    """
    path = Path(path)
    if form is not None and form not in FORMS:
        raise UsageError(f"no form {form!r}; choose one of {', '.join(FORMS)}")
    lines = _read_lines(path)
    filled = [line for line in lines if line.text]
    form = form or guess_form(line.text for line in filled)
    parse = FORMS[form]
    texts: dict[str, str] = {}
    for line in lines if form == "lines" else filled:
        utterance, text = parse(line, predicted)
        if utterance in texts:
            raise line.error(f"utterance {utterance!r} a second time; remove one")
        texts[utterance] = text
    if not texts:
        raise DataError(f"{path}: no transcript in it; give a file with texts")
    return texts


def guess_form(lines: Iterable[str]) -> str:
    """Guess the form of transcripts from all of their lines.

    `jsonl` where every line is in braces; `trn` where every line ends in `(utterance)`;
    `kaldi` where first words are all different and all look like names of utterances:
    they hold a digit, and a letter or one of `-_./:` or at least four digits. Else
    `lines`.

    Args:
        lines: Lines that are not blank.

    Returns:
        A key of `FORMS`.
    """
    lines = [line.strip() for line in lines]
    if not lines:
        return "lines"
    if all(line.startswith("{") and line.endswith("}") for line in lines):
        return "jsonl"
    if all(_TRN.fullmatch(line) for line in lines):
        return "trn"
    names = {line.split(maxsplit=1)[0] for line in lines}
    if len(names) == len(lines) and all(map(_looks_like_name, names)):
        return "kaldi"
    return "lines"


def pair(
    references: Mapping[str, str],
    hypotheses: Mapping[str, str],
    *,
    allow_extra: bool = False,
) -> Pairs:
    """Bring references and hypotheses together by utterance.

    A missing hypothesis counts as empty, so that a recogniser cannot gain by leaving
    out what is hard. A hypothesis without a reference is an error unless allowed, and
    then left out. `Pairs.policy` says what was done.

    Args:
        references: Utterance -> what was said.
        hypotheses: Utterance -> what was recognised.
        allow_extra: Whether hypotheses without a reference are left out in silence.

    Returns:
        Both sides in step, and the utterances that only one of them has.

    Raises:
        DataError: There are extra hypotheses and they are not allowed, or no utterance
            is on both sides.
    """
    missing = [utterance for utterance in references if utterance not in hypotheses]
    extra = [utterance for utterance in hypotheses if utterance not in references]
    if hypotheses and len(missing) == len(references):
        raise DataError(
            f"references and hypotheses share no utterance (such as "
            f"{_named(missing)} and {_named(extra)}); check files and forms"
        )
    if extra and not allow_extra:
        raise DataError(
            f"{len(extra)} hypotheses without a reference, such as {_named(extra)}; "
            "add the references or allow extra hypotheses"
        )
    recognised = [hypotheses.get(utterance, "") for utterance in references]
    return Pairs(list(references.values()), recognised, missing, extra)


def _trn(line: Line, _: bool) -> tuple[str, str]:
    found = _TRN.fullmatch(line.text)
    if found is None:
        raise line.error("does not end in (utterance); add it or name the form")
    return found["id"], found["text"]


def _jsonl(line: Line, predicted: bool) -> tuple[str, str]:
    try:
        record = json.loads(line.text)
    except (ValueError, RecursionError):
        raise line.error("not JSON; write one JSON object a line") from None
    if not isinstance(record, dict):
        raise line.error("not a JSON object; write one a line")
    utterance = record.get("id") or record.get("audio_filepath")
    key = "pred_text" if predicted and "pred_text" in record else "text"
    text = record.get(key)
    if not isinstance(utterance, str):
        raise line.error("'id' or 'audio_filepath' must be there and be a string")
    if not isinstance(text, str):
        raise line.error(f"{key!r} must be there and be a string")
    return utterance, text


def _kaldi(line: Line, _: bool) -> tuple[str, str]:
    utterance, _space, text = line.text.replace("\t", " ").partition(" ")
    return utterance, text.strip()


def _plain(line: Line, _: bool) -> tuple[str, str]:
    return str(line.number), line.text


FORMS: dict[str, Callable[[Line, bool], tuple[str, str]]] = {
    "trn": _trn,
    "jsonl": _jsonl,
    "kaldi": _kaldi,
    "lines": _plain,
}
"""Form -> function from a line, and whether it is predicted, to utterance and text."""


def _read_lines(path: Path) -> list[Line]:
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 text; convert it to UTF-8") from None
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); check the path"
        ) from error
    # Not splitlines(): it also cuts at form feeds and other characters of a text.
    lines = content.removesuffix("\n").split("\n") if content else []
    return [Line(i, text.strip(), path) for i, text in enumerate(lines, start=1)]


def _looks_like_name(word: str) -> bool:
    """Whether a first word is rather an utterance's name than the start of a text."""
    if not re.fullmatch(r"[\w./:-]*\d[\w./:-]*", word):
        return False
    return len(word) >= 4 or not word.isdigit()


def _named(utterances: list[str]) -> str:
    return ", ".join(map(repr, utterances[:3])) or "none"
