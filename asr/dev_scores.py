"""What a model in training scores on the dev part, and where its attention looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from asr import batching, plots
from asr.compiled_search import Search
from asr.config import DecodingConfig
from asr.decoding.search import Tokens
from asr.errors import DataError
from asr.manifest import Utterance
from asr.model.seq2seq import Seq2Seq
from asr.monitoring import alignment_quality
from asr.tasks.base import Task

_SHOWN = 8  # clips whose attention is looked at


class DevScorer:
    """Decodes the dev part freely, with the recipe's scores and a beam of one.

    Args:
        model: The network in training; its weights are shared.
        task: Encodes and decodes texts, knows the metrics.
        utterances: The dev part; one that cannot be read is left out.
        decoding: How the model will be used; only the beam is narrower here.
        loader: Reads recordings.
        batch_seconds: Padded audio decoded at once, in seconds.
    """

    def __init__(
        self,
        model: Seq2Seq,
        task: Task,
        utterances: Sequence[Utterance],
        *,
        decoding: DecodingConfig,
        loader: batching.Loader,
        batch_seconds: float,
    ) -> None:
        self.model, self.task, self.loader = model, task, loader
        self.utterances = utterances
        self.batch_seconds = batch_seconds
        self.search = Search(
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
        for utterance in self.utterances:
            samples = self.loader.load(utterance)
            if samples is not None:
                pairs.append((utterance, samples))
        if not pairs:
            return {}, None
        pairs.sort(key=lambda pair: len(pair[1]))
        found = self._metrics(pairs)
        weights, lengths = self._attention(pairs[len(pairs) // 2 :])
        if not weights.any():  # nothing was shown, or there is no attention
            return found, None
        monotonicity, focus = alignment_quality(weights, lengths)
        found |= {"monotonicity": monotonicity, "focus": focus}
        return found, plots.attention_image(weights[0, : lengths[0]])

    def _metrics(self, pairs: list[tuple[Utterance, np.ndarray]]) -> dict[str, float]:
        references, hypotheses = [], []
        for batch in batching.plan_epoch(
            [len(samples) / self.loader.rate for _, samples in pairs],
            batch_seconds=self.batch_seconds,
            seed=0,
            epoch=0,
            ascending=True,
        ):
            found = self.search.hypotheses([pairs[i][1] for i in batch])
            references += [pairs[i][0].text or "" for i in batch]
            for tokens, length in zip(found.tokens, found.lengths, strict=True):
                hypotheses.append(self.task.decode(tokens[0, : length[0]].tolist()))
        scores = self.task.metrics(references, hypotheses)
        return {f"dev_{name}": float(value) for name, value in scores.items()}

    def _attention(
        self, pairs: list[tuple[Utterance, np.ndarray]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return weights over a few references (B, U, S), and these' lengths (B,)."""
        shown: list[tuple[np.ndarray, tuple[int, ...]]] = []
        for utterance, samples in pairs:
            try:
                labels = self.task.encode_target(utterance.text or "")
            except DataError:  # a character that training text never had
                continue
            shown.append((samples, (*labels, self.task.end)))
            if len(shown) == _SHOWN:
                break
        if not shown:
            return np.zeros((0, 0, 0)), np.zeros(0, "int32")
        inputs, targets = batching.collate(shown, self.task.start)
        weights = self.model.predict_on_batch(inputs)["weights"]
        return np.asarray(weights)[: len(shown)], targets["label_lengths"]
