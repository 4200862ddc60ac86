"""asr punctuate, and what asr transcribe makes of English."""

from __future__ import annotations

import json
import re

import pytest

from asr.files import bundled_models

pytestmark = pytest.mark.skipif(
    "restore" not in bundled_models(), reason="there is no bundled model restore"
)

TEXT = "HOW ARE YOU TODAY I AM FINE THANK YOU"


def bare(text):
    return re.sub(r"[,.?!;:]", "", text).upper()


def test_texts(run):
    ended = run("punctuate", TEXT)
    assert (ended.status, ended.err) == (0, "")
    assert bare(ended.out) == f"{TEXT}\n"
    assert ended.out.startswith("How are you today")
    assert ended.out.rstrip()[-1] in ".?!"
    assert run("punctuate", "it was in nineteen eighty four").out == "It was in 1984.\n"
    words = run("punctuate", "--no-numbers", "it was in nineteen eighty four").out
    assert words == "It was in nineteen eighty four.\n"


def test_files_and_lines(run, tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("GOOD\nMORNING\n\nMY FRIEND\n")
    whole = run("punctuate", path).out
    assert bare(whole) == "GOOD MORNING MY FRIEND\n"
    lines = run("punctuate", path, "--lines").out.splitlines()
    assert [bare(line) for line in lines] == ["GOOD", "MORNING", "", "MY FRIEND"]
    assert all(line[0].isupper() and line[-1] in ".?!" for line in lines if line)
    assert len(run("punctuate", path, "A TEXT").out.splitlines()) == 2


def test_other_models_are_refused(run):
    ended = run("punctuate", "a", "--model", "en-fr")
    assert ended.status == 6
    assert "not restoration" in ended.err
    ended = run("translate", "a", "--model", "restore")
    assert (ended.status, ended.out) == (6, "")
    assert "use asr punctuate" in ended.err


def test_transcripts_of_english(run, samples, tmp_path):
    path = samples / "river.wav"
    restored = run("transcribe", path).out
    raw = run("transcribe", path, "--raw").out
    assert raw.isupper()
    assert bare(restored) == raw
    assert restored[0].isupper()
    assert restored[1].islower()
    assert restored.rstrip().endswith(".")
    run("transcribe", path, "-o", tmp_path, "-f", "all")
    found = {kind: (tmp_path / f"river.{kind}").read_text() for kind in ("trn", "ctm")}
    assert found["trn"].split(" (")[0] == raw.strip()
    assert [line.split()[4] for line in found["ctm"].splitlines()] == raw.split()
    for kind in ("txt", "tsv", "srt", "vtt", "TextGrid"):
        text = " ".join((tmp_path / f"river.{kind}").read_text().split())
        first, last = restored.split()[0], restored.split()[-1]
        assert first in text
        assert last in text
    entry = json.loads((tmp_path / "river.json").read_text())
    assert entry["text"] == entry["segments"][0]["text"] == restored.strip()
    words = [word["word"] for word in entry["segments"][0]["words"]]
    assert words == restored.split()
