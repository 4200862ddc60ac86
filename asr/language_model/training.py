"""Trains language models from texts."""

from __future__ import annotations

import functools
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from asr.config.parsing import to_dict
from asr.config.schema import DataConfig, NGramConfig, Recipe
from asr.corpora.sources import read_texts
from asr.data.decontamination import OverlapFilter
from asr.errors import DataError, RecipeError, TrainingError
from asr.files import data_directory
from asr.language_model.interpolation import interpolate
from asr.language_model.kneser_ney import train_ngrams
from asr.language_model.model import (
    FIRST,
    UNKNOWN,
    LanguageModel,
    Words,
    phone_lexicon,
)
from asr.language_model.ngrams import NGrams
from asr.language_model.perplexity import perplexity
from asr.language_model.pruning import prune
from asr.language_model.storage import LONGEST, LanguageConfig, write_language_model
from asr.language_model.tables import check_size, word_ngrams
from asr.storage.model_card import language_model_card
from asr.text.normalizers import normalizer
from asr.text.pronunciation import Lexicon, read_lexicon
from asr.text.special_tokens import END, START
from asr.text.tokenizers import CharacterTokenizer, characters_of

log = logging.getLogger(__name__)

_CHARACTERS = 80_000_000  # of a domain, for n-grams of characters
_LEAST = (1, 2)  # least count of contexts of one word, and of two


def train_language_model(recipe: Recipe, output: Path) -> Path:
    """Train a language model on texts, or on the texts of recordings.

    Args:
        recipe: A recipe of the task `language_model`: `data` and `ngrams`.
        output: Folder of the run.

    Returns:
        The model folder, `output/model`.

    Raises:
        DataError: A source cannot be read, or holds no text.
        RecipeError: An option of the recipe does not apply to language models.
        TrainingError: The folder holds a model already.
        OutputError: The folder cannot be written.
    """
    if (output / "model").exists():
        raise TrainingError(f"{output}: holds a model already; choose another --output")
    data = recipe.data
    if data.tokenizer != "characters" or data.tokenizer_file:
        raise RecipeError("data.tokenizer: a language model is one of characters")
    options, started = recipe.ngrams, time.monotonic()
    lexicon = _lexicon(recipe)
    domains = training_texts(data)
    texts = [text for domain in domains for text in domain]
    tokenizer = CharacterTokenizer(tuple(data.characters) or characters_of(texts))
    known = set(tokenizer.characters)
    spelled = [[*filter(known.issuperset, domain)] for domain in domains]
    count = sum(map(len, spelled))
    if count < len(texts):
        log.warning("left out %d texts: unknown characters", len(texts) - count)
    if options.words and " " not in known:
        raise RecipeError("ngrams.words: there are no spaces between words")
    ngrams = _ngrams(
        [map(tokenizer.encode, _sample(domain)) for domain in spelled],
        tokenizer.size,
        options.share,
        least=options.least,
    )
    check_size(ngrams)
    words = _words(spelled, options) if options.words else None
    if words and lexicon:
        words = _pronounced(words, lexicon, data.lexicon)
    model = LanguageModel(tokenizer, data.normalizer, ngrams, words)
    scores = perplexity(model, read_texts(data.dev)).to_json() if data.dev else {}
    training = {
        "name": recipe.name,
        **_sizes(model),
        "lexicon": data.lexicon,
        "texts": count,
        "characters": sum(len(text) for domain in spelled for text in domain),
        "minutes": round((time.monotonic() - started) / 60, 1),
        "sources": [to_dict(source) for source in data.train],
        "scores": scores,
    }
    config = LanguageConfig(
        normalizer=data.normalizer, language=data.language, training=training
    )
    write_language_model(output / "model", model, config, language_model_card(training))
    return output / "model"


def _sizes(model: LanguageModel) -> dict[str, Any]:
    """Return the order and the numbers of contexts and words."""
    words = model.words
    return {
        "order": len(model.ngrams.levels) + 1,
        "contexts": 1 + sum(len(level.contexts) for level in model.ngrams.levels),
        "words": len(words.vocabulary) if words else 0,
        "pronounced": len(words.pronunciations) if words else 0,
    }


def _ngrams(
    domains: Iterable[Iterable[Sequence[int]]],
    vocabulary: int,
    share: float,
    **options: Any,
) -> NGrams:
    """Train n-grams for each domain, and mix them into those of the first."""
    models = (
        train_ngrams(rows, vocabulary, start=START, end=END, **options)
        for rows in domains
    )
    return functools.reduce(lambda common, own: interpolate(common, own, share), models)


def _sample(texts: Sequence[str]) -> Iterator[str]:
    """Return texts evenly spread: characters are learned from fewer than words."""
    step = 1 + sum(map(len, texts)) // _CHARACTERS
    return islice(texts, None, None, step)


def _words(domains: Sequence[Iterable[str]], options: NGramConfig) -> Words:
    """Train n-grams of the most frequent words.

    Words seen once count as unknown words.
    """
    counts: Counter[str] = Counter()
    for domain in domains:
        for text in domain:
            counts.update(text.split())
    known = [word for word in counts if counts[word] > 1 and len(word) <= LONGEST]
    known.sort(key=lambda word: (-counts[word], word))
    vocabulary = tuple(sorted(known[: options.words]))
    if not vocabulary:
        raise DataError("ngrams.words: no word of the texts is in them twice")
    tokens = {word: number for number, word in enumerate(vocabulary, start=FIRST)}
    ngrams = _ngrams(
        [
            ([tokens.get(word, UNKNOWN) for word in text.split()] for text in domain)
            for domain in domains
        ],
        FIRST + len(vocabulary),
        options.share,
        least=_LEAST,
        rare=len(_LEAST),
    )
    if options.most:
        ngrams = prune(ngrams, options.most)
    return Words(vocabulary, word_ngrams(ngrams))


def _lexicon(recipe: Recipe) -> Lexicon:
    """Read the lexicon of a recipe; it is empty if the recipe names none.

    Raises:
        DataError: The lexicon cannot be read.
        RecipeError: The model is to have no words.
    """
    data = recipe.data
    if not data.lexicon:
        return {}
    if not recipe.ngrams.words:
        raise RecipeError("data.lexicon: set ngrams.words: characters have no sound")
    return read_lexicon(data_directory() / data.lexicon, normalizer(data.normalizer))


def _pronounced(words: Words, lexicon: Lexicon, name: str) -> Words:
    """Add the pronunciations of words.

    Raises:
        DataError: The lexicon has none of the words.
    """
    own = phone_lexicon(words.vocabulary, lexicon)
    if own is None:
        raise DataError(f"{name}: none of the words of data.train is in the lexicon")
    return replace(words, lexicon=own)


def training_texts(data: DataConfig) -> list[list[str]]:
    """Read the normalised training texts of a language model, by domain.

    Texts without a domain come first: the others are mixed into them.

    Raises:
        DataError: A source cannot be read, or all of them hold no text.
    """
    normalize = normalizer(data.normalizer)
    withheld = OverlapFilter(map(normalize, read_texts(data.withhold)))
    texts = [
        (source.domain, written)
        for source in data.train
        for text in read_texts([source])
        if (written := normalize(text))
    ]
    kept = withheld.without(texts, lambda text: (text[1],))
    if not kept:
        raise DataError(f"data.train: no text is left by {data.normalizer}")
    names = sorted({name for name, _ in kept})
    return [[text for other, text in kept if other == name] for name in names]
