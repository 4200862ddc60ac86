"""Special tokens, the first entries of every vocabulary."""

from __future__ import annotations

from collections.abc import Iterable

from asr.errors import DataError

BLANK = 0
"""Token `<blank>`: the CTC blank and the padding."""
START = 1
"""Token `<s>`: first input of the decoder."""
END = 2
"""Token `</s>`: last output of the decoder."""

SPECIALS = ("<blank>", "<s>", "</s>")


def without_specials(ids: Iterable[int], size: int) -> list[int]:
    """Return the tokens before the first end symbol, without blanks and starts.

    Raises:
        DataError: A token is negative, or not below `size`.
    """
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
