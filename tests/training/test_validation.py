"""What is measured of the dev part, whatever its texts and recordings are like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from asr.config.schema import (
    DecodingConfig,
    FrontendConfig,
    ModelConfig,
    TrainConfig,
)
from asr.data import loader as source_loader
from asr.data.batching import collate
from asr.data.manifest import Utterance
from asr.data.workers import ALONE
from asr.decoding.beam_search import Hypotheses
from asr.errors import AudioError
from asr.storage.keras_model import build
from asr.tasks.speech_recognition import SpeechRecognition
from asr.text.tokenizers import CharacterTokenizer
from asr.training import validation
from asr.training.validation import DevScorer

MODEL = ModelConfig(frontend=FrontendConfig(rate=4000))
TASK = SpeechRecognition(CharacterTokenizer(("A", "B")), MODEL, "librispeech-1")


class Model:
    """Looks at one frame after the other."""

    decoder = SimpleNamespace(trainable=True)
    heads: ClassVar[dict[str, SimpleNamespace]] = {}

    def predict_on_batch(self, inputs):
        batch, steps = inputs["tokens"].shape
        self.lengths = inputs["source_lengths"]
        # Mirrored over two devices, Keras returns each row twice.
        return {"weights": np.tile(np.eye(steps, 9)[None], (2 * batch, 1, 1))}

    def part_losses(self, outputs, targets):
        assert len(outputs["weights"]) == len(targets["labels"])
        return {"attention_loss": np.float32(2.0)}

    def total_loss(self, parts):
        return 0.5 * parts["attention_loss"]


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
        scorer.workers = ALONE
        return scorer

    return make


def test_scores_and_attention(scorer):
    found, image = scorer(("1", "A", 1), ("2", "AB", 2), ("3", "BA", 3)).score()
    # One right, two of length two with one word wrong each.
    assert found["dev_wer"] == pytest.approx(2 / 3)
    assert found["dev_cer"] == pytest.approx(2 / 5)
    assert (found["monotonicity"], found["focus"]) == (1.0, 1.0)
    assert (found["dev_loss"], found["dev_attention_loss"]) == (1.0, 2.0)
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


def test_one_batch_of_all_lengths_is_shown(scorer):
    made = scorer(*((str(n), "A", 0.1 + n / 40) for n in range(40)))
    made.score()
    # 4 s hold three sources as long as the longest, of 1.075 s.
    np.testing.assert_array_equal(made.model.lengths, [1700, 3000, 4300])


def test_a_head_without_labels_has_no_loss(scorer):
    made = scorer(("1", "A", 1))
    made.model.heads = {"phones": SimpleNamespace(labels="phones")}
    found, _ = made.score()
    assert found["dev_attention_loss"] == 2.0
    assert "dev_loss" not in found


def test_losses_are_those_of_training(scorer):
    """Without smoothing, dropout and masks."""
    config = replace(
        MODEL,
        encoder=replace(MODEL.encoder, units=4, layers=1, dropout=0.5),
        decoder=replace(MODEL.decoder, units=4),
        attention=replace(MODEL.attention, units=4),
    )
    task = SpeechRecognition(CharacterTokenizer(("A", "B")), config, "librispeech-1")
    made = scorer(("1", "A", 1), ("2", "AB", 1.2))
    made.model, made.task = build(task), task
    made.model.set_losses(TrainConfig(ctc_weight=0.25, label_smoothing=0.5))
    found, _ = made.score()
    sources = [np.ones(4000, "float32"), np.ones(4800, "float32")]
    pairs = [
        (source, (*task.encode_target(text), task.end))
        for source, text in zip(sources, ("A", "AB"), strict=True)
    ]
    inputs, targets = collate(pairs, task.start)
    outputs = made.model(inputs, training=False)
    total = made.model.compute_loss(None, targets, outputs, training=False)
    assert found["dev_loss"] == pytest.approx(float(total), rel=1e-5)
    parts = found["dev_attention_loss"], found["dev_ctc_loss"]
    assert float(total) == pytest.approx(0.75 * parts[0] + 0.25 * parts[1], rel=1e-5)
    assert min(parts) > 0
