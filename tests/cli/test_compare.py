"""A grid of trainings: what is trained, what is not trained again, the report."""

from __future__ import annotations

import json

import pytest

from asr.config.loading import load_recipe
from asr.errors import DataError
from asr.training import compare
from asr.training.compare import Cell, table
from asr.training.run_folder import save_recipe

COMMON = ["--seeds", "2", "--set", "train.epochs=1"]


@pytest.fixture
def grid(run, tiny_texts, tmp_path, monkeypatch):
    """Run a small grid: `grid(*more)`; the folder is `tmp_path / "grid"`."""
    monkeypatch.setenv("ASR_DATA", str(tiny_texts))

    def call(*more):
        arguments = ["--vary", "model.attention=luong,none", *COMMON, *more]
        return run(
            "compare", tiny_texts / "tiny-text.yaml", *arguments,
            "-o", tmp_path / "grid",
        )  # fmt: skip

    return call


def test_a_grid(grid, tmp_path, monkeypatch):
    ended = grid()
    assert ended.status == 0
    folder = tmp_path / "grid"
    names = {path.relative_to(folder).as_posix() for path in folder.glob("*/*")}
    assert names == {
        f"attention={kind}/seed-{seed}" for kind in ("luong", "none") for seed in (1, 2)
    }
    cells = json.loads((folder / "results.json").read_text())
    assert [(cell["variant"], cell["seed"]) for cell in cells] == [
        ("attention=luong", 1),
        ("attention=luong", 2),
        ("attention=none", 1),
        ("attention=none", 2),
    ]
    for cell in cells:
        assert cell["parameters"] > 1000
        assert cell["step_seconds"] > 0
        assert cell["score"] == cell["metrics"]["bleu"]
        assert len(cell["lengths"]) == len(cell["by_length"]) == 4
    assert ended.out == (folder / "table.md").read_text()
    assert "attention=none" in ended.out
    for name in ("scores.png", "by_length.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    # The recipe's other keys of the attention stay.
    stored = (folder / "attention=luong" / "seed-1" / "recipe.yaml").read_text()
    assert "kind: luong" in stored
    assert "units: 16" in stored

    def fail(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr(compare, "resume", fail)
    assert grid().out == ended.out


def test_a_stopped_training_goes_on(grid, tmp_path, monkeypatch):
    calls = []

    def stop(output):
        calls.append(output)
        raise KeyboardInterrupt

    monkeypatch.setattr(compare, "resume", stop)
    assert grid().status == grid().status == 130
    assert calls == 2 * [tmp_path / "grid" / "attention=luong" / "seed-1"]


def test_another_training_is_not_taken_for_its_own(grid, tiny_texts, tmp_path):
    folder = tmp_path / "grid" / "attention=luong" / "seed-1"
    folder.mkdir(parents=True)
    save_recipe(folder, load_recipe(tiny_texts / "tiny-text.yaml"))
    (folder / "train.jsonl").touch()
    ended = grid()
    assert ended.status == 7
    assert "contains a run of another recipe" in ended.err


def test_keys_that_end_alike_are_told_apart():
    label = compare._label
    assert label({"model.attention": "luong"}) == "attention=luong"
    assert label({"model.encoder.units": 8, "model.decoder.units": 9}) == (
        "model.encoder.units=8 model.decoder.units=9"
    )
    named = label({"model.attention": {"kind": "luong", "score": "dot"}})
    assert named == "attention=kind:luong,score:dot"


@pytest.mark.parametrize(
    ("vary", "status", "message"),
    [
        ("model.attention", 2, "write it as key.subkey=value,value"),
        ("model.attention=", 2, "values are missing"),
        ("model.attention=[", 2, "not valid YAML"),
        ("model.atention=luong,none", 3, "did you mean"),
        ("train.epochs=1,0", 3, "must be between"),
        ("model.attention=none,luonk", 3, "did you mean 'luong'?"),
        ("data.normalizer=lower-1,lower-7", 3, "did you mean"),
        ("seed=1,2", 3, "seeds 1 to 3"),
    ],
)
def test_what_cannot_be_varied(run, tiny_texts, tmp_path, vary, status, message):
    recipe = tiny_texts / "tiny-text.yaml"
    ended = run("compare", recipe, "--vary", vary, "-o", tmp_path / "grid")
    assert ended.status == status
    assert message in ended.err
    assert not (tmp_path / "grid").exists()


def test_a_recipe_without_a_dev_part(tiny_texts, tmp_path):
    with pytest.raises(DataError, match=r"data\.dev must not be empty"):
        compare.compare(
            tiny_texts / "tiny-text.yaml",
            {"model.attention": ["none"]},
            seeds=1,
            output=tmp_path / "grid",
            overrides=["data.dev=[]"],
        )


def test_the_table():
    lengths = [(1.0, 5.04), (6.26, 20.4)]
    cells = [
        Cell("a=1", 1, 30.0, {"bleu": 30.0}, 1234, 0.25, lengths, [40.0, 20.0]),
        Cell("a=1", 2, 32.0, {"bleu": 32.0}, 1234, 0.35, lengths, [42.0, 20.0]),
        Cell("a=2", 1, 0.25, {"bleu": 0.25}, 99, 0.1, lengths, [0.5, 0.125], "tokens"),
    ]
    assert table(cells).splitlines() == [
        "| variant | seeds | BLEU | parameters | ms/step | 1-5 s | 6.3-20 s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| a=1 | 2 | 31.0 ± 1.4 | 1,234 | 300 | 41.0 ± 1.4 | 20.0 ± 0.0 |",
        "| a=2 | 1 | 0.2 | 99 | 100 | 0.5 | 0.1 |",
        "",
        "Mean ± standard deviation over seeds, on the dev part.",
    ]


def test_word_errors_are_percent_and_tested_in_pairs():
    references = tuple(f"w{i} x y z" for i in range(40))
    wrong = tuple(f"e{i} x y z" for i in range(40))

    def cell(variant, seed, hypotheses, wer):
        metrics = {"wer": wer, "cer": wer / 2}
        return Cell(
            variant, seed, wer, metrics, 99, 0.1, [(0.5, 2.0)], [wer],
            references=references, hypotheses=hypotheses,
        )  # fmt: skip

    cells = [
        cell("a=1", 1, references, 0.0),
        cell("a=1", 2, references, 0.0),
        cell("a=2", 1, (*wrong[:20], *references[20:]), 0.125),
        cell("a=2", 2, (*references[:20], *wrong[20:]), 0.125),
        cell("a=3", 1, (*wrong[:1], *references[1:]), 0.00625),
        cell("a=3", 2, references, 0.0),
    ]
    head, _, one, two, three, _, note = table(cells).splitlines()
    assert head == (
        "| variant | seeds | WER % | CER % | parameters | ms/step | 0.5-2 s | p |"
    )
    assert one == "| a=1 | 2 | 0.0 ± 0.0 | 0.0 ± 0.0 | 99 | 100 | 0.0 ± 0.0 |  |"
    assert (
        two == "| a=2 | 2 | 12.5 ± 0.0 | 6.2 ± 0.0 | 99 | 100 | 12.5 ± 0.0 | < 0.01 |"
    )
    p = float(three.split("|")[-2])
    assert 0.5 < p <= 1  # one error in one of two seeds
    assert note.endswith("p: bootstrap of utterances, against a=1.")
