"""A model folder -> transcripts of recordings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from asr import audio
from asr.checkpoint import CARD, read_model
from asr.compiled_search import Found, Search
from asr.config import BATCH_SECONDS, DecodingConfig
from asr.errors import AsrError, AudioError, DataError, ModelError, UsageError
from asr.manifest import Utterance
from asr.predictor import Predictor, readings
from asr.resources import model_path
from asr.segment import Piece, all_pieces, cut, speech_pieces
from asr.tasks.speech_recognition import SpeechRecognition
from asr.transcript import Alternative, Segment, Transcript, Word
from asr.voice_activity import detector
from asr.word_times import align_labels, word_times, words_of

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

    @property
    def times_words(self) -> bool:
        """Whether it can tell when words are said, which takes a CTC head."""
        return self.config.model.ctc

    def transcribe(
        self,
        source: Source,
        *,
        rate: int | None = None,
        decoding: DecodingConfig | None = None,
        vad: bool = True,
        word_timestamps: bool = False,
    ) -> Transcript:
        """Write down what one recording says.

        Args:
            source: A path, a binary file object, or samples in [-1, 1], (N,) float.
            rate: Sample rate of an array in hertz; the model's if not given.
            decoding: How to search; the model's own choice if not given.
            vad: Whether to read only where somebody speaks, by `asr.voice_activity`;
                otherwise all is read.
            word_timestamps: Whether segments tell when each word is said.

        Raises:
            AudioError: The recording cannot be read.
            UsageError: The model cannot tell when words are said.
        """
        ((_, result),) = self._transcribe(
            [source], rate, decoding, BATCH_SECONDS, vad, word_timestamps
        )
        if isinstance(result, AsrError):
            raise result
        return result

    def transcribe_many(
        self,
        sources: Iterable[Source],
        *,
        batch_seconds: float = BATCH_SECONDS,
        decoding: DecodingConfig | None = None,
        vad: bool = True,
        word_timestamps: bool = False,
    ) -> Iterator[tuple[Source, Transcript | AsrError]]:
        """Write down recordings, several at once, in the order in which they come.

        Args:
            sources: As in `transcribe`.
            batch_seconds: Audio decoded at once, in seconds.
            decoding: As in `transcribe`.
            vad: As in `transcribe`.
            word_timestamps: As in `transcribe`.

        Yields:
            Each source with its transcript, or with the error that names what is wrong
            with it; an unreadable recording does not stop the rest.
        """
        yield from self._transcribe(
            sources, None, decoding, batch_seconds, vad, word_timestamps
        )

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
        vad: bool,
        word_timestamps: bool,
    ) -> Iterator[tuple[Source, Transcript | AsrError]]:
        if word_timestamps and not self.times_words:
            raise UsageError(
                "this model has no CTC head, which tells when words are said"
            )
        search = self.search(decoding)
        # Sorting a few batches' worth by length saves padding, and is all the sound
        # that is ever in memory.
        window, waiting = 4 * batch_seconds * self.rate, 0
        recordings: list[_Recording] = []
        pieces: list[tuple[_Recording, Piece]] = []
        for source in sources:
            recordings.append(_Recording(source, word_timestamps))
            for piece in self._pieces(recordings[-1], rate, vad):
                pieces.append((recordings[-1], piece))
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

    def _pieces(
        self, recording: _Recording, rate: int | None, vad: bool
    ) -> Iterator[Piece]:
        """Yield what there is to decode of a recording; note its length or error."""
        source = recording.source
        try:
            if isinstance(source, Utterance | np.ndarray):
                blocks = iter([self._samples(source, rate)])
            else:
                blocks = audio.blocks(source, self.rate)
            counted = recording.count(blocks)
            found = (
                speech_pieces(counted, self.rate, detector())
                if vad
                else all_pieces(counted, self.rate)
            )
            for piece in found:
                if np.any(piece.samples):
                    yield piece
        except AsrError as error:
            recording.error = error

    def _decode(
        self,
        pieces: list[tuple[_Recording, Piece]],
        search: Search,
        batch_seconds: float,
    ) -> None:
        """Put the segments of pieces into their recordings."""
        pieces = sorted(pieces, key=lambda entry: entry[1].samples.size)
        while pieces:
            longest = pieces[-1][1].samples.size
            count = max(1, math.floor(batch_seconds * self.rate / longest))
            batch, pieces = pieces[-count:], pieces[:-count]
            found = search.found([piece.samples for _, piece in batch])
            for row, (recording, piece) in enumerate(batch):
                recording.parts[piece.start] = self._segment(
                    found, row, piece, search.config.n_best, recording.timed
                )

    def _segment(
        self, found: Found, row: int, piece: Piece, n_best: int, timed: bool
    ) -> tuple[Segment, tuple[Alternative, ...]]:
        best = readings(found.hypotheses, row, n_best)
        alternatives = tuple(
            Alternative(self.task.decode(tokens), score) for tokens, score in best
        )
        tokens, score = best[0] if best else ((), 0.0)
        mean = score / (len(tokens) + 1)
        words: tuple[Word, ...] | None = None
        if found.ctc and (timed or piece.goes_on or piece.cut_off):
            words, tokens = self._words(tokens, found.ctc[row], piece)
        segment = Segment(
            id=0,
            start=piece.first / self.rate,
            end=piece.last / self.rate,
            text=self.task.decode(tokens).strip(),
            tokens=tokens,
            avg_logprob=mean,
            no_speech_prob=1.0 - piece.speech,
            words=words if timed else None,
        )
        return segment, alternatives

    def _words(
        self, tokens: tuple[int, ...], log_probs: np.ndarray, piece: Piece
    ) -> tuple[tuple[Word, ...], tuple[int, ...]]:
        """Return the words that belong to a piece with their times, and their tokens.

        Where there are more tokens than CTC can place, all belong and have no times.
        """
        try:
            spans = align_labels(log_probs, tokens)
        except DataError:
            return (), tokens
        second = self.model.frontend.frame_seconds * self.config.model.encoder.reduction
        begin, end = piece.start / self.rate, piece.start + len(piece.samples)
        pieces = [self.task.tokenizer.pieces[token] for token in tokens]
        words, kept = [], []
        for (_, first, last), (text, start, stop) in zip(
            words_of(pieces), word_times(pieces, spans, second), strict=True
        ):
            middle = piece.start + 0.5 * (start + stop) * self.rate
            if (piece.goes_on and middle < piece.first) or (
                piece.cut_off and middle >= piece.last
            ):
                continue
            probability = float(np.exp(spans.log_probs[first:last].mean()))
            stop = min(begin + stop, end / self.rate)
            words.append(Word(begin + start, stop, text, probability))
            kept.append((first, last))
        if not kept:
            return (), ()
        return tuple(words), tokens[kept[0][0] : kept[-1][1]]

    def _result(self, recording: _Recording) -> Transcript | AsrError:
        if recording.error is not None:
            return recording.error
        parts = [recording.parts[start] for start in sorted(recording.parts)]
        reason = None
        if not recording.size:
            reason = "the recording holds no samples"
        elif not recording.loud:
            reason = "the recording is silent"
        elif not parts:
            reason = "nobody speaks in the recording"
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
    timed: bool
    size: int = 0
    loud: bool = False
    parts: dict[int, tuple[Segment, tuple[Alternative, ...]]] = field(
        default_factory=dict
    )
    error: AsrError | None = None

    def count(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Note how long and whether not silent the recording is, in passing."""
        for block in blocks:
            self.size += block.size
            self.loud = self.loud or bool(np.any(block))
            yield block


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
