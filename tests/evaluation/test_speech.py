"""Scoring a model on recordings: normalisation, order, unreadable files."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from asr.config.schema import Calibration, DecodingConfig
from asr.data.manifest import Utterance, read_manifest
from asr.data.text_files import write_json_lines
from asr.errors import AudioError, DataError, RecipeError
from asr.evaluation.speech import Result, calibrate, evaluate
from asr.formats.readers import read_hypotheses, read_references
from asr.formats.transcript import Segment, Transcript, Word
from asr.metrics.calibration import calibrated, fit_calibration
from asr.storage.model_folder import FolderConfig

# Confidence of each word.
CONFIDENCES = {"ONE": 0.95, "TWO": 0.85, "two": 0.75, "three": 0.25}
TEXTS = {"a": "ONE TWO", "b": "two three", "c": ""}


class Recognizer:
    """Recognises the texts of `TEXTS`; other recordings cannot be read."""

    times_words = True
    config = FolderConfig(normalizer="librispeech-1")

    def __init__(self):
        self.calls = []

    def warm_up(self, decoding):
        self.calls.append(("warm_up", decoding))

    def transcribe_many(
        self, utterances, *, decoding, batch_seconds, vad, word_timestamps
    ):
        assert word_timestamps
        assert not vad
        self.calls.append(("transcribe_many", decoding, batch_seconds))
        for utterance in utterances:
            if utterance.id in TEXTS:
                text = TEXTS[utterance.id]
                words = tuple(
                    Word(0, 1, word, CONFIDENCES[word]) for word in text.split()
                )
                segment = Segment(0, 0, 2.5, text, (), 0.0, 0.0, words)
                yield utterance, Transcript(text, (segment,), "en", 2.5)
            else:
                yield utterance, AudioError(f"{utterance.audio}: damaged")


def utterance(name, text):
    return Utterance(Path(f"{name}.wav"), text, id=name)


def test_scores_and_results():
    found = evaluate(
        Recognizer(), [utterance("a", "one, two!"), utterance("b", "two four")]
    )
    assert (found.score.hits, found.score.substitutions) == (3, 1)
    assert found.score.wer == pytest.approx(0.25)
    assert found.audio_seconds == 5.0
    assert found.rtf >= 0
    assert found.normalizer == "librispeech-1"
    assert [result.reference for result in found.results] == ["ONE TWO", "TWO FOUR"]
    assert [result.hypothesis for result in found.results] == ["ONE TWO", "TWO THREE"]


def test_an_unreadable_recording_counts_as_empty(caplog):
    utterances = [utterance("x", "one two"), utterance("a", "one two")]
    with caplog.at_level(logging.WARNING):
        found = evaluate(Recognizer(), utterances)
    assert found.unreadable == 1
    assert found.score.deletions == 2
    assert found.score.wer == pytest.approx(0.5)
    # The others stay beside their own references.
    assert [result.hypothesis for result in found.results] == ["", "ONE TWO"]
    assert "x.wav: damaged" in caplog.text


def test_utterances_without_a_text_are_left_out(caplog):
    utterances = [utterance("a", "ONE TWO"), utterance("b", None)]
    result = evaluate(Recognizer(), utterances)
    assert (result.score.words, len(result.results)) == (2, 1)
    assert caplog.messages == ["left out 1 utterances without a text, such as b"]
    with pytest.raises(DataError, match="b: no text to compare with"):
        evaluate(Recognizer(), utterances[1:])


def test_confidences_of_words():
    utterances = [utterance("a", "one, two!"), utterance("b", "two four")]
    found = evaluate(Recognizer(), utterances)
    assert found.confidences == ([0.95, 0.85, 0.75, 0.25], [True, True, True, False])
    error = (0.05 + 0.15 + 0.25 + 0.25) / 4
    assert found.calibration_error == pytest.approx(error)
    assert found.to_json()["calibration_error"] == pytest.approx(error, abs=1e-5)
    assert f"off by {100 * error:.1f} %" in found.summary()
    assert evaluate(Recognizer(), [utterance("c", "two")]).calibration_error is None


def test_a_new_calibration_composes_with_the_old_one():
    """What it returns, applied to the raw values, is the fit to the calibrated ones."""
    utterances = [utterance("a", "one, too!"), utterance("b", "two four")]
    found = evaluate(Recognizer(), utterances)
    fitted = fit_calibration(*found.confidences)
    old = Calibration(scale=0.5, bias=-0.3)
    new = calibrate(found, old)
    for raw in (0.1, 0.5, 0.8):
        there = calibrated(fitted, calibrated(old, raw))
        assert calibrated(new, raw) == pytest.approx(there)


def test_keys_of_the_json():
    found = evaluate(Recognizer(), [utterance("a", "one two")])
    assert {
        "wer", "cer", "substitutions", "deletions", "insertions", "hits", "utterances",
        "audio_seconds", "rtf", "normalizer", "unreadable",
    } <= found.to_json().keys()  # fmt: skip
    assert found.results[0].to_json() == {
        "id": "a",
        "audio_filepath": "a.wav",
        "duration": 2.5,
        "text": "ONE TWO",
        "pred_text": "ONE TWO",
    }


def test_a_stretch_of_a_recording_keeps_its_offset(tmp_path):
    recording = utterance("a", "one two")
    stretches = [replace(recording, id="", offset=offset) for offset in (0.0, 2.5)]
    found = evaluate(Recognizer(), stretches)
    assert [result.name for result in found.results] == ["a.wav", "a.wav@2.5"]
    assert [result.to_json().get("offset") for result in found.results] == [None, 2.5]
    path = tmp_path / "predictions.jsonl"
    write_json_lines(path, [result.to_json() for result in found.results])
    references = read_references(path)
    assert [*read_hypotheses(path, references)] == [*references.texts]
    assert [x.offset for x in read_manifest(path)] == [0.0, 2.5]


def test_options_are_passed_on():
    recognizer, decoding = Recognizer(), DecodingConfig(beam_size=2)
    found = evaluate(
        recognizer,
        [utterance("b", "Two three")],
        normalizer="none-1",
        decoding=decoding,
        batch_seconds=7.0,
    )
    assert found.normalizer == "none-1"
    assert found.score.substitutions == 1
    assert recognizer.calls == [
        ("warm_up", decoding),
        ("transcribe_many", decoding, 7.0),
    ]


def test_the_normaliser_is_the_model_s_unless_one_is_named():
    recognizer = Recognizer()
    recognizer.config = FolderConfig(normalizer="basic-1")
    found = evaluate(recognizer, [utterance("a", "One, zwölf")])
    assert found.normalizer == "basic-1"
    assert found.results[0].reference == "one zwölf"


def test_references_that_are_empty_after_normalisation():
    utterances = [utterance("a", "раз два"), utterance("b", "три")]
    with pytest.raises(DataError, match=r"librispeech-1 leaves nothing .* basic-1"):
        evaluate(Recognizer(), utterances)
    assert evaluate(Recognizer(), [utterance("c", "")]).score.wer == 0


def test_invalid_utterances():
    with pytest.raises(DataError, match="no utterances"):
        evaluate(Recognizer(), [])
    with pytest.raises(DataError, match=r"c\.wav: no text"):
        evaluate(Recognizer(), [Utterance(Path("c.wav"), None)])
    with pytest.raises(RecipeError, match="none-1"):
        evaluate(Recognizer(), [utterance("a", "one")], normalizer="none-2")


def test_rows_have_stretch_and_channel():
    utterance = Utterance(Path("a.wav"), "ONE", offset=2.5, channel=2)
    row = Result(utterance, "ONE", "TWO", 1.0).to_json()
    assert (row["offset"], row["channel"]) == (2.5, 2)
    assert "channel" not in Result(Utterance(Path("a"), "x"), "", "", 1.0).to_json()
