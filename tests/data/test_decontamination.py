"""Training texts that overlap with test texts are left out."""

from __future__ import annotations

import json
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
    ("text", "overlaps"),
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
def test_equal_texts_and_eight_equal_words_overlap(text, overlaps):
    assert (text in OverlapFilter(["YES", f"ZERO {EIGHT} NINE"])) is overlaps


def test_overlap_is_left_out_of_training(tones, tmp_path, monkeypatch, caplog):
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
    assert (
        f"left out {len(same)} of the training data: overlap with data.withhold"
        in caplog.text
    )


def test_nothing_without_overlap(tones, tmp_path, monkeypatch):
    monkeypatch.setenv("ASR_DATA", str(tones))
    (tmp_path / "recipe.yaml").write_text(
        "data:\n  train: [{path: clips.jsonl}]\n  withhold: [{path: clips.jsonl}]\n"
    )
    with pytest.raises(DataError, match="leaves nothing to train on"):
        begin(load_recipe(tmp_path / "recipe.yaml"), tmp_path / "run")
    assert not (tmp_path / "run" / "train.jsonl").exists()


def test_both_sides_of_pairs_are_withheld(tmp_path, monkeypatch):
    monkeypatch.setenv("ASR_DATA", str(tmp_path))
    (tmp_path / "train.tsv").write_text("one dog\tun chien\na cat\tle chat\nx\ty\n")
    (tmp_path / "test.tsv").write_text("one dog\tle chien\nthe cat\tle chat\n")
    (tmp_path / "recipe.yaml").write_text(
        "task: translation\nmodel: {ctc: false}\n"
        "data:\n  train: [{corpus: pairs, path: train.tsv}]\n"
        "  dev: [{corpus: pairs, path: train.tsv}]\n"
        "  withhold: [{corpus: pairs, path: test.tsv}]\n"
    )
    begin(load_recipe(tmp_path / "recipe.yaml"), tmp_path / "run")
    lines = (tmp_path / "run" / "train.jsonl").read_text().splitlines()
    assert [json.loads(line)["source"] for line in lines] == ["x"]


def test_overlap_is_left_out_of_a_language_model(tmp_path, monkeypatch, caplog):
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
    assert "left out 2 of the training data: overlap with data.withhold" in caplog.text


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


def test_english_is_not_trained_on_its_test_texts(tested, tmp_path):
    begin(load_recipe(recipe_path("english/base")), tmp_path / "run")
    normalize = normalizer("librispeech-1")
    trained_on = {
        normalize(record.text) for record in read_manifest(tmp_path / "run/train.jsonl")
    }
    assert len(trained_on) > 7000
    texts, quotes = tested
    assert not trained_on & texts
    assert not quotes & set().union(*map(windows, trained_on))


def test_its_language_model_is_not_trained_on_test_texts(tested):
    domains = training_texts(load_recipe(recipe_path("lm/books")).data)
    trained_on = [text for domain in domains for text in domain]
    assert len(trained_on) > 850_000
    texts, quotes = tested
    assert texts.isdisjoint(trained_on)
    assert all(quotes.isdisjoint(windows(text)) for text in trained_on)
