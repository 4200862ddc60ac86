"""Trains language models from texts."""

from __future__ import annotations

import functools
import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from asr.config.parsing import to_dict
from asr.config.schema import DataConfig, NGramConfig, Recipe
from asr.corpora.sources import read_texts
from asr.data.decontamination import OverlapFilter
from asr.errors import DataError, RecipeError, TrainingError
from asr.files import data_directory, replaced_folder
from asr.language_model.interpolation import mixed
from asr.language_model.model import FIRST, UNKNOWN, LanguageModel, Words
from asr.language_model.ngrams import NGrams, train_ngrams
from asr.language_model.storage import LONGEST, LanguageConfig, arrays_of
from asr.storage.model_card import language_model_card
from asr.storage.model_folder import write_model
from asr.text.normalizers import normalizer
from asr.text.pronunciation import Lexicon, read_lexicon
from asr.text.special_tokens import END, START
from asr.text.tokenizers import CharacterTokenizer, characters_of

log = logging.getLogger(__name__)

_LEAST = (1, 2)  # how often one word, or two, must be seen to predict the next


def train_language_model(recipe: Recipe, output: Path) -> Path:
    """Train a language model on texts, or on the texts of recordings.

    Args:
        recipe: One of the task `language_model`: `data` and `ngrams` say what to count.
        output: Folder of the run.

    Returns:
        The model folder, `output/model`.

    Raises:
        DataError: A source cannot be used, or holds no text.
        RecipeError: The recipe asks for what such models cannot do.
        TrainingError: The folder holds a model already.
        OutputError: The folder cannot be written.
    """
    if (output / "model").exists():
        raise TrainingError(f"{output}: holds a model already; choose another --output")
    data = recipe.data
    if data.tokenizer != "characters" or data.tokenizer_file:
        raise RecipeError("data.tokenizer: a language model is one of characters")
    config, started = recipe.ngrams, time.monotonic()
    spoken = _lexicon(recipe)
    domains = learned_texts(data)
    texts = [text for domain in domains for text in domain]
    tokenizer = CharacterTokenizer(tuple(data.characters) or characters_of(texts))
    known = set(tokenizer.characters)
    spelled = [
        [text for text in domain if known.issuperset(text)] for domain in domains
    ]
    count = sum(map(len, spelled))
    if count < len(texts):
        log.warning("left out %d texts: unknown characters", len(texts) - count)
    if config.words and " " not in known:
        raise RecipeError("ngrams.words: there are no spaces between words")
    rows = [list(map(tokenizer.encode, domain)) for domain in spelled]
    ngrams = _ngrams(rows, tokenizer.size, config.share, least=config.least)
    ngrams.check_size()
    words = _words(spelled, config) if config.words else None
    if words and spoken:
        words = _pronounced(words, spoken, data.lexicon)
    model = LanguageModel(tokenizer, data.normalizer, ngrams, words)
    scores = model.fit(read_texts(data.dev)).to_json() if data.dev else {}
    training = {
        "name": recipe.name,
        "order": len(ngrams.levels) + 1,
        "contexts": 1 + sum(len(level.contexts) for level in ngrams.levels),
        "words": len(words.vocabulary) if words else 0,
        "lexicon": data.lexicon,
        "pronounced": sum(map(bool, words.pronunciations)) if words else 0,
        "texts": count,
        "characters": sum(len(row) for domain in rows for row in domain),
        "minutes": round((time.monotonic() - started) / 60, 1),
        "sources": [to_dict(source) for source in data.train],
        "scores": scores,
    }
    output.mkdir(parents=True, exist_ok=True)
    with replaced_folder(output / "model") as folder:
        write_model(
            folder,
            LanguageConfig(
                normalizer=data.normalizer, language=data.language, training=training
            ),
            tokenizer=tokenizer.to_json(),
            weights=arrays_of(model),
            card=language_model_card(training),
            compressed=True,
        )
    return output / "model"


def _ngrams(
    domains: Sequence[Sequence[Sequence[int]]],
    vocabulary: int,
    share: float,
    **options: Any,
) -> NGrams:
    """Count each domain's n-grams, and mix those of all others into the first's."""
    found = (
        train_ngrams(rows, vocabulary, start=START, end=END, **options)
        for rows in domains
    )
    return functools.reduce(lambda common, own: mixed(common, own, share), found)


def _words(domains: Sequence[Iterable[str]], config: NGramConfig) -> Words:
    """Count the n-grams of the most frequent words.

    A word seen once stands for those that were never seen.
    """
    rows = [[text.split() for text in domain] for domain in domains]
    counts = Counter(word for domain in rows for row in domain for word in row)
    known = [word for word in counts if counts[word] > 1 and len(word) <= LONGEST]
    known.sort(key=lambda word: (-counts[word], word))
    vocabulary = tuple(sorted(known[: config.words]))
    if not vocabulary:
        raise DataError("ngrams.words: no word of the texts is in them twice")
    tokens = {word: number for number, word in enumerate(vocabulary, start=FIRST)}
    ngrams = _ngrams(
        [[[tokens.get(word, UNKNOWN) for word in row] for row in it] for it in rows],
        FIRST + len(vocabulary),
        config.share,
        least=_LEAST,
        rare=len(_LEAST),
    )
    return Words(vocabulary, ngrams)


def _lexicon(recipe: Recipe) -> Lexicon:
    """Read the lexicon of a recipe, or nothing where it names none.

    Raises:
        DataError: It cannot be read.
        RecipeError: There are no words to look up.
    """
    data = recipe.data
    if not data.lexicon:
        return {}
    if not recipe.ngrams.words:
        raise RecipeError("data.lexicon: set ngrams.words: characters have no sound")
    return read_lexicon(data_directory() / data.lexicon, normalizer(data.normalizer))


def _pronounced(words: Words, lexicon: Lexicon, name: str) -> Words:
    """Look up how words are said.

    Raises:
        DataError: The lexicon has none of them.
    """
    found = tuple(lexicon.get(word, ()) for word in words.vocabulary)
    if not any(found):
        raise DataError(f"{name}: none of the words of data.train is in the lexicon")
    return replace(words, pronunciations=found)


def learned_texts(data: DataConfig) -> list[list[str]]:
    """Read the normalised texts that a language model learns from, by domain.

    Those of no domain come first: the others are mixed into them.

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
