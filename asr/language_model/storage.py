"""Language model folders: written, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from asr.config.schema import LANGUAGE_MODEL
from asr.decoding.prefix_tree import PhoneTree
from asr.decoding.word_ngrams import WordNGrams
from asr.errors import DataError, ModelError
from asr.files import WEIGHTS, model_path, replaced_folder
from asr.language_model.model import (
    FIRST,
    LanguageModel,
    Names,
    PhoneLexicon,
    Words,
    phone_lexicon,
)
from asr.language_model.ngrams import NGrams
from asr.language_model.tables import check_size, word_ngrams
from asr.storage.model_folder import FORMAT, TOKENIZER, read_config, verify, write_model
from asr.storage.weights import MappedArrays
from asr.text.tokenizers import CharacterTokenizer, read_tokenizer

_WORDS = "words_"  # before the names of the arrays of words
LONGEST = 60  # characters of a word, or phones of a pronunciation


@dataclass(frozen=True)
class LanguageConfig:
    """Contents of `config.json` in a language model folder."""

    format: int = FORMAT
    task: str = LANGUAGE_MODEL
    normalizer: str = "librispeech-1"
    language: str = "en"
    training: dict[str, Any] = field(default_factory=dict)


def write_language_model(
    folder: Path, model: LanguageModel, config: LanguageConfig, card: str
) -> None:
    """Write a language model folder; `card` is the text of its model card.

    Raises:
        OutputError: The folder cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replaced_folder(folder) as unfinished:
        write_model(
            unfinished,
            config,
            tokenizer=model.tokenizer.to_json(),
            weights=_arrays(model),
            card=card,
            packed=lambda name: not name.startswith(_WORDS),
        )


def _arrays(model: LanguageModel) -> dict[str, np.ndarray]:
    """Return the arrays that a language model folder stores."""
    arrays = model.ngrams.arrays()
    if model.words:
        words = {"vocabulary": Names.of(model.words.vocabulary).text}
        words |= model.words.ngrams.arrays()
        if model.words.lexicon:
            phones, tree = model.words.lexicon
            words["phone_names"] = Names.of(phones).text
            words |= {f"tree_{name}": array for name, array in tree.arrays().items()}
        arrays |= {f"{_WORDS}{name}": array for name, array in words.items()}
    return arrays


def _names(array: np.ndarray, what: str) -> Names:
    """Read names, a line each, none empty or too long."""
    names = Names(array)
    sizes = names.sizes
    if not (sizes.min() > 0 and sizes.max() <= LONGEST):
        raise DataError(f"not {what}: words of no or over {LONGEST} bytes")
    try:
        array.tobytes().decode()
    except UnicodeDecodeError as error:
        raise DataError(f"not {what}: {error}") from error
    return names


def _read_words(arrays: Mapping[str, np.ndarray]) -> Words | None:
    """Take the words out of the arrays of a model folder."""
    own = {
        name.removeprefix(_WORDS): arrays[name]
        for name in arrays
        if name.startswith(_WORDS)
    }
    if not own:
        return None
    try:
        if "grams_1" in own:  # folders of older releases
            ngrams = word_ngrams(NGrams.from_arrays(own))
        else:
            ngrams = WordNGrams.from_arrays(own)
    except (LookupError, TypeError, ValueError) as error:
        raise DataError(f"not n-grams of words: {error}") from error
    if "vocabulary" not in own:
        raise DataError("not a vocabulary: it is missing")
    vocabulary = _names(own["vocabulary"], "a vocabulary")
    if len(ngrams.unigrams) != FIRST + len(vocabulary):
        raise DataError("not a vocabulary: its words do not fit the n-grams")
    if "pronunciations" in own:  # folders of older releases
        lexicon = _read_pronunciations(own["pronunciations"], vocabulary)
    else:
        lexicon = _read_lexicon(own, len(ngrams.unigrams))
    return Words(vocabulary, ngrams, lexicon)


def _read_lexicon(
    arrays: Mapping[str, np.ndarray], vocabulary: int
) -> PhoneLexicon | None:
    """Read the tree of the words' phones."""
    if "phone_names" not in arrays:
        return None
    names = _names(arrays["phone_names"], "a lexicon")
    try:
        stored = ("phones", "children", "ends", "words")
        tree = PhoneTree.from_arrays(*(arrays[f"tree_{name}"] for name in stored))
    except (LookupError, ValueError) as error:
        raise DataError(f"not a lexicon: {error}") from error
    words = tree.words
    if (
        tree.phones.max(initial=0) > len(names)
        or words.max(initial=0) >= vocabulary
        or words.min(initial=FIRST) < FIRST
    ):
        raise DataError("not a lexicon: it does not fit the vocabulary")
    return PhoneLexicon(tuple(names), tree)


def _read_pronunciations(
    array: np.ndarray, vocabulary: Sequence[str]
) -> PhoneLexicon | None:
    """Read pronunciations: a line for each word, with tabs between them."""
    try:
        lines = array.tobytes().decode().split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"not a lexicon: {error}") from error
    rows = [
        tuple(tuple(phones.split()) for phones in line.split("\t") if phones.strip())
        for line in lines
    ]
    longest = max((len(phones) for row in rows for phones in row), default=0)
    if len(rows) != len(vocabulary) or longest > LONGEST:
        raise DataError("not a lexicon: its lines do not fit the vocabulary")
    return phone_lexicon(vocabulary, dict(zip(vocabulary, rows, strict=True)))


def load_language_model(name: str | Path) -> LanguageModel:
    """Load a language model.

    Args:
        name: A bundled model or a model folder.

    Raises:
        ModelError: There is no such folder, it is damaged, or of another kind.
    """
    folder = model_path(name)
    verify(folder)
    config = read_config(folder)
    if config.task != LANGUAGE_MODEL:
        raise ModelError(f"{name}: not a language model (task {config.task})")
    tokenizer = read_tokenizer(folder / TOKENIZER)
    if not isinstance(tokenizer, CharacterTokenizer):
        raise ModelError(f"{folder}: {WEIGHTS} does not fit {TOKENIZER}")
    arrays = MappedArrays(folder / WEIGHTS)

    def characters() -> NGrams:
        try:
            ngrams = NGrams.from_arrays(arrays)
            check_size(ngrams)
        except DataError as error:
            raise ModelError(f"{folder / WEIGHTS}: {error}") from error
        if tokenizer.size != len(ngrams.unigrams):
            raise ModelError(f"{folder}: {WEIGHTS} does not fit {TOKENIZER}")
        return ngrams

    try:
        words = _read_words(arrays)
    except DataError as error:
        raise ModelError(f"{folder / WEIGHTS}: {error}") from error
    model = LanguageModel(tokenizer, config.normalizer, characters, words)
    if words is None:
        _ = model.ngrams  # checked at once, since they will be needed
    return model
