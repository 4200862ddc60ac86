"""Transcription of single, batched, long, live and broken recordings."""

from __future__ import annotations

import inspect
import io
import math
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

import asr
from asr.audio.decoders import RawSamples
from asr.audio.io import AUDIO_EXTENSIONS
from asr.audio.vad import HOP
from asr.audio.windows import WindowSegmenter
from asr.config.schema import BATCH_SECONDS, Calibration, DecodingConfig
from asr.data.manifest import Utterance, read_manifest
from asr.decoding.beam_search import Hypotheses
from asr.errors import AudioError, DataError, ModelError, UsageError
from asr.evaluation.speech import evaluate
from asr.formats.transcript import Transcript
from asr.inference import partial, predictor, sources
from asr.inference.beam_search_decoder import BeamSearchDecoder, DecodedBatch
from asr.inference.decoders import build_decoder
from asr.inference.options import TranscribeKeywords
from asr.inference.sources import to_mono
from asr.runtime import memory
from asr.text.tokenizers import CharacterTokenizer

DECODING = DecodingConfig(beam_size=4, ctc_weight=0.6, n_best=3)


@pytest.fixture(scope="module")
def recognizer(tiny_run):
    recognizer = asr.load(tiny_run / "model")
    recognizer.decoding = DECODING
    return recognizer


@pytest.fixture(scope="module")
def clips(tones) -> list[Utterance]:
    return list(read_manifest(tones / "clips.jsonl"))


@pytest.fixture(scope="module")
def alone(recognizer, clips) -> list[Transcript]:
    """Each clip transcribed by itself."""
    return [recognizer.transcribe(clip.audio, vad=False) for clip in clips]


def same(one: Transcript, two: Transcript) -> None:
    assert one.text == two.text
    assert [s.tokens for s in one.segments] == [s.tokens for s in two.segments]
    for left, right in zip(one.alternatives, two.alternatives, strict=True):
        assert left.text == right.text
        assert left.score == pytest.approx(right.score, rel=1e-3, abs=1e-3)


def test_clips_are_transcribed(clips, alone):
    right = sum(
        clip.text == found.text for clip, found in zip(clips, alone, strict=True)
    )
    assert right >= 10
    for clip, found in zip(clips, alone, strict=True):
        assert found.duration == pytest.approx(clip.duration)
        assert found.language == "en"
        (segment,) = found.segments
        assert (segment.start, segment.end) == (0.0, found.duration)
        assert segment.text == found.text
        assert segment.no_speech_prob == 0.0
        score = found.alternatives[0].score / (len(segment.tokens) + 1)
        assert segment.avg_logprob == pytest.approx(score)
        assert segment.avg_logprob < 0


def test_confidence_is_that_of_the_words(recognizer, clips):
    (segment,) = recognizer.transcribe(
        clips[0].audio, vad=False, word_timestamps=True
    ).segments
    probabilities = [word.probability for word in segment.words]
    assert segment.confidence == pytest.approx(np.mean(probabilities))
    assert 0 < segment.confidence <= 1


def test_calibration_changes_confidence(recognizer, clips, monkeypatch):
    plain = recognizer.transcribe(clips[0].audio, vad=False).segments[0].confidence
    config = replace(recognizer.config, calibration=Calibration(0.5, -1.0))
    monkeypatch.setattr(recognizer, "config", config)
    (segment,) = recognizer.transcribe(clips[0].audio, vad=False).segments
    assert segment.confidence < plain


def test_partial_transcripts_of_live_audio(recognizer, clips, monkeypatch):
    monkeypatch.setattr(partial.time, "monotonic", lambda: 0.0)
    sounds = [soundfile.read(clip.audio, dtype="int16")[0] for clip in clips[:4]]
    data = np.concatenate(sounds).astype("<i2").tobytes()
    told: list[str] = []
    source = RawSamples(io.BytesIO(data), 16000)
    (segment,) = recognizer.segments(source, vad=False, on_partial=told.append)
    assert len(told) == len(data) // 16000
    assert len(told) > 1
    # The beginning is known early.
    assert all(text[:2] == segment.text[:2] for text in told)
    assert len(told[-1]) > len(told[0]) > 1


@pytest.mark.parametrize("batch_seconds", [0.1, 2.0, 240.0])
def test_batches_give_the_same_transcripts(recognizer, clips, alone, batch_seconds):
    sources = [clip.audio for clip in clips]
    found = list(
        recognizer.transcribe_many(sources, batch_seconds=batch_seconds, vad=False)
    )
    assert [source for source, _ in found] == sources
    for (_, transcript), expected in zip(found, alone, strict=True):
        same(transcript, expected)


def test_every_kind_of_source(recognizer, clips, alone):
    path = clips[0].audio
    samples, rate = soundfile.read(path, dtype="float32")
    content = path.read_bytes()
    for source in (str(path), clips[0], content, io.BytesIO(content), samples):
        same(recognizer.transcribe(source, vad=False), alone[0])
    doubled = np.interp(np.arange(0, len(samples), 0.5), range(len(samples)), samples)
    assert (
        recognizer.transcribe(doubled, rate=2 * rate, vad=False).text == alone[0].text
    )
    part = Utterance(path, None, duration=0.4, offset=0.2)
    assert recognizer.transcribe(part, vad=False).duration == pytest.approx(0.4)


def test_arrays_become_mono_floats():
    values = np.array([[-32768, 0], [16384, 16384]], "int16")
    np.testing.assert_array_equal(to_mono(values), np.float32([-0.5, 0.5]))
    np.testing.assert_array_equal(to_mono(values, 1), np.float32([-1.0, 0.5]))
    np.testing.assert_array_equal(to_mono(values[:, 1]), np.float32([0.0, 0.5]))
    stereo = np.array([[1.0, -0.5], [0.25, 0.75]])
    np.testing.assert_array_equal(to_mono(stereo), np.float32([0.25, 0.5]))
    assert to_mono(stereo).dtype == np.float32
    with pytest.raises(AudioError, match="the samples: no channel 3; it has 2"):
        to_mono(stereo, 3)


def test_integers_and_channels_give_the_same_text(recognizer, clips, alone):
    samples, _ = soundfile.read(clips[0].audio, dtype="int16")
    assert recognizer.transcribe(samples, vad=False).text == alone[0].text
    stereo = np.stack([samples, np.zeros_like(samples)], axis=1)
    found = recognizer.transcribe(stereo, vad=False, channel=1)
    assert found.text == alone[0].text
    assert found.duration == alone[0].duration


def test_content_that_is_no_audio(recognizer):
    with pytest.raises(AudioError, match="the audio stream: "):
        recognizer.transcribe(b"no sound", vad=False)


def test_run_folder_is_its_model(recognizer, clips, alone, tiny_run):
    whole = asr.load(tiny_run)
    found = whole.transcribe(clips[0].audio, vad=False, decoding=DECODING)
    assert found.text == alone[0].text


def test_alternatives_are_there_where_they_were_asked_for(recognizer, clips):
    decoding = replace(DECODING, n_best=1)
    found = recognizer.transcribe(clips[0].audio, vad=False, decoding=decoding)
    assert (found.alternatives, bool(found.text)) == ((), True)


def test_n_best_are_distinct_and_sorted(alone):
    # A text that two hypotheses share is listed once, so that some have fewer.
    assert sum(len(found.alternatives) == 3 for found in alone) >= 12
    for found in alone:
        scores = [reading.score for reading in found.alternatives]
        assert 1 <= len(scores) <= 3
        assert scores == sorted(scores, reverse=True)
        assert len({reading.text for reading in found.alternatives}) == len(scores)
        assert found.alternatives[0].text == found.text


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(0, "float32"), "the recording holds no samples"),
        (np.zeros(16000, "float32"), "the recording is silent"),
        (np.zeros(900_000, "float32"), "the recording is silent"),
        (np.zeros(1, "float32"), "the recording is silent"),
    ],
)
def test_empty_transcript_has_a_reason(recognizer, samples, reason):
    found = recognizer.transcribe(samples, vad=False)
    assert (found.text, found.segments, found.reason) == ("", (), reason)
    assert found.duration == len(samples) / 16000


@pytest.mark.parametrize(
    ("kind", "vad"),
    [
        ("wav", True),
        ("ogg", True),  # codecs leave a little of the mean: nobody speaks in it
        ("manifest", True),
        ("array", True),
        ("array", False),
        ("int16", False),
    ],
)
def test_channels_that_cancel_are_the_reason(recognizer, tmp_path, kind, vad):
    left = 0.5 * np.sin(2 * np.pi * 440 * np.arange(32000) / 16000)
    samples = np.stack([left, -left], axis=1)
    source = samples
    if kind == "int16":
        source = (32767 * samples).astype(np.int16)
    elif kind != "array":
        source = tmp_path / f"phase.{'wav' if kind == 'manifest' else kind}"
        soundfile.write(source, samples, 16000)
        if kind == "manifest":
            source = Utterance(source, "A", 1.0, offset=0.5)
    found = recognizer.transcribe(source, vad=vad)
    told = "its channels cancel each other out (opposite phase); give --channel 1"
    assert (found.text, found.reason) == ("", told)
    assert recognizer.transcribe(source, vad=vad, channel=1).reason != told


def test_one_loud_sample(recognizer):
    found = recognizer.transcribe(np.ones(1, "float32"), vad=False)
    assert found.duration == 1 / 16000
    assert bool(found.text) == (found.reason is None)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 100), "float32"), r"\(N, channels\), .* got \(2, 100\); trans"),
        (np.zeros((5, 0), "float32"), r"\(N, channels\), .* got \(5, 0\)"),
        (np.zeros((5, 2, 1), "float32"), r"\(N, channels\), .* got \(5, 2, 1\)"),
        (np.zeros(100, "int32"), r"must be floating point or int16, got int32"),
        (np.array([0.0, np.nan]), "must be finite, got NaN"),
    ],
)
def test_invalid_arrays(recognizer, samples, message):
    with pytest.raises(AudioError, match=message):
        recognizer.transcribe(samples, vad=False)


def test_unreadable_file_in_a_batch(recognizer, clips, alone, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound")
    sources = [clips[0].audio, bad, tmp_path / "gone.wav", clips[1].audio]
    found = [result for _, result in recognizer.transcribe_many(sources, vad=False)]
    same(found[0], alone[0])
    same(found[3], alone[1])
    assert isinstance(found[1], AudioError)
    assert "bad.wav" in str(found[1])
    assert isinstance(found[2], AudioError)
    assert "gone.wav" in str(found[2])
    with pytest.raises(AudioError, match=r"bad\.wav"):
        recognizer.transcribe(bad, vad=False)


def test_nothing_at_all(recognizer):
    assert list(recognizer.transcribe_many([], vad=False)) == []


@pytest.fixture(scope="module")
def long(clips, tmp_path_factory):
    """Forty-five seconds: the clips again and again, with pauses between them."""
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < 45 * 16000:
        samples, _ = soundfile.read(clips[len(parts) // 2 % len(clips)].audio)
        parts += [samples, np.zeros(4800)]
    path = tmp_path_factory.mktemp("long") / "long.wav"
    soundfile.write(path, np.concatenate(parts)[: 45 * 16000], 16000)
    return path


def test_long_recording_is_cut_and_joined(recognizer, long):
    found = recognizer.transcribe(long, vad=False)
    assert found.duration == 45.0
    assert len(found.segments) >= 3
    assert [segment.id for segment in found.segments] == list(
        range(len(found.segments))
    )
    assert found.segments[0].start == 0.0
    assert found.segments[-1].end == 45.0
    for one, two in zip(found.segments, found.segments[1:], strict=False):
        assert one.end == two.start  # no sample is left out or heard twice
        assert one.end - one.start <= 20.0
    assert found.text == " ".join(segment.text for segment in found.segments)
    assert found.alternatives == ()
    samples, _ = soundfile.read(long, dtype="float32")
    assert recognizer.transcribe(samples, vad=False).text == found.text


def test_long_recordings_do_not_fill_the_memory(recognizer, monkeypatch, tmp_path):
    path = tmp_path / "long.flac"
    minute = np.random.default_rng(1).normal(0, 0.01, 60 * 16000)
    with soundfile.SoundFile(path, "w", 16000, 1) as file:
        for _ in range(20):
            file.write(minute)
    heard, released = [], []

    def nothing(self, sources, is_first):
        heard.extend(len(source) for source in sources)
        assert max(heard[-len(sources) :]) <= 320000
        count, best = len(sources), self.config.n_best
        hypotheses = Hypotheses(
            np.zeros((count, best, 1), "int32"),
            np.zeros((count, best), "int32"),
            np.full((count, best), -1.0, "float32"),
        )
        return DecodedBatch(hypotheses, [])

    monkeypatch.setattr(BeamSearchDecoder, "decode", nothing)
    monkeypatch.setattr(memory, "_malloc_trim", released.append)
    tracemalloc.start()
    found = recognizer.transcribe(path, vad=False, batch_seconds=80)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.duration == 1200.0
    assert found.reason == "no words were recognised"
    assert sum(heard) == 1200 * 16000
    assert peak < 50e6  # all samples take 77 MB
    # Batches of many shapes fragment the heap.
    assert 2 < len(released) < 10


def test_segments_cut_inside_speech_are_joined_by_words(recognizer, long, all_speech):
    found = recognizer.transcribe(long, word_timestamps=True)
    assert len(found.segments) >= 3
    assert found.segments[0].start == 0.0
    assert found.segments[-1].end == 45.0
    words = []
    for one, two in pairwise(found.segments):
        assert one.end == two.start
    for segment in found.segments:
        assert segment.text == " ".join(word.word for word in segment.words)
        assert recognizer.task.decode(segment.tokens).strip() == segment.text
        for word in segment.words:
            assert segment.start <= (word.start + word.end) / 2 <= segment.end
            assert 0 < word.probability <= 1
        words += segment.words
    assert found.text == " ".join(word.word for word in words)
    for before, after in pairwise(words):
        assert before.start < before.end
        assert before.start <= after.start


def test_word_timestamps(recognizer, clips, alone):
    """Each letter of `tones` lasts 0.1 s, and each space."""
    (clip,) = [
        clip
        for clip, found in zip(clips, alone, strict=True)
        if clip.text == found.text
    ][:1]
    found = recognizer.transcribe(clip.audio, vad=False, word_timestamps=True)
    (segment,) = found.segments
    assert [word.word for word in segment.words] == clip.text.split()
    place = 0
    for word in segment.words:
        assert type(word.start) is type(word.end) is float
        assert word.start == pytest.approx(0.1 * place, abs=0.09)
        place += len(word.word)
        assert word.end == pytest.approx(0.1 * place, abs=0.09)
        place += 1
    plain = recognizer.transcribe(clip.audio, vad=False)
    assert plain.segments[0].words is None


def test_segment_bounds_include_its_words(recognizer, clips, monkeypatch):
    """Also those that were said just before and after what looked like speech."""
    late = SimpleNamespace(push=_late, finish=lambda: np.zeros(0, "float32"))
    detector = SimpleNamespace(stream=lambda: late)
    monkeypatch.setattr(sources, "load_detector", lambda: detector)
    (clip,) = [clip for clip in clips if clip.text[1] == " "][:1]
    found = recognizer.transcribe(clip.audio, word_timestamps=True)
    (segment,) = found.segments
    assert segment.words[0].end < 0.2
    assert segment.start <= segment.words[0].start


def _late(block):
    if not len(block):
        return np.zeros(0, np.float32)
    speech = np.ones(len(block) // HOP + 1, np.float32)
    speech[:10] = 0
    return speech


def test_segments_come_while_audio_is_read(recognizer, long):
    samples, _ = soundfile.read(long, dtype="int16")
    pipe = io.BytesIO(samples.astype("<i2").tobytes())
    whole = recognizer.transcribe(long, vad=False)
    live = recognizer.segments(RawSamples(pipe, 16000), vad=False, batch_seconds=0)
    first = next(live)
    assert pipe.tell() < 2 * len(samples)
    for one, two in zip([first, *live], whole.segments, strict=True):
        assert (one.id, one.start, one.end) == (two.id, two.start, two.end)
        assert one.tokens == two.tokens


@pytest.mark.parametrize("size", [999, 40_000])
def test_pushed_audio_gives_the_same_segments(recognizer, long, size, all_speech):
    samples, _ = soundfile.read(long, dtype="int16")
    data = samples.astype("<i2").tobytes()
    whole = recognizer.transcribe(long, word_timestamps=True)
    stream = recognizer.stream(word_timestamps=True)
    results = [stream.feed(data[i : i + size]) for i in range(0, len(data), size)]
    finished = [segment for result in results for segment in result.finished]
    assert finished  # before the end
    finished += stream.finish()
    for found, expected in zip(finished, whole.segments, strict=True):
        assert (found.id, found.text) == (expected.id, expected.text)
        assert (found.start, found.end) == (expected.start, expected.end)
        assert found.tokens == expected.tokens
        assert [word.word for word in found.words] == found.text.split()
    assert stream.finish() == ()
    with pytest.raises(UsageError, match="the stream is finished; start another"):
        stream.feed(b"")


def test_pushed_arrays_are_resampled(recognizer, clips, alone):
    samples, rate = soundfile.read(clips[0].audio, dtype="float32")
    doubled = np.interp(np.arange(0, len(samples), 0.5), range(len(samples)), samples)
    stream = recognizer.stream(rate=2 * rate, vad=False)
    for piece in np.array_split(np.stack([doubled, doubled], axis=1), 7):
        assert stream.feed(piece).finished == ()
    (segment,) = stream.finish()
    assert (segment.text, segment.end) == (alone[0].text, alone[0].duration)
    with pytest.raises(UsageError, match="rate must be positive, got 0"):
        recognizer.stream(rate=0)


def test_partial_text_of_pushed_audio(recognizer, clips, alone, monkeypatch):
    monkeypatch.setattr(partial.time, "monotonic", lambda: 0.0)
    samples, _ = soundfile.read(clips[0].audio, dtype="int16")
    stream = recognizer.stream(vad=False)
    told = [stream.feed(piece).partial for piece in np.array_split(samples, 12)]
    assert told[0] == ""
    assert any(told)
    assert all(text[:2] == alone[0].text[:2] for text in filter(None, told))
    (segment,) = stream.finish()
    assert segment.text == alone[0].text


def test_callbacks(recognizer, long):
    done, told = [], []
    found = recognizer.transcribe(
        long,
        vad=False,
        batch_seconds=1,
        on_progress=done.append,
        on_segment=told.append,
    )
    assert sum(done) == pytest.approx(45.0)
    assert len([seconds for seconds in done if seconds]) > 1
    assert told == list(found.segments)


def test_the_first_segment_is_not_kept_waiting(recognizer, long, monkeypatch):
    sizes = []
    decode = BeamSearchDecoder.decode

    def counted(self, sources, is_first=None):
        sizes.append(len(sources))
        return decode(self, sources, is_first)

    monkeypatch.setattr(BeamSearchDecoder, "decode", counted)
    told = []
    whole = recognizer.transcribe(long, vad=False, on_segment=told.append)
    assert sizes[0] == 1
    assert sum(sizes) == len(told) == len(whole.segments)
    sizes.clear()
    first = next(recognizer.segments(long, vad=False))
    assert (sizes, first) == ([1], told[0])


def test_part_of_a_recording_keeps_its_times(recognizer, clips):
    clip = clips[0].audio
    found = recognizer.transcribe(
        clip, vad=False, start=0.1, end=0.4, word_timestamps=True
    )
    assert found.duration == pytest.approx(0.4)
    (segment,) = found.segments
    assert (segment.start, segment.end) == (0.1, pytest.approx(0.4))
    assert all(0.1 <= word.start < word.end <= 0.4 for word in segment.words)
    samples, _ = soundfile.read(clip, dtype="float32")
    again = recognizer.transcribe(samples, vad=False, start=0.1, end=0.4)
    assert again.text == found.text
    for end in (math.inf, math.nan):
        with pytest.raises(UsageError, match=f"end must be after .* got {end}"):
            recognizer.transcribe(clips[0].audio, end=end)
    for seconds in (math.inf, math.nan, -1.0):
        with pytest.raises(UsageError, match=f"batch_seconds must .* got {seconds}"):
            recognizer.transcribe(clips[0].audio, batch_seconds=seconds)
    with pytest.raises(UsageError, match="end must be after start 2 s, got 1"):
        recognizer.transcribe(clip, start=2, end=1)
    with pytest.raises(UsageError, match="start must be 0 s or more, got -1"):
        recognizer.transcribe(clip, start=-1)
    for source in (clip, samples):
        with pytest.raises(AudioError, match="past"):
            recognizer.transcribe(source, start=99)


def test_known_text_is_aligned(recognizer, clips, tmp_path):
    clip = clips[0]
    found = recognizer.align(clip.audio, clip.text)
    (segment,) = found.segments
    assert [word.word for word in segment.words] == clip.text.split()
    place = 0
    for word in segment.words:
        assert word.start == pytest.approx(0.1 * place, abs=0.09)
        place += len(word.word) + 1
    assert found.duration == pytest.approx(clip.duration)
    with pytest.raises(DataError, match="can spell no word of the text: '7', '東京'"):
        recognizer.align(clip.audio, "7 東京")
    with pytest.raises(DataError, match="do not fit"):
        recognizer.align(clip.audio, "A" * 500)
    with pytest.raises(AudioError, match="no audio to align"):
        recognizer.align(np.zeros(0, "float32"), "A")
    assert recognizer.align(clip.audio, "").segments[0].words == ()


def test_alignment_needs_no_language_model(recognizer, clips, monkeypatch):
    lost = replace(recognizer.decoding, language_model="lost")
    monkeypatch.setattr(recognizer, "decoding", lost)
    with pytest.raises(ModelError, match="no model lost"):
        recognizer.transcribe(clips[0].audio)
    assert recognizer.align(clips[0].audio, clips[0].text).segments[0].words


def test_hallucination_is_replaced_by_ctc(recognizer, clips, monkeypatch):
    """The search is made to loop, and to write where CTC hears nothing."""
    decode = BeamSearchDecoder.decode

    def looping(self, sources, is_first=None):
        found = decode(self, sources, is_first)
        tokens = np.tile(np.array([4, 5, 3], "int32"), 60)[None, None]
        shape = (len(sources), self.config.n_best)
        return found._replace(
            hypotheses=Hypotheses(
                np.broadcast_to(tokens, (*shape, 180)),
                np.full(shape, 180, "int32"),
                np.full(shape, -1.0, "float32"),
            )
        )

    monkeypatch.setattr(BeamSearchDecoder, "decode", looping)
    found = recognizer.transcribe(clips[0].audio, vad=False)
    (segment,) = found.segments
    assert segment.doubt == "repetition"
    assert 0 < len(found.text) <= 2 * len(clips[0].text)
    heard, looped = found.alternatives  # the loop was found three times
    assert heard.text == found.text
    assert len(looped.text) > 2 * len(clips[0].text)


@pytest.mark.parametrize(("space", "overlaps"), [(" ", True), ("Z", False)])
def test_segments_overlap_only_with_word_boundaries(
    recognizer, clips, monkeypatch, space, overlaps
):
    found = []

    def segmenter(rate, _, *, overlap):
        found.append(overlap)
        return WindowSegmenter(rate)

    monkeypatch.setattr(sources, "SpeechSegmenter", segmenter)
    known = recognizer.task.tokenizer.characters
    spaced = CharacterTokenizer(tuple(space if c == " " else c for c in known))
    monkeypatch.setattr(recognizer, "task", replace(recognizer.task, tokenizer=spaced))
    recognizer.transcribe(clips[0].audio)
    assert found == [overlaps]


def test_tones_are_not_speech(recognizer, clips):
    found = recognizer.transcribe(clips[0].audio)
    assert (found.text, found.segments) == ("", ())
    assert found.reason == "nobody speaks in the recording"


def test_transcripts_come_before_all_audio_is_read(recognizer, clips, alone):
    """Sound is decoded before all of it is read."""
    asked = []

    def sources():
        for clip in clips:
            asked.append(clip)
            yield clip.audio

    results = recognizer.transcribe_many(sources(), batch_seconds=0.5, vad=False)
    _, first = next(results)
    assert len(asked) < len(clips)
    same(first, alone[0])
    assert len(list(results)) == len(clips) - 1


def test_attention_is_for_plotting(recognizer, clips, long):
    seen = recognizer.attention(clips[0].audio)
    text, frames = (
        recognizer.transcribe(clips[0].audio, vad=False).text,
        len(seen.features),
    )
    assert "".join(seen.tokens) == text + "</s>"
    np.testing.assert_allclose(seen.weights.sum(axis=-1), 1.0, rtol=1e-4)
    assert seen.weights.shape == (len(seen.tokens), -(-frames // 4))
    assert seen.hop_seconds == pytest.approx(0.01)
    assert seen.frame_seconds == pytest.approx(0.04)
    with pytest.raises(AudioError, match="up to 20 s"):
        recognizer.attention(long)


def test_text_and_attention_in_one_call(recognizer, clips, long):
    alone = recognizer.transcribe(clips[0].audio, vad=False)
    found = recognizer.transcribe(clips[0].audio, attention=True, word_timestamps=True)
    assert found.text == alone.text
    assert "".join(found.attention.tokens) == found.text + "</s>"
    assert found.segments[0].words
    whole = found.attention.weights.shape[1]
    start = recognizer.transcribe(clips[0].audio, attention=True, start=0.4, end=0.8)
    assert start.attention.weights.shape[1] < whole
    assert start.segments[0].start == pytest.approx(0.4)
    results = recognizer.transcribe_many([clips[0], long], attention=True)
    (_, first), (_, error) = results
    np.testing.assert_array_equal(first.attention.weights, found.attention.weights)
    assert "up to 20 s; give start and end" in str(error)


def test_no_audio_has_no_attention(recognizer):
    with pytest.raises(AudioError, match="no audio to attend to"):
        recognizer.attention(np.zeros(0, "float32"))


def test_ctc_alone_has_no_attention(recognizer, clips, monkeypatch):
    alone = replace(recognizer.decoding, ctc_weight=1.0)
    monkeypatch.setattr(recognizer, "decoding", alone)
    with pytest.raises(ModelError, match="CTC alone"):
        recognizer.attention(clips[0].audio)


def test_evaluation_counts(recognizer, clips, alone, tmp_path):
    gone = Utterance(tmp_path / "gone.wav", "A B")
    found = evaluate(recognizer, [*clips, gone], decoding=DECODING)
    assert found.unreadable == 1
    assert found.score.utterances == len(clips) + 1
    assert found.audio_seconds == pytest.approx(sum(clip.duration for clip in clips))
    assert found.rtf > 0
    hypotheses = [result.hypothesis for result in found.results]
    assert hypotheses == [*(transcript.text for transcript in alone), ""]
    assert found.score.wer < 0.35


def test_unknown_option_names_the_nearest(recognizer, clips):
    with pytest.raises(UsageError, match=r"unknown option 'word_times'.*'word_t"):
        recognizer.transcribe(clips[0].audio, word_times=True)


@pytest.mark.parametrize("method", ["transcribe", "transcribe_many", "segments"])
def test_options_are_in_the_signature(recognizer, method):
    parameters = inspect.signature(getattr(recognizer, method)).parameters
    options = {field.name: field.default for field in fields(asr.TranscribeOptions)}
    assert set(options) == set(TranscribeKeywords.__annotations__)
    named = {name: parameters[name].default for name in parameters if name in options}
    assert named == options
    assert named["batch_seconds"] == BATCH_SECONDS
    kinds = {parameter.kind for parameter in parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds


def test_options_are_passed_on(recognizer, clips):
    options = asr.TranscribeOptions(vad=False, start=0.1, end=0.4)
    found = recognizer.transcribe(clips[0].audio, **vars(options))
    expected = recognizer.transcribe(clips[0].audio, vad=False, start=0.1, end=0.4)
    assert (found, found.duration) == (expected, pytest.approx(0.4))


def test_card_and_rate(recognizer):
    assert recognizer.card.startswith("# tiny\n")
    assert recognizer.rate == 16000


def test_transcripts_name_their_model(recognizer, clips, tiny_run):
    found = recognizer.transcribe(clips[0].audio, vad=False)
    assert found.model == str(tiny_run / "model")
    assert recognizer.align(clips[0].audio, "A").model == found.model


def test_loading_is_silent(root):
    program = "import asr; asr.load('english').warm_up()"
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, cwd=root, capture_output=True, check=True)
    assert (ended.stdout, ended.stderr) == (b"", b"")


def test_threads_share_a_recognizer(samples, monkeypatch):
    """With the language model, whose search has the most state."""
    paths = sorted(
        path for path in samples.iterdir() if path.suffix in AUDIO_EXTENSIONS
    )
    alone = asr.load("english")
    expected = [alone.transcribe(path).text for path in paths]
    assert len(set(expected)) == len(paths) > 4
    shared, built = asr.load("english"), []

    def build(*arguments):
        built.append(arguments)
        return build_decoder(*arguments)

    monkeypatch.setattr(predictor, "build_decoder", build)
    with ThreadPoolExecutor(8) as threads:
        found = threads.map(lambda path: shared.transcribe(path).text, 3 * paths)
        assert list(found) == 3 * expected
    assert len(built) == 1


def test_model_that_is_not_there():
    with pytest.raises(ModelError, match="no model nowhere"):
        asr.load("nowhere")
