"""Search in two passes: words by their phones first, the best of them by attention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
from keras import ops

from asr.arrays import pad_rows, round_up_length
from asr.config.schema import DecodingConfig
from asr.decoding.beam_search import Hypotheses, Tokens
from asr.decoding.ctc_prefix import NEVER
from asr.decoding.lexicon_search import Hypothesis, LexiconSearch
from asr.inference.graph import (
    BeamSearchDecoder,
    DecodedBatch,
    compile_for_all_shapes,
    inputs_of,
)
from asr.model.ops import sequence_mask
from asr.model.seq2seq import Seq2Seq

_TOGETHER = 2  # recordings whose texts attention reads at once: more fill memory


class RescoringDecoder:
    """Takes the place of `Search` for models with a CTC head of phones.

    Args:
        model: The network; its weights are shared, not copied.
        special: Start and end symbols.
        config: Beam and weights.
        first_pass: Finds what may have been said by its phones.
        encode: Returns the tokens of a text.

    Reference:
        T. N. Sainath et al., Two-Pass End-to-End Speech Recognition, Interspeech 2019:
        hypotheses of a first pass are read again by attention.
    """

    def __init__(
        self,
        model: Seq2Seq,
        special: Tokens,
        config: DecodingConfig,
        first_pass: LexiconSearch,
        encode: Callable[[str], list[int]],
    ) -> None:
        self.special, self.config = special, config
        self.first_pass, self.encode = first_pass, encode
        self._listener = _Listener(model, config.phone_prior)
        self._reader = _Reader(model)

    def hypotheses(self, sources: Sequence[np.ndarray]) -> Hypotheses:
        """Search a batch of sources, (N,) each; arrays come back."""
        return self.found(sources).hypotheses

    def found(
        self,
        sources: Sequence[np.ndarray],
        begins: Sequence[bool] | None = None,  # noqa: ARG002 - for a prefix
        *,
        width: int = 0,
    ) -> DecodedBatch:
        """Search a batch of sources, and tell what CTC makes of them; see `Search`."""
        heard = _run(self._listener, inputs_of(sources, width))
        counts = heard["ctc_lengths"]
        said, labels, attended = [], [], []
        # Attention reads some while the first pass, on one core, finds the next.
        with ThreadPoolExecutor(1) as reader:
            for row in range(0, len(sources), _TOGETHER):
                some = slice(row, row + _TOGETHER)
                for frames, count in zip(
                    heard["phones"][some], counts[some], strict=True
                ):
                    found = self.first_pass(frames[:count], self.config.beam_size)
                    said.append(found)
                    labels.append(
                        [
                            [*self.encode(" ".join(it.words)), self.special.end]
                            for it in found
                        ]
                    )
                memory = heard["memory"][some], heard["memory_lengths"][some]
                attended.append(reader.submit(self._attention, *memory, labels[some]))
        scores = np.concatenate([it.result() for it in attended])
        best = [self._best(*row) for row in zip(said, labels, scores, strict=True)]
        log_probs = [
            frames[:count]
            for frames, count in zip(heard["ctc_log_probs"], counts, strict=True)
        ]
        return DecodedBatch(self._hypotheses(best), log_probs)

    def _attention(
        self,
        memory: np.ndarray,
        memory_lengths: np.ndarray,
        labels: list[list[list[int]]],
    ) -> np.ndarray:
        """Return the log probability of labels by attention, (B, K).

        All have the shapes of a few, so that few graphs are compiled.
        """
        rows, most = len(labels), self.config.beam_size
        if self.config.phone_weight == 1:  # no need to ask the decoder
            return np.zeros((rows, most))
        nothing = [self.special.end]
        flat = [
            label for row in labels for label in row + [nothing] * (most - len(row))
        ]
        lengths = np.array([len(label) for label in flat], np.int32)
        width = round_up_length(int(lengths.max()), bits=3)
        written = pad_rows(flat, width, "int32").reshape(rows, most, width)
        tokens = np.roll(written, 1, axis=2)
        tokens[..., 0] = self.special.start
        scores = _run(
            self._reader,
            {
                "memory": memory,
                "memory_lengths": memory_lengths,
                "tokens": tokens,
                "labels": written,
                "label_lengths": lengths.reshape(rows, most),
            },
        )
        return np.asarray(scores)

    def _best(
        self, said: list[Hypothesis], labels: list[list[int]], attended: np.ndarray
    ) -> list[tuple[float, list[int]]]:
        config = self.config
        scored = [
            (
                (1 - config.phone_weight) * float(attention)
                + config.phone_weight * (it.acoustic + it.reward)
                + config.lm_weight * it.language,
                label[:-1],
            )
            for it, label, attention in zip(said, labels, attended, strict=False)
        ]
        return sorted(scored, reverse=True)[: config.n_best]

    def _hypotheses(self, best: list[list[tuple[float, list[int]]]]) -> Hypotheses:
        count = self.config.n_best
        longest = max((len(tokens) for row in best for _, tokens in row), default=0)
        tokens = np.zeros((len(best), count, longest), np.int32)
        lengths = np.zeros((len(best), count), np.int32)
        scores = np.full((len(best), count), NEVER, np.float32)
        for row, hypotheses in enumerate(best):
            for rank, (score, written) in enumerate(hypotheses):
                tokens[row, rank, : len(written)] = written
                lengths[row, rank], scores[row, rank] = len(written), score
        return Hypotheses(tokens, lengths, scores)


AnySearch = BeamSearchDecoder | RescoringDecoder


class _Listener(keras.Model):
    """What the encoder knows of sources."""

    def __init__(self, model: Seq2Seq, prior: float) -> None:
        super().__init__(name="listener", dtype="float32")
        self.model, self.prior = model, prior
        self.built = True

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        encoded, _, ctc_log_probs = self.model.encode(
            inputs["source"], inputs["source_lengths"]
        )
        phones = self.model.heads["phones"]
        return {
            "memory": encoded.memory,
            "memory_lengths": encoded.memory_lengths,
            "ctc_lengths": encoded.state_lengths,
            "ctc_log_probs": ctc_log_probs,
            "phones": phones.log_probs(encoded.states, self.prior),
        }


class _Reader(keras.Model):
    """How probable the decoder finds labels, (B, K), that it reads all at once."""

    def __init__(self, model: Seq2Seq) -> None:
        super().__init__(name="reader", dtype="float32")
        self.model = model
        self.built = True

    def call(self, inputs: dict[str, Any]) -> Any:
        tokens, labels = inputs["tokens"], inputs["labels"]
        rows, count, width = ops.shape(tokens)
        logits, _ = self.model.decoder(
            ops.reshape(tokens, (rows * count, width)),
            ops.repeat(inputs["memory"], count, axis=0),
            ops.repeat(inputs["memory_lengths"], count, axis=0),
        )
        log_probs = ops.log_softmax(logits, axis=-1)
        flat = ops.reshape(labels, (rows * count, width, 1))
        scores = ops.take_along_axis(log_probs, flat, axis=2)[..., 0]
        lengths = ops.reshape(inputs["label_lengths"], (rows * count,))
        inside = ops.cast(sequence_mask(lengths, width), scores.dtype)
        return ops.reshape(ops.sum(scores * inside, axis=1), (rows, count))


def _run(model: keras.Model, inputs: dict[str, np.ndarray]) -> Any:
    if model.predict_function is None:
        compile_for_all_shapes(model, inputs)
    return model.predict_on_batch(inputs)
