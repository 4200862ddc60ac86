"""asr translate, asr summarize, asr evaluate and asr plot with a model of texts."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys

import pytest

import asr
from asr.cli import text_commands
from asr.text.pronunciation import read_lexicon


@pytest.fixture
def model(tiny_text_run):
    return tiny_text_run / "model"


@pytest.fixture
def stdin(monkeypatch):
    """Put bytes on standard input."""

    def put(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return put


def test_texts_and_files_line_by_line(run, model, tmp_path):
    path = tmp_path / "in.txt"
    path.write_text("a b\n\nc\n")
    ended = run("translate", "b a", path, "--model", model)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == "a b!\nb a!\n\nc!\n"


def test_standard_input(run, model, stdin):
    stdin(b"a b\r\nb\n")
    assert run("translate", "-", "--model", model).out == "b a!\nb!\n"
    stdin(b"\xef\xbb\xbfa b\n")  # as pipes of Windows begin
    assert run("translate", "--model", model).out == "b a!\n"
    stdin(b"a\nb\n")
    assert run("summarize", "--model", model).out == "b a!\n"
    stdin(b"a\nb\n")
    assert run("summarize", "-", "--lines", "--model", model).out == "a!\nb!\n"


@pytest.mark.parametrize("size", range(1, 8))
def test_lines_of_standard_input_in_pieces(run, model, stdin, monkeypatch, size):
    monkeypatch.setattr(text_commands, "_AT_ONCE", size)
    stdin(b"\xef\xbb\xbfa b\r\n\nb a\nb")
    ended = run("translate", "c", "-", "a", "--model", model)
    assert ended.out.splitlines() == ["c!", "b a!", "", "a b!", "b!", "a!"]


def test_lines_of_a_pipe_are_answered_while_it_stays_open(model):
    command = [sys.executable, "-m", "asr", "translate", "--model", str(model)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, bufsize=1, **pipes) as process:
        for line, answer in [("a b\n", "b a!\n"), ("c\n", "c!\n")]:
            process.stdin.write(line)
            assert process.stdout.readline() == answer
        process.stdin.close()
        assert process.wait(60) == 0


def test_lines_of_an_argument(run, model):
    assert run("translate", "a b\nc", "--model", model).out == "b a!\nc!\n"
    assert run("summarize", "a\nb", "--model", model).out == "b a!\n"


@pytest.mark.parametrize("command", ["translate", "summarize"])
def test_threads_reach_the_network(run, model, monkeypatch, command):
    loaded, load = [], asr.load_text
    monkeypatch.setattr(
        "asr.inference.generator.load_text",
        lambda *a, **b: loaded.append(load(*a, **b)) or loaded[-1],
    )
    assert run(command, "a b", "--model", model, "--threads", 1).out == "b a!\n"
    (generator,) = loaded
    options = generator.network.encoder.get().get_session_options()
    assert options.intra_op_num_threads == 1


def test_json_and_n_best(run, model):
    ended = run("translate", "a b", "--model", model, "--json", "--n-best", 2)
    entry = json.loads(ended.out)
    assert (entry["source"], entry["text"]) == ("a b", "b a!")
    assert len(entry["alternatives"]) == 2
    ended = run("translate", "a b", "c", "--model", model, "--n-best", 2)
    rows = [line.split("\t") for line in ended.out.splitlines()]
    assert [row[0] for row in rows] == ["1", "1", "2", "2"]
    assert (rows[0][2], rows[2][2]) == ("b a!", "c!")
    assert float(rows[0][1]) > float(rows[1][1])


def test_cut_texts_are_announced(run, model):
    ended = run("summarize", "a b c d e f g h a b", "--model", model)
    assert ended.status == 0
    assert ended.err.startswith("warning: text 1: read 12 of its 20 tokens")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["gone.txt"], 5, "gone.txt: no such file"),
        (["./gone"], 5, "./gone: no such file"),
        (["ж/ж"], 5, "tokenizer has no"),  # a text
        (["ж"], 5, "tokenizer has no 'ж'"),
        (["a", "--n-best", "9"], 2, "--n-best 9 needs a beam"),
        (["a", "--model", "none"], 6, "no model none"),
    ],
)
def test_errors(run, model, arguments, status, message):
    if "--model" not in arguments:
        arguments = [*arguments, "--model", model]
    ended = run("translate", *arguments)
    assert ended.status == status
    assert ended.err.startswith("error: ")
    assert message in ended.err
    assert len(ended.err.splitlines()) == 1


def test_evaluate(run, model, tiny_texts, tmp_path):
    pairs, predictions = tiny_texts / "pairs" / "dev.tsv", tmp_path / "out.jsonl"
    ended = run("evaluate", model, pairs, "--json", "--predictions", predictions)
    found = json.loads(ended.out)
    assert found["bleu"] > 80
    assert 0.9 < found["rouge1"] <= 1
    assert "tok:13a" in found["signature"]
    lines = [json.loads(line) for line in predictions.read_text().splitlines()]
    assert len(lines) == found["sentences"]
    assert set(lines[0]) == {"source", "target", "pred_text"}
    ended = run("evaluate", model, pairs, "--limit", 3, "--beam-size", 1)
    assert ended.out.startswith("BLEU ")
    ended = run("evaluate", model, tiny_texts / "pairs", "--subset", "dev", "--json")
    assert json.loads(ended.out)["bleu"] == pytest.approx(found["bleu"])
    ended = run("evaluate", model, tiny_texts / "pairs")
    assert (ended.status, "--subset" in ended.err) == (2, True)


def test_a_recogniser_is_not_scored_on_texts(run, tiny_run, tiny_texts):
    folder = tiny_texts / "pairs"
    ended = run("evaluate", tiny_run / "model", folder, "--corpus", "pairs")
    assert ended.status == 2
    assert "must hold recordings for this model, got texts: pairs" in ended.err


def test_plot(run, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = run("plot", "attention", "a b", "--model", model)
    assert (ended.status, ended.out) == (0, "text.attention.png\n")
    assert (tmp_path / "text.attention.png").read_bytes().startswith(b"\x89PNG")
    ended = run("plot", "attention", "a b", "--model", model, "--animate")
    assert (tmp_path / "text.attention.gif").read_bytes().startswith(b"GIF89a")
    ended = run("plot", "attention", "a b", "--model", model, "-o", "a.svg")
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()
    ended = run("plot", "attention", "a b", "--animate", "-o", "a.png")
    assert (ended.status, "--animate writes .gif" in ended.err) == (2, True)


def test_attention_as_data(run, model, tmp_path):
    ended = run("translate", "a b", "--model", model, "--json", "--attention")
    found = json.loads(ended.out)["attention"]
    assert found["axes"] == ["tokens", "source"]
    assert found["tokens"] == ["b", " ", "a", "!", "</s>"]
    assert found["source"] == ["a", " ", "b", "</s>"]
    assert [len(row) for row in found["weights"]] == [4] * 5
    assert all(sum(row) == pytest.approx(1, abs=1e-4) for row in found["weights"])
    path = tmp_path / "out.json"
    path.write_text(ended.out)
    ended = run("plot", "attention", path, "-o", tmp_path / "a.svg")
    assert (ended.status, ended.out) == (0, f"{tmp_path / 'a.svg'}\n")
    direct = tmp_path / "b.svg"
    run("plot", "attention", "a b", "--model", model, "-o", direct)
    assert _cells(tmp_path / "a.svg") == _cells(direct)
    ended = run("translate", "a b", "--model", model, "--attention")
    assert (ended.status, "give --json" in ended.err) == (2, True)


def _cells(path):
    """Return the picture of the weights inside an SVG file."""
    (image,) = re.findall(r"data:image/png;base64,[^\"]+", path.read_text())[:1]
    return image


def test_pronounce_has_attention_too(run, tiny_pronounce_run):
    model = tiny_pronounce_run / "model"
    ended = run("pronounce", "ab", "--model", model, "--json", "--attention")
    found = json.loads(ended.out)["attention"]
    assert len(found["weights"]) == len(found["tokens"])


def test_prepare(run, tiny_texts, tmp_path):
    from asr.data.pairs import read_pairs
    from asr.text.tokenizers import read_tokenizer

    root = tiny_texts / "pairs"
    arguments = ["pairs", root, "--subset", "train", "-o", tmp_path / "new"]
    ended = run("prepare", *arguments, "--tokenizer", "bpe", "--pieces", 30)
    assert ended.status == 0
    assert "600 pairs" in ended.out
    written = list(read_pairs(tmp_path / "new" / "train.jsonl"))
    assert written == list(read_pairs(root / "train.tsv"))
    assert read_tokenizer(tmp_path / "new" / "tokenizer.json").size <= 30
    ended = run("prepare", "pairs", root)
    assert (ended.status, "--subset" in ended.err) == (2, True)


def test_damaged_pairs_are_counted_and_named(run, tmp_path):
    path = tmp_path / "train.tsv"
    path.write_text("a\tb\n\tc\nd\te\n")
    ended = run("prepare", "pairs", path, "-o", tmp_path / "new")
    assert ended.out == (
        f"{tmp_path}/new/train.jsonl: 2 pairs, 2 distinct sources; dropped 1: damaged "
        f"row ({path}:2: the source is empty)\n"
    )
    path.write_text("a\n")
    ended = run("prepare", "pairs", path, "-o", tmp_path / "new")
    assert (ended.status, "train.tsv:1: no tab in the line" in ended.err) == (5, True)


def test_a_prepared_tokenizer_trains(run, tiny_texts, tmp_path, monkeypatch):
    monkeypatch.setenv("ASR_DATA", str(tiny_texts))
    root = tiny_texts / "pairs"
    run("prepare", "pairs", root / "train.tsv", "-o", tmp_path, "--tokenizer", "bpe",
        "--pieces", 30)  # fmt: skip
    common = ["train", tiny_texts / "tiny-text.yaml", "--set", "train.epochs=1"]
    chosen = f"data.tokenizer_file={tmp_path / 'tokenizer.json'}"
    ended = run(*common, "--set", chosen, "--output", tmp_path / "run")
    assert ended.status == 0
    kept = (tmp_path / "run" / "model" / "tokenizer.json").read_text()
    assert json.loads(kept)["kind"] == "sentencepiece"
    (tmp_path / "tokenizer.json").write_text('{"kind": "sentencepiece", "model": "x"}')
    ended = run(*common, "--set", chosen, "--output", tmp_path / "other")
    assert ended.status == 6
    assert "tokenizer.json is not valid" in ended.err


def test_pronounce_writes_a_lexicon(run, tiny_pronounce_run, tmp_path):
    model = tiny_pronounce_run / "model"
    path = tmp_path / "words.txt"
    path.write_text("hash, ba-ha\n\nb\u00e1s 12\n")
    ended = run("pronounce", "ab", path, "--model", model)
    assert ended.status == 0
    assert ended.err == "warning: 12: has no letters\n"
    expected = ["AB AA B", "HASH HH AA S HH", "BA B AA", "HA HH AA", "BAS B AA S"]
    assert ended.out.splitlines() == expected
    ended = run("pronounce", "ab", "--n-best", 6, "--model", model)
    names = [line.partition(" ")[0] for line in ended.out.splitlines()]
    assert names == ["AB", *(f"AB({number})" for number in range(2, 7))]
    path = tmp_path / "lexicon.txt"
    path.write_text(ended.out)
    assert len(read_lexicon(path, str)["AB"]) == 6
    entry = json.loads(run("pronounce", "ab", "--json", "--model", model).out)
    assert (entry["source"], entry["text"]) == ("AB", "AA B")


def test_pronounce_a_letter_that_the_model_lacks(run, tiny_pronounce_run):
    ended = run("pronounce", "zoo", "--model", tiny_pronounce_run / "model")
    assert ended.status
    assert "tokenizer has no 'O', 'Z'" in ended.err
