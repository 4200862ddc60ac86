"""Language model records: n-grams of characters and, with a vocabulary, of words.

Each character is predicted by the characters before it. With a vocabulary, each word is
predicted by the two words before it as well; an unknown word is still spelled out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, overload

import numpy as np

from asr.decoding.prefix_tree import PhoneTree, phone_tree
from asr.decoding.word_ngrams import WordNGrams
from asr.language_model.ngrams import NGrams
from asr.text.pronunciation import Lexicon, Phones
from asr.text.tokenizers import CharacterTokenizer

UNKNOWN = 3  # token of all words that the vocabulary lacks
FIRST = 4  # token of the first word of the vocabulary


class Names(Sequence[str]):
    """Names in one buffer, each decoded when it is looked up.

    Args:
        text: UTF-8, a name on each line, (N,) uint8; may be memory-mapped.
    """

    def __init__(self, text: np.ndarray) -> None:
        self._text = text
        breaks = np.flatnonzero(text == ord("\n")).astype(np.int32)
        self._begin = np.concatenate([[0], breaks + 1, [len(text) + 1]], dtype=np.int32)

    @classmethod
    def of(cls, names: Iterable[str]) -> Names:
        """Return names that are at hand."""
        return cls(np.frombuffer("\n".join(names).encode(), np.uint8))

    @property
    def text(self) -> np.ndarray:
        """All names, a line each, UTF-8."""
        return self._text

    @property
    def sizes(self) -> np.ndarray:
        """Bytes of each name."""
        return np.diff(self._begin) - 1

    def __len__(self) -> int:
        return len(self._begin) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self)[index]
        first, last = self._begin[index], self._begin[index + 1] - 1
        return self._text[first:last].tobytes().decode()

    def __iter__(self) -> Iterator[str]:
        return iter(self._text.tobytes().decode().split("\n"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Iterable) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # as a list


class PhoneLexicon(NamedTuple):
    """Pronunciations of a vocabulary.

    Attributes:
        phones: Names of the phones; the tree counts them from 1.
        tree: Tokens of words by their phones.
    """

    phones: tuple[str, ...]
    tree: PhoneTree


@dataclass(frozen=True)
class Words:
    """N-grams of words.

    Attributes:
        vocabulary: The words, sorted; their tokens count from 4.
        ngrams: Their n-grams.
        lexicon: Pronunciations of the words that have any.
    """

    vocabulary: Sequence[str]
    ngrams: WordNGrams
    lexicon: PhoneLexicon | None = None

    @property
    def pronunciations(self) -> Lexicon:
        """Pronunciations of each word that has any."""
        found: dict[str, tuple[Phones, ...]] = {}
        if self.lexicon:
            for numbers, word in self.lexicon.tree.pronunciations():
                phones = tuple(self.lexicon.phones[number - 1] for number in numbers)
                name = self.vocabulary[word - FIRST]
                found[name] = (*found.get(name, ()), phones)
        return found


class LanguageModel:
    """N-grams that predict texts.

    Args:
        tokenizer: Its characters.
        normalizer: A key of `asr.text.normalizers.NORMALIZERS`, applied to its texts.
        ngrams: N-grams of characters, or a function that loads them.
        words: N-grams of words, if it has any.
    """

    def __init__(
        self,
        tokenizer: CharacterTokenizer,
        normalizer: str,
        ngrams: NGrams | Callable[[], NGrams],
        words: Words | None = None,
    ) -> None:
        self.tokenizer, self.normalizer, self.words = tokenizer, normalizer, words
        self._ngrams = ngrams

    @cached_property
    def ngrams(self) -> NGrams:
        """N-grams of characters; most searches need only those of words."""
        return self._ngrams if isinstance(self._ngrams, NGrams) else self._ngrams()


def phone_lexicon(vocabulary: Sequence[str], lexicon: Lexicon) -> PhoneLexicon | None:
    """Return the pronunciations of a vocabulary, or None if the lexicon has none."""
    entries = [
        (phones, token)
        for token, word in enumerate(vocabulary, start=FIRST)
        for phones in lexicon.get(word, ())
    ]
    if not entries:
        return None
    names = tuple(sorted({phone for phones, _ in entries for phone in phones}))
    numbers = {name: number for number, name in enumerate(names, start=1)}
    spoken = [[numbers[phone] for phone in phones] for phones, _ in entries]
    return PhoneLexicon(names, phone_tree(spoken, [token for _, token in entries]))
