"""Builds scorers and lexicon search from a `DecodingConfig`."""

from __future__ import annotations

import logging

from asr.config.schema import DecodingConfig
from asr.decoding.automata import Automaton, phrases_automaton, prefix_automaton
from asr.decoding.lexicon_search import LexiconSearch
from asr.decoding.scorers import WordScorer
from asr.errors import DataError, ModelError
from asr.language_model.model import LanguageModel
from asr.tasks.base import Task

log = logging.getLogger(__name__)

_ENTRIES = 25  # of the beam of phones, for each hypothesis that attention reads


def phone_search(
    config: DecodingConfig, task: Task, language_model: LanguageModel | None
) -> LexiconSearch | None:
    """Return what finds words by how they sound, where that is asked for and possible.

    Raises:
        ModelError: The model hears no phones.
    """
    if not config.phone_weight:
        return None
    if not task.model.phones:
        raise ModelError("decoding.phone_weight: this model has no head of phones")
    if language_model is None:
        return None
    if config.prefix:
        log.warning("with a prefix: searching by characters")
        return None
    found = language_model.phone_search(
        task.model.phones,
        task.tokenizer,
        weight=config.lm_weight / config.phone_weight,
        beam=_ENTRIES * config.beam_size,
        hotwords=_hotwords(config, task, config.hotword_bonus / config.phone_weight),
    )
    unknown = {"words"}
    if found is not None:
        phrases = (_written("hotword", phrase, task) for phrase in config.hotwords)
        hoped = {word for it in phrases for word in task.tokenizer.decode(it).split()}
        unknown = hoped - found.vocabulary
    if not unknown:
        return found
    log.warning(
        "%s does not know how to pronounce %s: searching by characters",
        config.language_model,
        ", ".join(sorted(unknown)),
    )
    return None


def guides(
    config: DecodingConfig, task: Task, language_model: LanguageModel | None
) -> list[Automaton | WordScorer]:
    """Return what guides a search beside the model; a prefix is the last of them.

    Args:
        config: Weights, hotwords and the prefix.
        task: Whose tokens are written.
        language_model: That of `config`.

    Raises:
        DataError: Hotwords or prefix hold characters that the model does not write.
        ModelError: The language model writes other characters.
    """
    found: list[Automaton | WordScorer] = []
    tokenizer = task.tokenizer
    if language_model:
        found.append(
            language_model.guide(
                tokenizer, weight=config.lm_weight, bonus=config.word_bonus
            )
        )
    hotwords = _hotwords(config, task, config.hotword_bonus)
    if hotwords:
        found.append(hotwords)
    if config.prefix:
        tokens = _written("prefix", config.prefix, task)
        found.append(prefix_automaton(tokens, task.vocabulary))
    return found


def _hotwords(config: DecodingConfig, task: Task, bonus: float) -> Automaton | None:
    """Return what adds so much to each character of hotwords, if there are any."""
    if not config.hotwords:
        return None
    pieces = task.tokenizer.pieces
    if " " not in pieces:
        raise ModelError(
            "hotwords are for models that write characters, a space among them"
        )
    return phrases_automaton(
        [_written("hotword", phrase, task) for phrase in config.hotwords],
        task.vocabulary,
        bonus=bonus,
        space=pieces.index(" "),
        end=task.end,
    )


def _written(what: str, text: str, task: Task) -> list[int]:
    try:
        tokens = task.encode_target(text)
    except DataError as error:
        raise DataError(f"{what} {text!r}: {error}") from error
    if not tokens:
        raise DataError(f"{what} {text!r}: nothing that the model can write")
    return tokens
