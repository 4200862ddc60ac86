"""Tokenizer of subwords, trained by SentencePiece."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from asr.errors import DataError
from asr.text.special_tokens import BLANK, END, SPECIALS, START, without_specials

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor


_UNKNOWN_MARK = " \u2047 "  # as the library decodes the unknown token
_LONGEST_SENTENCE = 4192  # bytes; the library leaves out longer texts by default


@dataclass(frozen=True)
class SubwordTokenizer:
    """One token for each subword: 0 blank, 1 start, 2 end, 3 unknown, then subwords.

    A character that was not in the training texts becomes the unknown token.

    Args:
        model: A SentencePiece model, as `train_subwords` makes one.

    Raises:
        DataError: `model` is not a SentencePiece model, or has other special tokens.

    Reference:
        T. Kudo and J. Richardson, SentencePiece, EMNLP 2018 (demonstrations).
    """

    model: bytes

    def __post_init__(self) -> None:
        """Load the model, so that damage is reported at once."""
        first = range(min(len(SPECIALS), self.size))  # all of them would take 10 ms
        special = [self._processor.id_to_piece(number) for number in first]
        if special != list(SPECIALS) or self._processor.unk_id() != len(SPECIALS):
            raise DataError(
                f"tokenizer: the SentencePiece model begins with {special}, not with "
                f"{list(SPECIALS)}; train it with asr"
            )

    @cached_property
    def _processor(self) -> SentencePieceProcessor:
        # Imported here: character models and `asr score` do not need it.
        from sentencepiece import SentencePieceProcessor  # noqa: PLC0415

        try:
            if not self.model:
                raise RuntimeError
            return SentencePieceProcessor(model_proto=self.model)
        except RuntimeError as error:
            raise DataError("tokenizer: not a SentencePiece model") from error

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """Text of each token, specials first; as many as `size`."""
        return tuple(self._processor.id_to_piece(i) for i in range(self.size))

    @property
    def size(self) -> int:
        """Number of tokens, specials included."""
        return int(self._processor.vocab_size())

    def encode(self, text: str) -> list[int]:
        """Turn a normalised text into tokens, without start and end."""
        # A lone surrogate, from a name that is not UTF-8, cannot be encoded.
        return list(self._processor.encode(text.encode("utf-8", "replace").decode()))

    def decode(self, ids: Iterable[int]) -> str:
        """Turn tokens into text; see `CharacterTokenizer.decode`.

        Raises:
            DataError: A token is negative, or not below `size`.
        """
        return str(self._processor.decode(without_specials(ids, self.size)))

    def with_unknown(self, text: str, source: str) -> str:
        """Return a decoded text with the unknown characters of its source.

        Args:
            text: It has a mark for each unknown token.
            source: What the model read; its unknown characters take the places of the
                marks, in their order. Marks that are left are removed.
        """
        if _UNKNOWN_MARK not in text:
            return text
        source = source.encode("utf-8", "replace").decode()
        tokens = self._processor.encode(source)
        pieces = self._processor.encode(source, out_type=str)
        for token, piece in zip(tokens, pieces, strict=True):
            if token == len(SPECIALS):
                text = text.replace(_UNKNOWN_MARK, piece.lstrip("\u2581"), 1)
        return " ".join(text.replace(_UNKNOWN_MARK, "").split())

    def to_json(self) -> dict[str, Any]:
        """Return the content of `tokenizer.json`."""
        return {"kind": "sentencepiece", "model": base64.b64encode(self.model).decode()}


def train_subwords(texts: Iterable[str], kind: str, size: int) -> SubwordTokenizer:
    """Train a tokenizer of subwords.

    Args:
        texts: Normalised texts, in a reproducible order.
        kind: `unigram` or `bpe`.
        size: Number of tokens, with the four special tokens and all characters of the
            texts. The result is smaller if the texts do not yield so many subwords.

    Raises:
        DataError: The texts are empty, or have more characters than `size`.
    """
    from sentencepiece import SentencePieceTrainer  # noqa: PLC0415 - see above

    texts, written = list(texts), io.BytesIO()
    longest = max((len(text.encode()) for text in texts), default=0)
    blank, start, end = SPECIALS
    try:
        SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            max_sentence_length=max(longest, _LONGEST_SENTENCE),  # leaves out none
            model_writer=written,
            model_type=kind,
            vocab_size=size,
            hard_vocab_limit=False,
            character_coverage=1.0,
            normalization_rule_name="identity",  # the texts are normalised already
            num_threads=1,  # for equal results on all machines
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
        raise DataError(
            f"no {kind} tokenizer of {size} pieces can be trained on these texts: "
            f"{str(error).splitlines()[-1]}"
        ) from error
    return SubwordTokenizer(written.getvalue())
