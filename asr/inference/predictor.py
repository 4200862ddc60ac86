"""What all uses of a model folder share: the model in memory, and its searches."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from asr.config.parsing import from_dict, to_dict
from asr.config.schema import DecodingConfig
from asr.decoding import ctc_prefix
from asr.decoding.beam_search import Hypotheses, Tokens
from asr.formats.transcript import Alternative
from asr.inference.decoders import guides, phone_search
from asr.inference.graph import BeamSearchDecoder
from asr.inference.rescoring import AnySearch, RescoringDecoder
from asr.language_model.storage import load_language_model
from asr.model.seq2seq import Seq2Seq
from asr.storage.model_folder import LoadedModel
from asr.tasks.base import Task

log = logging.getLogger(__name__)
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
            return BeamSearchDecoder(
                self.model, special, config, guides(config, task, known)
            )
        return RescoringDecoder(
            self.model, special, config, phones, task.tokenizer.encode
        )


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
