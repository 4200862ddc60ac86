"""Greedy and beam search, batched, as a loop that compiles into one graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import DecodingConfig
from asr.decoding import ctc_prefix
from asr.decoding.ctc_prefix import NEVER, PrefixState
from asr.decoding.scorers import Scorer

Step = Callable[[Any, Any], tuple[Any, Any]]


class Hypotheses(NamedTuple):
    """What a search found, best first.

    Attributes:
        tokens: Tokens without start and end, zeros after them, (B, K, L) int32.
        lengths: Tokens of each, (B, K) int32.
        scores: Log probability, joint with CTC and normalised by length where asked
            for, (B, K) float32; -1e9 where there are fewer than K hypotheses.
    """

    tokens: Tensor
    lengths: Tensor
    scores: Tensor


class Tokens(NamedTuple):
    """The special tokens of a vocabulary."""

    start: int
    end: int


class _Beam(NamedTuple):
    time: Tensor  # ()
    tokens: Tensor  # (B, K, L)
    last: Tensor  # (B, K)
    attention: Tensor  # (B, K) log probability by attention
    guided: Tensor  # (B, K) what guides have added
    places: Tensor  # state of each guide, leaves (B, K)
    alive: Tensor  # (B, K) bool
    state: Tensor
    prefix: Tensor
    finished: Hypotheses


def beam_search(
    step: Step,
    state: Tensor,
    limits: Tensor,
    special: Tokens,
    config: DecodingConfig,
    *,
    ctc_log_probs: Tensor = None,
    guides: Sequence[tuple[Scorer, Tensor]] = (),
    longest: Tensor = None,
) -> Hypotheses:
    """Keep the K most probable hypotheses; those that end compete in a pool apart.

    The search of an utterance is over once no live hypothesis scores above its
    `n_best`-th finished one. Scores only fall, so that without length normalisation
    and guides that reward nothing better can come; with them this is the usual
    approximation.

    Args:
        step: `(tokens (B, K), state) -> (logits (B, K, V), state)`; every leaf of the
            state begins with (B, K).
        state: State before the first step, for K = `config.beam_size` hypotheses.
        limits: Longest hypothesis of each utterance, (B,) int32; those that meet it can
            only end.
        special: Start and end symbols.
        config: Beam, weights and thresholds.
        ctc_log_probs: (B, R, V) after `ctc_prefix.pad_frames`, or None to decode by
            attention alone.
        guides: What else adds to the score, such as a language model, and the start of
            each utterance in it, (B,) int32.
        longest: As in `greedy_search`.

    Returns:
        K hypotheses for each utterance, best first.
    """
    size = config.beam_size
    weight = 0.0 if ctc_log_probs is None else config.ctc_weight

    def advance(*loop: Tensor) -> tuple[Tensor, ...]:
        beam = _Beam(*loop)
        logits, state = step(beam.last, beam.state)
        log_probs = allowed_log_probs(logits, special, limits <= beam.time)  # (B, K, V)
        attention = beam.attention[..., None] + log_probs
        guided = beam.guided[..., None] + ops.zeros_like(log_probs)
        for (guide, _), place in zip(guides, beam.places, strict=True):
            guided = guided + guide.scores(place)
        joint = (1.0 - weight) * attention + guided
        if weight:
            scores = ctc_prefix.extension_scores(
                beam.prefix, ctc_log_probs, special.end
            )
            joint = joint + weight * scores
            # What one of the two rules out stays so, whatever its weight.
            joint = ops.where(scores > 0.5 * NEVER, joint, NEVER)
        possible = beam.alive[..., None] & (log_probs > 0.5 * NEVER)
        joint = ops.where(possible, joint, NEVER)
        batch, _, vocabulary = ops.shape(joint)
        values, index = ops.top_k(ops.reshape(joint, (batch, size * vocabulary)), size)
        index = ops.cast(index, "int32")
        parents, chosen = index // vocabulary, index % vocabulary  # (B, K)
        tokens = ops.take_along_axis(beam.tokens, parents[..., None], axis=1)
        ended = (chosen == special.end) & (values > 0.5 * NEVER)
        finished = _best(
            beam.finished,
            Hypotheses(
                tokens,
                ops.full_like(chosen, beam.time),
                ops.where(ended, values / _length_norm(beam.time, config), NEVER),
            ),
            size,
        )
        alive = (chosen != special.end) & (values > 0.5 * NEVER)
        here = ops.arange(ops.shape(tokens)[-1], dtype="int32") == beam.time
        tokens = ops.where(alive[..., None] & here, chosen[..., None], tokens)
        live = ops.where(alive, values, NEVER)
        best = ops.max(live, axis=1) / _length_norm(beam.time + 1, config)
        enough = finished.scores[:, min(config.n_best, size) - 1]
        alive = alive & (best > enough)[:, None]

        def of_chosen(scores: Tensor) -> Tensor:
            flat = ops.reshape(scores, (batch, size * vocabulary))
            return ops.take_along_axis(flat, index, axis=1)

        following = _Beam(
            time=beam.time + 1,
            tokens=tokens,
            last=ops.where(alive, chosen, special.end),
            attention=of_chosen(attention),
            guided=of_chosen(guided),
            places=tuple(
                guide.follow(_take(place, parents), chosen)
                for (guide, _), place in zip(guides, beam.places, strict=True)
            ),
            alive=alive,
            state=_take(state, parents),
            prefix=ctc_prefix.extend(beam.prefix, ctc_log_probs, parents, chosen)
            if weight
            else beam.prefix,
            finished=finished,
        )
        return tuple(following)

    longest = ops.max(limits) if longest is None else longest
    zeros = ops.tile(ops.zeros_like(limits)[:, None], (1, size))  # (B, K)
    beam = _start(state, zeros, longest, special, ctc_log_probs if weight else None)
    places = tuple(guide.begin(zeros + starts[:, None]) for guide, starts in guides)
    beam = beam._replace(places=places)
    beam = _Beam(
        *ops.while_loop(lambda *loop: ops.any(_Beam(*loop).alive), advance, tuple(beam))
    )
    return beam.finished


def _start(
    state: Tensor,
    zeros: Tensor,
    longest: Tensor,
    special: Tokens,
    ctc_log_probs: Tensor,
) -> _Beam:
    # Room for the longest hypothesis and, at its end, for the step that closes it.
    empty = ops.arange(longest + 1, dtype="int32") * 0
    tokens = zeros[..., None] + empty
    never = ops.cast(zeros, "float32") + NEVER
    size = zeros.shape[1]
    first = ops.arange(size) == 0  # the K starts are alike: only one may live
    if ctc_log_probs is None:
        prefix = PrefixState(never, never, zeros)
    else:
        prefix = ctc_prefix.start(ctc_log_probs, size)
    return _Beam(
        time=ops.convert_to_tensor(0, dtype="int32"),
        tokens=tokens,
        last=zeros + special.start,
        attention=ops.cast(zeros, "float32"),
        guided=ops.cast(zeros, "float32"),
        places=(),
        alive=(zeros == 0) & first,
        state=state,
        prefix=prefix,
        finished=Hypotheses(tokens, zeros, never),
    )


def allowed_log_probs(logits: Tensor, special: Tokens, full: Tensor) -> Tensor:
    """Return log probabilities (B, K, V) with tokens that may not come next ruled out.

    Nothing but the end symbol may follow where an utterance is `full`, (B,) bool.
    """
    tokens = ops.arange(logits.shape[-1])
    log_probs = ops.log_softmax(logits, axis=-1)
    banned = (tokens == 0) | (tokens == special.start)
    banned = banned | (full[:, None, None] & (tokens != special.end))
    return ops.where(banned, NEVER, log_probs)


def _length_norm(length: Tensor, config: DecodingConfig) -> Tensor:
    if not config.length_penalty:
        return 1.0
    return (
        ops.maximum(ops.cast(length, "float32"), 1.0) / 10.0
    ) ** config.length_penalty


def _best(first: Hypotheses, second: Hypotheses, size: int) -> Hypotheses:
    """Return the best `size` of two sets."""
    scores = ops.concatenate([first.scores, second.scores], axis=1)
    values, index = ops.top_k(scores, size)
    index = ops.cast(index, "int32")
    tokens = ops.concatenate([first.tokens, second.tokens], axis=1)
    lengths = ops.concatenate([first.lengths, second.lengths], axis=1)
    return Hypotheses(
        ops.take_along_axis(tokens, index[..., None], axis=1),
        ops.take_along_axis(lengths, index, axis=1),
        values,
    )


def _take(state: Tensor, parents: Tensor) -> Tensor:
    """Reorder every leaf of a state along the beam."""

    def reorder(leaf: Tensor) -> Tensor:
        index = ops.reshape(
            parents, (*ops.shape(parents), *([1] * (len(leaf.shape) - 2)))
        )
        return ops.take_along_axis(leaf, index, axis=1)

    return keras.tree.map_structure(reorder, state)
