"""What all uses of a model folder share: the model in memory, and its searches."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from asr.checkpoint import LoadedModel
from asr.compiled_search import Search
from asr.config import DecodingConfig, from_dict, to_dict
from asr.decoding import ctc_prefix
from asr.decoding.automaton import Automaton, phrases_automaton, prefix_automaton
from asr.decoding.guides import WordGuide
from asr.decoding.phone_search import PhoneSearch
from asr.decoding.search import Hypotheses, Tokens
from asr.errors import DataError, ModelError
from asr.language_model import LanguageModel, load_language_model
from asr.model.seq2seq import Seq2Seq
from asr.tasks.base import Task
from asr.transcript import Alternative
from asr.two_pass_search import AnySearch, TwoPassSearch

log = logging.getLogger(__name__)

_ENTRIES = 25  # of the beam of phones, for each hypothesis that attention reads
_SEARCHES = 8  # compiled ones that are kept; each has its own language model


class Predictor:
    """A model that can be asked for hypotheses.

    Args:
        loaded: A model folder in memory.
        card: Text of its model card.

    Attributes:
        decoding: How hypotheses are searched for by default.
    """

    def __init__(self, loaded: LoadedModel, card: str = "") -> None:
        self.model: Seq2Seq = loaded.model
        self.task: Task = loaded.task
        self.config = loaded.config
        self.decoding: DecodingConfig = loaded.config.decoding
        self.card = card
        self._searches: dict[DecodingConfig, AnySearch] = {}

    def search(self, decoding: DecodingConfig | None = None) -> AnySearch:
        """Return the compiled search; by default the model's own choice.

        Raises:
            AsrError: A value is not of its type or out of its range, there is no such
                language model, or as `guides`.
        """
        chosen = to_dict(decoding or self.decoding)
        config = from_dict(DecodingConfig, chosen, "decoding")
        config = replace(config, n_best=min(config.n_best, config.beam_size))
        search = self._searches.get(config)
        if search is None:
            search = self._compiled(config)
            self._searches[config] = search
            for oldest in list(self._searches)[:-_SEARCHES]:
                self._searches.pop(oldest, None)  # another thread may have been first
        return search

    def _compiled(self, config: DecodingConfig) -> AnySearch:
        task, known = self.task, None
        if config.language_model:
            known = load_language_model(config.language_model)
        special = Tokens(task.start, task.end)
        phones = phone_search(config, task, known)
        if phones is None:
            return Search(self.model, special, config, guides(config, task, known))
        return TwoPassSearch(self.model, special, config, phones, task.tokenizer.encode)


def phone_search(
    config: DecodingConfig, task: Task, language_model: LanguageModel | None
) -> PhoneSearch | None:
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
) -> list[Automaton | WordGuide]:
    """Return what guides a search beside the model; a prefix is the last of them.

    Args:
        config: Weights, hotwords and the prefix.
        task: Whose tokens are written.
        language_model: That of `config`.

    Raises:
        DataError: Hotwords or prefix hold characters that the model does not write.
        ModelError: The language model writes other characters.
    """
    found: list[Automaton | WordGuide] = []
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


def readings(
    found: Hypotheses, row: int, n_best: int
) -> list[tuple[tuple[int, ...], float]]:
    """Return tokens and score of the best hypotheses of a row, as many as there are."""
    best = []
    for rank in range(n_best):
        if found.scores[row, rank] > 0.5 * ctc_prefix.NEVER:
            tokens = found.tokens[row, rank, : found.lengths[row, rank]].tolist()
            best.append((tuple(tokens), float(found.scores[row, rank])))
    return best


def distinct(readings: Iterable[Alternative]) -> tuple[Alternative, ...]:
    """Keep the first of those that are written alike."""
    first: dict[str, Alternative] = {}
    for reading in readings:
        first.setdefault(reading.text, reading)
    return tuple(first.values())
