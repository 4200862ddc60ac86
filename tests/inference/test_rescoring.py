"""Two-pass decoding: scores of lexicon search and rescoring."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from asr.arrays import pad_rows
from asr.config.schema import DecodingConfig
from asr.decoding.beam_search import Tokens
from asr.decoding.hotwords import HotwordScorer, phrases_automaton
from asr.decoding.lexicon_search import Hypothesis, LexiconSearch
from asr.decoding.prefix_tree import SearchTree, phone_tree
from asr.inference.rescoring import RescoringDecoder
from tests.dense_trigrams import DenseTrigrams
from tests.tiny_speech import CONFIG, runtime_of, tiny_speech_model

LETTERS = " abc"  # tokens 3 to 6
NAMES = ["", "", "", "", "a", "bc", "cab"]
PHONES = replace(CONFIG, phones=("X", "Y"))
SPOKEN = [((1,), 4), ((2, 1), 5), ((2,), 6)]


def encode(text):
    return [LETTERS.index(letter) + 3 for letter in text]


CHANCES = np.random.default_rng(4).dirichlet(np.ones(7), size=(7, 7))
TOY = DenseTrigrams(CHANCES)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = tiny_speech_model(7, PHONES)
    random = np.random.default_rng(2)
    for weight in model.trainable_weights:  # far from the calm of initial weights
        weight.assign(weight + 0.3 * random.normal(size=weight.shape))
    model.heads["phones"].count_prior([(1, 1, 2)])
    return model


@pytest.fixture(scope="module")
def network(model):
    return runtime_of(model, 7, PHONES)


@pytest.fixture(scope="module")
def recordings():
    random = np.random.default_rng(0)
    return [random.normal(size=n).astype("float32") * 0.1 for n in (9000, 4000, 6000)]


def search(network, hotwords=None, **options):
    config = DecodingConfig(
        **{"beam_size": 4, "n_best": 3, "phone_weight": 0.4, "lm_weight": 0.3}
        | {"phone_prior": 0.6}
        | options
    )
    pronunciations, words = zip(*SPOKEN, strict=True)
    tree = phone_tree(pronunciations, words)
    weight = config.lm_weight / config.phone_weight
    phones = LexiconSearch(
        SearchTree(tree, tree.lookahead(np.zeros(7))),
        TOY,
        NAMES,
        weight=weight,
        beam=50,
        hotwords=hotwords,
    )
    return RescoringDecoder(network, Tokens(1, 2), config, phones, encode)


def attention(model, samples, labels):
    """Log probability of labels, alone in their batch."""
    inputs = {
        "source": samples[None],
        "source_lengths": np.array([len(samples)], "int32"),
        "tokens": np.array([[1, *labels[:-1]]], "int32"),
    }
    logits = np.asarray(model(inputs)["logits"])[0].astype(float)
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return sum(row[label] for row, label in zip(log_probs, labels, strict=True))


def phone_scores(model, samples):
    """Log probabilities of phones, as if all were said as often."""
    outputs = model(
        {
            "source": samples[None],
            "source_lengths": np.array([len(samples)], "int32"),
            "tokens": np.ones((1, 1), "int32"),
        }
    )
    logits = np.asarray(outputs["phone_logits"])[0].astype(float)
    logits -= 0.6 * np.log([4 / 7, 2 / 7, 1 / 7])
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


@pytest.mark.parametrize("bonus", [0.0, 0.5])
def test_scores_are_the_sum_of_all_parts(model, network, recordings, bonus):
    automaton = phrases_automaton([encode("bc")], 7, bonus=bonus, space=3, end=2)
    spelled = [encode(name) for name in NAMES]
    spelled = pad_rows(spelled, max(map(len, spelled)), "int32")
    two = search(network, HotwordScorer(automaton, spelled, space=3, end=2))
    found = two.decode(recordings)
    for row, samples in enumerate(recordings):
        heard = phone_scores(model, samples)
        expected = []
        for it in two.first_pass(heard, 4):
            labels = [*encode(" ".join(it.words)), 2]
            score = (
                0.6 * attention(model, samples, labels)
                + 0.4 * it.acoustic
                + 0.3 * it.language
                + 0.4 * 2 * bonus * it.words.count("bc")
            )
            expected.append((score, labels[:-1]))
        expected.sort(reverse=True)
        assert len(expected) == 4
        for rank, (score, labels) in enumerate(expected[:3]):
            count = found.hypotheses.lengths[row, rank]
            assert found.hypotheses.tokens[row, rank, :count].tolist() == labels
            assert found.hypotheses.scores[row, rank] == pytest.approx(score, abs=1e-3)
        assert found.ctc[row].shape == (len(heard), 7)
        np.testing.assert_allclose(np.exp(found.ctc[row]).sum(-1), 1, rtol=1e-5)


def test_what_stands_beside_a_recording_does_not_matter(network, recordings):
    two = search(network)
    together = two.decode(recordings).hypotheses
    for row, samples in enumerate(recordings):
        alone = two.hypotheses([samples])
        for rank in range(3):
            count = alone.lengths[0, rank]
            assert together.lengths[row, rank] == count
            np.testing.assert_array_equal(
                together.tokens[row, rank, :count], alone.tokens[0, rank, :count]
            )
        np.testing.assert_allclose(together.scores[row], alone.scores[0], atol=1e-3)


def test_recordings_in_which_no_words_are_found(network, recordings, monkeypatch):
    two = search(network)
    nothing = [
        [],
        [Hypothesis(("a",), -1.0, -2.0)],
        [Hypothesis((), -1.0, -2.0)],
    ]
    monkeypatch.setattr(two.first_pass, "batch", lambda *_: nothing)
    found = two.decode(recordings).hypotheses
    assert found.scores[0].max() < -1e8
    assert found.tokens[1, 0, : found.lengths[1, 0]].tolist() == [4]
    assert found.lengths[2, 0] == 0
    assert found.scores[2, 0] > -1e8
    nothing[:] = [[], [], []]
    assert two.decode(recordings).hypotheses.scores.max() < -1e8


def test_phones_alone_ask_no_decoder(model, network, recordings, monkeypatch):
    two = search(network, phone_weight=1.0)
    monkeypatch.setattr(network, "rescore", None)
    found = two.hypotheses(recordings)
    heard = two.first_pass(phone_scores(model, recordings[0]), 4)
    best = max(it.acoustic + 0.3 * it.language for it in heard)
    assert found.scores[0, 0] == pytest.approx(best, abs=1e-3)


def test_texts_that_begin_alike_are_scored_as_each_alone(network, recordings):
    two = search(network)
    encoded = network.encode(recordings[:1])
    random = np.random.default_rng(2)
    begun = random.integers(3, 6, 9)
    labels = [
        [*begun[:shared], *random.integers(3, 6, extra), two.special.end]
        for shared, extra in ((9, 0), (9, 3), (4, 6), (9, 3), (0, 2), (1, 0), (8, 1))
    ]
    labels.append(labels[1])
    together = two._rescore(encoded, 0, labels)
    alone = [two._rescore(encoded, 0, [label])[0] for label in labels]
    np.testing.assert_allclose(together, alone, atol=1e-4)
    assert len(set(np.round(together, 3))) > 4
