"""Preparation of corpora."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import asr
from asr.corpora.prepare import Preparation, Report
from asr.data.manifest import Utterance, read_manifest, write_manifest
from asr.errors import DataError, UsageError


def manifest(tmp_path, *utterances):
    write_manifest(tmp_path / "m.jsonl", utterances)
    return tmp_path / "m.jsonl"


def prepared(name, root, subset):
    """Return the utterances, and the report on them."""
    preparation = Preparation(name, root, subset)
    return list(preparation), preparation.report


def test_durations_come_from_headers_in_order(tmp_path, clip):
    seconds = [0.1 + 0.01 * n for n in range(50)]
    paths = [clip(tmp_path / f"{n}.wav", s) for n, s in enumerate(seconds)]
    path = manifest(
        tmp_path,
        *(
            Utterance(p, f"T {p.stem}", speaker="ab"[i % 2])
            for i, p in enumerate(paths)
        ),
    )
    utterances, report = prepared("jsonl", path, "all")
    assert [u.audio for u in utterances] == paths
    assert [u.duration for u in utterances] == pytest.approx(seconds)
    assert (report.kept, report.speakers, report.dropped) == (50, 2, {})
    assert report.hours == pytest.approx(sum(seconds) / 3600)
    assert report.characters == " 0123456789T"
    assert report.summary() == "50 utterances, 0.00 h, 2 speakers, 12 characters"


def test_dropped_utterances_are_reported_by_reason(tmp_path, clip):
    good = clip(tmp_path / "good.wav", 1.0)
    junk = tmp_path / "junk.wav"
    junk.write_text("no audio")
    empty = tmp_path / "empty.wav"
    empty.touch()
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    path = manifest(
        tmp_path,
        Utterance(good, "yes", id="kept"),
        Utterance(good, None, id="untold"),
        Utterance(good, "  ", id="blank"),
        Utterance(tmp_path / "gone.wav", "x", id="gone"),
        Utterance(junk, "x", id="junk"),
        Utterance(empty, "x"),
        Utterance(tmp_path, "x", id="folder"),
        Utterance(pipe, "x", id="pipe"),
        Utterance(tmp_path / ("x" * 300 + ".wav"), "x", id="long"),
        Utterance(clip(tmp_path / "short.wav", 0.09), "x", id="short"),
        Utterance(good, "x", 0.05, 0.2, id="brief"),
        Utterance(good, "x", 0.5, 1.0, id="outside"),
    )
    utterances, report = prepared("jsonl", path, "all")
    assert [u.id for u in utterances] == ["kept"]
    assert report.dropped == {
        "no text": ["untold", "blank"],
        "missing audio": [
            f"gone ({tmp_path}/gone.wav)",
            f"long ({tmp_path}/{300 * 'x'}.wav)",
        ],
        "unreadable audio": ["junk", str(empty), "folder", "pipe"],
        "shorter than 0.1 s": ["short", "brief"],
        "outside of its recording": ["outside"],
    }
    assert "; dropped 2: no text (untold, ...)" in report.summary()
    assert (
        f"; dropped 2: missing audio (gone ({tmp_path}/gone.wav), ...)"
        in report.summary()
    )


def test_segments_end_with_their_recording(tmp_path, clip):
    audio = clip(tmp_path / "a.wav", 2.0)
    path = manifest(
        tmp_path,
        Utterance(audio, "a", 1.0, 0.5),
        Utterance(audio, "b", 1.9, 0.5),
        Utterance(audio, "c", None, 0.5),
        Utterance(audio, "d", 2.1, 0.5, id="late"),
        Utterance(audio, "e", 93.0, 0.5, id="later"),
    )
    utterances, report = prepared("jsonl", path, "all")
    spans = [(u.offset, u.duration) for u in utterances]
    assert spans == [(0.5, 1.0), (0.5, 1.5), (0.5, 1.5)]
    assert report.dropped == {"ends over 0.5 s after its recording": ["late", "later"]}


def test_the_summary_quotes_a_part_of_long_names():
    report = Report(dropped={"missing audio": ["n" * 300, "m"]})
    assert f"missing audio ({'n' * 200}, ...)" in report.summary()


def test_a_channel_that_is_not_there(tmp_path, clip):
    audio = clip(tmp_path / "a.wav", 2.0)
    path = manifest(
        tmp_path,
        Utterance(audio, "a", 1.0, id="one", channel=1),
        Utterance(audio, "b", 1.0, 1.0, id="two", channel=2),
    )
    utterances, report = prepared("jsonl", path, "all")
    assert [u.id for u in utterances] == ["one"]
    assert report.dropped == {"no such channel": ["two"]}


def test_damaged_rows_are_counted_and_named(tmp_path, clip):
    audio = clip(tmp_path / "a.wav", 1.0)
    path = manifest(tmp_path, Utterance(audio, "a"), Utterance(audio, "b"))
    path.write_text(path.read_text().replace("\n", "\n{\n", 1))
    utterances, report = prepared("jsonl", path, "all")
    assert [u.text for u in utterances] == ["a", "b"]
    ((reason, (row,)),) = report.dropped.items()
    assert reason == "damaged row"
    assert row.startswith(f"{path}:2: not JSON")
    assert f"; dropped 1: damaged row ({path}:2: not JSON" in report.summary()


def test_durations_are_those_of_the_content(tmp_path):
    """Not what a damaged header says: 20 s here."""
    path = tmp_path / "claim.flac"
    soundfile.write(path, np.zeros(3 * 8000), 8000)
    data = bytearray(path.read_bytes())
    packed = int.from_bytes(data[18:26], "big") >> 36 << 36 | 20 * 8000
    data[18:26] = packed.to_bytes(8, "big")
    path.write_bytes(data)
    ((utterance,), _) = prepared(
        "jsonl", manifest(tmp_path, Utterance(path, "x")), "all"
    )
    assert utterance.duration == 3.0


def test_nothing_usable_is_an_error(tmp_path):
    path = manifest(tmp_path, Utterance(tmp_path / "gone.wav", "x", id="x"))
    with pytest.raises(
        DataError, match=r"nothing usable in all: .*1: missing audio \(x "
    ):
        prepared("jsonl", path, "all")
    with pytest.raises(DataError, match="no utterances in all"):
        prepared("jsonl", manifest(tmp_path), "all")
    with pytest.raises(UsageError, match="did you mean 'jsonl'"):
        prepared("json", path, "all")


def test_prepared_manifest_reads_back(tmp_path, clip):
    path = manifest(tmp_path, Utterance(clip(tmp_path / "a.wav"), "a", id="1"))
    utterances, _ = prepared("jsonl", path, "all")
    write_manifest(tmp_path / "out.jsonl", utterances)
    assert list(read_manifest(tmp_path / "out.jsonl")) == utterances


@pytest.mark.parametrize(
    ("name", "folder", "subset", "hours"),
    [
        ("librispeech", "LibriSpeech", "train-clean-5", 5.31),
        ("librispeech", "LibriSpeech", "dev-clean", 0.81),
        ("kaldi", "speechocean762", "dev", 0.36),
        ("an4", "an4", "train", 0.71),
        ("free_spoken_digit", "free-spoken-digit", "test", 0.04),
        ("speech_commands", "speech-commands", "all", 0.47),
        ("common_voice", "common-voice", "validated", 0.1),
    ],
)
def test_real_corpora_lose_nothing(speech_data, name, folder, subset, hours):
    _, report = prepared(name, speech_data / folder, subset)
    assert report.dropped == {}
    assert report.hours == pytest.approx(hours, abs=0.005)


def test_only_some_utterances_are_held(tmp_path, clip, monkeypatch):
    monkeypatch.setattr("asr.corpora.prepare._AHEAD", 5)
    audio = clip(tmp_path / "a.wav", 1.0)
    path = manifest(tmp_path, *(Utterance(audio, str(n)) for n in range(100)))
    read = []

    def reading(file):
        for utterance in read_manifest(file):
            read.append(utterance)
            yield utterance

    monkeypatch.setattr("asr.corpora.generic.manifest_rows", reading)
    for number, utterance in enumerate(Preparation("jsonl", path, "all"), 1):
        assert utterance.text == str(number - 1)
        assert len(read) <= number + 5
    assert number == 100


def test_preparing_never_imports_a_framework():
    code = (
        "import sys, asr.corpora.prepare;"
        "print({'tensorflow', 'keras', 'librosa', 'av'} & {*sys.modules})"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(asr.__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "set()"
