"""asr run: prepare, train and evaluate in one folder, each stage once."""

from __future__ import annotations

import json
import logging
import shutil

import pytest

from asr.cli.main import main
from asr.config.loading import load_recipe
from asr.config.schema import SourceConfig
from asr.errors import AsrError, RecipeError, TrainingError
from asr.training import run
from asr.training.run_folder import save_recipe

QUICK = ["train.epochs=1", "train.tensorboard=false", "decoding.beam_size=2"]
ONE = "data.test=[{path: clips.jsonl, limit: 5}]"
STAGES = ("prepare", "train", "evaluate")


@pytest.fixture
def recipe(tiny_recipe, tones, monkeypatch):
    monkeypatch.setenv("ASR_DATA", str(tones))
    return load_recipe(tiny_recipe, [*QUICK, ONE])


@pytest.fixture(scope="module")
def done(tiny_recipe, tones, tmp_path_factory):
    """A folder in which everything has run, and what was told meanwhile."""
    folder, told = tmp_path_factory.mktemp("experiment") / "run", []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASR_DATA", str(tones))
        scores = run.run(
            load_recipe(tiny_recipe, [*QUICK, ONE]), folder, tell=told.append
        )
    return folder, scores, told


@pytest.fixture
def copy(done, tmp_path):
    return shutil.copytree(done[0], tmp_path / "run")


def never(*_, **__):
    raise AssertionError("done again")


def test_everything_is_in_the_folder(done):
    folder, scores, told = done
    assert [line.split()[0] for line in told] == list(STAGES)
    assert list(scores) == ["clips"]
    assert json.loads((folder / "scores/clips.json").read_text()) == scores["clips"]
    assert scores["clips"]["utterances"] == 5
    predictions = (folder / "scores/clips.jsonl").read_text().splitlines()
    assert len(predictions) == 5
    assert "WER" in (folder / "scores/clips.txt").read_text()
    assert "<table>" in (folder / "scores/clips.html").read_text()
    (place,) = (folder / "environment.jsonl").read_text().splitlines()
    facts = json.loads(place)
    assert facts["seed"] == 1
    assert {"python", "asr", "revision", "packages", "processor"} <= facts.keys()
    assert "keras" in facts["packages"]
    assert "clips.jsonl" in (folder / "run.log").read_text()
    page = (folder / "report.html").read_text()
    for part in ("<h2>clips</h2>", "scores/clips.html", "data:image/png", "numpy"):
        assert part in page


def test_nothing_is_done_twice(recipe, copy, done, monkeypatch):
    monkeypatch.setattr(run, "resume", never)
    monkeypatch.setattr(run, "load", never)
    told = []
    assert run.run(recipe, copy, tell=told.append) == done[1]
    assert len(told) == 1
    assert len((copy / "environment.jsonl").read_text().splitlines()) == 2
    assert not [h for h in logging.getLogger("asr").handlers if "run.log" in str(h)]


def test_another_model_is_scored_again(recipe, copy, done):
    path = copy / "scores/clips.json"
    stale = {**done[1]["clips"], "of": {"model": "", "test": ""}, "wer": 9}
    path.write_text(json.dumps(stale))
    assert run.run(recipe, copy, skip=STAGES) == {}
    assert "<h2>clips</h2>" not in (copy / "report.html").read_text()
    found = run.run(recipe, copy, skip=["prepare", "train"])["clips"]
    for key in ("of", "wer", "hits"):
        assert found[key] == done[1]["clips"][key]


def test_another_part_is_scored_without_training(
    tiny_recipe, recipe, copy, done, monkeypatch
):
    monkeypatch.setattr(run, "resume", never)
    part = "data.test=[{path: clips.jsonl, limit: 2}]"
    found = run.run(load_recipe(tiny_recipe, [*QUICK, part]), copy)
    assert found["clips"]["utterances"] == 2
    assert len((copy / "test-clips.jsonl").read_text().splitlines()) == 2


def test_stages_are_left_out(recipe, tmp_path):
    folder = tmp_path / "run"
    assert run.run(recipe, folder, skip=["train", "evaluate"]) == {}
    assert (folder / "train.jsonl").is_file()
    assert (folder / "test-clips.jsonl").is_file()
    assert not (folder / "model").exists()
    with pytest.raises(TrainingError, match="no model to evaluate"):
        run.run(recipe, folder, skip=["train"])


def test_what_was_skipped_and_is_missing(recipe, copy):
    (copy / "test-clips.jsonl").unlink()
    (copy / "scores/clips.json").unlink()
    with pytest.raises(TrainingError, match="do not skip the stage prepare"):
        run.run(recipe, copy, skip=["prepare"])


def test_a_folder_of_another_recipe(tiny_recipe, recipe, copy):
    other = load_recipe(tiny_recipe, [*QUICK, ONE, "seed=2"])
    for skip in ([], STAGES):
        with pytest.raises(TrainingError, match="seed is 1 there, 2 here"):
            run.run(other, copy, skip=skip)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("{path: gone.jsonl}", r"gone\.jsonl"),
        ("{path: pairs.tsv, corpus: pairs}", "no corpus 'pairs'"),
        ("{path: silent.jsonl}", "has no reference text"),
        ("{path: empty.jsonl}", "nothing in all to score"),
    ],
)
def test_a_test_part_is_missed_before_training(
    tiny_recipe, tones, tmp_path, monkeypatch, part, message
):
    monkeypatch.setenv("ASR_DATA", str(tmp_path))
    monkeypatch.setattr(run, "begin", never)
    silent = {"audio_filepath": str(tones / "clip00.wav")}
    (tmp_path / "silent.jsonl").write_text(json.dumps(silent))
    (tmp_path / "empty.jsonl").touch()
    recipe = load_recipe(tiny_recipe, [f"data.test=[{part}]"])
    with pytest.raises(AsrError, match=message):
        run.run(recipe, tmp_path / "run")


def test_recordings_in_a_recipe_of_texts(tiny_texts, tmp_path):
    test = "data.test=[{corpus: an4, path: an4}]"
    recipe = load_recipe(tiny_texts / "tiny-text.yaml", [test])
    with pytest.raises(AsrError, match="no text corpus 'an4'"):
        run.run(recipe, tmp_path / "run")


def test_names_of_parts():
    sources = [
        SourceConfig("speech/LibriSpeech", "librispeech", "test-clean"),
        SourceConfig("speech/LJSpeech-1.1", "ljspeech", "dev"),
        SourceConfig("text/multi30k", "multi30k", "test_2016_flickr.en-de"),
        SourceConfig("my talks/all.jsonl"),
        SourceConfig("en/test.tsv.gz"),
        SourceConfig("de/test.tsv.gz"),
    ]
    assert list(run._named(sources)) == [
        "LibriSpeech-test-clean",
        "LJSpeech-1.1-dev",
        "multi30k-test_2016_flickr.en-de",
        "all",
        "test",
        "de-test",
    ]
    with pytest.raises(RecipeError, match="must not be named twice"):
        run._named([sources[0]] * 3)


def test_texts(tiny_text_run, tiny_texts, tmp_path, monkeypatch):
    monkeypatch.setenv("ASR_DATA", str(tiny_texts))
    folder = shutil.copytree(tiny_text_run, tmp_path / "run")
    test = "data.test=[{corpus: pairs, path: pairs, subset: dev}]"
    recipe = load_recipe(tiny_texts / "tiny-text.yaml", [test])
    save_recipe(folder, recipe)
    found = run.run(recipe, folder, skip=["train"])
    assert found["pairs-dev"]["bleu"] > 50
    page = (folder / "report.html").read_text()
    assert "pairs-dev" in page
    assert "scores/pairs-dev.html" not in page


def test_command(recipe, tiny_recipe, copy, capsys):
    changes = [part for change in [*QUICK, ONE] for part in ("--set", change)]
    arguments = ["run", str(tiny_recipe), *changes, "--output", str(copy)]
    assert main(arguments) == 0
    ended = capsys.readouterr()
    assert ended.out.startswith("clips\nWER")
    assert ended.out.endswith("report.html\n")
    assert ended.err == f"prepare   {copy}\n"
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["clips"]["utterances"] == 5
