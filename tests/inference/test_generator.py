"""A model of texts from training to use: what it learned, and odd input."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import asr
from asr.config.schema import DecodingConfig
from asr.data.pairs import read_pairs
from asr.errors import DataError, ModelError
from asr.text.articles import correct_articles


@pytest.fixture(scope="module")
def generator(tiny_text_run):
    return asr.load_text(tiny_text_run / "model")


@pytest.fixture(scope="module")
def pairs(tiny_texts):
    return list(read_pairs(tiny_texts / "pairs" / "dev.tsv"))


def test_it_has_learned(generator, pairs):
    found = generator.generate_many(pair.source for pair in pairs)
    right = [g.text == p.text for g, p in zip(found, pairs, strict=True)]
    assert np.mean(right) > 0.9


def test_history_has_the_scores_of_the_task(tiny_text_run):
    lines = (tiny_text_run / "history.jsonl").read_text().splitlines()
    last = json.loads(lines[-1])
    assert last["dev_bleu"] > 80
    assert "ctc_loss" not in last
    card = (tiny_text_run / "model" / "README.md").read_text()
    assert "600 pairs" in card
    assert "source tokens" in card


def test_together_is_one_by_one(generator, pairs):
    texts = [pair.source for pair in pairs[:7]]
    together = list(generator.generate_many(texts, batch_tokens=20))
    for text, found in zip(texts, together, strict=True):
        alone = generator.generate(text)
        assert found.text == alone.text
        assert found.score == pytest.approx(alone.score, abs=1e-4)


@pytest.mark.parametrize("text", ["", "  ", "\t"])
def test_an_empty_text_stays_empty(generator, text):
    texts = ["a b", text, "c"]
    found = list(generator.generate_many(texts))
    assert [bool(generation.text) for generation in found] == [True, False, True]
    assert found[1].alternatives == ()
    assert found[1].left_out == 0


def test_long_texts_are_cut_and_say_so(generator):
    found = generator.generate("a b " * 5000)
    assert found.source_tokens == 2 * 2 * 5000  # spaces at the end go, an end comes
    assert found.left_out == found.source_tokens - 12
    assert len(found.text) <= 2 * 12 + 10


def test_n_best_are_different_and_in_order(generator):
    decoding = replace(generator.decoding, n_best=3)
    found = generator.generate("a b c", decoding=decoding)
    texts = [reading.text for reading in found.alternatives]
    scores = [reading.score for reading in found.alternatives]
    assert len(set(texts)) == 3
    assert scores == sorted(scores, reverse=True)
    assert (found.text, found.score) == (texts[0], scores[0])
    assert found.to_json()["alternatives"][2] == {"text": texts[2], "score": scores[2]}


def test_greedy_search_and_a_beam_agree_where_it_is_sure(generator):
    greedy = DecodingConfig(beam_size=1, ctc_weight=0, length_ratio=2, length_extra=5)
    assert generator.generate("a b", decoding=greedy).text == "b a!"
    assert generator.generate("a b").text == "b a!"


def test_unknown_characters_are_named(generator):
    with pytest.raises(DataError, match="tokenizer has no 'ж'"):
        generator.generate("ж")


def test_what_comes_before_an_unknown_character_is_not_lost(generator):
    found = generator.generate_many(["a b", "c", "ж", "a"])
    assert next(found).text == "b a!"
    assert next(found).text == "c!"
    with pytest.raises(DataError, match="tokenizer has no 'ж'"):
        next(found)


def test_attention_has_the_tokens_of_both_sides(generator):
    seen = generator.attention("a b")
    assert seen.source == ("a", " ", "b", "</s>")
    assert seen.tokens == ("b", " ", "a", "!", "</s>")
    assert seen.weights.shape == (5, 4)
    np.testing.assert_allclose(seen.weights.sum(axis=1), 1.0, rtol=1e-4)
    with pytest.raises(DataError, match="the text is empty"):
        generator.attention(" ")


def test_attention_comes_with_the_text(generator):
    texts = ["a b", "", "c"]
    with_weights = list(generator.generate_many(texts, attention=True))
    assert with_weights == list(generator.generate_many(texts))
    assert with_weights[1].attention is None
    seen, alone = with_weights[0].attention, generator.attention("a b")
    assert (seen.tokens, seen.source) == (alone.tokens, alone.source)
    np.testing.assert_allclose(seen.weights, alone.weights, atol=1e-5)
    assert "attention" not in generator.generate("a b").to_json()


def test_attention_of_the_best_of_several(generator):
    decoding = replace(generator.decoding, n_best=3)
    found = generator.generate("a b c", decoding=decoding, attention=True)
    assert "".join(found.attention.tokens) == found.text + "</s>"


def test_the_title_of_the_sample_has_its_articles_right(root):
    abstract = (root / "data" / "samples" / "abstract.txt").read_text()
    title = asr.load_text("title").generate(abstract)
    assert correct_articles(title.text) == title.text
    assert title.alternatives[0].text == title.text
    assert re.search(r"\b[Aa] [AEIO]", title.text) is None


def test_models_of_the_other_kind_are_refused(tiny_text_run, tiny_run):
    with pytest.raises(ModelError, match=r"takes text .*, not audio"):
        asr.load(tiny_text_run / "model")
    with pytest.raises(ModelError, match="takes audio, not text"):
        asr.load_text(tiny_run / "model")


def test_evaluation_groups_references(generator):
    pairs = [
        asr.Pair("a b", "x y z"),
        asr.Pair("c", "c!"),
        asr.Pair("a b", "b a!"),
    ]
    found = asr.evaluate_texts(generator, pairs)
    assert [result.source for result in found.results] == ["a b", "c"]
    assert found.results[0].references == ("x y z", "b a!")
    assert found.rouge.rouge1 == pytest.approx(1.0)
    written = found.to_json()
    for key in ("bleu", "chrf", "rouge1", "rouge2", "rougeL", "signature"):
        assert key in written
    assert written["sentences"] == 2
    assert "BLEU" in found.summary()
    with pytest.raises(DataError, match="no pairs"):
        asr.evaluate_texts(generator, [])


def test_evaluation_reads_nothing_but_the_pairs(generator, monkeypatch):
    """A model may not know the letters of anything else."""
    generate, read = generator.generate_many, []

    def noted(texts, **options):
        texts = list(texts)
        read.extend(texts)
        return generate(texts, **options)

    monkeypatch.setattr(type(generator), "generate_many", staticmethod(noted))
    asr.evaluate_texts(generator, [asr.Pair("c", "c!")])
    assert set(read) == {"c"}


def test_evaluation_counts_what_was_not_read(generator):
    found = asr.evaluate_texts(generator, [asr.Pair("a b " * 20, "a!")], lowercase=True)
    assert found.left_out == 1
    assert "1 sources are longer" in found.summary()
    assert "case:lc" in found.bleu.signature
