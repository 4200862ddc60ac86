"""Read transcripts to be scored, in the formats that recognisers write, and pair them.

| format | a line |
| --- | --- |
| trn | `words (utterance)`, Sphinx's `<s> words </s> (utterance)` too |
| jsonl | a record of a manifest or of predictions |
| kaldi | `utterance words` |
| text | words; the number of the line names the utterance |
| stm-ctm | segments and words with times; see `asr.formats.nist` |

What comes before the first `-` or `_` in names of trn and kaldi is the speaker.
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
from asr.formats.nist import Segment, cut, has_labels, is_stm, read_segments, read_words


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


class Entry(NamedTuple):
    """An utterance: its name, its text and what else is known of it."""

    utterance: str
    text: str
    facts: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class References:
    """What was said, and what is known of each utterance.

    Attributes:
        texts: Utterance -> text, in the order of the file.
        facts: Utterance -> facts, such as its `speaker`.
        segments: Utterance -> where it is, of a reference with times; else empty.
    """

    texts: dict[str, str]
    facts: dict[str, Mapping[str, str]]
    segments: dict[str, Segment]


def read_references(path: str | Path, *, form: str | None = None) -> References:
    """Read what was said.

    Args:
        path: A UTF-8 text file.
        form: A key of `FORMS`, or `stm-ctm`; None guesses it from the content.

    Raises:
        DataError: As `read_texts`.
        UsageError: There is no such form.
    """
    path = Path(path)
    lines = _filled(_read_lines(path))
    marked = path.suffix == ".stm" or any(has_labels(line.text) for line in lines)
    stm = bool(lines) and marked and all(is_stm(line.text) for line in lines)
    if form == STM_CTM or (form is None and stm):
        segments = read_segments(lines)
        scored = {k: s for k, s in segments.items() if s.text is not None}
        if not scored:
            raise DataError(f"{path}: no segment to score in it")
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
    """Read what was recognised, utterance -> text; see `read_texts`.

    Words with times are cut into the segments of the references.
    """
    if references.segments:
        words = read_words(_filled(_read_lines(Path(path))))
        return cut(references.segments, words)
    return read_texts(path, form=form, predicted=True)


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
        form `text`, so that line numbers keep their meaning; other forms skip them.

    Raises:
        DataError: The file cannot be read, holds no line, breaks its form (the message
            names the line) or holds an utterance twice.
        UsageError: There is no such form.
    """
    entries = _entries(Path(path), form, predicted=predicted)
    return {name: entry.text for name, entry in entries.items()}


def read_vocabulary(path: str | Path, normal: Callable[[str], str]) -> set[str]:
    """Read the words of a file.

    Args:
        path: The file.
        normal: What the texts go through in which they are looked for.

    Raises:
        DataError: The file cannot be read.
    """
    lines = _read_lines(Path(path))
    return {word for line in lines for word in normal(line.text).split()}


def _entries(path: Path, form: str | None, *, predicted: bool) -> dict[str, Entry]:
    if form is not None and form not in FORMS:
        names = ", ".join([*FORMS, STM_CTM])
        raise UsageError(f"no form {form!r}; choose one of {names}")
    lines = _read_lines(path)
    filled = _filled(lines)
    form = form or guess_form(line.text for line in filled)
    parse = FORMS[form]
    entries: dict[str, Entry] = {}
    for line in lines if form == "text" else filled:
        entry = parse(line, predicted)
        if entry.utterance in entries:
            raise line.error(f"utterance {entry.utterance!r} a second time; remove one")
        entries[entry.utterance] = entry
    if not entries:
        raise DataError(f"{path}: no transcript in it; give a file with texts")
    return entries


def _filled(lines: Iterable[Line]) -> list[Line]:
    # Two semicolons begin a comment in NIST's files.
    return [line for line in lines if line.text and line.text[:2] != ";;"]


def guess_form(lines: Iterable[str]) -> str:
    """Guess the form of transcripts from all of their lines.

    `jsonl` where every line is in braces; `trn` where every line ends in `(utterance)`;
    `kaldi` where first words are all different and all look like names of utterances:
    they hold a digit, and a letter or one of `-_./:` or at least four digits. Else
    `text`.

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
    found = _trn_parts(line.text)
    if found is None:
        raise line.error("does not end in (utterance); add it or name the format")
    text, utterance = found
    return Entry(utterance, text, _speaker(utterance))


def _trn_parts(line: str) -> tuple[str, str] | None:
    """Return text and utterance; None if the line does not name one at its end."""
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
        raise line.error("'id' or 'audio_filepath' must be there and be a string")
    if not isinstance(text, str):
        raise line.error(f"{key!r} must be there and be a string")
    if any("\ud800" <= character <= "\udfff" for character in utterance + text):
        raise line.error("half of a surrogate pair, which is no character")
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
"""Form -> function from a line, and whether it is predicted, to its entry."""

STM_CTM = "stm-ctm"
"""The form that needs both files at once."""


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
