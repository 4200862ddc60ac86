"""Beam search, batched, as a loop that compiles into one graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from asr.arrays import Tensor
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

    tokens: Tensor
    lengths: Tensor
    scores: Tensor


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

    time: Tensor  # ()
    tokens: Tensor  # (B, K, L)
    last: Tensor  # (B, K)
    alive: Tensor  # (B, K) bool
    totals: tuple[Tensor, ...]  # (B, K) log probability by decoder and each scorer
    state: Any  # of the decoder
    scorer_states: tuple[Any, ...]
    finished: Hypotheses


class _Extensions(NamedTuple):
    """The K best extensions of the live hypotheses, (B, K) each."""

    scores: Tensor
    tokens: Tensor
    parents: Tensor
    index: Tensor  # among all K * V extensions


def beam_search(
    step: Step,
    state: Tensor,
    limits: Tensor,
    special: Tokens,
    config: DecodingConfig,
    *,
    scorers: Sequence[WeightedScorer] = (),
    weight: float = 1.0,
    longest: Tensor = None,
) -> Hypotheses:
    """Keep the K most probable hypotheses; those that end compete in a pool apart.

    The search of an utterance is over once no live hypothesis scores above its
    `n_best`-th finished one. Without length normalisation and without scorers that
    give rewards, scores only fall and nothing better can follow; with them this is the
    usual approximation.

    Args:
        step: `(tokens (B, K), state) -> (logits (B, K, V), state)`; every leaf of the
            state begins with (B, K).
        state: State before the first step, for K = `config.beam_size` hypotheses.
        limits: Maximum tokens of each utterance, (B,) int32; a hypothesis that reaches
            it can only end.
        special: Start and end symbols.
        config: Beam size, `n_best` and length penalty.
        scorers: Scorers beside the decoder, such as CTC and a language model.
        weight: Factor of the decoder's log probabilities.
        longest: As in `greedy_search`.

    Returns:
        K hypotheses for each utterance, best first.
    """
    longest = ops.max(limits) if longest is None else longest
    weights = [weight, *(scorer.weight for scorer in scorers)]

    def advance(*loop: Tensor) -> tuple[Tensor, ...]:
        """Extend all live hypotheses by one token, and keep the K best."""
        beam = _Beam(*loop)
        logits, state = step(beam.last, beam.state)
        log_probs = allowed_log_probs(logits, special, limits <= beam.time)
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
            totals=tuple(_at(total, best.index) for total in totals),
            state=_take(state, best.parents),
            scorer_states=tuple(followed),
            tokens=_take(beam.tokens, best.parents),
        )
        beam = beam._replace(finished=_collect_finished(beam, best, special, config))
        return tuple(_select(beam, best, special, config))

    loop = ops.while_loop(
        lambda *loop: ops.any(_Beam(*loop).alive),
        advance,
        tuple(_start(state, limits, longest, special, config, scorers)),
    )
    return _Beam(*loop).finished


def _start(
    state: Tensor,
    limits: Tensor,
    longest: Tensor,
    special: Tokens,
    config: DecodingConfig,
    scorers: Sequence[WeightedScorer],
) -> _Beam:
    zeros = ops.tile(ops.zeros_like(limits)[:, None], (1, config.beam_size))  # (B, K)
    # Room for the longest hypothesis and, at its end, for the step that closes it.
    tokens = zeros[..., None] + ops.arange(longest + 1, dtype="int32") * 0
    nothing = ops.cast(zeros, "float32")
    return _Beam(
        time=ops.convert_to_tensor(0, dtype="int32"),
        tokens=tokens,
        last=zeros + special.start,
        # The K starts are alike: only one may live.
        alive=(zeros == 0) & (ops.arange(config.beam_size) == 0),
        totals=(nothing,) * (1 + len(scorers)),
        state=state,
        scorer_states=tuple(scorer.state for scorer in scorers),
        finished=Hypotheses(tokens, zeros, nothing + NEVER),
    )


def allowed_log_probs(logits: Tensor, special: Tokens, full: Tensor) -> Tensor:
    """Return log probabilities (B, K, V) in which forbidden next tokens are `NEVER`.

    Blank and start are forbidden, and all but the end where an utterance is `full`,
    (B,) bool.
    """
    tokens = ops.arange(logits.shape[-1])
    log_probs = ops.log_softmax(logits, axis=-1)
    banned = (tokens == 0) | (tokens == special.start)
    banned = banned | (full[:, None, None] & (tokens != special.end))
    return ops.where(banned, NEVER, log_probs)


def _weighted_sum(
    totals: Sequence[Tensor], weights: Sequence[float], alive: Tensor
) -> Tensor:
    """Return the weighted sum of total scores, (B, K, V).

    A token that one scorer rules out stays ruled out, however small the weight is.
    """
    scores = weights[0] * totals[0]
    possible = alive[..., None] & (totals[0] > 0.5 * NEVER)
    for weight, total in zip(weights[1:], totals[1:], strict=True):
        scores = scores + weight * total
        possible = possible & (total > 0.5 * NEVER)
    return ops.where(possible, scores, NEVER)


def _top_k(scores: Tensor, size: int) -> _Extensions:
    """Return the K best of all extensions of an utterance's hypotheses."""
    batch, _, vocabulary = ops.shape(scores)
    values, index = ops.top_k(ops.reshape(scores, (batch, size * vocabulary)), size)
    index = ops.cast(index, "int32")
    return _Extensions(values, index % vocabulary, index // vocabulary, index)


def _collect_finished(
    beam: _Beam, best: _Extensions, special: Tokens, config: DecodingConfig
) -> Hypotheses:
    """Put extensions by the end symbol among the K best finished hypotheses."""
    ended = (best.tokens == special.end) & (best.scores > 0.5 * NEVER)
    normalised = best.scores / _length_norm(beam.time, config)
    scores = ops.where(ended, normalised, NEVER)
    lengths = ops.full_like(best.tokens, beam.time)
    pool = Hypotheses(
        *(
            ops.concatenate(pair, axis=1)
            for pair in zip(beam.finished, (beam.tokens, lengths, scores), strict=True)
        )
    )
    values, index = ops.top_k(pool.scores, config.beam_size)
    index = ops.cast(index, "int32")
    return Hypotheses(_take(pool.tokens, index), _take(pool.lengths, index), values)


def _select(
    beam: _Beam, best: _Extensions, special: Tokens, config: DecodingConfig
) -> _Beam:
    """Go on with the extensions that have not ended and may still win."""
    alive = (best.tokens != special.end) & (best.scores > 0.5 * NEVER)
    here = ops.arange(ops.shape(beam.tokens)[-1], dtype="int32") == beam.time
    tokens = ops.where(alive[..., None] & here, best.tokens[..., None], beam.tokens)
    # Stop an utterance when its n-th finished hypothesis beats all live ones.
    live = ops.max(ops.where(alive, best.scores, NEVER), axis=1)
    live = live / _length_norm(beam.time + 1, config)
    enough = beam.finished.scores[:, min(config.n_best, config.beam_size) - 1]
    alive = alive & (live > enough)[:, None]
    return beam._replace(
        time=beam.time + 1,
        tokens=tokens,
        last=ops.where(alive, best.tokens, special.end),
        alive=alive,
    )


def _length_norm(length: Tensor, config: DecodingConfig) -> Tensor:
    if not config.length_penalty:
        return 1.0
    return (
        ops.maximum(ops.cast(length, "float32"), 1.0) / 10.0
    ) ** config.length_penalty


def _at(scores: Tensor, index: Tensor) -> Tensor:
    """Return the scores of extensions by their index, (B, K) of (B, K, V)."""
    batch, size, vocabulary = ops.shape(scores)
    flat = ops.reshape(scores, (batch, size * vocabulary))
    return ops.take_along_axis(flat, index, axis=1)


def _take(state: Any, parents: Tensor) -> Any:
    """Reorder every leaf of a state along the beam."""

    def reorder(leaf: Tensor) -> Tensor:
        index = ops.reshape(
            parents, (*ops.shape(parents), *([1] * (len(leaf.shape) - 2)))
        )
        return ops.take_along_axis(leaf, index, axis=1)

    return keras.tree.map_structure(reorder, state)
