"""A model folder -> transcripts of recordings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from asr import audio
from asr.checkpoint import CARD, read_model
from asr.compiled_search import Search
from asr.config import BATCH_SECONDS, DecodingConfig
from asr.decoding.search import Hypotheses
from asr.errors import AsrError, AudioError, ModelError
from asr.manifest import Utterance
from asr.predictor import Predictor, readings
from asr.resources import model_path
from asr.segment import cut, cut_blocks
from asr.tasks.speech_recognition import SpeechRecognition
from asr.transcript import Alternative, Segment, Transcript

Source = str | Path | BinaryIO | np.ndarray | Utterance
"""A recording: a file, an open one, samples, or an entry of a manifest."""


@dataclass(frozen=True)
class AttentionMap:
    """Where the decoder looked, as `asr.plots.attention` takes it.

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


class Recognizer(Predictor):
    """A model that writes down what recordings say."""

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
        ((_, result),) = self._transcribe([source], rate, decoding, BATCH_SECONDS)
        if isinstance(result, AsrError):
            raise result
        return result

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
        yield from self._transcribe(sources, None, decoding, batch_seconds)

    def warm_up(self, decoding: DecodingConfig | None = None) -> None:
        """Compile the search now, so that the first recording does not wait for it."""
        search = self.search(decoding)
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
        found = self.search(self.decoding).hypotheses([samples])
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

    def _transcribe(
        self,
        sources: Iterable[Source],
        rate: int | None,
        decoding: DecodingConfig | None,
        batch_seconds: float,
    ) -> Iterator[tuple[Source, Transcript | AsrError]]:
        search = self.search(decoding)
        # Sorting a few batches' worth by length saves padding, and is all the sound
        # that is ever in memory.
        window, waiting = 4 * batch_seconds * self.rate, 0
        recordings: list[_Recording] = []
        pieces: list[_Piece] = []
        for source in sources:
            recordings.append(_Recording(source))
            for piece in self._pieces(recordings[-1], rate):
                pieces.append(piece)
                waiting += piece.samples.size
                if waiting >= window:
                    self._decode(pieces, search, batch_seconds)
                    pieces, waiting = [], 0
                    for recording in recordings[:-1]:
                        yield recording.source, self._result(recording)
                    del recordings[:-1]
        self._decode(pieces, search, batch_seconds)
        for recording in recordings:
            yield recording.source, self._result(recording)

    def _pieces(self, recording: _Recording, rate: int | None) -> Iterator[_Piece]:
        """Yield what there is to decode of a recording; note its length or error."""
        source = recording.source
        try:
            if isinstance(source, Utterance | np.ndarray):
                blocks = iter([self._samples(source, rate)])
            else:
                blocks = audio.blocks(source, self.rate)
            for start, samples in cut_blocks(blocks, self.rate):
                recording.size = start + samples.size
                if np.any(samples):
                    yield _Piece(recording, start, samples)
        except AsrError as error:
            recording.error = error

    def _decode(
        self, pieces: list[_Piece], search: Search, batch_seconds: float
    ) -> None:
        """Put the segments of pieces into their recordings."""
        pieces = sorted(pieces, key=lambda piece: piece.samples.size)
        while pieces:
            longest = pieces[-1].samples.size
            count = max(1, math.floor(batch_seconds * self.rate / longest))
            batch, pieces = pieces[-count:], pieces[:-count]
            hypotheses = search.hypotheses([piece.samples for piece in batch])
            for row, (recording, start, samples) in enumerate(batch):
                end = start + samples.size
                found = self._segment(hypotheses, row, start, end, search)
                recording.parts[start] = found

    def _segment(
        self, found: Hypotheses, row: int, start: int, end: int, search: Search
    ) -> tuple[Segment, tuple[Alternative, ...]]:
        best = readings(found, row, search.config.n_best)
        tokens, score = best[0] if best else ((), 0.0)
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
            Alternative(self.task.decode(tokens), score) for tokens, score in best
        )

    def _result(self, recording: _Recording) -> Transcript | AsrError:
        if recording.error is not None:
            return recording.error
        parts = [recording.parts[start] for start in sorted(recording.parts)]
        reason = None
        if not recording.size:
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
            duration=recording.size / self.rate,
            alternatives=parts[0][1] if len(parts) == 1 else (),
            reason=reason,
        )


@dataclass
class _Recording:
    """One source on its way to a transcript; `parts` go by their first sample."""

    source: Source
    size: int = 0
    parts: dict[int, tuple[Segment, tuple[Alternative, ...]]] = field(
        default_factory=dict
    )
    error: AsrError | None = None


class _Piece(NamedTuple):
    """What is decoded in one go: samples of a recording from `start` on."""

    recording: _Recording
    start: int
    samples: np.ndarray


def load(name: str | Path = "english") -> Recognizer:
    """Load a model.

    Args:
        name: A bundled model or a model folder.

    Raises:
        ModelError: There is none of that name, it is damaged, or reads no recordings.
    """
    folder = model_path(name)
    loaded = read_model(folder)
    if not isinstance(loaded.task, SpeechRecognition):
        raise ModelError(
            f"{name}: reads texts, not recordings (task {loaded.config.task}); use "
            "asr translate or asr summarize, or asr.load_text"
        )
    return Recognizer(loaded, (folder / CARD).read_text(encoding="utf-8"))
