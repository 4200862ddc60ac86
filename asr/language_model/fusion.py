"""Shallow fusion: language models as scorers of a search, or as its lexicon."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asr.decoding.beam_search import Tokens
from asr.decoding.hotwords import HotwordScorer
from asr.decoding.lexicon_search import LexiconSearch
from asr.decoding.prefix_tree import ROOT, lexicon, phone_tree
from asr.decoding.scorers import Automaton, WordScorer
from asr.errors import ModelError
from asr.language_model.model import FIRST, UNKNOWN, LanguageModel, Words
from asr.language_model.tables import first_rows, ngram_automaton, word_rows
from asr.text.special_tokens import END, START
from asr.text.tokenizers import CharacterTokenizer, Tokenizer

_TINY = 1e-30


def scorer(
    model: LanguageModel, tokenizer: Tokenizer, *, weight: float, bonus: float
) -> Automaton | WordScorer:
    """Return a scorer of words where the model has any, else of characters.

    Args:
        model: The language model.
        tokenizer: Tokenizer of the model that searches.
        weight: Factor of natural log probabilities.
        bonus: Score of each word, since a language model alone prefers few words. With
            word n-grams a single letter gets none: "A S R" is one word, spelled.

    Raises:
        ModelError: The two models do not write the same characters.
    """
    if model.words is None or " " not in tokenizer.pieces:
        return character_scorer(model, tokenizer, weight=weight, bonus=bonus)
    return word_scorer(model, model.words, tokenizer, weight=weight, bonus=bonus)


def character_scorer(
    model: LanguageModel, tokenizer: Tokenizer, *, weight: float, bonus: float
) -> Automaton:
    """Return an automaton of character n-grams; see `scorer`."""
    if not isinstance(tokenizer, CharacterTokenizer):
        raise ModelError(
            "a language model of characters scores only models that write characters"
        )
    unknown = set(tokenizer.characters) - set(model.tokenizer.characters)
    if unknown:
        raise ModelError(f"the language model does not know {min(unknown)!r}")
    columns = [model.tokenizer.pieces.index(piece) for piece in tokenizer.pieces]
    automaton = ngram_automaton(model.ngrams)
    scores = np.ascontiguousarray(weight * automaton.scores[:, columns])
    following = np.ascontiguousarray(automaton.following[:, columns])
    scores[:, [_space(tokenizer), END]] += bonus
    return Automaton(scores, following, automaton.start)


def word_scorer(
    model: LanguageModel,
    words: Words,
    tokenizer: Tokenizer,
    *,
    weight: float,
    bonus: float,
) -> WordScorer:
    """Return a scorer of character and word n-grams; see `scorer`."""
    letters = character_scorer(model, tokenizer, weight=weight, bonus=0.0)
    known = set(tokenizer.pieces)
    spelled = [
        (tokenizer.encode(word), number)
        for number, word in enumerate(words.vocabulary, start=FIRST)
        if known.issuperset(word)
    ]
    tree = lexicon(
        [tokens for tokens, _ in spelled],
        [number for _, number in spelled],
        tokenizer.size,
        space=_space(tokenizer),
        unknown=UNKNOWN,
    )
    bonuses = np.full(len(tree.words), bonus, np.float32)
    bonuses[ROOT] = 0
    bonuses[[tree.children[ROOT, tokens[0]] for tokens, _ in spelled]] = 0
    return WordScorer(
        letters=letters,
        lexicon=tree,
        unigrams=words.ngrams.unigrams,
        rows=first_rows(words.ngrams),
        bigrams=word_rows(words.ngrams, 1),
        trigrams=word_rows(words.ngrams, 2),
        first=START,
        unknown=UNKNOWN,
        space=_space(tokenizer),
        end=END,
        weight=weight,
        bonus=bonuses,
    )


def _space(tokenizer: Tokenizer) -> int:
    """Return the token between words: the end where the tokenizer has no space."""
    return tokenizer.pieces.index(" ") if " " in tokenizer.pieces else END


def lexicon_search(
    model: LanguageModel,
    phones: Sequence[str],
    tokenizer: Tokenizer,
    *,
    weight: float,
    beam: int,
    hotwords: Automaton | None = None,
) -> LexiconSearch | None:
    """Return a search for the model's words by their phones.

    Args:
        model: The language model.
        phones: Phones of a CTC head, from 1 on.
        tokenizer: Tokenizer of the model that has the head; the search leaves out words
            with other characters.
        weight: Factor of natural log probabilities of words beside those of phones.
        beam: Entries kept at a frame; see `LexiconSearch`.
        hotwords: Automaton that rewards hotwords; its tokens are the tokenizer's.

    Returns:
        The search, or None if no word has a pronunciation in these phones.
    """
    writable = set(tokenizer.pieces)
    if model.words is None or " " not in writable:
        return None
    numbers = {phone: number for number, phone in enumerate(phones, start=1)}
    vocabulary = model.words.vocabulary
    lines = zip(vocabulary, model.words.pronunciations, strict=False)
    entries = [
        ([numbers[phone] for phone in pronunciation], word)
        for word, (spelling, pronunciations) in enumerate(lines, start=FIRST)
        if writable.issuperset(spelling)
        for pronunciation in pronunciations
        if numbers.keys() >= set(pronunciation)
    ]
    if not entries:
        return None
    ngrams = model.words.ngrams
    size = len(ngrams.unigrams)

    def predict(before: np.ndarray, last: np.ndarray, words: np.ndarray) -> np.ndarray:
        probs = ngrams.probabilities(2, before * size + last, words)
        return np.log(np.maximum(probs, _TINY))

    names = [""] * FIRST + list(vocabulary)
    scores = np.log(np.maximum(ngrams.unigrams.astype(np.float64), _TINY)) * weight
    rewards = _rewards(hotwords, names, tokenizer) if hotwords else None
    if rewards:
        scores += rewards.best_gains()
    pronunciations, words = zip(*entries, strict=True)
    return LexiconSearch(
        phone_tree(pronunciations, words, scores),
        predict,
        names,
        special=Tokens(START, END),
        weight=weight,
        beam=beam,
        hotwords=rewards,
    )


def _rewards(
    automaton: Automaton, names: Sequence[str], tokenizer: Tokenizer
) -> HotwordScorer:
    """Return rewards of words; those that the tokenizer cannot write have none."""
    writable = set(tokenizer.pieces)
    spelled = [
        tokenizer.encode(name) if writable.issuperset(name) else [] for name in names
    ]
    return HotwordScorer(automaton, spelled, space=_space(tokenizer), end=END)
