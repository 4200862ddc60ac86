"""A stand-in for a recogniser, and the command line as a function."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import asr
from asr.audio import io as audio_io
from asr.cli import terminal
from asr.cli.main import main
from asr.config.schema import DecodingConfig
from asr.data.manifest import Utterance
from asr.errors import AsrError
from asr.formats.attention import AttentionMap
from asr.formats.transcript import Alternative, Segment, Transcript, Word
from asr.storage.model_folder import FolderConfig


class Ended(NamedTuple):
    """How a run of the command line ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(capsys):
    """Run the command line: `run("score", "a", "b").out`."""

    def call(*arguments: object) -> Ended:
        status = main([str(argument) for argument in arguments])
        return Ended(status, *capsys.readouterr())

    return call


@dataclass
class FakeRecognizer:
    """Recognises the name of the file; decodes the audio, so that bad files fail."""

    decoding: DecodingConfig = field(
        default_factory=lambda: DecodingConfig(beam_size=4, ctc_weight=0.25)
    )
    calls: list[dict[str, Any]] = field(default_factory=list)
    searches: list[DecodingConfig] = field(default_factory=list)
    loaded: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    config: FolderConfig = field(default_factory=lambda: FolderConfig(language="fr"))

    times_words = True

    def transcribe_many(self, sources, *, word_timestamps=False, **options):
        self.calls.append({**options, "word_timestamps": word_timestamps})
        decoding = options["decoding"]
        for source in sources:
            try:
                transcript = self._transcribe(source, decoding)
                for segment in transcript.segments if options.get("on_segment") else ():
                    options["on_segment"](segment)
                options["on_progress"](transcript.duration)
                yield source, _timed(transcript) if word_timestamps else transcript
            except AsrError as error:
                yield source, error

    def _transcribe(self, source, decoding) -> Transcript:
        if isinstance(source, Utterance):
            samples = audio_io.read(source.audio, channel=source.channel)
            seconds, text = len(samples) / 16000, f"CHANNEL {source.channel}"
            start = seconds / (1 + source.channel)
            segment = Segment(0, start, seconds, text, (3,), -0.1, 0.0)
            return Transcript(text, (segment,), "en", seconds)
        seconds = len(audio_io.read(source)) / 16000
        if not seconds:
            return Transcript("", (), None, 0.0, reason="no samples")
        text = source.stem.upper() if isinstance(source, Path) else "STDIN"
        segment = Segment(0, 0.0, seconds, text, (3, 4), -0.1, 0.0)
        alternatives = tuple(
            Alternative(text, -float(rank)) for rank in range(decoding.n_best)
        )
        return Transcript(text, (segment,), "en", seconds, alternatives)

    def search(self, decoding):
        self.searches.append(decoding)

    def align(self, source, text) -> Transcript:
        seconds = len(audio_io.read(source)) / 16000
        segment = Segment(0, 0.0, seconds, text, (), 0.0, 0.0)
        return _timed(Transcript(text, (segment,), "en", seconds))

    def attention(self, source) -> AttentionMap:
        features = np.zeros((len(audio_io.read(source)) // 160, 80), np.float32)
        weights = np.full((3, len(features) // 4), 0.01, np.float32)
        return AttentionMap(weights, ("A", "B", "</s>"), 0.04, features, 0.01)


def _timed(transcript: Transcript) -> Transcript:
    """Give all words of a segment the same length."""
    segments = []
    for segment in transcript.segments:
        words = segment.text.split()
        step = segment.end / len(words)
        times = tuple(
            Word(place * step, (place + 1) * step, word, 0.5)
            for place, word in enumerate(words)
        )
        segments.append(replace(segment, words=times))
    return replace(transcript, segments=tuple(segments))


@pytest.fixture
def public(monkeypatch):
    """Replace a lazy name of the package without importing what it stands for."""

    def replace(name: str, value: object) -> None:
        monkeypatch.setitem(vars(asr), name, value)

    return replace


@pytest.fixture
def recognizer(monkeypatch, public) -> FakeRecognizer:
    """What `asr.load` gives, whatever model is named."""
    fake = FakeRecognizer()

    def load(name, **options):
        fake.loaded.append((name, options))
        return fake

    public("load", load)
    monkeypatch.setattr(terminal, "start_backend", lambda: None)
    return fake
