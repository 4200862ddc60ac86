"""The whole way through the command line: train, transcribe, evaluate, plot, info."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import types

import numpy as np
import pytest
import soundfile
import tensorflow as tf
import yaml

from asr.data.manifest import read_manifest, write_manifest
from asr.formats.writers import WRITERS


@pytest.fixture
def model(tiny_run):
    return tiny_run / "model"


@pytest.fixture
def clips(tones):
    return list(read_manifest(tones / "clips.jsonl"))


def test_train_logs_for_tensorboard(tiny_run):
    found: dict[str, list[int]] = {}
    for path in (tiny_run / "tensorboard").iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                found.setdefault(value.tag, []).append(event.step)
    for tag in (
        "attention",
        "dev/cer",
        "dev/wer",
        "train/loss",
        "train/ctc_loss",
        "dev/focus",
    ):
        assert found[tag] == list(range(1, 37)), tag


def test_transcribe(run, model, clips):
    first, second = clips[0], clips[1]
    ended = run(
        "transcribe", "--raw", "--no-vad", "--model", model, first.audio, second.audio
    )
    assert ended.status == 0
    assert ended.out == f"{first.audio}: {first.text}\n{second.audio}: {second.text}\n"
    assert ended.err == ""


def test_attention_as_data(run, model, clips, tmp_path):
    audio, path = clips[0].audio, tmp_path / "out.json"
    ended = run(
        "transcribe", audio, "--raw", "--model", model, "-f", "json", "--attention"
    )
    found = json.loads(ended.out)
    attention = found["attention"]
    assert attention["axes"] == ["tokens", "frames"]
    assert "".join(attention["tokens"]) == found["text"] + "</s>"
    seconds = len(attention["weights"][0]) * attention["frame_seconds"]
    assert seconds == pytest.approx(
        found["duration"], abs=2 * attention["frame_seconds"]
    )
    assert len(attention["weights"]) == len(attention["tokens"])
    path.write_text(ended.out)
    ended = run("plot", "attention", path, "-o", tmp_path / "a.svg")
    assert (ended.status, audio.name in (tmp_path / "a.svg").read_text()) == (0, True)


def test_transcribe_to_files(run, model, clips, tmp_path):
    folder = tmp_path / "out"
    ended = run(
        "transcribe", "--raw", "--no-vad", "--model", model, clips[0].audio,
        "-o", folder, "-f", "all", "--n-best", 3,
    )  # fmt: skip
    assert (ended.status, ended.out) == (0, "")
    stem = clips[0].audio.stem
    assert {path.name for path in folder.iterdir()} == {f"{stem}.{k}" for k in WRITERS}
    assert (folder / f"{stem}.txt").read_text() == f"{clips[0].text}\n"
    found = json.loads((folder / f"{stem}.json").read_text())
    assert found["text"] == clips[0].text
    assert found["segments"][0]["end"] == pytest.approx(clips[0].duration, abs=1e-3)
    assert "-->" in (folder / f"{stem}.srt").read_text()


def test_transcribe_standard_input_and_bad_files(
    run, model, clips, tmp_path, monkeypatch
):
    stdin = types.SimpleNamespace(buffer=io.BytesIO(clips[1].audio.read_bytes()))
    monkeypatch.setattr("sys.stdin", stdin)
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    soundfile.write(tmp_path / "empty.wav", [], 16000)
    ended = run(
        "transcribe", "--raw", "--no-vad", "--model", model, "-", tmp_path / "bad.wav",
        tmp_path / "empty.wav", clips[0].audio,
    )  # fmt: skip
    assert ended.status == 4
    assert ended.out.startswith(f"-: {clips[1].text}\n")
    assert ended.out.endswith(f"{clips[0].audio}: {clips[0].text}\n")
    errors, warnings = ended.err.splitlines()
    assert errors.startswith("error: ")
    assert "bad.wav" in errors
    assert warnings.endswith("empty.wav: no text: the recording holds no samples")


@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_channels_that_cancel(run, model, tmp_path, kind):
    path = tmp_path / "phase.wav"
    left = np.sin(np.arange(16000))
    soundfile.write(path, np.stack([left, -left], axis=1), 16000, "FLOAT")
    told = "its channels cancel each other out (opposite phase); give --channel 1"
    ended = run("transcribe", "--model", model, "-f", kind, path)
    assert ended.status == 0
    assert f"warning: {path}: no text: {told}\n" in ended.err
    assert "silent" not in ended.err + ended.out
    if kind == "json":
        assert json.loads(ended.out)["reason"] == told


def test_evaluate_json(run, model, tones, tmp_path, monkeypatch):
    """The manifest's paths are relative to it, wherever the command runs."""
    monkeypatch.chdir(tmp_path)
    ended = run("evaluate", model, tones / "clips.jsonl", "--json")
    assert ended.status == 0
    (line,) = ended.out.splitlines()
    found = json.loads(line)
    assert found.keys() >= {
        "wer", "cer", "substitutions", "deletions", "insertions", "hits", "utterances",
        "audio_seconds", "rtf", "normalizer",
    }  # fmt: skip
    words = found["hits"] + found["substitutions"] + found["deletions"]
    mistakes = found["substitutions"] + found["deletions"] + found["insertions"]
    assert found["wer"] == pytest.approx(mistakes / words)
    assert found["utterances"] == 16
    assert found["normalizer"] == "librispeech-1"
    assert found["rtf"] > 0
    durations = [clip.duration for clip in read_manifest(tones / "clips.jsonl")]
    assert found["audio_seconds"] == pytest.approx(sum(durations), abs=0.01)


def test_evaluate_with_alignments(run, model, tones, tmp_path):
    ended = run(
        "evaluate", model, tones / "clips.jsonl", "--limit", 2, "--beam-size", 1,
        "--ctc-weight", 0, "--alignments", "-", "--predictions", tmp_path / "p.jsonl",
    )  # fmt: skip
    assert ended.status == 0
    assert ended.out.startswith("clip00\nREF")
    predictions = (tmp_path / "p.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in predictions] == ["clip00", "clip01"]


def test_evaluate_without_texts(run, model, tones, tmp_path):
    line = {"audio_filepath": str(tones / "clip00.wav"), "duration": 1.0}
    (tmp_path / "bare.jsonl").write_text(json.dumps(line) + "\n")
    ended = run("evaluate", model, tmp_path / "bare.jsonl")
    assert ended.status == 5
    assert "no text to compare with" in ended.err
    assert ended.err.count("\n") == 1


def test_a_report_of_an_evaluation(run, model, clips, tmp_path):
    page = tmp_path / "page.html"
    wrong = dataclasses.replace(clips[0], text="EDCBA EDCBA")  # not what it says
    write_manifest(tmp_path / "clips.jsonl", [wrong, *clips[1:]])
    ended = run("evaluate", model, tmp_path / "clips.jsonl", "--report", page, "--json")
    assert ended.status == 0
    shown = min(10, json.loads(ended.out)["sentence_errors"])
    assert shown >= 1
    text = page.read_text()
    assert text.count("data:audio/flac;base64,") == shown
    assert text.count("data:image/png;base64,iVBOR") == shown
    assert text.count("<tr><td>clip") == 16


@pytest.mark.parametrize("kind", ["attention", "spectrogram"])
def test_plot(run, model, clips, tmp_path, kind):
    path = tmp_path / "seen.png"
    options = ["--model", model] if kind == "attention" else []
    ended = run("plot", kind, clips[0].audio, "-o", path, *options)
    assert (ended.status, ended.out, ended.err) == (0, f"{path}\n", "")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_info(run, model):
    found = yaml.safe_load(run("info", model).out)
    assert found["name"] == "tiny"
    assert found["utterances"] == 16
    assert found["vocabulary"] == 9  # A to E, the space, and three symbols
    assert found["parameters"] > 10_000
    assert found["sources"][0]["path"] == "clips.jsonl"
    assert found["scores"]["dev_wer"] < 0.6
    assert json.loads(run("info", model, "--json").out) == found


def one_line(ended, status: int) -> str:
    assert (ended.status, ended.out) == (status, "")
    assert ended.err.count("\n") == 1
    return ended.err


def test_damaged_model(run, model, clips, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    weights = folder / "model.weights.npz"
    weights.write_bytes(weights.read_bytes()[:-1])
    message = one_line(run("transcribe", clips[0].audio, "--model", folder), 6)
    assert "model.weights.npz: damaged" in message


def test_train_refuses_a_folder_in_use(run, tiny_recipe, tiny_run):
    told = one_line(run("train", tiny_recipe, "-o", tiny_run), 7)
    assert told.startswith(f"error: {tiny_run}: contains a run; go on with ")


def test_train_resumes_only_a_run(run, tmp_path):
    told = one_line(run("train", "--resume", tmp_path), 7)
    assert "not a run folder" in told


def test_train_with_a_damaged_checkpoint(run, tiny_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(tiny_run, folder)
    (folder / "checkpoint.npz").write_bytes(b"PK")
    message = one_line(run("train", "--resume", folder), 7)
    assert "checkpoint.npz: damaged, or made for another model" in message


def test_train_on_nothing(run, tiny_recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("ASR_DATA", str(tmp_path))
    message = one_line(run("train", tiny_recipe, "-o", tmp_path / "run"), 5)
    assert "clips.jsonl" in message
    (tmp_path / "clips.jsonl").write_text("")
    message = one_line(run("train", tiny_recipe, "-o", tmp_path / "run"), 5)
    assert "no utterances" in message


def test_train_where_nothing_can_be_written(run, tiny_recipe, tmp_path):
    (tmp_path / "file").touch()
    message = one_line(run("train", tiny_recipe, "-o", tmp_path / "file" / "run"), 8)
    assert "Not a directory" in message
