"""Pronunciation: letters in, phones out, scores, and a model that learned them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import asr
from asr.config.schema import ModelConfig, TextConfig
from asr.data.pairs import Pair
from asr.errors import DataError
from asr.tasks.pronunciation import Pronunciation, spelled
from asr.text.special_tokens import END
from asr.text.tokenizers import SymbolTokenizer

TOKENIZER = SymbolTokenizer(("'", "A", "AA", "B", "IY"))
MODEL = ModelConfig(text=TextConfig(embedding=8, longest=5), ctc=False)


@pytest.fixture
def task():
    return Pronunciation(TOKENIZER, MODEL, "librispeech-1")


def test_letters_are_read_and_phones_are_written(task):
    pair = Pair("ab's", "B IY")
    assert spelled("AB 'A") == "A B ' A"
    assert task.source_tokens("ba'a") == [6, 4, 3, 4, END]
    np.testing.assert_array_equal(task.encode_source(Pair("aaaaaab", "")), [4] * 5)
    assert task.encode_target("B IY") == [6, 7]
    assert task.decode([6, 5, END, 7]) == "B AA"
    assert task.texts(pair, task.normalize) == ("A B ' S", "B IY")
    with pytest.raises(DataError, match="tokenizer has no 'S'"):
        task.encode_source(pair)


def test_scores(task):
    scores = task.metrics(["B AA", "AA"], ["B", "AA"])
    assert scores == {"per": pytest.approx(1 / 3), "wer": 0.5}
    assert task.cost(scores) == 0.5


def test_it_learns(tiny_pronounce_run):
    lines = (tiny_pronounce_run / "history.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["dev_wer"] < 0.1
    generator = asr.load_text(tiny_pronounce_run / "model")
    words = ["hash", "bash", "sahba"]
    texts = [generation.text for generation in generator.generate_many(words)]
    assert texts == ["HH AA S HH", "B AA S HH", "S AA HH B AA"]
    assert generator.generate("ahsa").text == "AA SH AA"


def test_evaluation_takes_any_pronunciation_for_right(tiny_pronounce_run):
    generator = asr.load_text(tiny_pronounce_run / "model")
    pairs = [asr.Pair("ab", "B"), asr.Pair("ab", "AA B"), asr.Pair("ba", "B B AA")]
    found = asr.evaluate_texts(generator, pairs)
    assert found.bleu is None
    assert found.phones is not None
    assert (found.phones.words, found.phones.wer) == (2, 0.5)
    assert found.phones.per == pytest.approx(1 / 5)
    assert found.summary().startswith("PER 20.00%, WER 50.00% (2 words)")
    assert found.to_json()["per"] == pytest.approx(0.2)
