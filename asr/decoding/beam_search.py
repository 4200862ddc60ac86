"""Beam search over a batch of utterances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from asr.config.schema import DecodingConfig
from asr.decoding.scorers import NEVER, Scorer

Step = Callable[[Any, Any], tuple[Any, Any]]


class Hypotheses(NamedTuple):
    """Result of a search, best hypotheses first.

    Attributes:
        tokens: Tokens without start and end, zeros after them, (B, K, L) int32.
        lengths: Number of tokens, (B, K) int32.
        scores: Weighted sum of log probabilities, normalised by length if configured,
            (B, K) float32; -1e9 where there are fewer than K hypotheses.
    """

    tokens: np.ndarray
    lengths: np.ndarray
    scores: np.ndarray


class Tokens(NamedTuple):
    """The special tokens of a vocabulary."""

    start: int
    end: int


class WeightedScorer(NamedTuple):
    """A scorer with its part in a search.

    Attributes:
        scorer: Scores tokens beside the decoder.
        state: State before the first token; leaves begin with (B, K).
        weight: Factor of its score.
    """

    scorer: Scorer
    state: Any
    weight: float = 1.0


class _Beam(NamedTuple):
    """State of the loop: K live hypotheses and the K best finished ones."""

    time: int
    tokens: np.ndarray  # (B, K, L)
    last: np.ndarray  # (B, K)
    alive: np.ndarray  # (B, K) bool
    totals: tuple[np.ndarray, ...]  # (B, K) log probability by decoder and each scorer
    state: Any  # of the decoder
    scorer_states: tuple[Any, ...]
    finished: Hypotheses


class _Extensions(NamedTuple):
    """The K best extensions of the live hypotheses, (B, K) each."""

    scores: np.ndarray
    tokens: np.ndarray
    parents: np.ndarray
    place: np.ndarray  # among all K * V extensions


def beam_search(
    step: Step,
    state: Any,
    limits: np.ndarray,
    special: Tokens,
    config: DecodingConfig,
    *,
    scorers: Sequence[WeightedScorer] = (),
    weight: float = 1.0,
) -> Hypotheses:
    """Keep the K most probable hypotheses; those that end compete in a pool apart.

    The search of an utterance is over once no live hypothesis scores above its
    `n_best`-th finished one. Without length normalisation and without scorers that
    give rewards, scores only fall and nothing better can follow; with them this is the
    usual approximation.

    Args:
        step: `(tokens (B, K), state) -> (log probabilities (B, K, V),
            state)`; every leaf of the
            state begins with (B, K).
        state: State before the first step, for K = `config.beam_size` hypotheses.
        limits: Maximum tokens of each utterance, (B,) int32; a hypothesis that reaches
            it can only end.
        special: Start and end symbols.
        config: Beam size, `n_best` and length penalty.
        scorers: Scorers beside the decoder, such as CTC and a language model.
        weight: Factor of the decoder's log probabilities.

    Returns:
        K hypotheses for each utterance, best first.
    """
    weights = [weight, *(scorer.weight for scorer in scorers)]
    beam = _start(state, limits, special, config, scorers)
    while beam.alive.any():
        log_probs, state = step(beam.last, beam.state)
        log_probs = allowed_log_probs(log_probs, special, limits <= beam.time)
        totals = [beam.totals[0][..., None] + log_probs]  # (B, K, V) each
        for scorer, total, own in zip(
            scorers, beam.totals[1:], beam.scorer_states, strict=True
        ):
            totals.append(scorer.scorer.extend(total, own))
        best = _top_k(_weighted_sum(totals, weights, beam.alive), config.beam_size)
        followed = (
            scorer.scorer.follow(_take(own, best.parents), best.tokens)
            for scorer, own in zip(scorers, beam.scorer_states, strict=True)
        )
        beam = beam._replace(
            totals=tuple(_at(total, best.place) for total in totals),
            state=_take(state, best.parents),
            scorer_states=tuple(followed),
            tokens=_take(beam.tokens, best.parents),
        )
        beam = beam._replace(finished=_collect_finished(beam, best, special, config))
        beam = _select(beam, best, special, config)
    return beam.finished


def _start(
    state: Any,
    limits: np.ndarray,
    special: Tokens,
    config: DecodingConfig,
    scorers: Sequence[WeightedScorer],
) -> _Beam:
    shape = len(limits), config.beam_size
    # Room for the longest hypothesis and, at its end, for the step that closes it.
    tokens = np.zeros((*shape, int(limits.max(initial=0)) + 1), np.int32)
    alive = np.zeros(shape, bool)
    alive[:, 0] = True  # the K starts are alike: only one may live
    nothing = np.zeros(shape, np.float32)
    return _Beam(
        time=0,
        tokens=tokens,
        last=np.full(shape, special.start, np.int32),
        alive=alive,
        totals=(nothing,) * (1 + len(scorers)),
        state=state,
        scorer_states=tuple(scorer.state for scorer in scorers),
        finished=Hypotheses(
            tokens, np.zeros(shape, np.int32), np.full_like(nothing, NEVER)
        ),
    )


def allowed_log_probs(
    log_probs: np.ndarray, special: Tokens, full: np.ndarray
) -> np.ndarray:
    """Set the log probabilities (B, K, V) of forbidden next tokens to `NEVER`.

    Blank and start are forbidden, and all but the end where an utterance is `full`,
    (B,) bool.
    """
    allowed = log_probs.copy()
    allowed[..., [0, special.start]] = NEVER
    if full.any():
        end = log_probs[full][..., special.end]
        allowed[full] = NEVER
        allowed[full, :, special.end] = end
    return allowed


def _weighted_sum(
    totals: Sequence[np.ndarray], weights: Sequence[float], alive: np.ndarray
) -> np.ndarray:
    """Return the weighted sum of total scores, (B, K, V).

    A token that one scorer rules out stays ruled out, however small the weight is.
    """
    scores = weights[0] * totals[0]
    possible = alive[..., None] & (totals[0] > 0.5 * NEVER)
    for weight, total in zip(weights[1:], totals[1:], strict=True):
        scores = scores + weight * total
        possible = possible & (total > 0.5 * NEVER)
    return np.where(possible, scores, np.float32(NEVER))


def _top_k(scores: np.ndarray, size: int) -> _Extensions:
    """Return the K best of all extensions of an utterance's hypotheses."""
    vocabulary = scores.shape[-1]
    flat = scores.reshape(len(scores), -1)
    values, index = _best(flat, size)
    tokens, parents = index % vocabulary, index // vocabulary
    return _Extensions(values, tokens.astype(np.int32), parents, index)


def _best(scores: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest scores of each row and their indices, in order."""
    index = np.argpartition(-scores, size - 1, axis=1)[:, :size]
    index.sort(axis=1)  # of equal scores the first wins
    values = np.take_along_axis(scores, index, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return (np.take_along_axis(it, order, axis=1) for it in (values, index))  # type: ignore[return-value]


def _collect_finished(
    beam: _Beam, best: _Extensions, special: Tokens, config: DecodingConfig
) -> Hypotheses:
    """Put extensions by the end symbol among the K best finished hypotheses."""
    ended = (best.tokens == special.end) & (best.scores > 0.5 * NEVER)
    normalised = best.scores / _length_norm(beam.time, config)
    scores = np.where(ended, normalised, np.float32(NEVER))
    lengths = np.full_like(best.tokens, beam.time)
    pool = Hypotheses(
        *(
            np.concatenate(pair, axis=1)
            for pair in zip(beam.finished, (beam.tokens, lengths, scores), strict=True)
        )
    )
    values, index = _best(pool.scores, config.beam_size)
    return Hypotheses(_take(pool.tokens, index), _take(pool.lengths, index), values)


def _select(
    beam: _Beam, best: _Extensions, special: Tokens, config: DecodingConfig
) -> _Beam:
    """Go on with the extensions that have not ended and may still win."""
    alive = (best.tokens != special.end) & (best.scores > 0.5 * NEVER)
    tokens = beam.tokens
    tokens[..., beam.time] = np.where(alive, best.tokens, tokens[..., beam.time])
    # Stop an utterance when its n-th finished hypothesis beats all live ones.
    live = np.max(np.where(alive, best.scores, np.float32(NEVER)), axis=1)
    live = live / _length_norm(beam.time + 1, config)
    enough = beam.finished.scores[:, min(config.n_best, config.beam_size) - 1]
    alive = alive & (live > enough)[:, None]
    return beam._replace(
        time=beam.time + 1,
        tokens=tokens,
        last=np.where(alive, best.tokens, special.end),
        alive=alive,
    )


def _length_norm(length: int, config: DecodingConfig) -> float:
    if not config.length_penalty:
        return 1.0
    return (max(length, 1) / 10.0) ** config.length_penalty


def _at(scores: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return the scores of extensions by their index, (B, K) of (B, K, V)."""
    return np.take_along_axis(scores.reshape(len(scores), -1), index, axis=1)


def _take(state: Any, parents: np.ndarray) -> Any:
    """Reorder every array of a state along the beam."""
    if isinstance(state, dict):
        return {name: _take(leaf, parents) for name, leaf in state.items()}
    if isinstance(state, tuple):
        return type(state)(*(_take(leaf, parents) for leaf in state))
    return state[np.arange(len(parents))[:, None], parents]
