"""A model in memory with its decoders, shared by all uses of a model folder."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import replace
from threading import Lock

from asr.config.parsing import from_dict, to_dict
from asr.config.schema import DecodingConfig
from asr.decoding.beam_search import Hypotheses
from asr.decoding.scorers import NEVER
from asr.formats.transcript import Alternative
from asr.inference.decoders import AnyDecoder, build_decoder
from asr.runtime.network import Network
from asr.storage.model_folder import LoadedModel
from asr.tasks.base import Task

_KEPT = 8  # decoders in memory; each has its own language model


class Predictor:
    """A model that predicts hypotheses. Threads may share it.

    Args:
        loaded: A model folder in memory.
        card: Text of its model card.
        name: Name of a bundled model, or path of the folder.

    Attributes:
        decoding: The model's own decoding options.
    """

    def __init__(self, loaded: LoadedModel, card: str = "", name: str = "") -> None:
        self.network: Network = loaded.network
        self.task: Task = loaded.task
        self.config = loaded.config
        self.decoding: DecodingConfig = loaded.config.decoding
        self.card, self.name = card, name
        self._decoders: dict[DecodingConfig, Future[AnyDecoder]] = {}  # last used last
        self._lock = Lock()

    def search(self, decoding: DecodingConfig | None = None) -> AnyDecoder:
        """Return the decoder for some options; by default for the model's own.

        Raises:
            AsrError: An option is out of its range, there is no such language model, or
                the model cannot decode so; see `build_decoder`.
        """
        options = to_dict(decoding or self.decoding)
        config = from_dict(DecodingConfig, options, "decoding")
        config = replace(config, n_best=min(config.n_best, config.beam_size))
        with self._lock:
            known = self._decoders.pop(config, None)
            future = self._decoders[config] = known or Future()
            for oldest in list(self._decoders)[:-_KEPT]:
                self._decoders.pop(oldest)
        if known is None:  # threads that ask for the same decoder wait for this one
            try:
                future.set_result(build_decoder(self.network, self.task, config))
            except BaseException as error:
                future.set_exception(error)
                with self._lock:
                    self._decoders.pop(config, None)
        return future.result()


def n_best(
    hypotheses: Hypotheses, row: int, count: int
) -> list[tuple[tuple[int, ...], float]]:
    """Return tokens and score of the best hypotheses of a row, `count` at most."""
    best = []
    for rank in range(count):
        score = float(hypotheses.scores[row, rank])
        if score > 0.5 * NEVER:
            length = hypotheses.lengths[row, rank]
            best.append((tuple(hypotheses.tokens[row, rank, :length].tolist()), score))
    return best


def distinct_texts(alternatives: Iterable[Alternative]) -> tuple[Alternative, ...]:
    """Keep the first of the alternatives that have the same text."""
    first: dict[str, Alternative] = {}
    for alternative in alternatives:
        first.setdefault(alternative.text, alternative)
    return tuple(first.values())
