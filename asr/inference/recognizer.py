"""Speech recognition: `Recognizer`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Unpack, cast

import numpy as np

from asr.config.schema import DecodingConfig
from asr.errors import AsrError, AudioError, ModelError, UsageError
from asr.formats.attention import AttentionMap
from asr.formats.transcript import Segment, Transcript
from asr.inference.batch_scheduler import Scheduler
from asr.inference.options import TranscribeKeywords, TranscribeOptions, takes_options
from asr.inference.predictor import Predictor
from asr.inference.segments import SegmentBuilder
from asr.inference.sources import (
    SegmentReader,
    Source,
    open_source,
    read_short,
    source_name,
)
from asr.inference.stream import Stream
from asr.inference.timestamps import has_word_boundaries
from asr.inference.word_alignment import align_words, text_words

_LONGEST_ATTENTION = 20.0  # seconds


class Recognizer(Predictor):
    """A loaded model that transcribes recordings. Threads may share it."""

    @property
    def rate(self) -> int:
        """Sample rate of the model in hertz."""
        return self.config.model.frontend.rate

    @property
    def times_words(self) -> bool:
        """True if the model has a CTC head, which gives word times."""
        return self.config.model.ctc

    @takes_options
    def transcribe(
        self,
        source: Source,
        *,
        rate: int | None = None,
        attention: bool = False,
        **options: Unpack[TranscribeKeywords],
    ) -> Transcript:
        """Transcribe one recording.

        Args:
            source: A path, the content of an audio file or a binary file object,
                `RawSamples`, a manifest entry, or samples: float in [-1, 1] or int16,
                (N,) or (N, channels).
            rate: Sample rate of an array in hertz; the model's by default.
            attention: Add the attention weights of the text. The recording, of up to
                20 s, is then decoded at once, without VAD.
            options: See `TranscribeOptions`.

        Raises:
            AudioError: The recording cannot be read; or, for attention, it is empty or
                too long.
            ModelError: There is no attention, as the model decodes with CTC alone.
            UsageError: An option is not valid, or word times need a CTC head.
        """
        if attention:
            return self._attended(source, rate, options)
        ((_, result),) = self._scheduler(options, rate).transcripts([source])
        if isinstance(result, AsrError):
            raise result
        return result

    @takes_options
    def transcribe_many(
        self,
        sources: Iterable[Source],
        *,
        attention: bool = False,
        **options: Unpack[TranscribeKeywords],
    ) -> Iterator[tuple[Source, Transcript | AsrError]]:
        """Transcribe recordings in batches.

        Args:
            sources: As in `transcribe`.
            attention: As in `transcribe`; recordings are then decoded one by one.
            options: See `TranscribeOptions`.

        Yields:
            Each source with its transcript or error, in order. An unreadable recording
            does not stop the rest.

        Raises:
            UsageError: As in `transcribe`.
        """
        if not attention:
            yield from self._scheduler(options).transcripts(sources)
            return
        for source in sources:
            result: Transcript | AsrError
            try:
                result = self.transcribe(source, attention=True, **options)
            except AudioError as error:
                result = error
            yield source, result

    @takes_options
    def segments(
        self,
        source: Source,
        *,
        rate: int | None = None,
        **options: Unpack[TranscribeKeywords],
    ) -> Iterator[Segment]:
        """Transcribe a recording segment by segment, while it is read.

        Args:
            source: As in `transcribe`.
            rate: As in `transcribe`.
            options: See `TranscribeOptions`; up to `batch_seconds` of speech are
                decoded at once, 0 for each segment as soon as it ends.

        Yields:
            Segments with text, in order of time.

        Raises:
            AudioError: The recording cannot be read.
            UsageError: As in `transcribe`.
        """
        yield from self._scheduler(options, rate).segments(source)

    def stream(
        self,
        *,
        rate: int | None = None,
        decoding: DecodingConfig | None = None,
        vad: bool = True,
        word_timestamps: bool = False,
    ) -> Stream:
        """Start to transcribe audio that arrives piece by piece.

        Args:
            rate: Sample rate of the pieces in hertz; the model's by default.
            decoding: Beam, weights and hotwords; the model's own by default.
            vad: Skip non-speech.
            word_timestamps: Add words with their times to segments.

        Raises:
            UsageError: The rate is not positive, or word times need a CTC head.
        """
        scheduler = self._scheduler(
            {"decoding": decoding, "vad": vad, "word_timestamps": word_timestamps}
        )
        return Stream(scheduler, self.rate, rate)

    def warm_up(self, decoding: DecodingConfig | None = None) -> None:
        """Build the decoder and its ONNX sessions before the first recording."""
        self.search(decoding).hypotheses([np.zeros(self.rate, "float32")])

    def align(
        self, source: Source, text: str, *, rate: int | None = None
    ) -> Transcript:
        """Align a known text with a recording by CTC forced alignment.

        A recording of over two minutes is aligned in parts.

        Args:
            source: As in `transcribe`.
            text: Transcript of the recording.
            rate: As in `transcribe`.

        Returns:
            One segment with the words of the text, as they are written, and their
            times. Words that the model cannot spell, such as figures, lie between their
            neighbours, with probability 0; a warning names them.

        Raises:
            AudioError: The recording cannot be read or is empty.
            DataError: The model can spell no word of the text, or the text has more
                characters than the recording has frames.
            UsageError: The model has no CTC head.
        """
        options = self._options({"word_timestamps": True})
        search = self.search(DecodingConfig(beam_size=1, ctc_weight=0.0))
        aligned = align_words(
            text_words(text, self.task),
            open_source(source, self.task, options, rate),
            lambda samples: search.decode([samples]).ctc[0],
            self._builder(options),
            source_name(source),
        )
        seconds, written = aligned.seconds, " ".join(text.split())
        if not seconds:
            raise AudioError(f"{source_name(source)}: no audio to align")
        mean = float(np.mean(aligned.log_probs or [0.0]))
        segment = Segment(
            0, 0.0, seconds, written, aligned.tokens, mean, 0.0, aligned.words
        )
        language = self.config.language
        return Transcript(written, (segment,), language, seconds, model=self.name)

    def attention(self, source: Source, *, rate: int | None = None) -> AttentionMap:
        """Return the attention weights of the best hypothesis, for up to 20 s of audio.

        Raises:
            AudioError: The recording cannot be read, is empty or too long.
            ModelError: The model decodes with CTC alone.
        """
        transcript = self.transcribe(source, rate=rate, attention=True)
        return cast("AttentionMap", transcript.attention)

    def _attended(
        self, source: Source, rate: int | None, keywords: TranscribeKeywords
    ) -> Transcript:
        """Transcribe a short recording as one segment, with its attention weights."""
        scheduler = self._scheduler(keywords)
        if (scheduler.options.decoding or self.decoding).ctc_weight == 1:
            raise ModelError("this model decodes with CTC alone: no attention")
        samples = read_short(
            source, self.task, scheduler.options, rate, longest=_LONGEST_ATTENTION
        )
        transcript = scheduler.whole(source, samples)
        tokens = transcript.segments[0].tokens if transcript.segments else ()
        return replace(transcript, attention=self._attention(samples, tokens))

    def _attention(self, samples: np.ndarray, tokens: Sequence[int]) -> AttentionMap:
        """Return the attention weights of tokens over a recording."""
        hop, encoder = self.network.frame_seconds, self.config.model.encoder
        return AttentionMap(
            weights=self.network.attention(samples, [self.task.start, *tokens]),
            tokens=(*(self.task.decode([token]) for token in tokens), "</s>"),
            frame_seconds=hop * encoder.reduction * encoder.memory_stride,
            features=self.network.features(samples),
            hop_seconds=hop,
            rate=self.rate,
        )

    def _options(self, keywords: TranscribeKeywords) -> TranscribeOptions:
        options = TranscribeOptions.from_keywords(keywords)
        if options.word_timestamps and not self.times_words:
            raise UsageError(
                "word timestamps need a CTC head, which this model has not"
            )
        return options

    def _builder(self, options: TranscribeOptions) -> SegmentBuilder:
        hop = self.network.frame_seconds
        decoding = options.decoding or self.decoding
        return SegmentBuilder(
            self.task,
            self.config.calibration,
            hop * self.config.model.encoder.reduction,
            n_best=min(decoding.n_best, decoding.beam_size),
            word_timestamps=options.word_timestamps,
            skipped=options.start,
        )

    def _scheduler(
        self, keywords: TranscribeKeywords, rate: int | None = None
    ) -> Scheduler:
        options = self._options(keywords)

        def recognize(samples: np.ndarray, is_first: bool) -> str:
            decoding = options.decoding or self.decoding
            if not is_first:  # the first segment has the prefix
                decoding = replace(decoding, prefix="")
            return self.transcribe(samples, decoding=decoding, vad=options.vad).text

        # Word times tell which words of an overlap belong to which segment.
        overlap = self.times_words and has_word_boundaries(self.task.tokenizer.pieces)
        return Scheduler(
            SegmentReader(self.task, options, overlap, recognize, rate),
            self.search(options.decoding),
            self._builder(options),
            options,
            self.rate,
            self.config.language,
            self.name,
        )
