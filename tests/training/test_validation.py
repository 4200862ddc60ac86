"""What is measured of the dev part, whatever its texts and recordings are like."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from asr.config.schema import DecodingConfig, FrontendConfig, ModelConfig
from asr.data import loader as source_loader
from asr.data.manifest import Utterance
from asr.decoding.beam_search import Hypotheses
from asr.errors import AudioError
from asr.tasks.speech_recognition import SpeechRecognition
from asr.text.tokenizers import CharacterTokenizer
from asr.training import validation
from asr.training.validation import DevScorer

MODEL = ModelConfig(frontend=FrontendConfig(rate=4000))
TASK = SpeechRecognition(CharacterTokenizer(("A", "B")), MODEL, "librispeech-1")


class Model:
    """Looks at one frame after the other."""

    decoder = SimpleNamespace(trainable=True)

    def predict_on_batch(self, inputs):
        batch, steps = inputs["tokens"].shape
        self.batch = batch
        # Mirrored over two devices, Keras returns each row twice.
        return {"weights": np.tile(np.eye(steps, 9)[None], (2 * batch, 1, 1))}


class Greedy:
    """Hears `A` in all recordings."""

    def hypotheses(self, sources):
        count = len(sources)
        tokens = np.full((count, 1, 4), 3)
        lengths = np.ones((count, 1), int)
        return Hypotheses(tokens, lengths, np.zeros((count, 1)))


@pytest.fixture
def scorer(monkeypatch):
    """Score clips: name, text and seconds; no clip called `bad` is readable."""

    monkeypatch.setattr(validation, "network_of", lambda *_: None)
    monkeypatch.setattr(validation, "BeamSearchDecoder", lambda *_: Greedy())

    def make(*clips: tuple[str, str, float]) -> DevScorer:
        def read(utterance):
            if utterance.id == "bad":
                raise AudioError("bad.wav: no sound")
            return np.ones(int(4000 * utterance.duration), "float32")

        scorer = DevScorer.__new__(DevScorer)
        scorer.model, scorer.task = Model(), TASK
        scorer.loader = source_loader.SourceLoader(read)
        scorer.records = [Utterance(Path(n), t, s, id=n) for n, t, s in clips]
        scorer.batch_length, scorer.decoding = 4.0, DecodingConfig()
        return scorer

    return make


def test_scores_and_attention(scorer):
    found, image = scorer(("1", "A", 1), ("2", "AB", 2), ("3", "BA", 3)).score()
    # One right, two of length two with one word wrong each.
    assert found["dev_wer"] == pytest.approx(2 / 3)
    assert found["dev_cer"] == pytest.approx(2 / 5)
    assert (found["monotonicity"], found["focus"]) == (1.0, 1.0)
    assert image.dtype == np.uint8


def test_empty_part(scorer):
    assert scorer().score() == ({}, None)


def test_unreadable_clips_are_left_out(scorer, caplog):
    found, _ = scorer(("1", "A", 1), ("bad", "A", 1)).score()
    assert found["dev_wer"] == 0.0
    assert "bad.wav: no sound" in caplog.text
    assert scorer(("bad", "A", 1)).score() == ({}, None)


def test_texts_outside_of_the_alphabet_count_but_are_not_shown(scorer):
    found, image = scorer(("1", "ZZ", 1)).score()
    assert found["dev_wer"] == 1.0
    assert "focus" not in found
    assert image is None


def test_few_are_shown(scorer):
    made = scorer(*((str(n), "A", 1 + n / 10) for n in range(40)))
    made.score()
    assert made.model.batch == 8
