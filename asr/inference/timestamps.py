"""Word timestamps from aligned tokens."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from asr.formats.transcript import Word

if TYPE_CHECKING:
    from asr.decoding.ctc_alignment import Spans

_WORD_MARK = "▁"  # SentencePiece's symbol for a space


class TimedWord(NamedTuple):
    """A word, its first token, and the token after its last."""

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
    """Compute the times of words from a CTC alignment.

    CTC emits a label in the middle of its sound. A word therefore begins a frame before
    its first label and ends a frame after its last. Words that would overlap meet in
    the middle.

    Args:
        pieces: As in `words_of`.
        spans: CTC alignment of the tokens.
        frame_seconds: Distance of the frames in seconds; frame r is centred at r times
            it.
        start: Seconds to add to all times.
        end: Latest time of a word in seconds.

    Returns:
        Words in order, without overlap. Their probability is the geometric mean of the
        label probabilities.
    """
    words = words_of(pieces)
    starts = [max(0.0, spans.starts[first] - 1.5) for _, first, _ in words]
    ends = [float(spans.ends[last - 1] + 0.5) for _, _, last in words]
    for index in range(1, len(words)):
        if starts[index] < ends[index - 1]:
            middle = 0.5 * (starts[index] + ends[index - 1])
            starts[index] = ends[index - 1] = middle
    return [
        TimedWord(
            Word(
                float(min(start + first_frame * frame_seconds, end)),
                float(min(start + last_frame * frame_seconds, end)),
                text,
                float(np.exp(spans.log_probs[first:last].mean())),
            ),
            first,
            last,
        )
        for (text, first, last), first_frame, last_frame in zip(
            words, starts, ends, strict=True
        )
    ]


def words_of(pieces: Sequence[str]) -> list[tuple[str, int, int]]:
    """Group tokens into words.

    Args:
        pieces: Text of each token; a space or SentencePiece's symbol begins a word.

    Returns:
        (word, first token, token after the last). Tokens of spaces alone belong to no
        word.
    """
    words: list[tuple[str, int, int]] = []
    inside = False
    for index, piece in enumerate(pieces):
        text = piece.replace(_WORD_MARK, " ")
        letters = text.strip()
        if text[:1] == " ":
            inside = False
        if not letters:
            continue
        if inside:
            word, first, _ = words.pop()
            words.append((word + letters, first, index + 1))
        else:
            words.append((letters, index, index + 1))
        inside = text[-1] != " "
    return words


def has_word_boundaries(pieces: Iterable[str]) -> bool:
    """Return true if some token of a vocabulary begins a word."""
    return any(piece[:1] in {" ", _WORD_MARK} for piece in pieces)
