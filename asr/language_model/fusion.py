"""Shallow fusion: language models as scorers of a search, or as its lexicon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from asr.decoding.hotwords import HotwordScorer
from asr.decoding.lexicon_search import LexiconSearch
from asr.decoding.prefix_tree import ROOT, PhoneTree, lexicon, phone_tree
from asr.decoding.scorers import Automaton, WordScorer
from asr.errors import ModelError
from asr.language_model.model import (
    FIRST,
    UNKNOWN,
    LanguageModel,
    Names,
    PhoneLexicon,
    Words,
)
from asr.language_model.tables import ngram_automaton
from asr.text.special_tokens import END
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
        ngrams=words.ngrams,
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
    words, writable = model.words, set(tokenizer.pieces)
    if words is None or words.lexicon is None or " " not in writable:
        return None
    tree = _tree(words, words.lexicon, phones, writable)
    if not len(tree.words):
        return None
    names = _TokenNames(words.vocabulary)
    unigrams = words.ngrams.unigrams.astype(np.float64)
    scores = np.log(np.maximum(unigrams, _TINY)) * weight
    rewards = _rewards(hotwords, names, tokenizer) if hotwords else None
    if rewards:
        scores += rewards.best_gains()
    return LexiconSearch(
        tree,
        tree.lookahead(scores),
        words.ngrams,
        names,
        weight=weight,
        beam=beam,
        hotwords=rewards,
    )


class _TokenNames(Sequence[str]):
    """Spelling of each token of a vocabulary; those before the first word have none."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._vocabulary = vocabulary

    def __len__(self) -> int:
        return FIRST + len(self._vocabulary)

    def __getitem__(self, token: Any) -> Any:
        return "" if token < FIRST else self._vocabulary[token - FIRST]


def _characters(vocabulary: Sequence[str]) -> set[str]:
    """Return the characters of all words."""
    names = vocabulary if isinstance(vocabulary, Names) else Names.of(vocabulary)
    text = names.text
    if text.max() < 128:  # of ASCII alone, which is much faster
        characters = {chr(code) for code in np.flatnonzero(np.bincount(text))}
    else:
        characters = set(text.tobytes().decode())
    return characters - {"\n"}


def _tree(
    words: Words, lexicon: PhoneLexicon, phones: Sequence[str], writable: set[str]
) -> PhoneTree:
    """Return the tree of the words that a model can write and whose phones it knows."""
    numbers = {phone: number for number, phone in enumerate(phones, start=1)}
    table = np.array([0, *(numbers.get(phone, 0) for phone in lexicon.phones)])
    if table[1:].all() and writable.issuperset(_characters(words.vocabulary)):
        return lexicon.tree._replace(phones=table.astype(np.uint8)[lexicon.tree.phones])
    entries = [
        ([int(table[phone]) for phone in spoken], word)
        for spoken, word in lexicon.tree.pronunciations()
        if table[list(spoken)].all()
        and writable.issuperset(words.vocabulary[word - FIRST])
    ]
    return phone_tree([spoken for spoken, _ in entries], [word for _, word in entries])


def _rewards(
    automaton: Automaton, names: Sequence[str], tokenizer: Tokenizer
) -> HotwordScorer:
    """Return rewards of words; those that the tokenizer cannot write have none."""
    writable = set(tokenizer.pieces)
    spelled = [
        tokenizer.encode(name) if writable.issuperset(name) else [] for name in names
    ]
    return HotwordScorer(automaton, spelled, space=_space(tokenizer), end=END)
