"""asr evaluate: which recordings are scored, and how the result is shown."""

from __future__ import annotations

import json

import pytest

from asr.data.manifest import read_manifest, write_manifest
from asr.evaluation.speech import Evaluation, Result
from asr.metrics.report import ScoreReport


@pytest.fixture
def calls(recognizer, public):
    """Replace `asr.evaluate`: each hypothesis lacks the first word."""
    made = []

    def evaluate(given, utterances, **options):
        assert given is recognizer
        made.append({"ids": [item.id for item in utterances], **options})
        results = tuple(
            Result(item, item.text, item.text.partition(" ")[2], 1.0)
            for item in utterances
        )
        report = ScoreReport(
            [item.reference for item in results],
            [item.hypothesis for item in results],
            [item.utterance.facts for item in results],
        )
        used = options["normalizer"] or "librispeech-1"
        return Evaluation(report, 12.5, 0.5, used, 1, results)

    public("evaluate", evaluate)
    return made


@pytest.fixture
def manifest(samples):
    return samples / "manifest.jsonl"


def test_manifest(run, calls, manifest):
    ended = run("evaluate", "english", manifest)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("WER 9.")  # 5 of the 53 words
    assert "audio      12.5 s, real-time factor 0.5000\n" in ended.out
    assert ended.out.endswith(
        "normalizer librispeech-1\nunreadable 1, scored as empty\n"
    )
    (call,) = calls
    assert call["ids"] == ["river", "morning", "letter", "house", "friends"]


def test_threads_reach_the_network(run, calls, recognizer, manifest):
    run("evaluate", "english", manifest, "--threads", "1")
    assert recognizer.loaded == [("english", {"threads": 1})]
    ended = run("evaluate", "english-lm", manifest, "--threads", "1")
    assert (ended.status, ended.out) == (2, "")
    assert "--threads: a language model has no network" in ended.err


def test_json_is_one_object(run, calls, manifest):
    ended = run("evaluate", "english", manifest, "--json")
    (line,) = ended.out.splitlines()
    found = json.loads(line)
    assert (found["deletions"], found["utterances"]) == (5, 5)
    assert found["wer"] == pytest.approx(5 / found["words"])


def test_options_reach_the_evaluation(run, calls, manifest):
    run(
        "evaluate", "english", manifest, "--limit", 2, "--normalizer", "basic-1",
        "--beam-size", 3, "--batch-seconds", 9,
    )  # fmt: skip
    (call,) = calls
    assert call["ids"] == ["river", "morning"]
    assert call["normalizer"] == "basic-1"
    assert call["batch_seconds"] == 9
    assert call["decoding"].beam_size == 3
    assert call["decoding"].ctc_weight == 0.25


def test_options_of_texts_are_refused(run, calls, manifest):
    ended = run("evaluate", "english", manifest, "--lowercase")
    assert (ended.status, "--lowercase is for texts" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("model", "option"),
    [
        ("en-fr", ["--normalizer", "none-1"]),
        ("english-lm", ["--lowercase"]),
        ("english-lm", ["--threads", "1"]),
        ("restore", ["--lowercase"]),
    ],
)
def test_options_without_effect_are_refused(run, tmp_path, model, option):
    (tmp_path / "texts.txt").write_text("one two\n")
    ended = run("evaluate", model, tmp_path / "texts.txt", *option)
    assert ended.status == 2
    assert ended.err.startswith(f"error: {option[0]}")


def test_alignments_on_stdout(run, calls, manifest):
    out = run("evaluate", "english", manifest, "--limit", 1, "--alignments", "-").out
    first, reference, hypothesis, operations = out.splitlines()[:4]
    assert first == "river"
    assert "RIVER" in reference
    assert "RIVER" in hypothesis
    assert "D" in operations


def test_alignments_and_predictions_in_files(run, calls, manifest, tmp_path):
    ended = run(
        "evaluate", "english", manifest, "--json",
        "--alignments", tmp_path / "a.txt", "--predictions", tmp_path / "p.jsonl",
    )  # fmt: skip
    assert len(ended.out.splitlines()) == 1
    assert (tmp_path / "a.txt").read_text().startswith("river\n")
    lines = (tmp_path / "p.jsonl").read_text().splitlines()
    assert len(lines) == 5
    assert json.loads(lines[0])["pred_text"].startswith("OLD MAN")


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (("--by", "accent"), 2, "group must be one of lang"),
        (("--predictions", "-"), 2, "--predictions must be a file, got -"),
        (("--predictions", "gone/p.jsonl"), 8, "there is no folder gone"),
        (("--alignments", "gone/a.txt"), 8, "there is no folder gone"),
        (("--report", "gone/a.html"), 8, "there is no folder gone"),
    ],
)
def test_what_cannot_be_said_is_refused_first(
    run, calls, manifest, options, status, message
):
    ended = run("evaluate", "english", manifest, *options)
    assert (ended.status, ended.out, calls) == (status, "", [])
    assert message in ended.err


def test_json_and_alignments_cannot_share_stdout(run, calls, manifest):
    ended = run("evaluate", "english", manifest, "--json", "--alignments", "-")
    assert (ended.status, ended.out, calls) == (2, "", [])


@pytest.fixture
def corpus(samples, tmp_path):
    """Two manifests in a folder make a corpus of two parts."""
    utterances = list(read_manifest(samples / "manifest.jsonl"))
    for name, part in (("dev", utterances[:2]), ("test", utterances[2:])):
        write_manifest(tmp_path / f"{name}.jsonl", part)
    return tmp_path


def test_subset_of_a_corpus(run, calls, corpus):
    run("evaluate", "english", corpus, "--subset", "dev")
    run("evaluate", "english", corpus, "--subset", "test", "--corpus", "jsonl")
    assert [call["ids"] for call in calls] == [
        ["river", "morning"],
        ["letter", "house", "friends"],
    ]


def test_subset_must_be_named(run, calls, corpus):
    ended = run("evaluate", "english", corpus)
    assert (ended.status, calls) == (2, [])
    assert ended.err.endswith("name the part, --subset one of dev, test\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["gone"],
        ["gone.jsonl"],
        [".", "--subset", "train"],
        [".", "--corpus", "an4"],
        [".", "--corpus", "librispeech", "--subset", "x"],
    ],
)
def test_data_that_is_not_there(run, calls, corpus, monkeypatch, arguments):
    monkeypatch.chdir(corpus)
    ended = run("evaluate", "english", *arguments)
    assert (ended.status, ended.out, calls) == (5, "", [])
    assert ended.err.count("\n") == 1


def test_real_corpus(run, calls, speech_data):
    ended = run(
        "evaluate", "english", speech_data / "an4", "--subset", "test", "--limit", 3
    )
    assert ended.status == 0
    assert len(calls[0]["ids"]) == 3


def test_a_page_names_corpus_and_command(run, calls, manifest, tmp_path, monkeypatch):
    seen = {}

    def page(*_, **facts):
        seen.update(facts)
        return iter(["page"])

    monkeypatch.setattr("asr.evaluation.page.page", page)
    options = ("--limit", 2, "--report", tmp_path / "p.html")
    ended = run("evaluate", "english", manifest, *options)
    assert (ended.status, ended.err) == (0, "")
    subset = seen.pop("subset")
    assert isinstance(subset, str)
    assert seen == {
        "corpus": f"{manifest} (jsonl)",
        "limit": 2,
        "command": f"asr evaluate english {manifest} --limit 2 "
        f"--report {tmp_path / 'p.html'}",
    }


def test_restored_marks_of_lines(run, tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("How are you?\nI am fine, thanks.\n")
    ended = run("evaluate", "restore", path, "--json")
    assert ended.status == 0, ended.err
    scores = json.loads(ended.out)
    assert scores["words"] == 7
    assert scores["capitals_f1"] > 0.5
    assert run("evaluate", "restore", path, "--predictions", "x").status == 2
