"""Speech recognition as a task: recordings in, text out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.config.schema import FrontendConfig, ModelConfig, SourceConfig
from asr.data.manifest import Utterance, write_manifest
from asr.errors import AudioError, DataError, RecipeError
from asr.model.frontend import LogMel
from asr.storage.keras_model import build
from asr.tasks import TASKS
from asr.tasks.speech_recognition import SpeechRecognition
from asr.text.special_tokens import END, START
from asr.text.tokenizers import CharacterTokenizer

TOKENIZER = CharacterTokenizer(("A", "B", "C", " "))
MODEL = ModelConfig(frontend=FrontendConfig(rate=8000, mels=20))


@pytest.fixture(scope="module")
def task():
    return SpeechRecognition(TOKENIZER, MODEL, "librispeech-1")


def test_lookup_by_name(task):
    assert TASKS["speech_recognition"](TOKENIZER, MODEL, "librispeech-1") == task


def test_the_vocabulary(task):
    assert task.vocabulary == 7
    assert (task.start, task.end) == (START, END)


def test_references_are_normalised(task):
    tokens = task.encode_target("  a, Bac! ")
    assert tokens == [3, 6, 4, 3, 5]
    assert task.decode(tokens) == "A BAC"
    assert task.encode_target("...") == []


def test_hypotheses_end_at_the_end(task):
    assert task.decode([START, 3, 0, 4, END, 5]) == "AB"
    assert task.decode([]) == ""


def test_an_unknown_character(task):
    with pytest.raises(DataError, match="Z"):
        task.encode_target("zab")


def test_an_unknown_normaliser():
    task = SpeechRecognition(TOKENIZER, MODEL, "librispech-1")
    with pytest.raises(RecipeError, match="librispeech-1"):
        task.encode_target("a")


def test_a_segment_of_a_recording(task, tmp_path):
    path = tmp_path / "steps.wav"
    soundfile.write(path, np.repeat([0.1, 0.2, 0.3], 4000), 4000)
    whole = task.encode_source(Utterance(path, "a"))
    assert whole.dtype == np.float32
    assert len(whole) == 3 * 8000  # resampled
    part = task.encode_source(Utterance(path, "a", duration=0.5, offset=1.25))
    assert len(part) == 4000
    np.testing.assert_allclose(part[500:-500], 0.2, atol=1e-3)
    with pytest.raises(AudioError, match=r"none\.wav"):
        task.encode_source(Utterance(tmp_path / "none.wav", "a"))


def test_unusable_utterances_are_read_but_not_prepared(task, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), 8000)
    clips = [Utterance(tmp_path / "a.wav", "a"), Utterance(tmp_path / "gone.wav", "b")]
    write_manifest(tmp_path / "clips.jsonl", clips)
    source = SourceConfig("clips.jsonl")
    assert [u.text for u in task.read_source(source, tmp_path)] == ["a", "b"]
    assert [u.text for u in task.prepare(source, tmp_path)] == ["a"]


def test_the_frontend(task):
    frontend = build(task).frontend
    assert isinstance(frontend, LogMel)
    assert frontend.name == "frontend"
    assert frontend.config == MODEL.frontend


def test_metrics_normalise_the_reference(task):
    assert task.metrics(["a b", "C"], ["A B", "C"]) == {"wer": 0.0, "cer": 0.0}
    scores = task.metrics(["a b", "c c"], ["A", "C C"])
    assert scores["wer"] == pytest.approx(1 / 4)
    assert scores["cer"] == pytest.approx(2 / 6)


def test_lengths_are_seconds(task):
    clip = Utterance(Path("a.wav"), "a", duration=1.5)
    assert task.length(clip) == 1.5
    assert (task.rate, task.unit, task.monotonic) == (8000, "s", True)
    assert task.modality == "speech"
    assert task.facts([1800.0, 1800.0]) == {"utterances": 2, "hours": 1.0}
    assert task.cost({"wer": 0.4, "cer": 0.1}) == 0.4
    assert task.texts(clip, str.upper) == ("A",)
