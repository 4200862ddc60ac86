"""asr transcribe: inputs, outputs and exit statuses."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import sys
import threading
import types
from pathlib import Path

import numpy as np
import pytest
import soundfile

import asr
from asr.cli import inputs
from asr.config.schema import BATCH_SECONDS
from asr.errors import ModelError, UsageError
from asr.formats.writers import WRITERS


@pytest.fixture
def wav(samples, tmp_path, monkeypatch):
    """Put copies of a sample under any names, in the current folder."""
    monkeypatch.chdir(tmp_path)

    def copy(*names: str) -> None:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(samples / "river.wav", tmp_path / name)

    return copy


def test_one_file_is_text_alone(run, recognizer, wav):
    wav("talk.wav")
    assert run("transcribe", "talk.wav") == (0, "TALK\n", "")


def test_several_files_have_their_names(run, recognizer, wav):
    wav("b.wav", "a.wav")
    assert run("transcribe", "b.wav", "a.wav").out == "b.wav: B\na.wav: A\n"


def test_a_folder_has_names_even_for_one(run, recognizer, wav):
    wav("talks/deep/a.wav")
    assert run("transcribe", "talks").out == "talks/deep/a.wav: A\n"


def test_each_recording_once(run, recognizer, wav):
    wav("talks/a.wav")
    assert run("transcribe", "talks", "talks/a.wav").out == "talks/a.wav: A\n"


@pytest.mark.parametrize(
    "name", ["river.wav", "morning.flac", "letter.ogg", "house.opus", "friends.mp3"]
)
def test_every_shipped_format(run, recognizer, samples, name):
    ended = run("transcribe", samples / name)
    assert (ended.status, ended.out) == (0, f"{name.split('.')[0].upper()}\n")


def test_standard_input(run, recognizer, samples, monkeypatch):
    stdin = types.SimpleNamespace(
        buffer=io.BytesIO((samples / "river.wav").read_bytes())
    )
    monkeypatch.setattr("sys.stdin", stdin)
    assert run("transcribe", "-") == (0, "STDIN\n", "")


def test_standard_input_beside_a_file(run, recognizer, wav, tmp_path, monkeypatch):
    wav("stdin.wav")
    content = (tmp_path / "stdin.wav").read_bytes()
    stdin = types.SimpleNamespace(buffer=io.BytesIO(content))
    monkeypatch.setattr("sys.stdin", stdin)
    assert run("transcribe", "-", "stdin.wav", "-o", "out").status == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "stdin.txt",
        "stdin.wav.txt",
    }


def test_json_names_its_recording(run, recognizer, wav, tmp_path):
    wav("a.wav")
    (line,) = run("transcribe", "a.wav", "-f", "json").out.splitlines()
    found = json.loads(line)
    assert found["text"] == "A"
    assert (found["duration"], found["version"]) == (2.99, asr.__version__)
    assert found["audio_filepath"] == "a.wav"
    run("transcribe", "a.wav", "-f", "json", "-o", "out")
    assert (tmp_path / "out" / "a.json").read_text() == f"{line}\n"


def test_json_is_scored_against_a_manifest(run, recognizer, wav, tmp_path):
    wav("a.wav", "b.wav")
    out = run("transcribe", "a.wav", "b.wav", "-f", "json").out
    (tmp_path / "hyp").write_text(out)
    manifest = [
        {"audio_filepath": "/far/a.flac", "text": "A B"},
        {"id": 7, "audio_filepath": "/far/b.flac", "text": "B"},
    ]
    lines = [json.dumps(entry) + "\n" for entry in manifest]
    (tmp_path / "ref").write_text("".join(lines))
    found = json.loads(run("score", "ref", "hyp", "--json").out)
    assert [found[x] for x in ("hits", "deletions", "missing")] == [2, 1, 0]


def test_json_of_several_is_one_object_a_line(run, recognizer, wav):
    wav("a.wav", "b.wav")
    lines = run("transcribe", "a.wav", "b.wav", "-f", "json").out.splitlines()
    found = [json.loads(line) for line in lines]
    assert [item["audio_filepath"] for item in found] == ["a.wav", "b.wav"]
    assert [item["text"] for item in found] == ["A", "B"]


def test_subtitles_of_one_file(run, recognizer, wav):
    wav("a.wav")
    out = run("transcribe", "a.wav", "-f", "srt").out
    assert out == "1\n00:00:00,000 --> 00:00:02,990\nA\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.wav", "-f", "all"], "several formats do not fit standard output"),
        (["a.wav", "b.wav", "-f", "srt"], "several srt do not fit"),
        ([".", "-f", "vtt"], "several vtt do not fit"),
        (["a.wav", "--resume"], "--resume looks for files"),
        (
            ["a.wav", "--start", "5", "--end", "2"],
            "--end must be after --start 5, got 2",
        ),
        (
            ["a.wav", "--rate", "8000"],
            "--rate applies only to raw audio on standard input",
        ),
        (["a.wav", "--n-best", "9", "-f", "json"], "needs a beam of as many"),
        (["a.wav", "--n-best", "2"], "--n-best lists hypotheses in json"),
        (["a.wav", "--word-timestamps"], "--word-timestamps: txt has no times"),
        (["a.wav", "--attention"], "--attention adds weights to json"),
        (
            ["a.wav", "-f", "json", "--attention", "--channels", "separate"],
            "--attention is of one channel",
        ),
    ],
)
def test_contradicting_options_are_refused(run, recognizer, wav, arguments, message):
    wav("a.wav", "b.wav")
    ended = run("transcribe", *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err


def test_files_by_stem(run, recognizer, wav, tmp_path):
    wav("in/a.wav", "in/deep/b.wav", "c.wav")
    ended = run("transcribe", "in", "c.wav", "-o", "new/out")
    names = ("a.txt", "deep/b.txt", "c.txt")
    assert ended == (0, "", "".join(f"wrote new/out/{name}\n" for name in names))
    found = sorted((tmp_path / "new" / "out").rglob("*.txt"))
    names = [str(path.relative_to(tmp_path / "new" / "out")) for path in found]
    assert names == ["a.txt", "c.txt", "deep/b.txt"]
    assert found[2].read_text() == "B\n"


def test_several_formats(run, recognizer, wav, tmp_path):
    wav("a.wav")
    formats = ["-f", "srt", "-f", "txt", "-f", "srt"]
    ended = run("transcribe", "a.wav", "-o", "out", *formats)
    assert ended == (0, "", "wrote out/a.srt\nwrote out/a.txt\n")
    assert recognizer.calls[-1]["word_timestamps"]  # for srt
    (tmp_path / "out" / "a.txt").unlink()
    ended = run("transcribe", "a.wav", "-o", "out", *formats, "--resume")
    assert ended.err == "wrote out/a.srt\nwrote out/a.txt\n"
    ended = run("transcribe", "a.wav", *formats)
    assert ended.status == 2
    assert "several formats do not fit standard output" in ended.err
    assert run("transcribe", "a.wav", "-f", "txt", "-f", "txt").out == "A\n"


def test_words_per_line(run, recognizer, wav):
    wav("a b c d e.wav")
    options = ["-f", "srt", "--max-words-per-line", "2"]
    assert "\nC\nD E\n" in run("transcribe", "a b c d e.wav", *options).out


def test_all_formats(run, recognizer, wav, tmp_path):
    wav("a.wav")
    ended = run("transcribe", "a.wav", "-o", "out", "-f", "all")
    wrote = "".join(f"wrote out/a.{kind}\n" for kind in WRITERS)
    assert ended == (0, "", wrote)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"a.{kind}" for kind in WRITERS}


def test_options_reach_the_recognizer(run, recognizer, wav):
    wav("a.wav")
    run("transcribe", "a.wav", "--beam-size", "3", "--n-best", "2", "-f", "json")
    run("transcribe", "a.wav", "--ctc-weight", "0.5", "--batch-seconds", "7")
    first, second = recognizer.calls
    assert first["decoding"].beam_size == 3
    assert first["decoding"].ctc_weight == 0.25  # the model's own
    assert first["decoding"].n_best == 2
    assert first["batch_seconds"] == BATCH_SECONDS
    assert second["decoding"].beam_size == 4
    assert second["decoding"].ctc_weight == 0.5
    assert second["batch_seconds"] == 7


def test_more_options_reach_the_recognizer(run, recognizer, wav):
    wav("a.wav")
    span = ["--start", "0.5", "--end", "2", "--channel", "1", "--no-vad"]
    run("transcribe", "a.wav", *span, "--word-timestamps", "-f", "json")
    run("transcribe", "a.wav", "-f", "srt")
    first, second = recognizer.calls
    assert (first["start"], first["end"], first["channel"]) == (0.5, 2.0, 1)
    assert (first["vad"], first["word_timestamps"]) == (False, True)
    assert (second["vad"], second["word_timestamps"]) == (True, True)


def test_threads_reach_the_network(run, recognizer, wav):
    wav("a.wav")
    run("transcribe", "a.wav", "--threads", "3")
    run("transcribe", "a.wav")
    assert recognizer.loaded == [
        ("english", {"threads": 3}),
        ("english", {"threads": None}),
    ]


@pytest.mark.parametrize(
    ("shown", "seconds"),
    [
        ("0:30", 30.0),
        ("1:02:03.5", 3723.5),
        ("90", 90.0),
        ("90.25", 90.25),
        ("01:05", 65.0),
        ("90:00", 5400.0),
        (".5", 0.5),
    ],
)
def test_times(run, recognizer, wav, shown, seconds):
    wav("a.wav")
    run("transcribe", "a.wav", "--start", shown, "--end", "9999:00")
    (call,) = recognizer.calls
    assert (call["start"], call["end"]) == (seconds, 599940.0)


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        ("1:75", "'1:75': minutes and seconds must be below 60"),
        ("1:60:00", "'1:60:00': minutes and seconds must be below 60"),
        ("1:2:3:4", "'1:2:3:4' is no time; write 90, 1:30 or 1:02:03.5"),
        ("-1", "'-1' is no time"),
        ("nan", "'nan' is no time"),
        ("soon", "'soon' is no time"),
        ("", "'' is no time"),
    ],
)
def test_what_is_no_time(run, recognizer, wav, shown, message):
    wav("a.wav")
    ended = run("transcribe", "a.wav", "--start", shown)
    assert ended.status == 2
    assert message in ended.err


def test_sound_track(run, recognizer, wav):
    wav("a.wav")
    run("transcribe", "a.wav", "--track", "2")
    assert recognizer.calls[0]["track"] == 2


@pytest.fixture
def stereo(tmp_path, monkeypatch):
    """Two seconds; the second channel speaks first."""
    monkeypatch.chdir(tmp_path)
    soundfile.write(tmp_path / "two.wav", np.full((32000, 2), 0.1), 16000)


@pytest.mark.usefixtures("recognizer", "stereo")
def test_separate_channels_in_every_format(run, wav, tmp_path):
    wav("one.wav")
    ended = run(
        "transcribe", "two.wav", "one.wav", "--channels", "separate", "-o", "out",
        "-f", "all",
    )  # fmt: skip
    assert ended.status == 0
    written = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert written["two.txt"] == "CHANNEL 2\nCHANNEL 1\n"
    assert (
        json.loads(written["two.json"])["model"]
        == json.loads(written["one.json"])["model"]
    )
    segments = json.loads(written["two.json"])["segments"]
    found = [(x["id"], x["channel"], x["start"], x["text"]) for x in segments]
    assert found == [(0, 2, 0.666, "CHANNEL 2"), (1, 1, 1.0, "CHANNEL 1")]
    assert "\n<v Channel 2>CHANNEL 2\n" in written["two.vtt"]
    assert "\nChannel 1: CHANNEL 1\n" in written["two.srt"]
    assert written["two.srt"].index("Channel 2:") < written["two.srt"].index("1: ")
    columns = [line.split()[:2] for line in written["two.ctm"].splitlines()]
    assert columns == [["two", "1"]] * 2 + [["two", "2"]] * 2
    for tier in ("segments 1", "words 1", "segments 2", "words 2"):
        assert f'name = "{tier}"' in written["two.TextGrid"]
    # One channel alone is a recording like any other.
    assert "channel" not in written["one.json"]
    assert written["one.txt"] == "ONE\n"


@pytest.mark.usefixtures("recognizer", "stereo")
def test_separate_channels_on_standard_output(run):
    ended = run("transcribe", "two.wav", "--channels", "separate")
    assert ended.out == "CHANNEL 2\nCHANNEL 1\n"


@pytest.mark.usefixtures("stereo")
def test_mixed_channels_are_the_default(run, recognizer):
    assert run("transcribe", "two.wav").out == "TWO\n"
    assert run("transcribe", "two.wav", "--channels", "mean").out == "TWO\n"


@pytest.mark.usefixtures("recognizer", "stereo")
def test_separate_channels_that_cannot_be(run, tmp_path):
    ended = run("transcribe", "two.wav", "--channels", "separate", "--channel", "1")
    assert (ended.status, "got --channel 1" in ended.err) == (2, True)
    ended = run("transcribe", "-", "--channels", "separate")
    assert (ended.status, "needs files, got standard input" in ended.err) == (2, True)
    (tmp_path / "junk.wav").write_text("no sound")
    ended = run("transcribe", "junk.wav", "two.wav", "--channels", "separate")
    assert ended.status == 4
    assert ended.out == "two.wav: CHANNEL 2 CHANNEL 1\n"


def test_layout_of_subtitles(run, recognizer, wav):
    wav("a b c.wav")
    sizes = ["--max-line-width", "1", "--max-line-count", "2", "--highlight-words"]
    out = run("transcribe", "a b c.wav", "-f", "vtt", *sizes).out
    assert "\n<u>A</u>\nB\n\n" in out
    assert "\n<u>C</u>\n" in out


def test_a_model_that_cannot_time_words(run, recognizer, wav, monkeypatch):
    monkeypatch.setattr(recognizer, "times_words", False)
    wav("a.wav")
    for kind in ("ctm", "all"):
        ended = run("transcribe", "a.wav", "-o", "out", "-f", kind)
        assert (ended.status, recognizer.calls) == (2, [])
        assert "ctm needs times of words" in ended.err
    assert run("transcribe", "a.wav", "-f", "srt").status == 0


def test_a_terminal_says_what_is_loaded(run, recognizer, wav, monkeypatch):
    wav("a.wav")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")  # without a bar
    ended = run("transcribe", "a.wav", "--model", "x", "-o", "out")
    shown = "loading x ...\r\x1b[K"
    assert ended == (0, "", f"{shown}{shown}wrote out/a.txt\n")
    assert recognizer.searches == [recognizer.calls[0]["decoding"]]
    ended = run("transcribe", "a.wav", "--json-progress", "-o", "out")
    assert [json.loads(line)["total"] for line in ended.err.splitlines()] == [2.991]


def test_bad_files_are_refused_before_a_model_is_loaded(
    run, recognizer, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.wav").write_bytes(b"no sound at all")
    (tmp_path / "empty.wav").touch()
    ended = run("transcribe", "bad.wav", "empty.wav", "gone.wav")
    assert (ended.status, ended.out, recognizer.loaded) == (4, "", [])
    bad, empty, gone = ended.err.splitlines()
    assert bad.startswith("error: bad.wav: ")
    assert empty == "error: empty.wav: the file is empty (0 bytes)"
    assert gone == "error: gone.wav: no such file or folder"


def test_a_named_pipe_is_read_once(run, recognizer, samples, tmp_path):
    path = tmp_path / "pipe.wav"
    os.mkfifo(path)
    content = (samples / "river.wav").read_bytes()
    writer = threading.Thread(target=path.write_bytes, args=(content,))
    writer.start()
    ended = run("transcribe", path, "--json-progress")
    writer.join(10)
    assert (ended.status, ended.out) == (0, "PIPE\n")
    assert json.loads(ended.err.splitlines()[-1])["total"] is None


def test_resume_skips_recordings_with_files(run, recognizer, wav, tmp_path):
    wav("a.wav", "b.wav")
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.txt").write_text("before")
    assert run("transcribe", "a.wav", "b.wav", "-o", "out", "--resume").status == 0
    assert (out / "a.txt").read_text() == "before"
    assert (out / "b.txt").read_text() == "B\n"
    assert run("transcribe", "a.wav", "b.wav", "-o", "out", "--resume").status == 0
    assert len(recognizer.calls) == 1


def test_progress_for_programs(run, recognizer, wav):
    wav("a.wav", "b.wav")
    lines = run("transcribe", "a.wav", "b.wav", "--json-progress").err.splitlines()
    last = json.loads(lines[-1])
    assert last["done"] == last["total"] == pytest.approx(2 * 2.991, abs=0.01)
    assert last["left"] == 0.0
    assert last["speed"] > 0


def test_raw_samples_on_standard_input(run, recognizer, monkeypatch):
    raw = io.BytesIO(np.zeros(8000, "<i2").tobytes())
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=raw))
    assert run("transcribe", "-", "--rate", "8000").out == "STDIN\n"


def test_one_bad_file_never_stops_the_batch(run, recognizer, wav, tmp_path):
    wav("a.wav", "c.wav")
    (tmp_path / "b.wav").write_bytes(b"no sound at all")
    ended = run("transcribe", "a.wav", "b.wav", "gone.wav", "c.wav")
    assert ended.status == 4
    assert ended.out == "a.wav: A\nc.wav: C\n"
    assert "error: gone.wav: no such file or folder\n" in ended.err
    assert "error: b.wav: " in ended.err
    assert ended.err.count("\n") == 2


def test_nothing_to_do_loads_no_model(run, recognizer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = run("transcribe", ".", "gone.wav")
    assert (ended.status, recognizer.calls) == (4, [])
    assert ended.err == (
        "error: .: no recordings in this folder\n"
        "error: gone.wav: no such file or folder\n"
    )


def test_no_samples_is_explained(run, recognizer, tmp_path):
    soundfile.write(tmp_path / "empty.wav", [], 16000)
    ended = run("transcribe", tmp_path / "empty.wav")
    assert ended.status == 0
    assert ended.out == ""
    assert ended.err == f"warning: {tmp_path}/empty.wav: no text: no samples\n"


def test_the_model_is_named(run, public, wav, recognizer):
    def load(name, **_):
        raise ModelError(f"no model {name}")

    public("load", load)
    wav("a.wav")
    assert run("transcribe", "a.wav", "--model", "x") == (6, "", "error: no model x\n")


def test_an_output_folder_that_cannot_be_made(run, recognizer, wav):
    wav("a.wav", "file")
    ended = run("transcribe", "a.wav", "-o", "file/out")
    assert ended.status == 8
    assert ended.err == "error: cannot make the folder file/out: Not a directory\n"


@pytest.mark.parametrize(
    ("files", "arguments", "expected"),
    [
        (["a.wav", "a.flac"], ["a.wav", "a.flac"], ["a.wav", "a.flac"]),
        (["x/a.wav", "y/a.wav"], ["x/a.wav", "y/a.wav"], ["a.wav", "a.wav-2"]),
        (["x/a.wav", "y/a.wav"], ["."], ["x/a", "y/a"]),
        (["a.wav", "x/../y/b.wav"], [".", "x/../y"], ["a", "y/b", "b"]),
        (["x/a.wav", "y/b.wav"], ["x", "x/../y"], ["a", "b"]),
        (["A.wav", "a.wav"], ["A.wav", "a.wav"], ["A.wav", "a.wav-2"]),
        (
            ["a.wav", "a.mp3", "a.wav.wav"],
            ["a.wav", "a.mp3", "a.wav.wav"],
            ["a.wav", "a.mp3", "a.wav-2"],
        ),
        (["v1.2.wav"], ["v1.2.wav"], ["v1.2"]),
    ],
)
def test_output_names_are_distinct(wav, files, arguments, expected):
    wav(*files)
    found = list(inputs.find_recordings(arguments))
    names = inputs.output_names(found, arguments)
    assert list(names.values()) == expected
    if any(name.endswith("-2") for name in expected):
        with pytest.raises(UsageError, match="several recordings are called"):
            inputs.output_names(found, arguments, resume=True)


def test_an_unreadable_file_is_reported(run, recognizer, wav, monkeypatch):
    """The others are transcribed all the same."""
    wav("a.wav", "closed/b.wav")
    is_dir = Path.is_dir

    def forbidden(path):
        if "closed" in path.parts:
            raise PermissionError(errno.EACCES, "Permission denied")
        return is_dir(path)

    monkeypatch.setattr(Path, "is_dir", forbidden)
    ended = run("transcribe", "closed/b.wav", "a.wav")
    assert (ended.status, ended.out) == (4, "a.wav: A\n")
    assert "closed/b.wav: Permission denied" in ended.err


def test_an_unwritable_folder_is_reported_first(
    run, recognizer, wav, monkeypatch, tmp_path
):
    wav("a.wav")
    monkeypatch.setattr(os, "access", lambda _, mode: mode == os.R_OK)
    ended = run("transcribe", "a.wav", "-o", tmp_path)
    assert (ended.status, recognizer.calls) == (8, [])
    assert "cannot write into the folder" in ended.err


def test_a_name_that_is_not_utf_8(run, recognizer, wav):
    wav("a.wav")
    Path("a.wav").rename(os.fsdecode(b"caf\xe9.wav"))
    ended = run("transcribe", ".", "-f", "json")
    assert json.loads(ended.out)["audio_filepath"] == "caf\udce9.wav"
