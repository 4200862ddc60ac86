"""Pronunciations of words by the bundled model `pronounce`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from asr.decoding.beam_search import Tokens
from asr.decoding.scorers import NEVER
from asr.errors import DataError, ModelError
from asr.files import model_path
from asr.inference.beam_search_decoder import BeamSearchDecoder
from asr.storage.model_folder import read_model
from asr.tasks.pronunciation import Pronunciation
from asr.text.pronunciation import Lexicon, Phones

MODEL = "pronounce"
"""Name of the bundled model."""

_BATCH = 64  # words


def pronounce(words: Sequence[str], phones: Collection[str], count: int) -> Lexicon:
    """Pronounce words.

    Args:
        words: The words, normalised.
        phones: Phones that pronunciations may have.
        count: Maximum number of pronunciations of a word.

    Returns:
        Word -> pronunciations, the best first. A word without any is left out: one with
        other letters than A to Z and the apostrophe.

    Raises:
        ModelError: The model is damaged.
    """
    loaded = read_model(model_path(MODEL))
    task = loaded.task
    if not isinstance(task, Pronunciation):
        raise ModelError(f"{MODEL}: not a model of pronunciations")
    config = loaded.config.decoding
    config = replace(config, beam_size=max(count, config.beam_size))
    decoder = BeamSearchDecoder(loaded.network, Tokens(task.start, task.end), config)
    sources = _sources(task, words)
    found: dict[str, tuple[Phones, ...]] = {}
    names, known = [*sources], set(phones)
    for first in range(0, len(names), _BATCH):
        batch = names[first : first + _BATCH]
        best = decoder.hypotheses([sources[word] for word in batch])
        for row, word in enumerate(batch):
            texts = (
                task.decode(tokens[:length].tolist()).split()
                for tokens, length, score in zip(
                    best.tokens[row], best.lengths[row], best.scores[row], strict=True
                )
                if score > 0.5 * NEVER
            )
            usable = [tuple(text) for text in texts if text and known.issuperset(text)]
            if usable:
                found[word] = tuple(dict.fromkeys(usable))[:count]
    return found


def _sources(task: Pronunciation, words: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the letters of each word that the model can read."""
    sources = {}
    for word in words:
        try:
            letters = task.source_tokens(word)
        except DataError:
            continue
        if 1 < len(letters) <= task.model.text.longest:
            sources[word] = np.array(letters, "int32")
    return sources
