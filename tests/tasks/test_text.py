"""Tasks from text to text: tokens in, tokens out, their scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from asr.config.schema import ModelConfig, SourceConfig, TextConfig
from asr.data.pairs import Pair
from asr.errors import DataError, UsageError
from asr.model.token_embedding import TokenEmbedding
from asr.storage.keras_model import build
from asr.tasks import TASKS
from asr.tasks.text import Summarization, Translation
from asr.text.sentencepiece import train_subwords
from asr.text.special_tokens import END
from asr.text.tokenizers import CharacterTokenizer

TOKENIZER = CharacterTokenizer(tuple(" abc"))
MODEL = ModelConfig(text=TextConfig(embedding=8, longest=5), ctc=False)


@pytest.fixture(params=["translation", "summarization"])
def task(request):
    return TASKS[request.param](TOKENIZER, MODEL, "lower-1")


def test_sources_end_with_the_end_and_are_cut(task):
    source = task.encode_source(Pair("A  b", "c"))
    assert source.dtype == np.int32
    np.testing.assert_array_equal(source, [4, 3, 5, END])
    pair = Pair("abcabc", "c")
    np.testing.assert_array_equal(task.encode_source(pair), [4, 5, 6, 4, 5])
    assert task.length(pair) == 5.0
    assert task.source_tokens("abcabc") == [4, 5, 6, 4, 5, 6, END]


def test_targets_are_whole(task):
    assert task.encode_target("ABC  abc a") == [4, 5, 6, 3, 4, 5, 6, 3, 4]
    assert task.decode([4, 3, 5, END, 6]) == "a b"


def test_lengths_are_tokens(task):
    assert (task.rate, task.unit, task.monotonic) == (1, "tokens", False)
    assert task.modality == "text"
    assert task.facts([3.0, 4.0]) == {"pairs": 2, "source_tokens": 7}
    assert task.texts(Pair("a", "b"), str.upper) == ("A", "B")
    assert (task.vocabulary, task.start, task.end) == (7, 1, 2)


def test_the_frontend(task):
    frontend = build(task).frontend
    assert isinstance(frontend, TokenEmbedding)
    assert frontend.vocabulary == 7


def test_pairs_of_a_corpus(task, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "train.tsv").write_text("a\tb\nb\tc\n")
    source = SourceConfig("own", "pairs", "train")
    pairs = task.prepare(source, tmp_path)
    assert pairs == [Pair("a", "b", "1"), Pair("b", "c", "2")]
    assert list(task.read_source(source, tmp_path)) == pairs
    task.write(tmp_path / "train.jsonl", pairs)
    assert list(task.read(tmp_path / "train.jsonl")) == pairs
    (tmp_path / "own" / "none.tsv").write_text("\n")
    with pytest.raises(DataError, match="no pairs in none"):
        task.prepare(SourceConfig("own", "pairs", "none"), tmp_path)
    with pytest.raises(UsageError, match="no text corpus 'an4'"):
        task.prepare(SourceConfig("own", "an4", "train"), tmp_path)


def test_translations_are_scored_by_bleu():
    task = Translation(TOKENIZER, MODEL, "lower-1")
    scores = task.metrics(["A B C a b", "b"], ["a b c a b", "b"])
    assert scores == {"bleu": pytest.approx(100.0), "chrf": pytest.approx(100.0)}
    assert task.cost({"bleu": 30.0, "chrf": 1.0}) == -30.0


def test_summaries_are_scored_by_rouge():
    task = Summarization(TOKENIZER, MODEL, "lower-1")
    scores = task.metrics(["a b", "c"], ["a b", "b"])
    expected = {"rouge1": 0.5, "rouge2": 0.5, "rougeL": 0.5}
    assert scores == pytest.approx(expected)
    assert task.cost({"rouge1": 0.3, "rouge2": 0.6, "rougeL": 0.0}) == pytest.approx(
        -0.3
    )


def test_unknown_scripts_become_the_unknown_token():
    tokenizer = train_subwords(["one two three", "four five six seven"] * 5, "bpe", 40)
    task = Translation(tokenizer, MODEL, "plain-1")
    tokens = task.source_tokens("日本")
    assert tokens[-1] == END
    assert 3 in tokens
    assert max(tokens) < tokenizer.size


def test_an_unknown_character_is_refused(task):
    with pytest.raises(DataError, match="has no 'd'"):
        task.encode_source(Pair("d", "a"))


@pytest.mark.parametrize("copies", [True, False])
def test_only_translations_that_copy_know_their_words(task, copies):
    decoder = replace(task.model.decoder, copy=copies)
    task = replace(task, model=replace(task.model, decoder=decoder))
    pairs = [Pair("a", "L'Été, c'est 12."), Pair("b", "c'est fini")]
    words = "c est fini l été" if copies and isinstance(task, Translation) else ""
    assert task.target_words(pairs) == words
