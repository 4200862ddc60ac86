"""Audio and attention of the worst utterances."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from asr.data.manifest import Utterance
from asr.errors import AudioError
from asr.evaluation.page import media
from asr.evaluation.speech import Evaluation, Result
from asr.formats.attention import AttentionMap
from asr.metrics.report import ScoreReport

RATE = 8000
SECONDS = {"long": 90.0, "gone": 1.0, "blind": 25.0, "seen": 2.0, "right": 1.0}
ERRORS = {"long": 5, "gone": 4, "blind": 3, "seen": 2, "right": 0}


class Recognizer:
    """Reads all but `gone`, and shows attention of up to 20 s."""

    rate = RATE

    def __init__(self):
        self.task = SimpleNamespace(encode_source=self.encode)

    def encode(self, utterance):
        if utterance.id == "gone":
            raise AudioError("gone")
        return np.zeros(int(RATE * SECONDS[utterance.id]), np.float32)

    def attention(self, samples, *, rate):
        if len(samples) > 20 * rate:
            raise AudioError("up to 20 s")
        features = np.zeros((8, 4), np.float32)
        return AttentionMap(np.eye(2), ("A", "</s>"), 0.04, features, 0.01)


@pytest.fixture
def evaluation():
    texts = {name: " ".join("x" * count) for name, count in ERRORS.items()}
    return Evaluation(
        report=ScoreReport(list(texts.values()), [""] * len(texts), [{}] * len(texts)),
        audio_seconds=1.0,
        rtf=1.0,
        normalizer="none-1",
        unreadable=0,
        results=tuple(
            Result(Utterance(Path(name), text, id=name), text, "", SECONDS[name])
            for name, text in texts.items()
        ),
    )


def test_the_worst_readable_utterances(evaluation):
    found = media(Recognizer(), evaluation, 10)
    names = [evaluation.results[place].utterance.id for place in found]
    assert names == ["blind", "seen"]
    assert all(heard.audio[0].startswith(b"fLaC") for heard in found.values())
    assert [len(heard.images) for heard in found.values()] == [0, 1]


def test_limit_of_utterances(evaluation):
    assert list(media(Recognizer(), evaluation, 1)) == [2]
