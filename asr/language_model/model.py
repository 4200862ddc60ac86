"""Language model records: n-grams of characters and, with a vocabulary, of words.

Each character is predicted by the characters before it. With a vocabulary, each word is
predicted by the two words before it as well; an unknown word is still spelled out.
"""

from __future__ import annotations

from dataclasses import dataclass

from asr.language_model.ngrams import NGrams
from asr.text.pronunciation import Phones
from asr.text.tokenizers import CharacterTokenizer

UNKNOWN = 3  # token of all words that the vocabulary lacks
FIRST = 4  # token of the first word of the vocabulary


@dataclass(frozen=True)
class Words:
    """N-grams of words.

    Attributes:
        vocabulary: The words, sorted; their tokens count from 4.
        ngrams: Up to trigrams.
        pronunciations: Pronunciations of each word, none for a word that the lexicon
            lacks; empty without a lexicon.
    """

    vocabulary: tuple[str, ...]
    ngrams: NGrams
    pronunciations: tuple[tuple[Phones, ...], ...] = ()


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """N-grams that predict texts.

    Attributes:
        tokenizer: Its characters.
        normalizer: A key of `asr.text.normalizers.NORMALIZERS`, applied to its texts.
        ngrams: N-grams of characters.
        words: N-grams of words, if it has any.
    """

    tokenizer: CharacterTokenizer
    normalizer: str
    ngrams: NGrams
    words: Words | None = None
