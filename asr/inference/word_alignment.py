"""Times of the words of a known text, as its author wrote them."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import NamedTuple

import numpy as np

from asr.audio.windows import AudioSegment
from asr.decoding.ctc_alignment import align_labels
from asr.errors import DataError, quoted
from asr.formats.transcript import Word
from asr.inference.segments import SegmentBuilder
from asr.inference.timestamps import has_word_boundaries, timed_words
from asr.metrics.calibration import calibrated
from asr.tasks.base import Task

log = logging.getLogger(__name__)

LONGEST_WHOLE = 120.0  # seconds that are aligned at once
_PART = 60.0  # seconds of a part of a longer recording
_MARGIN = 15.0  # at the end of a part, where the text may end too early or too late
_SHORTEST = 0.1  # seconds of a word without a spelling
_MOST_NAMED = 5
_SPOKEN_MARKS = "&%@#"  # punctuation for Unicode


class TextWord(NamedTuple):
    """A word of a text.

    Args:
        text: The word as it was written, with the marks around it.
        spelled: What of it the model can write; empty if that is not all.
    """

    text: str
    spelled: str


@dataclass
class Aligned:
    """Words of a text with their times.

    Attributes:
        words: The words as they were written.
        tokens: Tokens of the words that have a spelling.
        log_probs: Log probability of each of these tokens.
        seconds: Length of the recording.
    """

    words: tuple[Word, ...] = ()
    tokens: tuple[int, ...] = ()
    log_probs: list[float] = field(default_factory=list)
    seconds: float = 0.0


def text_words(text: str, task: Task) -> list[TextWord]:
    """Divide a text into words; marks that stand alone join the word before them."""
    words, waiting = list[TextWord](), ""
    for written in text.split():
        if _is_mark(written) and not words:
            waiting += f"{written} "
        elif _is_mark(written):
            words[-1] = TextWord(f"{words[-1].text} {written}", words[-1].spelled)
        else:
            words.append(TextWord(waiting + written, _spelling(written, task)))
            waiting = ""
    return words


def _is_mark(word: str) -> bool:
    return all(
        unicodedata.category(x)[0] == "P" and x not in _SPOKEN_MARKS for x in word
    )


def _spelling(word: str, task: Task) -> str:
    """Return what a model can write of a word, or an empty text if that is not all."""
    try:
        spelled = task.decode(task.encode_target(word)).strip()
    except DataError:  # a character that the model does not have
        return ""
    return spelled if _letters(spelled) >= _letters(word) else ""


def _letters(text: str) -> int:
    """Count letters and figures, without accents, and spoken marks."""
    return sum(
        x.isalnum() or x in _SPOKEN_MARKS or unicodedata.category(x)[0] == "S"
        for x in unicodedata.normalize("NFKD", text)
    )


def align_words(
    words: Sequence[TextWord],
    blocks: Iterable[np.ndarray],
    ctc: Callable[[np.ndarray], np.ndarray],
    builder: SegmentBuilder,
    name: str,
) -> Aligned:
    """Align the words of a text with a recording.

    A recording of over two minutes is aligned in parts: each begins where the last
    certain word of the part before ends. Words without a spelling lie between their
    neighbours.

    Args:
        words: Words of the text.
        blocks: The recording in order, (N,) float32 each.
        ctc: Returns CTC log probabilities (R, V) of samples (N,).
        builder: Turns spans of tokens into words.
        name: Name of the recording in messages.

    Raises:
        DataError: No word can be spelled, or the text does not fit the recording.
    """
    spelled = [word for word in words if word.spelled]
    if unspelled := [word.text for word in words if not word.spelled]:
        shown = ", ".join(map(quoted, unspelled[:_MOST_NAMED]))
        shown += ", ..." if len(unspelled) > _MOST_NAMED else ""
        if not spelled:
            raise DataError(f"{name}: the model can spell no word of the text: {shown}")
        log.warning(
            "%s: the model cannot spell %d of %d words, whose times are interpolated: "
            "%s",
            *(name, len(unspelled), len(words), shown),
        )
    aligned, times, done = Aligned(), [], 0
    audio = _Window(blocks, builder.task.rate)
    while done < len(spelled):
        part, is_last = audio.read()
        if not len(part.samples):
            break
        found = _align_part(spelled[done:], part, ctc, builder, whole=is_last)
        for word, log_probs in found:
            times.append(word)
            aligned.log_probs += log_probs
        done += len(found)
        audio.advance(found[-1][0].end if found else None)
    aligned.seconds = audio.finish()
    if done < len(spelled) and aligned.seconds:
        raise DataError(f"{name}: the recording ends before the text")
    text = _space(builder.task).join(word.spelled for word in spelled)
    aligned.tokens = tuple(builder.task.encode_target(text))
    if aligned.seconds:
        aligned.words = tuple(_interpolated(words, times, aligned.seconds))
    return aligned


_Found = tuple[Word, list[float]]
"""A word with its times, and log probabilities of its tokens."""


def _align_part(
    words: Sequence[TextWord],
    audio: AudioSegment,
    ctc: Callable[[np.ndarray], np.ndarray],
    builder: SegmentBuilder,
    *,
    whole: bool,
) -> list[_Found]:
    """Return the words of a part: all if it is the last, else those before its end."""
    log_probs = ctc(audio.samples)
    room = None if whole else len(log_probs)
    tokens, marks, ends = _labels(words, builder.task, room)
    spans = align_labels(log_probs, tokens, whole=whole)
    start = audio.start / builder.task.rate
    end = start + len(audio.samples) / builder.task.rate
    timed = timed_words(
        marks[: len(spans.starts)], spans, builder.frame_seconds, start=start, end=end
    )
    found: list[_Found] = []
    first = 0
    for word, (time, _, last), size in zip(words, timed, ends, strict=False):
        if not whole and (last < size or time.end > end - _MARGIN):
            break
        sure = calibrated(builder.calibration, time.probability)
        joined = replace(time, word=word.text, probability=sure)
        found.append((joined, spans.log_probs[first:last].tolist()))
        first = last
    return found


def _labels(
    words: Sequence[TextWord], task: Task, room: int | None
) -> tuple[list[int], list[str], list[int]]:
    """Return the tokens of words, what each is, and the token after each word.

    Each token is `" "` before a word, `" w"` where one begins, or `"w"` inside of one.
    """
    pieces = task.tokenizer.pieces
    space = _space(task)
    tokens: list[int] = []
    marks: list[str] = []
    ends: list[int] = []
    before, count = "", 0
    for word in words:
        both = task.encode_target(before + space + word.spelled)
        added = both[count:]
        if room is not None and len(tokens) + len(added) > room:
            break
        tokens += added
        started = False
        for token in added:
            begins = not started and bool(pieces[token].strip(" \u2581"))
            marks.append("w" if started else " w" if begins else " ")
            started = started or begins
        ends.append(len(tokens))
        before = word.spelled
        count = len(task.encode_target(before))
    return tokens, marks, ends


def _space(task: Task) -> str:
    """Return what stands between two words."""
    return " " if has_word_boundaries(task.tokenizer.pieces) else ""


class _Window:
    """Reads a recording part by part."""

    def __init__(self, blocks: Iterable[np.ndarray], rate: int) -> None:
        self._blocks: Iterator[np.ndarray] = iter(blocks)
        self._rate = rate
        self._start = 0
        self._samples = np.zeros(0, np.float32)
        self._ended = False

    def read(self) -> tuple[AudioSegment, bool]:
        """Return the next part, and whether it is the rest of the recording."""
        longest = round(LONGEST_WHOLE * self._rate)
        self._fill(longest + 1)
        whole = len(self._samples) <= longest
        samples = self._samples
        if not whole:
            samples = samples[: round(_PART * self._rate)]
        start = self._start
        return AudioSegment(start, samples, start, start + len(samples)), whole

    def _fill(self, size: int) -> None:
        waiting = [self._samples]
        held = len(self._samples)
        while held < size and not self._ended:
            block = next(self._blocks, None)
            self._ended = block is None
            if block is not None:
                waiting.append(block)
                held += len(block)
        self._samples = np.concatenate(waiting)

    def advance(self, second: float | None) -> None:
        """Begin the next part at a second; None skips a part without words."""
        if second is None:
            count = round((_PART - _MARGIN) * self._rate)
        else:
            count = round(second * self._rate) - self._start
        count = min(max(count, 0), len(self._samples))
        self._samples = self._samples[count:]
        self._start += count

    def finish(self) -> float:
        """Read the rest, and return the length of the recording in seconds."""
        rest = sum(len(block) for block in self._blocks)
        return (self._start + len(self._samples) + rest) / self._rate


def _interpolated(
    words: Sequence[TextWord], times: Sequence[Word], seconds: float
) -> list[Word]:
    """Return all words; those without times share the time between their neighbours."""
    known = iter(times)
    placed = [
        next(known) if word.spelled else Word(0.0, 0.0, word.text, 0.0)
        for word in words
    ]
    for spelled, group in groupby(range(len(words)), lambda i: bool(words[i].spelled)):
        if spelled:
            continue
        indices = list(group)
        first, last = indices[0], indices[-1] + 1
        start = placed[first - 1].end if first else 0.0
        end = placed[last].start if last < len(words) else seconds
        lacking = max(0.0, _SHORTEST * len(indices) - (end - start))
        if lacking and first:
            word = placed[first - 1]
            start = max(word.end - lacking / 2, (word.start + word.end) / 2)
            placed[first - 1] = replace(word, end=start)
        if lacking and last < len(words):
            word = placed[last]
            end = min(word.start + lacking / 2, (word.start + word.end) / 2)
            placed[last] = replace(word, start=end)
        bounds = np.linspace(start, end, len(indices) + 1).tolist()
        for index, begin, stop in zip(indices, bounds, bounds[1:], strict=False):
            placed[index] = replace(placed[index], start=begin, end=stop)
    return placed
