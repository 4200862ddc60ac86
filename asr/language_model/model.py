"""Language models: how probable a text is, by what was written before.

Each character is predicted by the ones before it. With a vocabulary, words are
predicted as well, by the two before; a word that the vocabulary lacks is still spelled
out.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from asr.decoding.automata import Automaton, text_score
from asr.decoding.beam_search import Tokens
from asr.decoding.lexicon_search import Hotwords, LexiconSearch
from asr.decoding.prefix_tree import ROOT, lexicon, phone_tree
from asr.decoding.scorers import TableScorer, WordScorer
from asr.errors import DataError, ModelError
from asr.language_model.ngrams import NGrams
from asr.language_model.perplexity import HIGHEST, Perplexity
from asr.text.normalizers import normalizer
from asr.text.pronunciation import Phones
from asr.text.special_tokens import END, START
from asr.text.tokenizers import CharacterTokenizer, Tokenizer

log = logging.getLogger(__name__)
UNKNOWN = 3  # the word that stands for all that the vocabulary lacks
FIRST = 4  # the first word of the vocabulary
_TINY = 1e-30


@dataclass(frozen=True)
class Words:
    """N-grams of words.

    Attributes:
        vocabulary: The words, sorted; tokens from 4 on stand for them.
        ngrams: Up to trigrams.
        pronunciations: Those of each word, none where no lexicon knew it; empty
            without one.
    """

    vocabulary: tuple[str, ...]
    ngrams: NGrams
    pronunciations: tuple[tuple[Phones, ...], ...] = ()


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """N-grams that predict texts.

    Attributes:
        tokenizer: Its characters.
        normalizer: A key of `asr.text.normalizers.NORMALIZERS`, used on its texts.
        ngrams: N-grams of characters.
        words: N-grams of words, where it has any.
    """

    tokenizer: CharacterTokenizer
    normalizer: str
    ngrams: NGrams
    words: Words | None = None

    def guide(
        self, tokenizer: Tokenizer, *, weight: float, bonus: float
    ) -> Automaton | WordScorer:
        """Return what it adds to the scores of a search.

        Args:
            tokenizer: Of the model that searches.
            weight: Factor of natural log probabilities.
            bonus: What each word adds, since a language model alone wants few of them.
                Beside n-grams of words a single letter is none: who spells "A S R"
                says one word.

        Raises:
            ModelError: The two do not write the same characters.
        """
        if not isinstance(tokenizer, CharacterTokenizer):
            raise ModelError(
                "a language model of characters guides only models that write them"
            )
        unknown = set(tokenizer.characters) - set(self.tokenizer.characters)
        if unknown:
            raise ModelError(f"the language model does not know {min(unknown)!r}")
        places = [self.tokenizer.pieces.index(piece) for piece in tokenizer.pieces]
        found = self.ngrams.automaton()
        scores = np.ascontiguousarray(weight * found.scores[:, places])
        following = np.ascontiguousarray(found.following[:, places])
        spaced = " " in tokenizer.characters
        space = tokenizer.pieces.index(" ") if spaced else END
        if self.words is None or not spaced:
            scores[:, [space, END]] += bonus
            return Automaton(scores, following, found.start)
        known = set(tokenizer.characters)
        spelled = [
            (tokenizer.encode(word), number)
            for number, word in enumerate(self.words.vocabulary, start=FIRST)
            if known.issuperset(word)
        ]
        ngrams = self.words.ngrams
        tree = lexicon(
            [tokens for tokens, _ in spelled],
            [number for _, number in spelled],
            tokenizer.size,
            space=space,
            unknown=UNKNOWN,
        )
        bonuses = np.full(len(tree.words), bonus, np.float32)
        bonuses[ROOT] = 0
        bonuses[[tree.children[ROOT, tokens[0]] for tokens, _ in spelled]] = 0
        return WordScorer(
            letters=TableScorer(scores, following),
            lexicon=tree,
            unigrams=ngrams.unigrams,
            rows=ngrams.first_rows(),
            bigrams=ngrams.rows(1),
            trigrams=ngrams.rows(2),
            start=found.start,
            first=START,
            unknown=UNKNOWN,
            space=space,
            end=END,
            weight=weight,
            bonus=bonuses,
        )

    def phone_search(
        self,
        phones: Sequence[str],
        tokenizer: Tokenizer,
        *,
        weight: float,
        beam: int,
        hotwords: Automaton | None = None,
    ) -> LexiconSearch | None:
        """Return what finds its words by how they sound, or None if it cannot tell.

        Args:
            phones: What a CTC head writes, from 1 on.
            tokenizer: Of the model that has the head; words that it cannot write are
                not found.
            weight: Factor of natural log probabilities beside those of phones.
            beam: Entries kept at a frame; see `PhoneSearch`.
            hotwords: What rewards them, beside log probabilities of phones; reads what
                the tokenizer writes.
        """
        writable = set(tokenizer.pieces)
        if self.words is None or " " not in writable:
            return None
        numbers = {phone: number for number, phone in enumerate(phones, start=1)}
        known = zip(self.words.vocabulary, self.words.pronunciations, strict=False)
        found = [
            ([numbers[phone] for phone in spoken], word)
            for word, (spelling, pronunciations) in enumerate(known, start=FIRST)
            if writable.issuperset(spelling)
            for spoken in pronunciations
            if numbers.keys() >= set(spoken)
        ]
        if not found:
            return None
        ngrams = self.words.ngrams
        size = len(ngrams.unigrams)

        def predict(
            before: np.ndarray, last: np.ndarray, words: np.ndarray
        ) -> np.ndarray:
            chances = ngrams.probabilities(2, before * size + last, words)
            return np.log(np.maximum(chances, _TINY))

        names = [""] * FIRST + list(self.words.vocabulary)
        scores = np.log(np.maximum(ngrams.unigrams.astype(np.float64), _TINY)) * weight
        spoken, words = zip(*found, strict=True)
        rewards = None
        if hotwords:
            rewards = Hotwords(
                hotwords,
                [
                    tokenizer.encode(name) if writable.issuperset(name) else []
                    for name in names
                ],
                space=tokenizer.encode(" ")[0],
                end=END,
            )
            scores += rewards.most()
        return LexiconSearch(
            phone_tree(spoken, words, scores),
            predict,
            names,
            special=Tokens(START, END),
            weight=weight,
            beam=beam,
            hotwords=rewards,
        )

    def fit(self, texts: Iterable[str]) -> Perplexity:
        """Measure how well it predicts texts.

        Args:
            texts: Any; they go through the model's normaliser. Empty ones do not count.

        Raises:
            DataError: There is no text that it knows the characters of.
        """
        normalize, rows, words, left_out = normalizer(self.normalizer), [], 0, 0
        for text in texts:
            written = normalize(text)
            if not written:
                continue
            try:
                rows.append([*self.tokenizer.encode(written), END])
                words += len(written.split())
            except DataError:
                left_out += 1
        if not rows:
            raise DataError("no texts whose characters the language model knows")
        automaton = self.guide(self.tokenizer, weight=1.0, bonus=0.0)
        total = -text_score(automaton, rows)
        count = sum(map(len, rows))
        return Perplexity(
            texts=len(rows),
            words=words,
            characters=count,
            bits=total / count / math.log(2),
            perplexity=math.exp(min(total / max(1, words), HIGHEST)),
            left_out=left_out,
        )
