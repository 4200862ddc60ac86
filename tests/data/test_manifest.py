"""Manifests of utterances."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.data.manifest import Utterance, read_manifest, write_manifest
from asr.data.text_files import text_lines
from asr.errors import DataError, OutputError


def test_written_manifest_reads_back_equal(tmp_path):
    utterances = [
        Utterance(tmp_path / "a.wav", "Grüße  “dich”", 1.25, 0.5, "s1", "de", "a"),
        Utterance(tmp_path / "sub" / "b.wav", None),
        Utterance(tmp_path / "c.wav", "line\nbreak\u2028too", 0.1),
    ]
    path = tmp_path / "all.jsonl"
    assert write_manifest(path, utterances) == 3
    assert list(read_manifest(path)) == utterances


@given(
    text=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    duration=st.none() | st.floats(0, 1e6),
    offset=st.floats(0, 1e6),
    speaker=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
)
def test_any_utterance_round_trip(tmp_path_factory, text, duration, offset, speaker):
    folder = tmp_path_factory.mktemp("manifest")
    utterance = Utterance(folder / "x.wav", text, duration, offset, speaker)
    write_manifest(folder / "m.jsonl", [utterance])
    assert list(read_manifest(folder / "m.jsonl")) == [utterance]


def test_paths_are_relative_only_below_the_manifest(tmp_path):
    folder = tmp_path / "manifests"
    folder.mkdir()
    inside, outside = folder / "wav" / "a.wav", tmp_path / "b.wav"
    path = folder / "m.jsonl"
    write_manifest(path, [Utterance(inside, "a"), Utterance(outside, "b")])
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [entry["audio_filepath"] for entry in entries] == [
        "wav/a.wav",
        str(outside),
    ]
    assert entries[0] == {"audio_filepath": "wav/a.wav", "text": "a"}


def test_relative_names_are_those_of_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_manifest("m.jsonl", [Utterance(Path("x/../a.wav"), "a")])
    (utterance,) = read_manifest("m.jsonl")
    assert utterance.audio == Path("a.wav")


def test_a_link_keeps_its_own_name(tmp_path):
    (tmp_path / "real.wav").touch()
    (tmp_path / "link.wav").symlink_to(tmp_path / "real.wav")
    write_manifest(tmp_path / "m.jsonl", [Utterance(tmp_path / "link.wav", "a")])
    assert next(read_manifest(tmp_path / "m.jsonl")).audio.name == "link.wav"


def test_a_file_name_that_is_not_utf8_survives(tmp_path):
    utterance = Utterance(tmp_path / os.fsdecode(b"caf\xe9.wav"), "café")
    write_manifest(tmp_path / "m.jsonl", [utterance])
    assert "café" in (tmp_path / "m.jsonl").read_text("utf-8")
    assert list(read_manifest(tmp_path / "m.jsonl")) == [utterance]


def test_foreign_keys_numbers_as_names_blank_lines_and_marks_are_accepted(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text(
        '\ufeff{"audio_filepath": "a.wav", "speaker": 19, "pred_text": "x"}\r\n\n'
        '{"audio_filepath": "/b.wav", "duration": 2, "offset": null}\n',
        "utf-8",
    )
    assert list(read_manifest(path)) == [
        Utterance(tmp_path / "a.wav", None, speaker="19"),
        Utterance(Path("/b.wav"), None, 2.0),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "no audio_filepath"),
        ('{"audio_filepath": ""}', "no audio_filepath"),
        ('{"audio_filepath": ["a"]}', "audio_filepath is"),
        ('{"audio_filepath": "a", "text": true}', "text is true"),
        ('{"audio_filepath": "a", "duration": "1"}', 'duration is "1"'),
        ('{"audio_filepath": "a", "duration": -1}', "duration is -1"),
        ('{"audio_filepath": "a", "duration": NaN}', "duration is NaN"),
        ('{"audio_filepath": "a", "offset": true}', "offset is true"),
        (f'{{"audio_filepath": "a", "duration": 1{"0" * 400}}}', "duration is 1000"),
        ("[" * 100_000, "JSON is nested too deeply"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, line, message):
    path = tmp_path / "m.jsonl"
    path.write_text('{"audio_filepath": "a.wav"}\n' + line + "\n")
    with pytest.raises(DataError) as caught:
        list(read_manifest(path))
    assert str(caught.value).startswith(f"{path}:2: {message}")
    assert "\n" not in str(caught.value)


def test_missing_and_undecodable_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.jsonl: No such file"):
        list(read_manifest(tmp_path / "gone.jsonl"))
    (tmp_path / "latin.txt").write_bytes(b"ok\ncaf\xe9\n")
    with pytest.raises(DataError, match=r"latin\.txt:2: not UTF-8"):
        list(text_lines(tmp_path / "latin.txt"))


def test_a_failed_write_leaves_the_old_manifest(tmp_path):
    path = tmp_path / "m.jsonl"
    write_manifest(path, [Utterance(tmp_path / "a.wav", "old")])

    def broken():
        yield Utterance(tmp_path / "b.wav", "new")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_manifest(path, broken())
    assert [u.text for u in read_manifest(path)] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_no_folder_to_write_to(tmp_path):
    with pytest.raises(OutputError):
        write_manifest(tmp_path / "gone" / "m.jsonl", [])


def test_a_line_that_is_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr("asr.data.text_files._LONGEST_LINE", 100)
    path = tmp_path / "m.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n" + b" " * 101))
    with pytest.raises(DataError, match=r"m\.jsonl\.gz:2: a line of more than"):
        list(read_manifest(path))


def test_channels(tmp_path):
    utterances = [Utterance(tmp_path / "a.wav", "a", channel=2)]
    write_manifest(tmp_path / "m.jsonl", utterances)
    assert '"channel": 2' in (tmp_path / "m.jsonl").read_text()
    assert list(read_manifest(tmp_path / "m.jsonl")) == utterances


@pytest.mark.parametrize("value", ["0", "-1", "1.5", '"left"', "true"])
def test_a_channel_is_a_number_from_1(tmp_path, value):
    path = tmp_path / "m.jsonl"
    path.write_text(f'{{"audio_filepath": "a.wav", "channel": {value}}}')
    with pytest.raises(DataError, match=r"m\.jsonl:1: channel is .*must be 1 or more"):
        list(read_manifest(path))
