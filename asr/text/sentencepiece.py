"""Subword tokenizer on SentencePiece."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from asr.errors import DataError, ModelError
from asr.text.special_tokens import BLANK, END, SPECIALS, START, without_specials

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor


@dataclass(frozen=True)
class SubwordTokenizer:
    """Pieces of words: 0 blank, 1 start, 2 end, 3 unknown, pieces from 4 on.

    A character that the training text did not have becomes the unknown token.

    Args:
        model: A SentencePiece model, as `train_subwords` makes one.

    Raises:
        DataError: It is not a SentencePiece model, or one with other special tokens.

    Reference:
        T. Kudo and J. Richardson, SentencePiece, EMNLP 2018 (demonstrations).
    """

    model: bytes

    def __post_init__(self) -> None:
        """Load the model now, so that a damaged one is found at once."""
        special = list(self.pieces[: len(SPECIALS)])
        if tuple(special) != SPECIALS or self._processor.unk_id() != len(SPECIALS):
            raise DataError(
                f"tokenizer: the SentencePiece model begins with {special}, not with "
                f"{list(SPECIALS)}; train it with asr"
            )

    @cached_property
    def _processor(self) -> SentencePieceProcessor:
        # Imported here: recognisers of characters, and `asr score`, do without.
        from sentencepiece import SentencePieceProcessor  # noqa: PLC0415

        try:
            if not self.model:
                raise RuntimeError
            return SentencePieceProcessor(model_proto=self.model)
        except RuntimeError as error:
            raise DataError("tokenizer: not a SentencePiece model") from error

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """What each identifier stands for, specials first; as long as `size`."""
        return tuple(self._processor.id_to_piece(i) for i in range(self.size))

    @property
    def size(self) -> int:
        """Number of identifiers, the specials among them."""
        return int(self._processor.vocab_size())

    def encode(self, text: str) -> list[int]:
        """Turn a text into identifiers, without start and end.

        Args:
            text: Normalised text; `""` gives an empty list.
        """
        # Half a surrogate pair, of a name that is not UTF-8, is no character.
        return list(self._processor.encode(text.encode("utf-8", "replace").decode()))

    def decode(self, ids: Iterable[int]) -> str:
        """Turn identifiers into text; see `CharacterTokenizer.decode`.

        Raises:
            DataError: An identifier is not below `size`, or is negative.
        """
        return str(self._processor.decode(without_specials(ids, self.size)))

    def to_json(self) -> dict[str, Any]:
        """Return what `tokenizer_from_json` rebuilds the tokenizer from."""
        return {"kind": "sentencepiece", "model": base64.b64encode(self.model).decode()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> SubwordTokenizer:
        """Rebuild a tokenizer from what `to_json` returned.

        Raises:
            ModelError: The object is not a stored SentencePiece tokenizer.
        """
        try:
            return cls(base64.b64decode(stored["model"], validate=True))
        except (KeyError, TypeError, ValueError, DataError) as error:
            raise ModelError(
                f"tokenizer.json holds no SentencePiece model: {error}; restore the "
                "model folder"
            ) from error


def train_subwords(texts: Iterable[str], kind: str, size: int) -> SubwordTokenizer:
    """Find the pieces that texts are best made of.

    Args:
        texts: Normalised texts, in an order that does not change.
        kind: `unigram` or `bpe`.
        size: Number of identifiers, the four special ones and all characters of the
            texts among them; fewer come back where the texts have no more.

    Raises:
        DataError: The texts are empty, or have more characters than `size`.
    """
    from sentencepiece import SentencePieceTrainer  # noqa: PLC0415 - see above

    written = io.BytesIO()
    blank, start, end = SPECIALS
    try:
        SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=written,
            model_type=kind,
            vocab_size=size,
            hard_vocab_limit=False,
            character_coverage=1.0,
            normalization_rule_name="identity",  # texts come normalised
            num_threads=1,  # sums of several threads differ in the last bit
            minloglevel=2,
            pad_id=BLANK,
            pad_piece=blank,
            bos_id=START,
            bos_piece=start,
            eos_id=END,
            eos_piece=end,
            unk_id=len(SPECIALS),
        )
    except (RuntimeError, OSError) as error:
        reason = str(error).splitlines()[-1]
        raise DataError(
            f"no {kind} tokenizer of {size} pieces can be made of these texts: {reason}"
        ) from error
    return SubwordTokenizer(written.getvalue())
