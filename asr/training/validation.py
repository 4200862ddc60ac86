"""What a model in training scores on the dev part, and where its attention looks."""

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
from asr.inference.decoders import AnyDecoder
from asr.inference.graph import BeamSearchDecoder
from asr.model.seq2seq import Seq2Seq
from asr.reports import plots
from asr.tasks.base import Task
from asr.training.callbacks import alignment_quality

_SHOWN = 8  # records whose attention is looked at


def write_all(
    search: AnyDecoder,
    task: Task,
    pairs: Sequence[tuple[Record, np.ndarray]],
    batch_length: float,
) -> list[str]:
    """Return the best hypothesis for each source.

    Args:
        search: Decodes a batch.
        task: Turns tokens into text.
        pairs: Records with their sources.
        batch_length: Padded length decoded at once, in seconds or tokens.
    """
    texts = [""] * len(pairs)
    for batch in batching.plan_epoch(
        [len(source) / task.rate for _, source in pairs],
        batch_length=batch_length,
        seed=0,
        epoch=0,
        ascending=True,
    ):
        found = search.hypotheses([pairs[i][1] for i in batch])
        for i, tokens, length in zip(batch, found.tokens, found.lengths, strict=True):
            texts[i] = task.decode(tokens[0, : length[0]].tolist())
    return texts


class DevScorer:
    """Decodes the dev part freely, with a beam of one and nothing that guides it.

    Args:
        model: The network in training; its weights are shared.
        task: Encodes and decodes texts, knows the metrics.
        records: The dev part; one that cannot be read is left out.
        decoding: How the model will be used; here the beam is of one, and language
            model, hotwords and prefix are left out.
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
        self.search = BeamSearchDecoder(
            model,
            Tokens(task.start, task.end),
            replace(decoding, beam_size=1, n_best=1),
        )

    def score(self) -> tuple[dict[str, float], np.ndarray | None]:
        """Return the figures of this moment, and an attention map to look at.

        Returns:
            `dev_` and the name of each metric of the task; `monotonicity` and `focus`
            of the attention over the references (see `alignment_quality`), and an image
            of one, (h, w, 3) uint8. Nothing where the dev part is empty.
        """
        pairs = []
        for record in self.records:
            source = self.loader.load(record)
            if source is not None:
                pairs.append((record, source))
        if not pairs:
            return {}, None
        pairs.sort(key=lambda pair: len(pair[1]))
        found = self._metrics(pairs)
        if not self.model.decoder.trainable:  # CTC alone is learned
            return found, None
        weights, lengths = self._attention(pairs[len(pairs) // 2 :])
        if not weights.any():  # nothing was shown, or there is no attention
            return found, None
        monotonicity, focus = alignment_quality(weights, lengths)
        found |= {"monotonicity": monotonicity, "focus": focus}
        return found, plots.attention_image(weights[0, : lengths[0]])

    def _metrics(self, pairs: list[tuple[Record, np.ndarray]]) -> dict[str, float]:
        references = [record.text or "" for record, _ in pairs]
        hypotheses = write_all(self.search, self.task, pairs, self.batch_length)
        scores = self.task.metrics(references, hypotheses)
        return {f"dev_{name}": float(value) for name, value in scores.items()}

    def _attention(
        self, pairs: list[tuple[Record, np.ndarray]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return weights over a few references (B, U, S), and these' lengths (B,)."""
        shown: list[tuple[np.ndarray, tuple[int, ...]]] = []
        for record, source in pairs:
            try:
                labels = self.task.encode_target(record.text or "")
            except DataError:  # a character that training text never had
                continue
            shown.append((source, (*labels, self.task.end)))
            if len(shown) == _SHOWN:
                break
        if not shown:
            return np.zeros((0, 0, 0)), np.zeros(0, "int32")
        inputs, targets = batching.collate(shown, self.task.start)
        weights = self.model.predict_on_batch(inputs)["weights"]
        return np.asarray(weights)[: len(shown)], targets["label_lengths"]
