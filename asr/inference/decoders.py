"""Builds the decoder that a `DecodingConfig` asks for."""

from __future__ import annotations

import logging
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from asr.config.schema import DecodingConfig
from asr.decoding.beam_search import Tokens
from asr.decoding.hotwords import phrases_automaton, prefix_automaton
from asr.decoding.lexicon_search import LexiconSearch
from asr.decoding.scorers import Automaton, WordScorer
from asr.errors import DataError, ModelError, quoted
from asr.inference.beam_search_decoder import BeamSearchDecoder
from asr.inference.pronouncer import pronounce
from asr.inference.rescoring import RescoringDecoder
from asr.language_model import fusion
from asr.language_model.model import LanguageModel
from asr.language_model.open_vocabulary import unpronounced
from asr.language_model.storage import load_language_model
from asr.runtime.memory import release_memory
from asr.runtime.network import Network
from asr.tasks.base import Task
from asr.text.pronunciation import Lexicon

log = logging.getLogger(__name__)

AnyDecoder = BeamSearchDecoder | RescoringDecoder

_ENTRIES = 40  # beam entries of the lexicon search for each rescored hypothesis
_PRONUNCIATIONS = 3  # of a word that the lexicon lacks
_UNKNOWN_BONUS = 0.5  # share of the bonus of such a hotword: benchmarks/hotwords.py


def build_decoder(network: Network, task: Task, config: DecodingConfig) -> AnyDecoder:
    """Return a decoder: beam search by tokens, or lexicon search with rescoring.

    Args:
        network: The network.
        task: Task of the model.
        config: Beam size, weights, language model, hotwords and prefix.

    Raises:
        DataError: Hotwords or prefix hold characters that the model does not write.
        ModelError: There is no such language model, it has other characters, or the
            model has no CTC head of phones where `phone_weight` asks for one.
    """
    # ONNX Runtime and the checksum of a large file do not need Python's lock.
    with ThreadPoolExecutor(1) as executor:
        started = executor.submit(network.encoder.get)
        language_model = None
        if config.language_model:
            language_model = load_language_model(config.language_model)
        search = _lexicon_search(config, task, language_model)
        started.result()
    release_memory()  # of the weights, which ONNX Runtime has copied
    special = Tokens(task.start, task.end)
    if search is None:
        scorers = _scorers(config, task, language_model)
        if config.words:
            log.warning(
                "words: no effect: this search is by characters, without a lexicon"
            )
        return BeamSearchDecoder(network, special, config, scorers)
    if config.prefix:
        prefix = " ".join(_words("prefix", config.prefix, task))
        config = replace(config, prefix=prefix)
    network.rescorer.begin_later()  # beside the first search
    return RescoringDecoder(network, special, config, search, task.tokenizer.encode)


def _lexicon_search(
    config: DecodingConfig, task: Task, language_model: LanguageModel | None
) -> LexiconSearch | None:
    """Return the lexicon search, where it is asked for and possible."""
    if not config.phone_weight:
        return None
    if not task.model.phones:
        raise ModelError("decoding.phone_weight: this model has no head of phones")
    if language_model is None:
        return None
    prefix = _words("prefix", config.prefix, task) if config.prefix else []
    added = _pronounced(config, task, language_model, prefix)
    search = fusion.lexicon_search(
        language_model,
        task.model.phones,
        task.tokenizer,
        weight=config.lm_weight / config.phone_weight,
        beam=_ENTRIES * config.beam_size,
        hotwords=_hotwords(
            config, task, config.hotword_bonus / config.phone_weight, added
        ),
        added=added,
        prefix=prefix,
    )
    if search is None:
        log.warning(
            "%s does not know how to pronounce words: searching by characters",
            config.language_model,
        )
    return search


def _pronounced(
    config: DecodingConfig, task: Task, language_model: LanguageModel, prefix: list[str]
) -> Lexicon:
    """Return pronunciations of all words of options that the lexicon lacks.

    Raises:
        DataError: A word of the prefix cannot be pronounced.
    """
    wanted = {
        word
        for option, texts in (("hotword", config.hotwords), ("word", config.words))
        for text in texts
        for word in _words(option, text, task)
    }
    words = language_model.words
    lacking = unpronounced(words, wanted.union(prefix)) if words else []
    if not lacking:
        return {}
    added = pronounce(lacking, set(task.model.phones), _PRONUNCIATIONS)
    for word in sorted(set(lacking) - added.keys()):
        if word in prefix:
            raise DataError(f"prefix: no pronunciation of {quoted(word)}")
        log.warning("no pronunciation of %s: it cannot be found", quoted(word))
    return added


def _scorers(
    config: DecodingConfig, task: Task, language_model: LanguageModel | None
) -> list[Automaton | WordScorer]:
    """Return the scorers of a beam search beside CTC; a prefix is the last of them."""
    scorers: list[Automaton | WordScorer] = []
    if language_model:
        weight, bonus = config.lm_weight, config.word_bonus
        scorers.append(
            fusion.scorer(language_model, task.tokenizer, weight=weight, bonus=bonus)
        )
    hotwords = _hotwords(config, task, config.hotword_bonus)
    if hotwords:
        scorers.append(hotwords)
    if config.prefix:
        tokens = _tokens("prefix", config.prefix, task)
        scorers.append(prefix_automaton(tokens, task.vocabulary))
    return scorers


def _hotwords(
    config: DecodingConfig, task: Task, bonus: float, unknown: Collection[str] = ()
) -> Automaton | None:
    """Return an automaton that adds `bonus` to each character of hotwords.

    Those with an unknown word get a share of it.
    """
    if not config.hotwords:
        return None
    pieces = task.tokenizer.pieces
    if " " not in pieces:
        raise ModelError(
            "hotwords are for models that write characters, a space among them"
        )
    phrases = [_tokens("hotword", phrase, task) for phrase in config.hotwords]
    has_unknown = [
        not set(unknown).isdisjoint(task.tokenizer.decode(phrase).split())
        for phrase in phrases
    ]
    return phrases_automaton(
        phrases,
        task.vocabulary,
        bonus=[bonus * (_UNKNOWN_BONUS if it else 1.0) for it in has_unknown],
        space=pieces.index(" "),
        end=task.end,
    )


def _words(option: str, text: str, task: Task) -> list[str]:
    """Return the words of an option's text, as the model writes them."""
    return task.tokenizer.decode(_tokens(option, text, task)).split()


def _tokens(option: str, text: str, task: Task) -> list[int]:
    """Return the tokens of an option's text."""
    try:
        tokens = task.encode_target(text)
    except DataError as error:
        raise DataError(f"{option} {quoted(text)}: {error}") from error
    if not tokens:
        raise DataError(f"{option} {quoted(text)}: nothing that the model can write")
    return tokens
