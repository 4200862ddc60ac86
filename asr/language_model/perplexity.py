"""Perplexity of a language model on texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

HIGHEST = 700.0  # log of a perplexity that is still a number


@dataclass(frozen=True)
class Perplexity:
    """How well a language model predicts texts.

    Attributes:
        texts: Number of texts.
        words: Words in them.
        characters: Characters in them, ends of texts included.
        bits: Information of a character, in bits.
        perplexity: Of a word: its spaces and the ends of texts count as well.
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
        """Return the figures for people."""
        text = (
            f"bits       {self.bits:.3f} for each of {self.characters:,} characters\n"
            f"perplexity {self.perplexity:.1f} for each of {self.words:,} words\n"
            f"texts      {self.texts:,}"
        )
        if self.left_out:
            text += f", {self.left_out:,} left out: characters that are not known"
        return text
