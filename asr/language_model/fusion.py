"""Shallow fusion: language models as scorers of a search, or as its lexicon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice, product, repeat
from typing import Any, NamedTuple

import numpy as np

from asr.decoding.hotwords import HotwordScorer
from asr.decoding.lexicon_search import LexiconSearch
from asr.decoding.prefix_tree import ROOT, PhoneTree, SearchTree, lexicon, phone_tree
from asr.decoding.scorers import Automaton, WordScorer
from asr.decoding.word_histories import WordModel
from asr.errors import ModelError
from asr.language_model.model import (
    FIRST,
    UNKNOWN,
    LanguageModel,
    Names,
    PhoneLexicon,
    Words,
)
from asr.language_model.open_vocabulary import (
    OpenVocabulary,
    added_log_probs,
    token_of,
)
from asr.language_model.tables import ngram_automaton
from asr.text.pronunciation import Lexicon
from asr.text.special_tokens import END
from asr.text.tokenizers import CharacterTokenizer, Tokenizer

_TINY = 1e-30
_MOST_WAYS = 64  # of saying a prefix


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
    added: Lexicon | None = None,
    prefix: Sequence[str] = (),
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
        added: Pronunciations of words beyond the model's lexicon that can be found too.
        prefix: First words of each text. Each must have a pronunciation, in the model's
            lexicon or among the added ones.

    Returns:
        The search, or None if no word has a pronunciation in these phones.
    """
    words, writable = model.words, set(tokenizer.pieces)
    if words is None or words.lexicon is None or " " not in writable:
        return None
    tree = _tree(words, words.lexicon, phones, writable)
    if not len(tree.words):
        return None
    additions = _additions(words, tree, phones, added or {}, prefix)
    names = _TokenNames(words.vocabulary, [addition.name for addition in additions])
    unigrams = words.ngrams.unigrams.astype(np.float64)
    parts = [addition.tokens for addition in additions]
    log_probs = np.log(np.maximum(unigrams, _TINY))
    scores = np.append(log_probs, added_log_probs(unigrams, parts)) * weight
    rewards = _rewards(hotwords, names, tokenizer) if hotwords else None
    if rewards:
        scores += rewards.best_gains()
    language: WordModel = words.ngrams
    if additions:
        language = OpenVocabulary(language, len(unigrams), parts)
    return LexiconSearch(
        _search_tree(tree, scores, additions, has_prefix=bool(prefix)),
        language,
        names,
        weight=weight,
        beam=beam,
        hotwords=rewards,
    )


class _Addition(NamedTuple):
    """A word or phrase that a search has beside the words of its lexicon."""

    name: str
    tokens: list[int]  # of its words, in the language model
    spoken: list[tuple[int, ...]]  # phones of its pronunciations


def _additions(
    words: Words,
    tree: PhoneTree,
    phones: Sequence[str],
    added: Lexicon,
    prefix: Sequence[str],
) -> list[_Addition]:
    """Return the added words, and after them the prefix, if there is any, as one."""
    numbers = {phone: number for number, phone in enumerate(phones, start=1)}
    new = {
        word: _Addition(
            word,
            [token_of(words, word)],
            [tuple(numbers[phone] for phone in spoken) for spoken in pronunciations],
        )
        for word, pronunciations in added.items()
    }
    if not prefix:
        return [*new.values()]
    parts = [
        new[word].spoken if word in new else tree.spoken(token_of(words, word))
        for word in prefix
    ]
    spoken = [tuple(chain(*ways)) for ways in islice(product(*parts), _MOST_WAYS)]
    tokens = [token_of(words, word) for word in prefix]
    return [*new.values(), _Addition(" ".join(prefix), tokens, spoken)]


def _search_tree(
    tree: PhoneTree, scores: np.ndarray, additions: list[_Addition], *, has_prefix: bool
) -> SearchTree:
    """Return the tree of a lexicon and its additions, of which a prefix is the last."""
    known = len(scores) - len(additions)
    found = SearchTree(tree, tree.lookahead(scores[:known]))
    entries = [
        (spoken, token)
        for token, addition in enumerate(additions, start=known)
        for spoken in addition.spoken
    ]
    last = len(scores) - 1 if has_prefix else len(scores)
    if words := [entry for entry in entries if entry[1] < last]:
        other = phone_tree(*zip(*words, strict=True))
        found = found.joined(other, other.lookahead(scores))
    if has_prefix:
        found = found.begun(phone_tree(*zip(*entries[len(words) :], strict=True)))
    return found


class _TokenNames(Sequence[str]):
    """Spelling of each token of a vocabulary; those before the first word have none."""

    def __init__(self, vocabulary: Sequence[str], added: Sequence[str]) -> None:
        self._vocabulary, self._added = vocabulary, added
        self._known = FIRST + len(vocabulary)

    def __len__(self) -> int:
        return self._known + len(self._added)

    def __iter__(self) -> Iterator[str]:
        return chain(repeat("", FIRST), self._vocabulary, self._added)

    def __getitem__(self, token: Any) -> Any:
        if token >= self._known:
            return self._added[token - self._known]
        return "" if token < FIRST else self._vocabulary[token - FIRST]


def _can_write(writable: set[str], vocabulary: Sequence[str]) -> bool:
    """Tell whether all words consist of some characters."""
    names = vocabulary if isinstance(vocabulary, Names) else Names.of(vocabulary)
    known = "".join(it for it in writable if it.isascii()) + "\n"
    left = names.text.tobytes().translate(None, known.encode())  # in a millisecond
    return not left or writable.issuperset(left.decode())


def _tree(
    words: Words, lexicon: PhoneLexicon, phones: Sequence[str], writable: set[str]
) -> PhoneTree:
    """Return the tree of the words that a model can write and whose phones it knows."""
    numbers = {phone: number for number, phone in enumerate(phones, start=1)}
    table = np.array([0, *(numbers.get(phone, 0) for phone in lexicon.phones)])
    if table[1:].all() and _can_write(writable, words.vocabulary):
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
    spelled = _spelled(names, tokenizer)
    return HotwordScorer(automaton, spelled, space=_space(tokenizer), end=END)


def _spelled(names: Sequence[str], tokenizer: Tokenizer) -> np.ndarray:
    """Return the tokens of all words, padded with 0, (N, L); in some milliseconds."""
    codes = np.frombuffer(("\n".join(names) + "\n").encode("utf-32-le"), "<u4")
    letters = [(ord(it), n) for n, it in enumerate(tokenizer.pieces) if len(it) == 1]
    table = np.zeros(1 + max(codes.max(), *(code for code, _ in letters)), np.int32)
    for code, token in letters:
        table[code] = token
    ends = np.flatnonzero(codes == ord("\n"))
    sizes = np.diff(ends, prepend=-1) - 1
    padded = np.zeros((len(names), sizes.max(initial=0)), np.int32)
    is_letter = np.arange(padded.shape[1]) < sizes[:, None]
    padded[is_letter] = table[codes[codes != ord("\n")]]
    padded[np.any(is_letter & (padded == 0), axis=1)] = 0
    return padded
