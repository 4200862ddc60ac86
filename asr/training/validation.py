"""Scores, losses and attention of a model in training on the dev part."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from asr.config.schema import DecodingConfig
from asr.data import batching
from asr.data import loader as source_loader
from asr.data.manifest import Record
from asr.data.workers import ALONE, Workers
from asr.decoding.beam_search import Tokens
from asr.errors import DataError
from asr.inference.beam_search_decoder import BeamSearchDecoder
from asr.inference.decoders import AnyDecoder
from asr.model.seq2seq import Seq2Seq
from asr.reports import plots
from asr.storage.keras_model import network_of
from asr.tasks.base import Task
from asr.training.callbacks import alignment_quality
from asr.training.dataset import spread


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
        workers: Those that share the dev part.
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
        workers: Workers = ALONE,
    ) -> None:
        self.model, self.task, self.loader = model, task, loader
        self.records, self.workers = records, workers
        self.batch_length = batch_length
        self.decoding = replace(decoding, beam_size=1, n_best=1)

    def score(self) -> tuple[dict[str, float], np.ndarray | None]:
        """Score the model as it is.

        Returns:
            Figures, and an image of attention, (h, w, 3) uint8, or None. The figures
            are each metric of the task with the prefix `dev_`; of one batch of
            references of all lengths the losses of training, without smoothing, dropout
            and coverage, `dev_loss` and that of each part, and `monotonicity` and
            `focus` of the attention (see `alignment_quality`). They are empty for an
            empty dev part.
        """
        figures = self._metrics()
        shown = self._references() if figures else []
        if not shown:
            return figures, None
        inputs, targets = batching.collate(shown, self.task.start)
        outputs = {
            name: np.asarray(output)[: len(shown)]  # each device returns all rows
            for name, output in self.model.predict_on_batch(inputs).items()
        }
        figures |= self._losses(outputs, targets)
        longer = len(shown) // 2  # in which attention has a way to go
        weights = outputs["weights"][longer:]
        lengths = targets["label_lengths"][longer:]
        # Not trained with CTC alone; a decoder may have no attention.
        if not self.model.decoder.trainable or not weights.any():
            return figures, None
        monotonicity, focus = alignment_quality(weights, lengths)
        figures |= {"monotonicity": monotonicity, "focus": focus}
        return figures, plots.attention_image(weights[0, : lengths[0]])

    def _metrics(self) -> dict[str, float]:
        """Return the scores of the hypotheses of all workers."""
        if not self.records:
            return {}
        own = self.records[self.workers.rank :: self.workers.count]
        loaded = ((record, self.loader.load(record)) for record in own)
        pairs = [(record, source) for record, source in loaded if source is not None]
        search = BeamSearchDecoder(
            network_of(self.model, self.task),
            Tokens(self.task.start, self.task.end),
            self.decoding,
        )
        texts = write_all(search, self.task, pairs, self.batch_length)
        references = [record.text or "" for record, _ in pairs]
        told = self.workers.gather([references, texts])
        references, texts = (
            [text for part in told for text in part[i]] for i in (0, 1)
        )
        if not references:
            return {}
        scores = self.task.metrics(references, texts)
        return {f"dev_{name}": float(value) for name, value in scores.items()}

    def _references(self) -> list[tuple[np.ndarray, tuple[int, ...]]]:
        """Return sources and closed labels of one batch, spread over all lengths.

        They are the same for all workers.
        """
        usable: list[tuple[Record, tuple[int, ...]]] = []
        for record in sorted(self.records, key=self.task.length):
            # A character may not be in the training text.
            with contextlib.suppress(DataError):
                labels = self.task.encode_target(record.text or "")
                usable.append((record, (*labels, self.task.end)))
        if not usable:
            return []
        longest = self.task.length(usable[-1][0])
        count = max(1, int(self.batch_length / max(longest, 1e-9)))
        chosen = spread(usable[::-1], count)[::-1]  # the longest is one of them
        loaded = [(self.loader.load(record), labels) for record, labels in chosen]
        return [(source, labels) for source, labels in loaded if source is not None]

    def _losses(self, outputs: dict[str, Any], targets: Any) -> dict[str, float]:
        """Return the loss of each part, and their sum if none lacks its labels."""
        losses = self.model.part_losses(outputs, targets)
        if all(head.labels in targets for head in self.model.heads.values()):
            losses = {"loss": self.model.total_loss(losses), **losses}
        return {f"dev_{name}": float(np.asarray(x)) for name, x in losses.items()}
