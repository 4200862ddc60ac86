"""Greedy and beam search on toy models small enough to enumerate everything."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pytest

from asr.config.schema import DecodingConfig
from asr.decoding.beam_search import Tokens, WeightedScorer, beam_search
from asr.decoding.ctc_prefix import CTCPrefixScorer, pad_frames
from asr.decoding.greedy import greedy_search
from asr.decoding.hotwords import text_score
from asr.decoding.prefix_tree import lexicon
from asr.decoding.scorers import NEVER, Automaton, WordScorer
from asr.language_model.kneser_ney import train_ngrams
from asr.language_model.tables import word_ngrams

SPECIAL = Tokens(start=1, end=2)
LETTERS = (3, 4, 5, 6)
VOCABULARY = 7
LONGEST = 3


def log_softmax(logits):
    top = logits.max(-1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))


class Toy:
    """A recurrent model whose probabilities depend on the whole prefix.

    The state is a vector per hypothesis and an integer that counts the steps.
    """

    def __init__(self, seed: int, batch: int = 1, sharpness: float = 2.0):
        random = np.random.default_rng(seed)
        self.embedding = random.normal(size=(VOCABULARY, 5)).astype("float32")
        self.recurrent = random.normal(size=(5, 5)).astype("float32")
        self.output = (random.normal(size=(5, VOCABULARY)) * sharpness).astype(
            "float32"
        )
        self.begin = random.normal(size=(batch, 5)).astype("float32")

    def step(self, tokens, state):
        hidden = np.tanh(state["hidden"] @ self.recurrent + self.embedding[tokens])
        log_probs = log_softmax(hidden @ self.output)
        return log_probs, {"hidden": hidden, "count": state["count"] + 1}

    def state(self, beam):
        hidden = np.repeat(self.begin[:, None], beam, axis=1)
        return {"hidden": hidden, "count": np.zeros(hidden.shape[:2], "int32")}

    def log_prob(self, row, tokens):
        """log p(tokens and then the end), in double precision."""
        hidden, total = self.begin[row], 0.0
        for last, following in itertools.pairwise(
            (SPECIAL.start, *tokens, SPECIAL.end)
        ):
            hidden = np.tanh(hidden @ self.recurrent + self.embedding[last])
            total += log_softmax((hidden @ self.output).astype("float64"))[following]
        return total


class Frames(NamedTuple):
    """CTC frames of a batch, and the probabilities of every output."""

    log_probs: np.ndarray
    outputs: list[dict[tuple[int, ...], float]]


def frames_of(seed, batch, count=4):
    logits = np.random.default_rng(seed + 100).normal(size=(batch, count, VOCABULARY))
    log_probs = log_softmax(logits * 1.5).astype("float32")
    outputs = []
    for row in log_probs:
        found: dict[tuple[int, ...], float] = {}
        for path in itertools.product(range(VOCABULARY), repeat=count):
            output = tuple(symbol for symbol, _ in itertools.groupby(path) if symbol)
            score = np.exp(sum(row[t, symbol] for t, symbol in enumerate(path)))
            found[output] = found.get(output, 0.0) + float(score)
        outputs.append(found)
    return Frames(log_probs, outputs)


def search(toy, config, limits, frames=None, scorers=()):
    limits = np.array(limits, "int32")
    size, weight = config.beam_size, 1.0
    weighted = [
        WeightedScorer(
            scorer, scorer.initial_state(np.repeat(starts[:, None], size, axis=1))
        )
        for scorer, starts in scorers
    ]
    if frames is not None and config.ctc_weight:
        weight = 1.0 - config.ctc_weight
        ctc = CTCPrefixScorer(frames.log_probs, SPECIAL.end)
        state = ctc.initial_state(np.zeros((len(limits), size), "int32"))
        weighted.append(WeightedScorer(ctc, state, config.ctc_weight))
    return beam_search(
        toy.step,
        toy.state(size),
        limits,
        SPECIAL,
        config,
        scorers=weighted,
        weight=weight,
    )


def greedy(toy, limits):
    return greedy_search(toy.step, toy.state(1), np.array(limits, "int32"), SPECIAL)


def hypotheses(found, row=0):
    """(tokens, score) of each hypothesis of an utterance that there is."""
    return [
        (tuple(found.tokens[row, k, : found.lengths[row, k]].tolist()), float(score))
        for k, score in enumerate(found.scores[row])
        if score > 0.5 * NEVER
    ]


def exhaustive(toy, row, limit, frames=None, weight=0.0):
    """All sequences up to a limit, best first."""
    ranked = []
    for length in range(limit + 1):
        for tokens in itertools.product(LETTERS, repeat=length):
            score = (1.0 - weight) * toy.log_prob(row, tokens)
            if weight:
                probability = frames.outputs[row].get(tokens, 0.0)
                if not probability:
                    continue
                score += weight * np.log(probability)
            ranked.append((tokens, score))
    return sorted(ranked, key=lambda item: -item[1])


WIDE = 4**LONGEST + 4 ** (LONGEST - 1) + 4 + 1  # every hypothesis has room


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weight", [0.0, 0.4, 0.7, 1.0])
def test_a_wide_beam_finds_what_enumeration_finds(seed, weight):
    toy = Toy(seed)
    frames = frames_of(seed, 1) if weight else None
    config = DecodingConfig(beam_size=WIDE, ctc_weight=weight, n_best=10)
    found = hypotheses(search(toy, config, [LONGEST], frames))
    expected = exhaustive(toy, 0, LONGEST, frames, weight)[:10]
    assert [tokens for tokens, _ in found[:10]] == [tokens for tokens, _ in expected]
    np.testing.assert_allclose(
        [score for _, score in found[:10]], [score for _, score in expected], atol=1e-4
    )


def random_automaton(seed, states=5):
    random = np.random.default_rng(seed + 200)
    shape = (states, VOCABULARY)
    scores = random.normal(size=shape).astype("float32")
    return Automaton(scores, random.integers(0, states, shape).astype("int32"), 1)


def added(automaton, tokens):
    state, total = automaton.start, 0.0
    for token in (*tokens, SPECIAL.end):
        total += float(automaton.scores[state, token])
        state = automaton.following[state, token]
    return total


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("weight", [0.0, 0.4])
def test_scorers_add_to_the_scores(seed, weight):
    """Two at once, one of which starts elsewhere in each utterance."""
    toy = Toy(seed, batch=2)
    frames = frames_of(seed, 2) if weight else None
    one, two = random_automaton(seed), random_automaton(seed + 50)
    starts = np.array([[1, 1], [1, 3]], "int32")
    scorers = [(one, starts[:, 0]), (two, starts[:, 1])]
    config = DecodingConfig(beam_size=WIDE, ctc_weight=weight, n_best=10)
    found = search(toy, config, [LONGEST, LONGEST], frames, scorers)
    for row, automata in enumerate([(one, two), (one, two._replace(start=3))]):
        expected = [
            (tokens, score + sum(added(it, tokens) for it in automata))
            for tokens, score in exhaustive(toy, row, LONGEST, frames, weight)
        ]
        expected.sort(key=lambda item: -item[1])
        best = hypotheses(found, row)
        assert best[0][0] == expected[0][0]
        truth = dict(expected)
        for tokens, score in best:
            assert score == pytest.approx(truth[tokens], abs=1e-4)


def test_a_word_scorer_in_a_search():
    """Scores are the sum of the decoder's and the word scorer's."""
    toy, frames = Toy(3), frames_of(3, 1)
    ngrams = train_ngrams(
        [[4, 5], [4, 4, 3], [5, 3, 4]], 6, start=1, end=2, least=(1, 1), rare=3
    )
    words = WordScorer(
        random_automaton(3),
        lexicon([[4], [5, 4]], [4, 5], VOCABULARY, space=3, unknown=3),
        word_ngrams(ngrams), unknown=3, space=3, end=2, weight=0.8,
        bonus=np.array([0.5, -0.4, 0.2, -0.3, 0.1], "float32"),
    )  # fmt: skip
    config = DecodingConfig(beam_size=WIDE, ctc_weight=0.4, n_best=10)
    starts = np.array([words.start], "int32")
    found = hypotheses(search(toy, config, [LONGEST], frames, [(words, starts)]))
    truth = {
        tokens: score + text_score(words, [[*tokens, SPECIAL.end]])
        for tokens, score in exhaustive(toy, 0, LONGEST, frames, 0.4)
    }
    assert found[0][0] == max(truth, key=lambda tokens: truth[tokens])
    for tokens, score in found:
        assert score == pytest.approx(truth[tokens], abs=1e-4)


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.6, 1.0])
def test_a_beam_with_more_room_than_hypotheses(weight):
    """Nothing forbidden fills the free places, whatever the weights."""
    toy, frames = Toy(5), frames_of(5, 1)
    config = DecodingConfig(beam_size=WIDE, ctc_weight=weight, n_best=WIDE)
    found = hypotheses(search(toy, config, [1], frames))
    assert sorted(tokens for tokens, _ in found) == [(), (3,), (4,), (5,), (6,)]
    assert all(score > -100 for _, score in found)


@pytest.mark.parametrize("weight", [0.1, 0.9])
def test_ctc_rules_out_hypotheses_at_any_weight(weight):
    """One frame holds one letter, however much attention would like another."""
    toy, frames = Toy(5), frames_of(5, 1, count=1)
    config = DecodingConfig(beam_size=WIDE, ctc_weight=weight, n_best=WIDE)
    found = hypotheses(search(toy, config, [LONGEST], frames))
    assert sorted(tokens for tokens, _ in found) == [(), (3,), (4,), (5,), (6,)]
    expected = dict(exhaustive(toy, 0, LONGEST, frames, weight))
    for tokens, score in found:
        assert score == pytest.approx(expected[tokens], abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_scores_of_a_narrow_beam_are_exact(seed):
    toy, frames = Toy(seed, batch=2), frames_of(seed, 2)
    config = DecodingConfig(beam_size=3, ctc_weight=0.3, n_best=3)
    found = search(toy, config, [LONGEST, LONGEST], frames)
    for row in range(2):
        scores = dict(exhaustive(toy, row, LONGEST, frames, 0.3))
        ranked = hypotheses(found, row)
        assert ranked
        for tokens, score in ranked:
            assert score == pytest.approx(scores[tokens], abs=1e-4)
        assert [score for _, score in ranked] == sorted(
            (score for _, score in ranked), reverse=True
        )
        assert len({tokens for tokens, _ in ranked}) == len(ranked)


@pytest.mark.parametrize("seed", range(6))
def test_a_beam_of_one_is_greedy(seed):
    toy = Toy(seed, batch=3, sharpness=3.0)
    limits = [6, 2, 0]
    one = search(toy, DecodingConfig(beam_size=1, ctc_weight=0.0), limits)
    other = greedy(toy, limits)
    for row in range(3):
        ((tokens, score),), ((same, same_score),) = (
            hypotheses(one, row),
            hypotheses(other, row),
        )
        assert tokens == same
        assert score == pytest.approx(same_score, abs=1e-4)
        assert score == pytest.approx(toy.log_prob(row, tokens), abs=1e-4)


@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_limits_are_kept_and_every_utterance_has_a_result(weight):
    toy, frames = Toy(11, batch=4, sharpness=4.0), frames_of(11, 4)
    toy.output[:, SPECIAL.end] = 0.0
    toy.embedding[:, 0] += 2.0
    toy.output[0, SPECIAL.end] = -30.0  # it would never end of itself
    limits = [0, 1, 2, 3]
    found = search(toy, DecodingConfig(beam_size=2, ctc_weight=weight), limits, frames)
    for row, limit in enumerate(limits):
        ranked = hypotheses(found, row)
        assert ranked, f"limit {limit}"
        assert all(len(tokens) <= limit for tokens, _ in ranked)
    assert hypotheses(found, 3)[0][0] != ()
    assert greedy(toy, limits).lengths[:, 0].tolist() == limits


def test_tokens_are_zero_after_the_end():
    toy = Toy(3, batch=2)
    found = search(toy, DecodingConfig(beam_size=4, ctc_weight=0.0, n_best=4), [3, 2])
    positions = np.arange(found.tokens.shape[-1])
    outside = positions >= found.lengths[..., None]
    assert not found.tokens[outside].any()
    assert np.isin(found.tokens[~outside], LETTERS).all()


@pytest.mark.parametrize("weight", [0.0, 0.4])
def test_neighbours_change_nothing(weight):
    batch = 3
    toy, frames = Toy(21, batch=batch), frames_of(21, batch)
    limits = [1, 3, 2]
    config = DecodingConfig(beam_size=4, ctc_weight=weight, n_best=2)
    together = search(toy, config, limits, frames)
    for row in range(batch):
        alone = Toy(21, batch=batch)
        alone.begin = alone.begin[row : row + 1]
        own = Frames(frames.log_probs[row : row + 1], [])
        expected = hypotheses(search(alone, config, [limits[row]], own))[:2]
        found = hypotheses(together, row)[:2]
        assert [tokens for tokens, _ in found] == [tokens for tokens, _ in expected]
        np.testing.assert_allclose(
            [score for _, score in found], [score for _, score in expected], atol=1e-5
        )


def test_the_length_penalty_divides_scores():
    toy = Toy(2)
    config = DecodingConfig(
        beam_size=WIDE, ctc_weight=0.0, length_penalty=0.8, n_best=5
    )
    found = hypotheses(search(toy, config, [LONGEST]))
    for tokens, score in found:
        norm = (max(len(tokens), 1) / 10) ** 0.8
        assert score == pytest.approx(toy.log_prob(0, tokens) / norm, rel=1e-4)
    expected = max(
        exhaustive(toy, 0, LONGEST),
        key=lambda item: item[1] / (max(len(item[0]), 1) / 10) ** 0.8,
    )
    assert found[0][0] == expected[0]


def test_a_length_penalty_favours_the_longer():
    toy = Toy(8, sharpness=0.3)
    lengths = [
        search(
            toy,
            DecodingConfig(beam_size=WIDE, ctc_weight=0.0, length_penalty=p),
            [LONGEST],
        ).lengths[0, 0]
        for p in (0.0, 3.0)
    ]
    assert lengths[0] < lengths[1]


class Fixed:
    """A model whose words depend on the step only, the last ones for ever."""

    def __init__(self, *steps):
        rows = np.full((len(steps), VOCABULARY), 1e-30)
        for row, probabilities in zip(rows, steps, strict=True):
            for token, value in probabilities.items():
                row[token] = value
        self.log_probs = np.log(rows).astype("float32")

    def step(self, tokens, state):
        place = np.minimum(state["count"], len(self.log_probs) - 1)
        return self.log_probs[place], {"count": state["count"] + 1}

    def state(self, beam):
        return {"count": np.zeros((1, beam), "int32")}


def test_search_goes_on_while_something_better_may_come():
    first = {SPECIAL.end: 0.30, 3: 0.32, 4: 0.19, 5: 0.19}
    toy = Fixed(first, {SPECIAL.end: 0.99, 3: 0.01})
    config = DecodingConfig(beam_size=3, ctc_weight=0.0)
    best, *_ = hypotheses(search(toy, config, [5]))
    assert best[0] == (3,)
    assert best[1] == pytest.approx(np.log(0.32 * 0.99), abs=1e-4)


def test_the_start_and_the_blank_are_never_written():
    toy = Fixed({0: 0.4, SPECIAL.start: 0.4, 3: 0.05, SPECIAL.end: 0.15})
    assert hypotheses(greedy(toy, [3]))[0][0] == ()
    for weight in (0.0, 0.5):
        frames = frames_of(0, 1)
        config = DecodingConfig(beam_size=6, ctc_weight=weight, n_best=6)
        for tokens, _ in hypotheses(search(toy, config, [3], frames)):
            assert set(tokens) <= set(LETTERS)


def test_ctc_prevents_a_decoder_loop():
    """Attention would repeat itself for ever; CTC knows that there is one letter."""
    toy = Fixed({3: 0.9, SPECIAL.end: 0.1})
    logits = np.full((1, 6, VOCABULARY), -8.0)
    logits[0, :, 0] = 8.0
    logits[0, 2, 3] = 16.0
    frames = Frames(log_softmax(logits).astype("float32"), [])
    # Without CTC the empty hypothesis wins, log 0.1 against log 0.09.
    config = DecodingConfig(beam_size=3, ctc_weight=0.0)
    assert hypotheses(search(toy, config, [6], frames))[0][0] == ()
    config = DecodingConfig(beam_size=3, ctc_weight=0.5)
    assert hypotheses(search(toy, config, [6], frames))[0][0] == (3,)


def test_the_padding_of_the_frames_changes_nothing():
    toy, frames = Toy(31), frames_of(31, 1)
    config = DecodingConfig(beam_size=4, ctc_weight=0.5, n_best=4)
    expected = hypotheses(search(toy, config, [3], frames))
    longer = np.zeros((1, 9, VOCABULARY), "float32")
    longer[:, :4] = frames.log_probs
    padded = pad_frames(longer, np.arange(9)[None] < 4)
    found = hypotheses(search(toy, config, [3], Frames(padded, [])))
    assert [tokens for tokens, _ in found] == [tokens for tokens, _ in expected]
    np.testing.assert_allclose(
        [score for _, score in found], [score for _, score in expected], atol=1e-5
    )
