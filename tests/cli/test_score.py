"""asr score: two files to error rates."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def texts(tmp_path, monkeypatch):
    """Write files into the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(**files: str) -> None:
        for name, content in files.items():
            (tmp_path / name).write_text(content)

    return write


def test_worked_example(run, texts):
    # one two three four / one too three: 1 substitution, 1 deletion of 4 words
    texts(ref="one two three four (u1)\nfive (u2)\n", hyp="one too three (u1)\n")
    ended = run("score", "ref", "hyp", "--json")
    found = json.loads(ended.out)
    assert (found["substitutions"], found["deletions"], found["hits"]) == (1, 2, 2)
    assert found["wer"] == 3 / 5
    assert (found["missing"], found["extra"]) == (1, 0)
    assert found["normalizer"] == "none-1"


def test_text_output_says_what_was_done(run, texts):
    texts(ref="one (u1)\ntwo (u2)\n", hyp="one (u1)\n")
    out = run("score", "ref", "hyp").out
    assert out.startswith("WER 50.00%")
    assert out.endswith(
        "normalizer none-1; missing hypotheses scored as empty: 1; "
        "hypotheses without a reference left out: 0\n"
    )


def test_normalizer_touches_both_sides(run, texts):
    texts(ref="It's, well: GOOD. (u1)\n", hyp="IT'S WELL good (u1)\n")
    assert json.loads(run("score", "ref", "hyp", "--json").out)["wer"] == 1.0
    ended = run("score", "ref", "hyp", "--json", "--normalizer", "librispeech-1")
    assert json.loads(ended.out)["wer"] == 0.0


def test_form_can_be_named(run, texts):
    texts(ref="utt-1 one\n", hyp="utt-2 one\n")
    assert run("score", "ref", "hyp").status == 5
    ended = run("score", "ref", "hyp", "--form", "lines", "--json")
    assert json.loads(ended.out)["substitutions"] == 1


def test_extra_hypotheses(run, texts):
    texts(ref="one (u1)\n", hyp="one (u1)\ntwo (u2)\n")
    ended = run("score", "ref", "hyp")
    assert (ended.status, ended.out) == (5, "")
    ended = run("score", "ref", "hyp", "--allow-extra", "--json")
    found = json.loads(ended.out)
    assert (found["wer"], found["extra"]) == (0.0, 1)


@pytest.mark.parametrize("arguments", [("gone", "ref"), ("ref", "gone")])
def test_missing_file(run, texts, arguments):
    texts(ref="one (u1)\n")
    ended = run("score", *arguments)
    assert (ended.status, ended.out) == (5, "")
    assert ended.err.startswith("error: gone: ")


def test_translations_and_summaries(run, texts):
    texts(
        ref="The dog bit the man.\nIt was not unexpected.\n",
        hyp="The dog bit the man.\nIt was unexpected.\n",
    )
    files = ("ref", "hyp", "--form", "lines")
    found = json.loads(run("score", *files, "--metric", "bleu", "--json").out)
    assert 50 < found["bleu"] < 100
    assert {"chrf", "signature", "missing", "extra", "normalizer"} < found.keys()
    shown = run("score", *files, "--metric", "bleu").out
    assert all(part in shown for part in ("BLEU ", "chrF ", "BLEU|nrefs:1|case:mixed"))
    shown = run("score", *files, "--metric", "rouge").out
    assert shown.startswith("ROUGE-1 92.86, ROUGE-2 ")
