"""Scores and attention of a model in training on the dev part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from asr.config.schema import DecodingConfig
from asr.data import batching
from asr.data import loader as source_loader
from asr.data.manifest import Record
from asr.decoding.beam_search import Tokens
from asr.errors import DataError
from asr.inference.beam_search_decoder import BeamSearchDecoder
from asr.inference.decoders import AnyDecoder
from asr.model.seq2seq import Seq2Seq
from asr.reports import plots
from asr.storage.keras_model import network_of
from asr.tasks.base import Task
from asr.training.callbacks import alignment_quality

_SHOWN = 8  # records whose attention is measured


def write_all(
    search: AnyDecoder,
    task: Task,
    pairs: Sequence[tuple[Record, np.ndarray]],
    batch_length: float,
) -> list[str]:
    """Decode sources to their best hypotheses.

    Args:
        search: Decodes a batch.
        task: Turns tokens into text.
        pairs: Records with their sources.
        batch_length: Padded length decoded at once, in seconds or tokens.

    Returns:
        A text for each pair.
    """
    texts = [""] * len(pairs)
    for batch in batching.plan_epoch(
        [len(source) / task.rate for _, source in pairs],
        batch_length=batch_length,
        seed=0,
        epoch=0,
        ascending=True,
    ):
        best = search.hypotheses([pairs[i][1] for i in batch])
        for i, tokens, length in zip(batch, best.tokens, best.lengths, strict=True):
            texts[i] = task.decode(tokens[0, : length[0]].tolist())
    return texts


class DevScorer:
    """Decodes and scores the dev part, with a beam of one and no external scorer.

    Args:
        model: The network in training.
        task: Encodes and decodes texts, knows the metrics.
        records: The dev part; unreadable records are left out.
        decoding: That of the recipe; beam size, language model, hotwords and prefix are
            ignored.
        loader: Reads sources.
        batch_length: Padded length decoded at once, in seconds or tokens.
    """

    def __init__(
        self,
        model: Seq2Seq,
        task: Task,
        records: Sequence[Record],
        *,
        decoding: DecodingConfig,
        loader: source_loader.SourceLoader,
        batch_length: float,
    ) -> None:
        self.model, self.task, self.loader = model, task, loader
        self.records = records
        self.batch_length = batch_length
        self.decoding = replace(decoding, beam_size=1, n_best=1)

    def score(self) -> tuple[dict[str, float], np.ndarray | None]:
        """Score the model as it is.

        Returns:
            Figures, and an image of attention, (h, w, 3) uint8, or None. The figures
            are each metric of the task with the prefix `dev_`, and `monotonicity` and
            `focus` of the attention over references (see `alignment_quality`). They
            are empty for an empty dev part.
        """
        loaded = ((record, self.loader.load(record)) for record in self.records)
        pairs = [(record, source) for record, source in loaded if source is not None]
        if not pairs:
            return {}, None
        pairs.sort(key=lambda pair: len(pair[1]))
        figures = self._metrics(pairs)
        if not self.model.decoder.trainable:  # CTC alone is trained
            return figures, None
        weights, lengths = self._attention(pairs[len(pairs) // 2 :])
        if not weights.any():  # no usable reference, or no attention
            return figures, None
        monotonicity, focus = alignment_quality(weights, lengths)
        figures |= {"monotonicity": monotonicity, "focus": focus}
        return figures, plots.attention_image(weights[0, : lengths[0]])

    def _metrics(self, pairs: list[tuple[Record, np.ndarray]]) -> dict[str, float]:
        references = [record.text or "" for record, _ in pairs]
        search = BeamSearchDecoder(
            network_of(self.model, self.task),
            Tokens(self.task.start, self.task.end),
            self.decoding,
        )
        hypotheses = write_all(search, self.task, pairs, self.batch_length)
        scores = self.task.metrics(references, hypotheses)
        return {f"dev_{name}": float(value) for name, value in scores.items()}

    def _attention(
        self, pairs: list[tuple[Record, np.ndarray]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return weights over a few references, (B, U, S), and their lengths, (B,)."""
        shown: list[tuple[np.ndarray, tuple[int, ...]]] = []
        for record, source in pairs:
            try:
                labels = self.task.encode_target(record.text or "")
            except DataError:  # a character that is not in the training text
                continue
            shown.append((source, (*labels, self.task.end)))
            if len(shown) == _SHOWN:
                break
        if not shown:
            return np.zeros((0, 0, 0)), np.zeros(0, "int32")
        inputs, targets = batching.collate(shown, self.task.start)
        weights = self.model.predict_on_batch(inputs)["weights"]
        return np.asarray(weights)[: len(shown)], targets["label_lengths"]
