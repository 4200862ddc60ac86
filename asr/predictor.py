"""What all uses of a model folder share: the model in memory, and its searches."""

from __future__ import annotations

from dataclasses import replace

from asr.checkpoint import LoadedModel
from asr.compiled_search import Search
from asr.config import DecodingConfig
from asr.decoding import ctc_prefix
from asr.decoding.search import Hypotheses, Tokens
from asr.model.seq2seq import Seq2Seq
from asr.tasks.base import Task


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
        self._searches: dict[DecodingConfig, Search] = {}

    def search(self, decoding: DecodingConfig | None = None) -> Search:
        """Return the compiled search; by default the model's own choice."""
        config = decoding or self.decoding
        config = replace(config, n_best=min(config.n_best, config.beam_size))
        if config not in self._searches:
            special = Tokens(self.task.start, self.task.end)
            self._searches[config] = Search(self.model, special, config)
        return self._searches[config]


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
