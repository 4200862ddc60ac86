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
from types import MappingProxyType
from typing import NamedTuple

from asr.errors import DataError, UsageError
from asr.formats.nist import (
    Segment,
    assign_words,
    has_labels,
    is_stm,
    read_segments,
    read_words,
)


class Line(NamedTuple):
    """Line of a file.

    Attributes:
        number: Line number, from 1.
        text: Line without surrounding white space.
        file: Path of the file, for error messages.
    """

    number: int
    text: str
    file: Path

    def error(self, wrong: str) -> DataError:
        """Create an error that names this line."""
        return DataError(f"{self.file}:{self.number}: {wrong}")


class Entry(NamedTuple):
    """Utterance name, text and facts, such as its `speaker`."""

    utterance: str
    text: str
    facts: Mapping[str, str] = MappingProxyType({})


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
    lines = _content(_read_lines(path))
    marked = path.suffix == ".stm" or any(has_labels(line.text) for line in lines)
    stm = bool(lines) and marked and all(is_stm(line.text) for line in lines)
    if form == STM_CTM or (form is None and stm):
        segments = read_segments(lines)
        scored = {k: s for k, s in segments.items() if s.text is not None}
        if not scored:
            raise DataError(f"{path}: all segments are ignored in scoring")
        return References(
            {name: segment.text or "" for name, segment in scored.items()},
            {name: {"speaker": segment.speaker} for name, segment in scored.items()},
            segments,
        )
    entries = _entries(path, form, predicted=False)
    return References(
        {name: entry.text for name, entry in entries.items()},
        {name: entry.facts for name, entry in entries.items()},
        {},
    )


def read_hypotheses(
    path: str | Path, references: References, *, form: str | None = None
) -> dict[str, str]:
    """Read hypotheses, utterance -> text; see `read_texts`.

    Words with times are assigned to the segments of the references.
    """
    if references.segments:
        words = read_words(_content(_read_lines(Path(path))))
        return assign_words(references.segments, words)
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
    entries = _entries(Path(path), form, predicted=predicted)
    return {name: entry.text for name, entry in entries.items()}


def read_vocabulary(path: str | Path, normal: Callable[[str], str]) -> set[str]:
    """Read the words of a file, normalised by the function `normal`.

    Raises:
        DataError: The file cannot be read.
    """
    lines = _read_lines(Path(path))
    return {word for line in lines for word in normal(line.text).split()}


def _entries(path: Path, form: str | None, *, predicted: bool) -> dict[str, Entry]:
    if form is not None and form not in FORMS:
        names = ", ".join([*FORMS, STM_CTM])
        raise UsageError(f"form must be one of {names}, got {form!r}")
    lines = _read_lines(path)
    content = _content(lines)
    form = form or guess_form(line.text for line in content)
    parse = FORMS[form]
    entries: dict[str, Entry] = {}
    for line in lines if form == "text" else content:
        entry = parse(line, predicted)
        if entry.utterance in entries:
            raise line.error(
                f"utterance {entry.utterance!r} occurs a second time; remove one"
            )
        entries[entry.utterance] = entry
    if not entries:
        raise DataError(f"{path}: has no transcript; give a file with texts")
    return entries


def _content(lines: Iterable[Line]) -> list[Line]:
    """Leave out blank lines and comments, which begin with `;;` in NIST's files."""
    return [line for line in lines if line.text and line.text[:2] != ";;"]


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
    if len(names) == len(lines) and all(map(_looks_like_name, names)):
        return "kaldi"
    return "text"


def _trn(line: Line, _: bool) -> Entry:
    parts = _trn_parts(line.text)
    if parts is None:
        raise line.error("does not end in (utterance); add it or name the format")
    text, utterance = parts
    return Entry(utterance, text, _speaker(utterance))


def _trn_parts(line: str) -> tuple[str, str] | None:
    """Return text and utterance; None if the line does not end in an utterance."""
    text, opening, utterance = line.removesuffix(")").rpartition("(")
    named = line.endswith(")") and opening and utterance
    if not named or ")" in utterance or utterance.split() != [utterance]:
        return None
    words = text.split()
    if words[:1] == ["<s>"]:
        words = words[1:]
    if words[-1:] == ["</s>"]:
        words = words[:-1]
    return " ".join(words), utterance


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
    return Entry(utterance, text, facts)


def _kaldi(line: Line, _: bool) -> Entry:
    utterance, _space, text = line.text.replace("\t", " ").partition(" ")
    return Entry(utterance, text.strip(), _speaker(utterance))


def _plain(line: Line, _: bool) -> Entry:
    return Entry(str(line.number), line.text)


def _speaker(utterance: str) -> dict[str, str]:
    name, separator, _ = utterance.replace("_", "-").partition("-")
    return {"speaker": name} if separator and name else {}


FORMS: dict[str, Callable[[Line, bool], Entry]] = {
    "trn": _trn,
    "text": _plain,
    "jsonl": _jsonl,
    "kaldi": _kaldi,
}
"""Form -> function of a line and `predicted` that returns an entry."""

STM_CTM = "stm-ctm"
"""The form in which hypotheses need the segments of the references."""


def _read_lines(path: Path) -> list[Line]:
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


def _looks_like_name(word: str) -> bool:
    """Guess whether a first word is an utterance name."""
    if not re.fullmatch(r"[\w./:-]*\d[\w./:-]*", word):
        return False
    return len(word) >= 4 or not word.isdigit()
