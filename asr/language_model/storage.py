"""Language model folders: written, read and checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from asr.config.schema import LANGUAGE_MODEL
from asr.errors import DataError, ModelError
from asr.files import model_path, replaced_folder
from asr.language_model.model import FIRST, LanguageModel, Words
from asr.language_model.ngrams import NGrams
from asr.language_model.tables import check_size
from asr.storage.model_folder import (
    FORMAT,
    TOKENIZER,
    WEIGHTS,
    read_config,
    verify,
    write_model,
)
from asr.storage.weights import read_arrays
from asr.text.pronunciation import Phones
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
            compressed=True,
        )


def _arrays(model: LanguageModel) -> dict[str, np.ndarray]:
    """Return the arrays that a language model folder stores."""
    arrays = model.ngrams.arrays()
    if model.words:
        text = "\n".join(model.words.vocabulary).encode()
        arrays[f"{_WORDS}vocabulary"] = np.frombuffer(text, np.uint8)
        if model.words.pronunciations:
            rows = model.words.pronunciations
            text = "\n".join("\t".join(map(" ".join, row)) for row in rows).encode()
            arrays[f"{_WORDS}pronunciations"] = np.frombuffer(text, np.uint8)
        own = model.words.ngrams.arrays()
        arrays |= {f"{_WORDS}{name}": array for name, array in own.items()}
    return arrays


def _read_words(arrays: dict[str, np.ndarray]) -> Words | None:
    """Take the words out of the arrays of a model folder."""
    names = [name for name in arrays if name.startswith(_WORDS)]
    if not names:
        return None
    own = {name.removeprefix(_WORDS): arrays.pop(name) for name in names}
    ngrams = NGrams.from_arrays(own)
    try:
        vocabulary = own["vocabulary"].tobytes().decode().split("\n")
    except (LookupError, UnicodeDecodeError) as error:
        raise DataError(f"not a vocabulary: {error}") from error
    fits = len(ngrams.unigrams) == FIRST + len(vocabulary)
    if not fits or len(set(vocabulary)) < len(vocabulary):
        raise DataError("not a vocabulary: its words do not fit the n-grams")
    if not all(0 < len(word) <= LONGEST for word in vocabulary):
        raise DataError(f"not a vocabulary: words of no or over {LONGEST} characters")
    return Words(tuple(vocabulary), ngrams, _read_pronunciations(own, len(vocabulary)))


def _read_pronunciations(
    arrays: dict[str, np.ndarray], count: int
) -> tuple[tuple[Phones, ...], ...]:
    """Read pronunciations: a line for each word, with tabs between them."""
    if "pronunciations" not in arrays:
        return ()
    try:
        lines = arrays["pronunciations"].tobytes().decode().split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"not a lexicon: {error}") from error
    rows = tuple(
        tuple(tuple(phones.split()) for phones in line.split("\t") if phones.strip())
        for line in lines
    )
    longest = max((len(phones) for row in rows for phones in row), default=0)
    if len(rows) != count or longest > LONGEST:
        raise DataError("not a lexicon: its lines do not fit the vocabulary")
    return rows


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
    try:
        arrays = read_arrays(folder / WEIGHTS)
        words = _read_words(arrays)
        ngrams = NGrams.from_arrays(arrays)
        check_size(ngrams)
    except DataError as error:
        raise ModelError(f"{folder / WEIGHTS}: {error}") from error
    if not isinstance(tokenizer, CharacterTokenizer) or tokenizer.size != len(
        ngrams.unigrams
    ):
        raise ModelError(f"{folder}: {WEIGHTS} does not fit {TOKENIZER}")
    return LanguageModel(tokenizer, config.normalizer, ngrams, words)
