"""Perplexity of a language model on texts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from asr.decoding.hotwords import text_score
from asr.errors import DataError
from asr.language_model import fusion
from asr.language_model.model import LanguageModel
from asr.text.normalizers import normalizer
from asr.text.special_tokens import END

_HIGHEST = 700.0  # log of a perplexity that is still a number


@dataclass(frozen=True)
class Perplexity:
    """Perplexity of a language model on texts.

    Attributes:
        texts: Number of texts.
        words: Words in them.
        characters: Characters in them, ends of texts included.
        bits: Bits per character.
        perplexity: Perplexity per word; spaces and the ends of texts count as well.
        left_out: Texts with characters that the model does not know.
    """

    texts: int
    words: int
    characters: int
    bits: float
    perplexity: float
    left_out: int

    def to_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return {
            "texts": self.texts,
            "words": self.words,
            "characters": self.characters,
            "bits_per_character": round(self.bits, 4),
            "perplexity": round(self.perplexity, 2),
            "left_out": self.left_out,
        }

    def summary(self) -> str:
        """Return the figures as readable text."""
        text = (
            f"bits       {self.bits:.3f} for each of {self.characters:,} characters\n"
            f"perplexity {self.perplexity:.1f} for each of {self.words:,} words\n"
            f"texts      {self.texts:,}"
        )
        if self.left_out:
            text += f", {self.left_out:,} left out: characters that are not known"
        return text


def perplexity(model: LanguageModel, texts: Iterable[str]) -> Perplexity:
    """Measure the perplexity of a language model on texts.

    Args:
        model: The language model.
        texts: Texts; they go through the model's normaliser. Empty ones do not count.

    Raises:
        DataError: No text consists of characters that the model knows.
    """
    normalize, rows, words, left_out = normalizer(model.normalizer), [], 0, 0
    for text in texts:
        normalized = normalize(text)
        if not normalized:
            continue
        try:
            rows.append([*model.tokenizer.encode(normalized), END])
            words += len(normalized.split())
        except DataError:
            left_out += 1
    if not rows:
        raise DataError("no texts whose characters the language model knows")
    scorer = fusion.scorer(model, model.tokenizer, weight=1.0, bonus=0.0)
    total = -text_score(scorer, rows)
    count = sum(map(len, rows))
    return Perplexity(
        texts=len(rows),
        words=words,
        characters=count,
        bits=total / count / math.log(2),
        perplexity=math.exp(min(total / max(1, words), _HIGHEST)),
        left_out=left_out,
    )
