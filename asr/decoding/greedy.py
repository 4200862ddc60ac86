"""Greedy search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keras import ops

from asr.arrays import Tensor
from asr.decoding.beam_search import Hypotheses, allowed_log_probs

if TYPE_CHECKING:
    from asr.decoding.beam_search import Step, Tokens


def greedy_search(
    step: Step,
    state: Tensor,
    limits: Tensor,
    special: Tokens,
    *,
    longest: Tensor = None,
) -> Hypotheses:
    """Take the most probable token at each step.

    Args:
        step: `(tokens (B, 1), state) -> (logits (B, 1, V), state)`.
        state: State before the first step.
        limits: Maximum tokens of each utterance, (B,) int32; a hypothesis that reaches
            it can only end.
        special: Start and end symbols.
        longest: Bound on all limits; the largest limit if not given. JAX needs a
            number, since it compiles for it.

    Returns:
        One hypothesis for each utterance (K = 1).
    """
    longest = ops.max(limits) if longest is None else longest
    last = ops.zeros_like(limits)[:, None] + special.start
    positions = ops.arange(longest, dtype="int32")
    tokens = ops.zeros_like(limits)[:, None] * positions[None]
    scores = ops.cast(ops.zeros_like(last), "float32")
    alive = limits >= 0

    def advance(*loop: Tensor) -> tuple[Tensor, ...]:
        time, tokens, last, scores, lengths, alive, state = loop
        logits, state = step(last, state)
        log_probs = allowed_log_probs(logits, special, limits <= time)[:, 0]  # (B, V)
        best = ops.cast(ops.argmax(log_probs, axis=-1), "int32")
        gain = ops.max(log_probs, axis=-1)
        scores = scores + ops.where(alive, gain, 0.0)[:, None]
        alive = alive & (best != special.end)
        tokens = ops.where(
            alive[:, None] & (positions == time)[None], best[:, None], tokens
        )
        lengths = lengths + ops.cast(alive, "int32")
        return time + 1, tokens, best[:, None], scores, lengths, alive, state

    zero = ops.convert_to_tensor(0, dtype="int32")
    lengths = ops.zeros_like(limits)
    loop = ops.while_loop(
        lambda *loop: ops.any(loop[5]),
        advance,
        (zero, tokens, last, scores, lengths, alive, state),
    )
    return Hypotheses(loop[1][:, None], loop[4][:, None], loop[3])
