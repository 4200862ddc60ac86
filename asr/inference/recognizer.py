"""A model folder -> transcripts of recordings."""

from __future__ import annotations

import ctypes
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Unpack

import numpy as np

from asr.arrays import round_up_length
from asr.audio import io as audio_io
from asr.audio.decoders import RawSamples
from asr.audio.segmentation import speech_pieces
from asr.audio.vad import detector
from asr.audio.windows import AudioSegment, all_pieces, cut
from asr.config.schema import DecodingConfig
from asr.data.manifest import Utterance
from asr.decoding.ctc_alignment import Spans, align_labels
from asr.errors import AsrError, AudioError, ModelError, UsageError
from asr.files import model_path
from asr.formats.transcript import Alternative, Segment, Transcript, Word
from asr.inference.assembly import PendingTranscript
from asr.inference.graph import DecodedBatch
from asr.inference.hallucination import best_path, hallucination_reason
from asr.inference.options import Chosen, Options
from asr.inference.predictor import Predictor, distinct_texts, n_best
from asr.inference.timestamps import tells_words, timed_words
from asr.metrics.calibration import calibrated
from asr.storage.model_folder import read_card, read_model
from asr.tasks.speech_recognition import SpeechRecognition

_LONGEST_ALIGNED = 120.0
_LONGEST_SHOWN = 20.0
_C = None if sys.platform == "win32" else ctypes.CDLL(None)
_malloc_trim = getattr(_C, "malloc_trim", None)

Source = str | Path | BinaryIO | RawSamples | np.ndarray | Utterance
"""A recording: a file, an open one, samples, or an entry of a manifest."""


@dataclass(frozen=True)
class AttentionMap:
    """Where the decoder looked, as `asr.reports.plots.attention` takes it.

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

    @property
    def _overlaps(self) -> bool:
        """Whether to read on beyond cuts: words tell what was read twice."""
        return self.times_words and tells_words(self.task.tokenizer.pieces)

    def transcribe(
        self, source: Source, *, rate: int | None = None, **options: Unpack[Options]
    ) -> Transcript:
        """Write down what one recording says.

        Args:
            source: A path, a binary file object, `RawSamples`, or samples in [-1, 1],
                (N,) float.
            rate: Sample rate of an array in hertz; the model's if not given.
            options: See `Options`.

        Raises:
            AudioError: The recording cannot be read.
            UsageError: The model cannot tell when words are said.
        """
        ((_, result),) = self._transcribe([source], rate, self._chosen(options))
        if isinstance(result, AsrError):
            raise result
        return result

    def transcribe_many(
        self, sources: Iterable[Source], **options: Unpack[Options]
    ) -> Iterator[tuple[Source, Transcript | AsrError]]:
        """Write down recordings, several at once, in the order in which they come.

        Args:
            sources: As in `transcribe`.
            options: See `Options`.

        Yields:
            Each source with its transcript, or with the error that names what is wrong
            with it; an unreadable recording does not stop the rest.

        Raises:
            UsageError: The model cannot tell when words are said.
        """
        yield from self._transcribe(sources, None, self._chosen(options))

    def segments(
        self, source: Source, *, rate: int | None = None, **options: Unpack[Options]
    ) -> Iterator[Segment]:
        """Write down a recording part by part, while the rest is still to be read.

        Args:
            source: As in `transcribe`.
            rate: As in `transcribe`.
            options: See `Options`; `batch_seconds` of speech are decoded at once, 0 for
                each part as soon as it ends.

        Yields:
            Segments with text, in the order of time.

        Raises:
            AudioError: The recording cannot be read.
            UsageError: The model cannot tell when words are said.
        """
        chosen = self._chosen(options)
        draft = PendingTranscript(source)
        pieces, waiting = [], 0.0
        for piece in self._pieces(draft, rate, chosen):
            pieces.append((draft, piece))
            waiting += piece.samples.size / self.rate
            if waiting >= chosen.batch_seconds or isinstance(source, RawSamples):
                yield from self._decode(pieces, chosen)
                pieces, waiting = [], 0.0
        yield from self._decode(pieces, chosen)
        if draft.error is not None:
            raise draft.error
        chosen.on_progress(draft.advance(draft.size) / self.rate)

    def warm_up(self, decoding: DecodingConfig | None = None) -> None:
        """Compile the search now, so that the first recording does not wait for it.

        JAX compiles again for each shape of a batch.
        """
        search = self.search(decoding)
        search.hypotheses([np.zeros(self.rate, "float32")])

    def align(
        self, source: Source, text: str, *, rate: int | None = None
    ) -> Transcript:
        """Tell when each word of a known text is said, by CTC forced alignment.

        Args:
            source: As in `transcribe`; up to two minutes.
            text: What is said, in the order in which it is said.
            rate: As in `transcribe`.

        Returns:
            One segment, whose words are those of the normalised text.

        Raises:
            AudioError: The recording cannot be read, is empty or too long.
            DataError: The text holds characters that the model does not know, or more
                of them than the recording has room for.
            UsageError: The model has no CTC head.
        """
        self._chosen({"word_timestamps": True})  # whether the model can tell
        samples = self._beginning(source, rate, _LONGEST_ALIGNED)
        seconds = samples.size / self.rate
        if not samples.size:
            raise AudioError(f"{_name(source)}: there is no sound to align")
        if seconds > _LONGEST_ALIGNED:
            raise AudioError(
                f"{_name(source)}: longer than {_LONGEST_ALIGNED:.0f} s; align it in "
                "parts"
            )
        tokens = tuple(self.task.encode_target(text))
        greedy = DecodingConfig(beam_size=1, ctc_weight=0.0)
        (log_probs,) = self.search(greedy).decode([samples]).ctc
        spans = align_labels(log_probs, tokens)
        piece = AudioSegment(0, samples, 0, samples.size)
        words, _ = self._words(tokens, spans, piece, 0.0)
        spoken = self.task.decode(tokens)
        mean = float(spans.log_probs.mean()) if tokens else 0.0
        segment = Segment(0, 0.0, seconds, spoken, tokens, mean, 0.0, words)
        return Transcript(spoken, (segment,), self.config.language, seconds)

    def attention(self, source: Source, *, rate: int | None = None) -> AttentionMap:
        """Return where the decoder looked while it wrote, for a recording up to 20 s.

        Raises:
            AudioError: The recording cannot be read, is empty or too long.
            ModelError: The model recognises by CTC alone.
        """
        if self.decoding.ctc_weight == 1:
            raise ModelError("this model recognises by CTC alone: it has no attention")
        samples = self._beginning(source, rate, _LONGEST_SHOWN)
        if not samples.size or len(cut(samples, self.rate)) > 1:
            raise AudioError(
                f"{_name(source)}: attention is shown for up to 20 s of sound"
            )
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

    def _beginning(
        self, source: Source, rate: int | None, seconds: float
    ) -> np.ndarray:
        """Read a recording, but hardly more of it than so many seconds."""
        blocks = self._blocks(source, rate, replace(self._chosen({}), end=seconds + 1))
        return np.concatenate([np.zeros(0, np.float32), *blocks])

    def _samples(self, source: Source, rate: int | None) -> np.ndarray:
        if isinstance(source, Utterance):
            return self.task.encode_source(source)
        if not isinstance(source, np.ndarray):
            return audio_io.read(source, self.rate)
        if source.ndim != 1 or not np.issubdtype(source.dtype, np.floating):
            raise AudioError(
                f"samples must be floating point of shape (N,), got {source.dtype} "
                f"{source.shape}"
            )
        if not np.all(np.isfinite(source)):
            raise AudioError("samples hold values that are not numbers")
        samples = source.astype("float32")
        if rate is not None and rate != self.rate:
            samples = audio_io.resample(samples, rate, self.rate)
        return samples

    def _chosen(self, options: Options) -> Chosen:
        chosen = Chosen.of(options, self.decoding)
        if chosen.word_timestamps and not self.times_words:
            raise UsageError(
                "this model has no CTC head, which tells when words are said"
            )
        return chosen

    def _transcribe(
        self, sources: Iterable[Source], rate: int | None, chosen: Chosen
    ) -> Iterator[tuple[Source, Transcript | AsrError]]:
        # Sorting a few batches' worth by length saves padding, and is all the sound
        # that is ever in memory.
        batches = 1 if chosen.on_segment else 4
        window, waiting = batches * chosen.batch_seconds * self.rate, 0
        drafts: list[PendingTranscript] = []
        pieces: list[tuple[PendingTranscript, AudioSegment]] = []
        for source in sources:
            if isinstance(source, RawSamples):  # it may be silent for long
                self._decode(pieces, chosen)
                for draft in drafts:
                    yield draft.source, self._result(draft, chosen)
                drafts, pieces, waiting = [], [], 0
            drafts.append(PendingTranscript(source))
            for piece in self._pieces(drafts[-1], rate, chosen):
                pieces.append((drafts[-1], piece))
                waiting += piece.samples.size
                # Into a pipe somebody may be speaking.
                if waiting >= window or isinstance(source, RawSamples):
                    self._decode(pieces, chosen)
                    pieces, waiting = [], 0
                    for draft in drafts[:-1]:
                        yield draft.source, self._result(draft, chosen)
                    del drafts[:-1]
        self._decode(pieces, chosen)
        for draft in drafts:
            yield draft.source, self._result(draft, chosen)

    def _pieces(
        self, draft: PendingTranscript, rate: int | None, chosen: Chosen
    ) -> Iterator[AudioSegment]:
        """Yield what there is to decode of a recording; note its length or error."""
        try:
            counted = draft.count(self._blocks(draft.source, rate, chosen))
            if chosen.on_partial and isinstance(draft.source, RawSamples):
                counted = self._overheard(counted, draft, chosen, chosen.on_partial)
            found = (
                speech_pieces(counted, self.rate, detector(), overlap=self._overlaps)
                if chosen.vad
                else all_pieces(counted, self.rate)
            )
            for piece in found:
                draft.cut = piece.last
                if np.any(piece.samples):
                    if draft.first is None:
                        draft.first = piece.start
                    yield piece
        except AsrError as error:
            draft.error = error

    def _overheard(
        self,
        blocks: Iterable[np.ndarray],
        draft: PendingTranscript,
        chosen: Chosen,
        tell: Callable[[str], object],
    ) -> Iterator[np.ndarray]:
        """Pass blocks on, and tell what is understood of what no part has yet."""
        held, start, waiting, pause = np.zeros(0, np.float32), 0, 0.0, 1.0
        for block in blocks:
            yield block
            held = np.concatenate([held, block])
            done = max(draft.cut - start, held.size - round(20 * self.rate), 0)
            held, start = held[done:], start + done
            waiting += block.size / self.rate
            if waiting >= pause:
                began = time.monotonic()
                decoding = chosen.decoding
                if draft.cut:  # the prefix has been written
                    decoding = replace(decoding, prefix="")
                understood = self.transcribe(held, decoding=decoding, vad=chosen.vad)
                tell(understood.text)
                # No more than a third of the time goes into this.
                # What came meanwhile is heard at once, and counts.
                waiting, pause = 0.0, max(1.0, 3 * (time.monotonic() - began))

    def _blocks(
        self, source: Source, rate: int | None, chosen: Chosen
    ) -> Iterator[np.ndarray]:
        """Read a recording from `start` to `end` in blocks."""
        start, end = chosen.start, chosen.end
        if isinstance(source, Utterance | np.ndarray):
            samples = self._samples(source, rate)
            if start * self.rate > samples.size:
                seconds = samples.size / self.rate
                raise AudioError(f"start {start} s is past the end, {seconds:.2f} s")
            last = None if end is None else round(end * self.rate)
            yield samples[round(start * self.rate) : last]
            return
        yield from audio_io.blocks(
            source,
            self.rate,
            seconds=0.5 if isinstance(source, RawSamples) else 30.0,
            offset=start,
            duration=None if end is None else end - start,
            channel=chosen.channel,
        )

    def _decode(
        self, pieces: list[tuple[PendingTranscript, AudioSegment]], chosen: Chosen
    ) -> list[Segment]:
        """Put the segments of pieces into their drafts; return those with text."""
        search = self.search(chosen.decoding)
        left = sorted(pieces, key=lambda entry: entry[1].samples.size)
        while left:
            longest = round_up_length(left[-1][1].samples.size, bits=5)
            count = max(1, math.floor(chosen.batch_seconds * self.rate / longest))
            batch, left = left[-count:], left[:-count]
            found = search.decode(
                [piece.samples for _, piece in batch],
                [piece.start == draft.first for draft, piece in batch],
                width=longest,
            )
            for row, (draft, piece) in enumerate(batch):
                draft.parts[piece.start] = self._segment(found, row, piece, chosen)
            # What is decoded first is not what comes first.
            first: dict[PendingTranscript, int] = {}
            for draft, piece in left:
                known = first.get(draft, piece.first)
                first[draft] = min(known, piece.first)
            for draft, piece in batch:
                end = min(piece.last, first.get(draft, piece.last))
                chosen.on_progress(draft.advance(end) / self.rate)
        if len(pieces) > 1:  # not after each of what is just being said
            _release_memory()
        return self._tell(dict.fromkeys(draft for draft, _ in pieces), chosen)

    def _tell(
        self, drafts: Iterable[PendingTranscript], chosen: Chosen
    ) -> list[Segment]:
        told = []
        for draft in drafts:
            for segment in draft.take():
                told.append(segment)
                if chosen.on_segment:
                    chosen.on_segment(segment)
        return told

    def _segment(
        self, found: DecodedBatch, row: int, piece: AudioSegment, chosen: Chosen
    ) -> tuple[Segment, tuple[Alternative, ...]]:
        best = n_best(found.hypotheses, row, chosen.n_best)
        alternatives = distinct_texts(
            Alternative(self.task.decode(tokens).strip(), score)
            for tokens, score in best
        )
        tokens, score = best[0] if best else ((), 0.0)
        mean, reason = score / (len(tokens) + 1), None
        words: tuple[Word, ...] | None = None
        if found.ctc:
            log_probs = found.ctc[row]
            heard = best_path(log_probs)
            reason = hallucination_reason(
                self.task.decode(tokens), tokens, heard, len(log_probs)
            )
            if reason is not None:
                score = float(log_probs.max(axis=-1).sum())
                tokens, mean = heard, score / (len(heard) + 1)
                by_ctc = Alternative(self.task.decode(heard).strip(), score)
                alternatives = distinct_texts((by_ctc, *alternatives))[: len(best)]
            spans = align_labels(log_probs, tokens)
            words, tokens = self._words(tokens, spans, piece, chosen.start)
        start = chosen.start + piece.first / self.rate
        end = chosen.start + piece.last / self.rate
        # Some is read around what looked like speech, and a word may be all in there.
        if words and not piece.goes_on and words[0].end <= start:
            start = words[0].start
        if words and not piece.cut_off and words[-1].start >= end:
            end = words[-1].end
        segment = Segment(
            id=0,
            start=start,
            end=end,
            text=self.task.decode(tokens).strip(),
            tokens=tokens,
            avg_logprob=mean,
            no_speech_prob=1.0 - piece.speech,
            words=words if chosen.word_timestamps else None,
            doubt=reason,
            confidence=_mean_probability(words),
        )
        return segment, alternatives if chosen.n_best > 1 else ()

    def _words(
        self,
        tokens: tuple[int, ...],
        spans: Spans,
        piece: AudioSegment,
        skipped: float,
    ) -> tuple[tuple[Word, ...], tuple[int, ...]]:
        """Return the words that belong to a piece with their times, and their tokens.

        `skipped` are the seconds before the first sample.
        """
        first = skipped + piece.first / self.rate if piece.goes_on else -math.inf
        last = skipped + piece.last / self.rate if piece.cut_off else math.inf
        start = skipped + piece.start / self.rate
        timed = timed_words(
            [self.task.tokenizer.pieces[token] for token in tokens],
            spans,
            self.model.frontend.frame_seconds * self.config.model.encoder.reduction,
            start=start,
            end=start + len(piece.samples) / self.rate,
        )
        kept = [
            entry
            for entry in timed
            if first <= 0.5 * (entry.word.start + entry.word.end) < last
        ]
        if not kept:
            return (), ()
        calibration = self.config.calibration
        words = tuple(
            replace(word, probability=calibrated(calibration, word.probability))
            for word, _, _ in kept
        )
        return words, tokens[kept[0].first : kept[-1].last]

    def _result(
        self, draft: PendingTranscript, chosen: Chosen
    ) -> Transcript | AsrError:
        chosen.on_progress(draft.advance(draft.size) / self.rate)
        return draft.finished(
            self.rate, skipped=chosen.start, language=self.config.language
        )


def _release_memory() -> None:
    """Give the system back what batches of many shapes left in pieces.

    The GNU C library keeps what was freed below memory in use; others do not.
    """
    if _malloc_trim is not None:
        _malloc_trim(ctypes.c_size_t(0))


def _mean_probability(words: tuple[Word, ...] | None) -> float | None:
    if not words:
        return None
    return math.fsum(word.probability for word in words) / len(words)


def _name(source: Source) -> str:
    if isinstance(source, np.ndarray):
        return "the samples"
    return source.name if isinstance(source, Utterance) else str(source)


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
    return Recognizer(loaded, read_card(folder))
