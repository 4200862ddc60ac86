"""Word timestamps from aligned tokens."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from asr.formats.transcript import Word

if TYPE_CHECKING:
    from asr.decoding.ctc_alignment import Spans

_WORD_MARK = "▁"  # what SentencePiece writes in the place of a space


class TimedWord(NamedTuple):
    """A word, its first token and the one after its last."""

    word: Word
    first: int
    last: int


def timed_words(
    pieces: Sequence[str],
    spans: Spans,
    frame_seconds: float,
    *,
    start: float = 0.0,
    end: float = math.inf,
) -> list[TimedWord]:
    """Tell when each word begins and ends.

    CTC writes a label in the middle of its sound. A word therefore begins a frame
    before its first label and ends a frame after its last; two that would overlap meet
    in the middle.

    Args:
        pieces: As in `words_of`.
        spans: Where the tokens lie.
        frame_seconds: Distance of the frames in seconds; frame r is centred at r times
            that.
        start: Seconds to add to all times.
        end: Second that no word passes.

    Returns:
        Words in order, without overlap; their probability is the geometric mean of that
        of their labels.
    """
    found = words_of(pieces)
    starts = [max(0.0, spans.starts[first] - 1.5) for _, first, _ in found]
    ends = [float(spans.ends[last - 1] + 0.5) for _, _, last in found]
    for place in range(1, len(found)):
        if starts[place] < ends[place - 1]:
            middle = 0.5 * (starts[place] + ends[place - 1])
            starts[place] = ends[place - 1] = middle
    return [
        TimedWord(
            Word(
                min(start + first_frame * frame_seconds, end),
                min(start + last_frame * frame_seconds, end),
                text,
                float(np.exp(spans.log_probs[first:last].mean())),
            ),
            first,
            last,
        )
        for (text, first, last), first_frame, last_frame in zip(
            found, starts, ends, strict=True
        )
    ]


def words_of(pieces: Sequence[str]) -> list[tuple[str, int, int]]:
    """Group tokens into words.

    Args:
        pieces: What each token stands for, a space or SentencePiece's mark of one where
            a word begins.

    Returns:
        (word, first token, token after the last); tokens that are only spaces belong to
        no word.
    """
    words: list[tuple[str, int, int]] = []
    inside = False
    for place, piece in enumerate(pieces):
        text = piece.replace(_WORD_MARK, " ")
        written = text.strip()
        if text[:1] == " ":
            inside = False
        if not written:
            continue
        if inside:
            word, first, _ = words.pop()
            words.append((word + written, first, place + 1))
        else:
            words.append((written, place, place + 1))
        inside = text[-1] != " "
    return words


def has_word_boundaries(pieces: Iterable[str]) -> bool:
    """Return true if some token of a vocabulary begins a word."""
    return any(piece[:1] in {" ", _WORD_MARK} for piece in pieces)
