"""What will be tested on is kept out of training, whoever says it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import asr
from asr.config.loading import load_recipe
from asr.corpora import corpus
from asr.data.decontamination import OverlapFilter
from asr.data.manifest import read_manifest
from asr.errors import DataError
from asr.files import recipe_path
from asr.language_model.training import training_texts
from asr.text.normalizers import normalizer
from asr.training.train import begin

EIGHT = "ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT"


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("YES", True),
        ("YES YES", False),
        (EIGHT, True),
        (f"AND {EIGHT} AND", True),
        (EIGHT.replace("FIVE", "FOUR"), False),
        (EIGHT.removesuffix(" EIGHT"), False),
        (f"{EIGHT} NINE", True),
        ("", False),
    ],
)
def test_the_same_or_eight_words_of_it(text, held):
    assert (text in OverlapFilter(["YES", f"ZERO {EIGHT} NINE"])) is held


def test_a_recipe_withholds(tones, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("ASR_DATA", str(tones))
    (tmp_path / "recipe.yaml").write_text(
        "data:\n  train: [{path: clips.jsonl}]\n  dev: [{path: clips.jsonl}]\n"
    )
    recipe = load_recipe(tmp_path / "recipe.yaml")
    begin(recipe, tmp_path / "all")
    every = list(read_manifest(tmp_path / "all" / "train.jsonl"))
    change = "data.withhold=[{path: clips.jsonl, limit: 1}]"
    begin(load_recipe(tmp_path / "recipe.yaml", [change]), tmp_path / "some")
    some = list(read_manifest(tmp_path / "some" / "train.jsonl"))
    same = [record for record in every if record.text == every[0].text]
    assert [record.text for record in some] == [
        record.text for record in every if record.text != every[0].text
    ]
    assert f"left out {len(same)} of the training data: data.withhold" in caplog.text


def test_everything_withheld(tones, tmp_path, monkeypatch):
    monkeypatch.setenv("ASR_DATA", str(tones))
    (tmp_path / "recipe.yaml").write_text(
        "data:\n  train: [{path: clips.jsonl}]\n  withhold: [{path: clips.jsonl}]\n"
    )
    with pytest.raises(DataError, match="leaves nothing to learn from"):
        begin(load_recipe(tmp_path / "recipe.yaml"), tmp_path / "run")
    assert not (tmp_path / "run" / "train.jsonl").exists()


def test_a_language_model_withholds(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("ASR_DATA", str(tmp_path))
    (tmp_path / "texts.txt").write_text(f"A B C\n{EIGHT}\nA C\n")
    (tmp_path / "test.txt").write_text(f"a b c\nx {EIGHT.lower()} y\n")
    (tmp_path / "lm.yaml").write_text(
        "task: language_model\n"
        "data:\n  train: [{corpus: lines, path: texts.txt}]\n"
        "  withhold: [{corpus: lines, path: test.txt}]\n"
    )
    model = asr.train_language_model(load_recipe(tmp_path / "lm.yaml"), tmp_path / "lm")
    assert asr.describe(model)["texts"] == 1
    assert "left out 2 of the training data: data.withhold" in caplog.text


DATA = Path(os.environ.get("ASR_DATA", "nowhere"))


@pytest.fixture(scope="module")
def tested():
    """Every text that is tested on, and every eight words of it."""
    if not (DATA / "speech").is_dir():
        pytest.skip("ASR_DATA names no corpora")
    normalize = normalizer("librispeech-1")
    texts = {
        normalize(record.text or "")
        for source in load_recipe(recipe_path("english/base")).data.test
        for record in corpus(source.corpus).read(DATA / source.path, source.subset)
    }
    assert len(texts) > 2300
    return texts, {window for text in texts for window in windows(text)}


def windows(text):
    words = text.split()
    return {" ".join(words[first : first + 8]) for first in range(len(words) - 7)}


def test_english_hears_nothing_that_its_tests_say(tested, tmp_path):
    begin(load_recipe(recipe_path("english/base")), tmp_path / "run")
    normalize = normalizer("librispeech-1")
    learned = {
        normalize(record.text) for record in read_manifest(tmp_path / "run/train.jsonl")
    }
    assert len(learned) > 7000
    texts, quotes = tested
    assert not learned & texts
    assert not quotes & set().union(*map(windows, learned))


@pytest.mark.parametrize(
    "name",
    [
        "ctc",
        "synthetic",
        "joint",
        "augmented",
        "longer",
        "accents",
        "short-batches",
        "read-speech",
        "fewer-masks",
    ],
)
def test_what_comes_before_it_withholds_the_same(name):
    base, other = (
        load_recipe(recipe_path(f"english/{name}")).data for name in ("base", name)
    )
    assert base.withhold == base.test
    assert other.withhold == base.withhold


def test_its_language_model_reads_nothing_of_them(tested):
    domains = training_texts(load_recipe(recipe_path("lm/books")).data)
    learned = [text for domain in domains for text in domain]
    assert len(learned) > 850_000
    texts, quotes = tested
    assert texts.isdisjoint(learned)
    assert all(quotes.isdisjoint(windows(text)) for text in learned)
