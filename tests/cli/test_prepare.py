"""asr prepare: manifests and their report."""

from __future__ import annotations

import json

import pytest
import soundfile

from asr.data.manifest import read_manifest


@pytest.fixture
def corpus(tmp_path):
    """An AudioFolder of two parts; two of its clips are not usable."""
    for part, count in (("train", 3), ("dev", 1)):
        folder = tmp_path / "corpus" / part
        folder.mkdir(parents=True)
        rows = [f"{i}.wav,HELLO {i}" for i in range(count)]
        for i in range(count):
            soundfile.write(folder / f"{i}.wav", [0.0] * 8000 * (i + 1), 16000)
        if part == "train":
            rows += ["gone.wav,GONE", "bad.wav,BAD"]
            (folder / "bad.wav").write_bytes(b"no sound")
        table = "\n".join(["file_name,transcription", *rows])
        (folder / "metadata.csv").write_text(table + "\n")
    return tmp_path / "corpus"


def test_all_subsets(run, corpus, tmp_path):
    out = tmp_path / "new" / "out"
    ended = run("prepare", "audio_folder", corpus, "--output", out)
    assert (ended.status, ended.err) == (0, "")
    assert len(list(read_manifest(out / "train.jsonl"))) == 3
    (utterance,) = read_manifest(out / "dev.jsonl")
    assert (utterance.text, utterance.duration) == ("HELLO 0", 0.5)
    train, dev = sorted(ended.out.splitlines(), reverse=True)
    assert train.startswith(f"{out}/train.jsonl: 3 utterances, 0.00 h")
    assert "dropped 1: missing audio" in train
    assert "dropped 1: unreadable audio" in train
    assert dev.startswith(f"{out}/dev.jsonl: 1 utterances")


def test_one_subset_into_the_current_folder(run, corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("prepare", "audio_folder", corpus, "--subset", "dev").status == 0
    assert (tmp_path / "dev.jsonl").exists()
    assert not (tmp_path / "train.jsonl").exists()


def test_the_folder_where_recipes_look(run, tmp_path, monkeypatch):
    data = tmp_path / "data"
    wavs = data / "speech" / "LJSpeech-1.1" / "wavs"
    wavs.mkdir(parents=True)
    soundfile.write(wavs / "LJ001-0001.wav", [0.0] * 8000, 16000)
    (wavs.parent / "metadata.csv").write_text("LJ001-0001|A|a\n")
    monkeypatch.setenv("ASR_DATA", str(data))
    for options in ([], ["--data", data]):
        ended = run("prepare", "ljspeech", "--subset", "all", "-o", tmp_path, *options)
        assert ended.out.startswith(f"{tmp_path}/all.jsonl: 1 utterances")
    ended = run("prepare", "ljspeech", "--data", tmp_path / "other")
    assert (ended.status, ended.out) == (5, "")
    assert f"{tmp_path}/other/speech/LJSpeech-1.1: no such file" in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["audio_folder"], "audio_folder has no default folder; give DIR"),
        (["pairs"], "pairs has no default folder; give DIR"),
        (["ljspeech", "here", "--data", "there"], "give one of them"),
        (["ljspech"], "no corpus 'ljspech'; did you mean 'ljspeech'?"),
    ],
)
def test_no_folder_to_look_in(run, arguments, message):
    ended = run("prepare", *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err


def test_json(run, corpus, tmp_path):
    ended = run("prepare", "audio_folder", corpus, "-o", tmp_path, "--json")
    (line,) = ended.out.splitlines()
    report = json.loads(line)
    assert set(report) == {"train", "dev"}
    assert report["dev"]["manifest"] == f"{tmp_path}/dev.jsonl"
    assert report["dev"]["kept"] == 1
    assert report["dev"]["characters"] == " 0EHLO"
    assert len(report["train"]["dropped"]["missing audio"]) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["audio_folder", "gone"],
        ["librispeech", "corpus"],
        ["audio_folder", "corpus", "--subset", "dev", "--subset", "test"],
    ],
)
def test_nothing_is_written_when_a_part_is_missing(
    run, corpus, tmp_path, monkeypatch, arguments
):
    monkeypatch.chdir(tmp_path)
    ended = run("prepare", *arguments, "-o", "out")
    assert (ended.status, ended.out) == (5, "")
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_real_corpus(run, speech_data, tmp_path):
    ended = run(
        "prepare", "an4", speech_data / "an4", "--subset", "test", "-o", tmp_path
    )
    assert ended.status == 0
    assert len(list(read_manifest(tmp_path / "test.jsonl"))) == 130


@pytest.mark.parametrize("corpus", ["jsonl", "lhotse", "pairs"])
def test_what_is_read_is_not_replaced(run, tmp_path, monkeypatch, corpus):
    monkeypatch.chdir(tmp_path)
    names = {"jsonl": "all.jsonl", "lhotse": "cuts.jsonl", "pairs": "train.jsonl"}
    source = tmp_path / names[corpus]
    source.write_text('{"source": "a", "target": "b"}\n')
    folder = ["--subset", "train"] if corpus == "pairs" else []
    for arguments in ([names[corpus]], [".", *folder]):
        ended = run("prepare", corpus, *arguments)
        assert (ended.status, ended.out) == (2, "")
        assert ended.err.endswith("would replace the source; choose an --output\n")
    assert source.read_text() == '{"source": "a", "target": "b"}\n'
