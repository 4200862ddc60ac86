"""A model folder -> transcripts of recordings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import keras
import numpy as np
from keras import ops

from asr import audio
from asr.checkpoint import CARD, LoadedModel, read_model
from asr.config import DecodingConfig
from asr.decoding import ctc_prefix
from asr.decoding.search import Hypotheses, Tokens, beam_search, greedy_search
from asr.errors import AsrError, AudioError
from asr.manifest import Utterance
from asr.model.masks import sequence_mask
from asr.model.seq2seq import Seq2Seq
from asr.resources import model_path
from asr.segment import cut
from asr.tasks.base import Task
from asr.transcript import Alternative, Segment, Transcript

Source = str | Path | BinaryIO | np.ndarray | Utterance
"""A recording: a file, an open one, samples, or an entry of a manifest."""

BATCH_SECONDS = 240.0
"""Padded audio decoded at once, in seconds, unless the caller says otherwise."""


class Search(keras.Model):
    """Encoder and search as one compiled graph on any backend.

    Args:
        model: The network; its weights are shared, not copied.
        special: Start and end symbols.
        config: Beam, weights and thresholds. A beam of 1 without CTC is greedy search.

    Call arguments:
        inputs: `source` (B, N) float32 and `source_lengths` (B,) int32.

    Returns:
        A dict of the fields of `Hypotheses`.
    """

    def __init__(self, model: Seq2Seq, special: Tokens, config: DecodingConfig) -> None:
        super().__init__(name="search")
        self.model = model
        self.special = special
        self.config = config
        self.built = True

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """See the class."""
        encoded, log_probs = self.model.encode(inputs["source"], inputs["source_lengths"])
        decoder, config = self.model.decoder, self.config
        memory = decoder.prepare(encoded.memory, encoded.memory_lengths)
        state = decoder.initial_state(memory, config.beam_size)

        def step(tokens: Any, state: Any) -> tuple[Any, Any]:  # noqa: ANN401 - tensors
            return decoder.step(tokens, state, memory)

        # CTC puts at most one label on a frame, and attention does well to do the same.
        limits = encoded.state_lengths
        if config.beam_size == 1 and not config.ctc_weight:
            return greedy_search(step, state, limits, self.special)._asdict()
        frames = None
        if config.ctc_weight:
            mask = sequence_mask(limits, ops.shape(log_probs)[1])
            frames = ctc_prefix.pad_frames(log_probs, mask)
        found = beam_search(
            step, state, limits, self.special, config, ctc_log_probs=frames
        )
        return found._asdict()

    def hypotheses(self, sources: list[np.ndarray]) -> Hypotheses:
        """Search a batch of waveforms, (N,) float32 each; arrays come back."""
        lengths = np.array([len(source) for source in sources], dtype="int32")
        source = np.zeros((len(sources), int(lengths.max())), dtype="float32")
        for row, samples in enumerate(sources):
            source[row, : len(samples)] = samples
        found = self.predict_on_batch({"source": source, "source_lengths": lengths})
        return Hypotheses(**found)


@dataclass(frozen=True)
class AttentionMap:
    """Where the decoder looked, for plotting.

    Attributes:
        weights: Each row sums to 1, (U, S).
        tokens: What was written at each row, the end symbol last.
        frame_seconds: Length of a memory frame in seconds.
        features: Normalised log-mel energies, (T, F).
        hop_seconds: Distance of these in seconds.
    """

    weights: np.ndarray
    tokens: tuple[str, ...]
    frame_seconds: float
    features: np.ndarray
    hop_seconds: float


class Recognizer:
    """A model that writes down what recordings say.

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

    @property
    def rate(self) -> int:
        """Sample rate of the model in hertz."""
        return self.config.model.frontend.rate

    def transcribe(
        self,
        source: Source,
        *,
        rate: int | None = None,
        decoding: DecodingConfig | None = None,
    ) -> Transcript:
        """Write down what one recording says.

        Args:
            source: A path, a binary file object, or samples in [-1, 1], (N,) float.
            rate: Sample rate of an array in hertz; the model's if not given.
            decoding: How to search; the model's own choice if not given.

        Raises:
            AudioError: The recording cannot be read.
        """
        samples = self._samples(source, rate)
        return next(iter(self._decode([samples], decoding)))

    def transcribe_many(
        self,
        sources: Iterable[Source],
        *,
        batch_seconds: float = BATCH_SECONDS,
        decoding: DecodingConfig | None = None,
    ) -> Iterator[tuple[Source, Transcript | AsrError]]:
        """Write down recordings, several at once, in the order in which they come.

        Args:
            sources: As in `transcribe`.
            batch_seconds: Audio decoded at once, in seconds.
            decoding: As in `transcribe`.

        Yields:
            Each source with its transcript, or with the error that names what is wrong
            with it; an unreadable recording does not stop the rest.
        """
        # Sorting a few batches' worth by length saves padding; the order is restored.
        window = 4 * batch_seconds * self.rate
        read: list[tuple[Source, np.ndarray | AsrError]] = []
        waiting = 0
        for source in sources:
            try:
                samples: np.ndarray | AsrError = self._samples(source, None)
            except AsrError as error:
                samples = error
            read.append((source, samples))
            waiting += samples.size if isinstance(samples, np.ndarray) else 0
            if waiting >= window:
                yield from self._finish(read, batch_seconds, decoding)
                read, waiting = [], 0
        yield from self._finish(read, batch_seconds, decoding)

    def warm_up(self, decoding: DecodingConfig | None = None) -> None:
        """Compile the search now, so that the first recording does not wait for it."""
        search = self._search(decoding)
        # The second shape teaches TensorFlow that shapes vary.
        for count, seconds in ((1, 1), (2, 2)):
            search.hypotheses([np.zeros(seconds * self.rate, "float32")] * count)

    def attention(self, source: Source, *, rate: int | None = None) -> AttentionMap:
        """Return where the decoder looked while it wrote, for a recording up to 20 s.

        Raises:
            AudioError: The recording cannot be read, is empty or too long.
        """
        samples = self._samples(source, rate)
        if not samples.size or len(cut(samples, self.rate)) > 1:
            raise AudioError(f"{source}: attention is shown for up to 20 s of sound")
        found = self._search(self.decoding).hypotheses([samples])
        written = found.tokens[0, 0, : found.lengths[0, 0]].tolist()
        tokens = np.array([[self.task.start, *written]], dtype="int32")
        lengths = np.array([len(samples)], dtype="int32")
        outputs = self.model.predict_on_batch(
            {"source": samples[None], "source_lengths": lengths, "tokens": tokens}
        )
        features, _ = self.model.frontend(samples[None], lengths)
        hop = self.model.frontend.frame_seconds
        return AttentionMap(
            weights=np.asarray(outputs["weights"])[0],
            tokens=(*(self.task.decode([token]) for token in written), "</s>"),
            frame_seconds=hop * self.model.encoder.frames_per_memory,
            features=np.asarray(features)[0],
            hop_seconds=hop,
        )

    def _samples(self, source: Source, rate: int | None) -> np.ndarray:
        if isinstance(source, Utterance):
            return self.task.encode_source(source)
        if not isinstance(source, np.ndarray):
            return audio.read(source, self.rate)
        if source.ndim != 1 or not np.issubdtype(source.dtype, np.floating):
            raise AudioError(
                f"samples must be floating point of shape (N,), got {source.dtype} "
                f"{source.shape}"
            )
        if not np.all(np.isfinite(source)):
            raise AudioError("samples hold values that are not numbers")
        samples = source.astype("float32")
        if rate is not None and rate != self.rate:
            samples = audio.resample(samples, rate, self.rate)
        return samples

    def _search(self, decoding: DecodingConfig | None) -> Search:
        config = decoding or self.decoding
        config = replace(config, n_best=min(config.n_best, config.beam_size))
        if config not in self._searches:
            special = Tokens(self.task.start, self.task.end)
            self._searches[config] = Search(self.model, special, config)
        return self._searches[config]

    def _finish(
        self,
        read: list[tuple[Source, np.ndarray | AsrError]],
        batch_seconds: float,
        decoding: DecodingConfig | None,
    ) -> Iterator[tuple[Source, Transcript | AsrError]]:
        good = [samples for _, samples in read if isinstance(samples, np.ndarray)]
        results = iter(self._decode(good, decoding, batch_seconds))
        for source, samples in read:
            if isinstance(samples, np.ndarray):
                yield source, next(results)
            else:
                yield source, samples

    def _decode(
        self,
        recordings: list[np.ndarray],
        decoding: DecodingConfig | None,
        batch_seconds: float = BATCH_SECONDS,
    ) -> list[Transcript]:
        search = self._search(decoding)
        pieces = [
            (number, start, end)
            for number, samples in enumerate(recordings)
            if samples.size and np.any(samples)
            for start, end in cut(samples, self.rate)
        ]
        pieces.sort(key=lambda piece: piece[2] - piece[1])
        found: dict[tuple[int, int], tuple[Segment, tuple[Alternative, ...]]] = {}
        while pieces:
            longest = pieces[-1][2] - pieces[-1][1]
            count = max(1, math.floor(batch_seconds * self.rate / longest))
            batch, pieces = pieces[-count:], pieces[:-count]
            hypotheses = search.hypotheses(
                [recordings[number][start:end] for number, start, end in batch]
            )
            for row, (number, start, end) in enumerate(batch):
                found[number, start] = self._segment(hypotheses, row, start, end, search)
        return [
            self._transcript(samples, [found[key] for key in sorted(found) if key[0] == number])
            for number, samples in enumerate(recordings)
        ]

    def _segment(
        self, found: Hypotheses, row: int, start: int, end: int, search: Search
    ) -> tuple[Segment, tuple[Alternative, ...]]:
        readings = []
        for rank in range(search.config.n_best):
            if found.scores[row, rank] > 0.5 * ctc_prefix.NEVER:
                tokens = found.tokens[row, rank, : found.lengths[row, rank]].tolist()
                readings.append((tuple(tokens), float(found.scores[row, rank])))
        tokens, score = readings[0] if readings else ((), 0.0)
        segment = Segment(
            id=0,
            start=start / self.rate,
            end=end / self.rate,
            text=self.task.decode(tokens),
            tokens=tokens,
            avg_logprob=score / (len(tokens) + 1),
            no_speech_prob=0.0,
        )
        return segment, tuple(
            Alternative(self.task.decode(tokens), score) for tokens, score in readings
        )

    def _transcript(
        self,
        samples: np.ndarray,
        parts: list[tuple[Segment, tuple[Alternative, ...]]],
    ) -> Transcript:
        reason = None
        if not samples.size:
            reason = "the recording holds no samples"
        elif not parts:
            reason = "the recording is silent"
        elif not any(segment.text for segment, _ in parts):
            reason = "no words were recognised"
        segments = tuple(
            replace(segment, id=number)
            for number, segment in enumerate(s for s, _ in parts if s.text)
        )
        return Transcript(
            text=" ".join(segment.text for segment in segments),
            segments=segments,
            language=self.config.language,
            duration=samples.size / self.rate,
            alternatives=parts[0][1] if len(parts) == 1 else (),
            reason=reason,
        )


def load(name: str | Path = "english") -> Recognizer:
    """Load a model.

    Args:
        name: A bundled model or a model folder.

    Raises:
        ModelError: There is none of that name, or it is damaged.
    """
    folder = model_path(name)
    loaded = read_model(folder)
    return Recognizer(loaded, (folder / CARD).read_text(encoding="utf-8"))

