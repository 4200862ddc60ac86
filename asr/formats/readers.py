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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from asr.errors import DataError, UsageError
from asr.formats.ctm_chunks import chunks, whole_sides
from asr.formats.guess import guess_form as guess_form  # part of this module for users
from asr.formats.guess import guess_of, trn_parts
from asr.formats.json_entries import entry_name, pair_by_recording, string_field
from asr.formats.lines import Line, all_lines, read_lines
from asr.formats.nist import (
    Segment,
    Word,
    assign_words,
    is_ctm,
    is_stm,
    read_segments,
    read_words,
)

Entry: TypeAlias = tuple[str, str, Mapping[str, str]]
"""Utterance name, text and facts, such as its `speaker`."""


@dataclass(frozen=True)
class References:
    """Reference texts and facts of utterances.

    Attributes:
        texts: Utterance -> text, in the order of the file.
        facts: Utterance -> facts, such as its `speaker`.
        segments: Utterance -> segment of a recording (form `stm-ctm`); else empty.
        words: Words with times of a reference in ctm; else empty. Only the hypotheses
            divide them into utterances, see `read_systems`.
        form: Form of the file: a key of `FORMS`, `stm` or `ctm`.
    """

    texts: dict[str, str]
    facts: dict[str, Mapping[str, str]]
    segments: dict[str, Segment] = field(default_factory=dict)
    words: Sequence[Word] = ()
    form: str = ""


class System(NamedTuple):
    """Hypotheses of a system: utterance -> text, and the form of their file."""

    texts: dict[str, str]
    form: str


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
    if form not in (None, STM_CTM):
        return _parse(path, form, predicted=False)
    guessed = guess_of(lines) if form is None else _timed(lines)
    if guessed == "ctm":
        words = read_words(lines)
        texts, facts = whole_sides(words)
        return References(texts, facts, words=words, form=guessed)
    if guessed != "stm":
        return _parse(path, guessed, predicted=False)
    segments = read_segments(lines)
    texts = {k: s.text for k, s in segments.items() if s.text is not None}
    if not texts:
        raise DataError(f"{path}: all segments are ignored in scoring")
    facts = {name: {"speaker": segments[name].speaker} for name in texts}
    return References(texts, facts, segments, form=guessed)


def read_systems(
    paths: Sequence[str | Path], references: References, *, form: str | None = None
) -> tuple[References, list[System]]:
    """Read the hypotheses of one or several systems.

    Words with times are assigned to the segments of the references. Where the
    references are words with times too, one system divides them into utterances as in
    sclite (`asr.formats.ctm_chunks`); with several, each channel of a recording is one.

    Returns:
        The references, divided; and the systems.

    Raises:
        DataError: As for `read_texts`.
    """
    if not references.words:
        return references, [_read_system(Path(x), references, form) for x in paths]
    systems = [read_words(read_lines(Path(path))) for path in paths]
    if len(systems) > 1:
        return references, [System(whole_sides(x)[0], "ctm") for x in systems]
    texts, facts, hypotheses = chunks(references.words, systems[0])
    divided = References(texts, facts, words=references.words, form="ctm")
    return divided, [System(hypotheses, "ctm")]


def read_hypotheses(
    path: str | Path, references: References, *, form: str | None = None
) -> dict[str, str]:
    """Read the hypotheses of one system, utterance -> text; see `read_systems`."""
    _, (system,) = read_systems([path], references, form=form)
    return system.texts


def _timed(lines: Sequence[Line]) -> str:
    """Tell whether a file with times is stm or ctm."""
    stm = sum(is_stm(line.text, named=True) for line in lines)
    return "ctm" if sum(is_ctm(x.text, named=True) for x in lines) > stm else "stm"


def _read_system(path: Path, references: References, form: str | None) -> System:
    if references.segments:
        words = read_words(read_lines(path))
        return System(assign_words(references.segments, words), "ctm")
    read = _parse(path, form, predicted=True)
    names = pair_by_recording(references.facts, read.facts)
    return System({names[name]: text for name, text in read.texts.items()}, read.form)


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
    lines = all_lines(Path(path))
    return {word for line in lines for word in normal(line.text).split()}


def _parse(path: Path, form: str | None, *, predicted: bool) -> References:
    if form is not None and form not in FORMS:
        names = ", ".join([*FORMS, STM_CTM])
        raise UsageError(f"form must be one of {names}, got {form!r}")
    content = read_lines(path)
    form = form or guess_of(content)
    if form not in FORMS:
        raise DataError(
            f"{path}: guessed {form}, which has times and no utterances; give the "
            "references as stm or ctm, or name the format"
        )
    references = References({}, {}, form=form)
    for line in all_lines(path) if form == "text" else content:
        name, text, facts = FORMS[form](line, predicted)
        if name in references.texts:
            raise line.error(
                f"utterance {name[:200]!r} occurs a second time; remove one"
            )
        references.texts[name], references.facts[name] = text, facts
    if not references.texts:
        raise DataError(f"{path}: has no transcript; give a file with texts")
    return references


def _trn(line: Line, _: bool) -> Entry:
    parts = trn_parts(line.text)
    if parts is None:
        raise line.error("does not end in (utterance); add it or name the format")
    text, utterance = parts
    return utterance, text, _speaker(utterance)


def _jsonl(line: Line, predicted: bool) -> Entry:
    try:
        record = json.loads(line.text)
    except (ValueError, RecursionError):
        raise line.error("not JSON; write one JSON object a line") from None
    if not isinstance(record, dict):
        raise line.error("not a JSON object; write one a line")
    record.setdefault("audio_filepath", record.get("audio_filename"))  # NeMo has both
    key = "pred_text" if predicted and "pred_text" in record else "text"
    try:
        utterance, text = entry_name(record), string_field(record, key)
    except ValueError as error:
        raise line.error(str(error)) from None
    if utterance is None:
        raise line.error("'id' or 'audio_filepath' must be a string, got neither")
    if text is None:
        raise line.error(f"{key!r} must be a string")
    if any("\ud800" <= character <= "\udfff" for character in utterance + text):
        raise line.error("half of a surrogate pair, which is not a character")
    facts = {name: str(x) for name, x in record.items() if type(x) in _FACTS}
    if isinstance(record.get("shard"), dict):  # not the only recording of its file
        facts.pop("audio_filepath", None)
    return utterance, text, facts


_FACTS = (str, int, float)


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
