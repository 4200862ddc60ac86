"""Readers of reference and hypothesis transcripts.

| form | content of a line |
| --- | --- |
| trn | `words (utterance)`, or Sphinx's `<s> words </s> (utterance)` |
| jsonl | record of a manifest or of predictions |
| kaldi | `utterance words` |
| text | words; the line number names the utterance |
| stm-ctm | segments and words with times; see `asr.formats.nist` |

In trn and kaldi, the utterance name up to the first `-` or `_` is the speaker.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from asr.errors import DataError, UsageError
from asr.formats.nist import (
    Line,
    Segment,
    assign_words,
    is_stm,
    read_segments,
    read_words,
)

_NAME = re.compile(r"[\w./:-]*\d[\w./:-]*")
Entry: TypeAlias = tuple[str, str, Mapping[str, str]]
"""Utterance name, text and facts, such as its `speaker`."""


@dataclass(frozen=True)
class References:
    """Reference texts and facts of utterances.

    Attributes:
        texts: Utterance -> text, in the order of the file.
        facts: Utterance -> facts, such as its `speaker`.
        segments: Utterance -> segment of a recording (form `stm-ctm`); else empty.
    """

    texts: dict[str, str]
    facts: dict[str, Mapping[str, str]]
    segments: dict[str, Segment]


def read_references(path: str | Path, *, form: str | None = None) -> References:
    """Read references.

    Args:
        path: A UTF-8 text file.
        form: A key of `FORMS`, or `stm-ctm`; None guesses it from the content.

    Raises:
        DataError: As for `read_texts`.
        UsageError: The form is unknown.
    """
    path = Path(path)
    lines = read_lines(path)
    stm = form is None and lines and is_stm(lines, named=path.suffix == ".stm")
    if form != STM_CTM and not stm:
        return _parse(path, form, predicted=False)
    segments = read_segments(lines)
    texts = {k: s.text for k, s in segments.items() if s.text is not None}
    if not texts:
        raise DataError(f"{path}: all segments are ignored in scoring")
    facts: dict[str, Mapping[str, str]]
    facts = {name: {"speaker": segments[name].speaker} for name in texts}
    return References(texts, facts, segments)


def read_hypotheses(
    path: str | Path, references: References, *, form: str | None = None
) -> dict[str, str]:
    """Read hypotheses, utterance -> text; see `read_texts`.

    Words with times are assigned to the segments of the references.
    """
    if references.segments:
        return assign_words(references.segments, read_words(read_lines(Path(path))))
    return read_texts(path, form=form, predicted=True)


def read_texts(
    path: str | Path, *, form: str | None = None, predicted: bool = False
) -> dict[str, str]:
    """Read transcripts.

    Args:
        path: A UTF-8 text file.
        form: A key of `FORMS`; None guesses it from the content (`guess_form`).
        predicted: Read hypotheses: prefer `pred_text` to `text` in jsonl records.

    Returns:
        Utterance -> text, in the order of the file. A blank line is an empty text in
        the form `text`, and is skipped in the other forms.

    Raises:
        DataError: The file cannot be read, has no transcript or the wrong form, or
            holds an utterance twice. The message names the line.
        UsageError: The form is unknown.
    """
    return _parse(Path(path), form, predicted=predicted).texts


def read_vocabulary(path: str | Path, normal: Callable[[str], str]) -> set[str]:
    """Read the words of a file, normalised by the function `normal`.

    Raises:
        DataError: The file cannot be read.
    """
    lines = _all_lines(Path(path))
    return {word for line in lines for word in normal(line.text).split()}


def _parse(path: Path, form: str | None, *, predicted: bool) -> References:
    if form is not None and form not in FORMS:
        names = ", ".join([*FORMS, STM_CTM])
        raise UsageError(f"form must be one of {names}, got {form!r}")
    content = read_lines(path)
    form = form or guess_form(line.text for line in content)
    references = References({}, {}, {})
    for line in _all_lines(path) if form == "text" else content:
        name, text, facts = FORMS[form](line, predicted)
        if name in references.texts:
            raise line.error(f"utterance {name!r} occurs a second time; remove one")
        references.texts[name], references.facts[name] = text, facts
    if not references.texts:
        raise DataError(f"{path}: has no transcript; give a file with texts")
    return references


def read_lines(path: Path) -> list[Line]:
    """Read all lines but blank ones and comments, which begin with `;;` as in NIST's.

    Raises:
        DataError: The file cannot be read.
    """
    return [line for line in _all_lines(path) if line.text and line.text[:2] != ";;"]


def guess_form(lines: Iterable[str]) -> str:
    """Guess the form of transcripts from all lines.

    `jsonl`: all lines are in braces. `trn`: all lines end in `(utterance)`. `kaldi`:
    the first words are all different, contain a digit, and contain another character
    of `A-Za-z-_./:` or at least four digits. Otherwise `text`.

    Args:
        lines: Lines that are not blank.

    Returns:
        A key of `FORMS`.
    """
    lines = [line.strip() for line in lines]
    if not lines:
        return "text"
    if all(line.startswith("{") and line.endswith("}") for line in lines):
        return "jsonl"
    if all(_trn_parts(line) for line in lines):
        return "trn"
    names = {line.split(maxsplit=1)[0] for line in lines}
    like_names = all(
        _NAME.fullmatch(name) and (len(name) >= 4 or not name.isdigit())
        for name in names
    )
    return "kaldi" if like_names and len(names) == len(lines) else "text"


def _trn(line: Line, _: bool) -> Entry:
    parts = _trn_parts(line.text)
    if parts is None:
        raise line.error("does not end in (utterance); add it or name the format")
    text, utterance = parts
    return utterance, text, _speaker(utterance)


def _trn_parts(line: str) -> tuple[str, str] | None:
    """Return text and utterance; None if the line does not end in an utterance."""
    text, opening, utterance = line.removesuffix(")").rpartition("(")
    named = line.endswith(")") and opening and utterance
    if not named or ")" in utterance or utterance.split() != [utterance]:
        return None
    words = text.split()
    first, last = words[:1] == ["<s>"], len(words) - (words[-1:] == ["</s>"])
    return " ".join(words[first:last]), utterance


def _jsonl(line: Line, predicted: bool) -> Entry:
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
        raise line.error("'id' or 'audio_filepath' must be a string")
    if not isinstance(text, str):
        raise line.error(f"{key!r} must be a string")
    if any("\ud800" <= character <= "\udfff" for character in utterance + text):
        raise line.error("half of a surrogate pair, which is not a character")
    facts = {name: str(value) for name, value in record.items() if value is not None}
    return utterance, text, facts


def _kaldi(line: Line, _: bool) -> Entry:
    utterance, _space, text = line.text.replace("\t", " ").partition(" ")
    return utterance, text.strip(), _speaker(utterance)


def _speaker(utterance: str) -> dict[str, str]:
    name, separator, _ = utterance.replace("_", "-").partition("-")
    return {"speaker": name} if separator and name else {}


FORMS: dict[str, Callable[[Line, bool], Entry]] = {
    "trn": _trn,
    "text": lambda line, _: (str(line.number), line.text, {}),
    "jsonl": _jsonl,
    "kaldi": _kaldi,
}
"""Form -> function of a line and `predicted` that returns an entry."""

STM_CTM = "stm-ctm"
"""The form in which hypotheses need the segments of the references."""


def _all_lines(path: Path) -> list[Line]:
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 text; convert it to UTF-8") from None
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); check the path"
        ) from error
    # Not splitlines(), which also splits at form feeds and other characters.
    lines = content.removesuffix("\n").split("\n") if content else []
    return [Line(i, text.strip(), path) for i, text in enumerate(lines, start=1)]
