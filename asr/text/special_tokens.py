"""Special tokens, which come first in every vocabulary."""

from __future__ import annotations

from collections.abc import Iterable

from asr.errors import DataError

BLANK = 0
"""Identifier of `<blank>`: the CTC blank, and what shorter rows are padded with."""
START = 1
"""Identifier of `<s>`: what the decoder reads before the first character."""
END = 2
"""Identifier of `</s>`: what the decoder writes after the last character."""

SPECIALS = ("<blank>", "<s>", "</s>")


def without_specials(ids: Iterable[int], size: int) -> list[int]:
    """Return what stands before the first end, without blanks and starts."""
    kept = []
    for number in map(int, ids):
        if number == END:
            break
        if not 0 <= number < size:
            raise DataError(
                f"token {number} is outside this tokenizer's 0..{size - 1}; "
                "use the tokenizer that the model was trained with"
            )
        if number >= len(SPECIALS):
            kept.append(number)
    return kept
