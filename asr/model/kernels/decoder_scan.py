"""The decoder's recurrence, and its loop over known tokens with the way back.

As in `asr.model.gru`, the way back is written out: what one step can do for all
is done at once before or after the loop, and attention's inner values, of the size
steps x frames x units, are worked out again instead of being kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keras import ops

from asr.arrays import Tensor
from asr.model.attention import Attention, BahdanauAttention, BahdanauMemory, Memory
from asr.model.decoder_cell import Cell, advance, initial_state
from asr.model.kernels.bahdanau import BahdanauBackward
from asr.model.kernels.gru import gru_gradients, gru_slopes
from asr.model.ops import delayed, outer_sum, product, scan

if TYPE_CHECKING:
    from asr.model.decoder_cell import DecoderState


def read_tokens(
    cell: Cell,
    attention: Attention,
    projected: Tensor,
    memory: Memory,
    keep: Tensor = None,
) -> tuple[Any, Any, Any]:
    """Read a sequence of known tokens (teacher forcing).

    Args:
        cell: Weights of the GRU.
        attention: How it looks at the memory.
        projected: Projected embeddings, (U, B, 3H).
        memory: What `attention.prepare` returned.
        keep: Factors for attention weights (dropout), (U, B, S), or None.

    Returns:
        After each token: state (U, B, H), context (U, B, D) and attention weights
        (U, B, S). The way back is written out for Bahdanau's attention, and left to
        automatic differentiation for the others.
    """
    steps = [projected] if keep is None else [projected, keep]
    if not isinstance(attention, BahdanauAttention):
        return _forward(cell, attention, memory, steps)
    present = [name for name in memory._fields if getattr(memory, name) is not None]

    @ops.custom_gradient
    def run(*tensors: Tensor) -> tuple[Any, Any]:
        cell = Cell(*tensors[:3])
        memory = BahdanauMemory(**dict(zip(present, tensors[3:], strict=False)))
        steps = list(tensors[3 + len(present) :])  # projected, and keep if there is one
        outputs = _forward(cell, attention, memory, steps)

        def gradient(*upstream: Any) -> tuple[Any, ...]:
            # TensorFlow hands over three tensors, JAX the three as one tuple.
            three = upstream if len(upstream) > 1 else upstream[0]
            return _backward(cell, memory, steps, outputs, three)

        return outputs, gradient

    given = [tensor for tensor in memory if tensor is not None]
    return run(*cell, *given, *steps)


def _forward(
    cell: Cell,
    attention: Attention,
    memory: Memory,
    steps: list[Any],
) -> tuple[Any, Any, Any]:
    """Return states, contexts and weights of all steps, each (U, B, n)."""

    def step(carry: tuple[DecoderState, Any], inputs: list[Any]) -> tuple[Any, Any]:
        inputs = [tensor[:, None] for tensor in inputs]
        following = advance(cell, attention, inputs[0], carry[0], memory, *inputs[1:])
        # The same twice: `scan` wants outputs of the structure of the carry.
        return following, following

    nowhere = ops.zeros_like(memory.values[:, None, :, 0])  # (B, 1, S)
    start = initial_state(cell, attention, memory, 1), nowhere
    _, (states, weights) = scan(step, start, steps)
    outputs = states.hidden, states.context, weights
    return tuple(output[:, :, 0] for output in outputs)


def _backward(
    cell: Cell,
    memory: BahdanauMemory,
    steps: list[Any],
    outputs: tuple[Any, Any, Any],
    upstream: tuple[Any, Any, Any],
) -> tuple[Any, ...]:
    """Return the gradients of the cell, of what is in the memory, and of the steps."""
    units = cell.recurrent_kernel.shape[0]
    states, contexts, weights = outputs
    before, contexts_before = delayed(states), delayed(contexts)
    inputs = steps[0] + product(contexts_before, cell.context_kernel)
    recurrent = product(before, cell.recurrent_kernel) + cell.bias
    kept, slopes = gru_slopes(inputs, recurrent, before)
    keep = steps[1] if len(steps) > 1 else None
    looks = BahdanauBackward(memory, states, weights, keep)
    kernel = _back_kernel(cell)
    count = 3 + len(looks.emitted)

    def step(carry: tuple[Any, ...], inputs: list[Any]) -> tuple[Any, Any]:
        d_hidden, d_context, d_state = carry[:3]
        outer, outer_context, d_weights, direct, slope, *looked = inputs
        d_context = outer_context + d_context
        d_query, d_state, emitted, added = looks.step(
            looked, d_context, d_weights, d_state
        )
        delta = outer + d_hidden + d_query  # (B, H)
        back = ops.matmul(ops.tile(delta, (1, 4)) * slope, kernel)
        d_hidden, d_before = ops.split(back, [units], axis=-1)
        sums = [old + new for old, new in zip(carry[count:], added, strict=True)]
        following = (delta * direct + d_hidden, d_before, d_state)
        # `scan` wants outputs of the shapes of the carry: it carries zeros for what is
        # emitted, and the place of the sums is filled with what costs nothing.
        return (
            (*following, *looks.emitted, *sums),
            (delta, d_context, d_state, *emitted, *looks.sums),
        )

    start = (
        ops.zeros_like(states[0]),
        ops.zeros_like(contexts[0]),
        ops.zeros_like(weights[0]),
    )
    last, found = scan(
        step,
        (*start, *looks.emitted, *looks.sums),
        [*upstream, kept, slopes, *looks.inputs],
        reverse=True,
    )
    d_inputs, d_recurrent = gru_gradients(found[0], slopes)
    d_memory = looks.finish(found[1], tuple(found[3:count]), tuple(last[count:]))
    return (
        outer_sum(contexts_before, d_inputs),
        outer_sum(before, d_recurrent),
        ops.sum(d_recurrent, axis=(0, 1)),
        *(tensor for tensor in d_memory if tensor is not None),
        d_inputs,
        *(ops.zeros_like(keep) for keep in steps[1:]),
    )


def _back_kernel(cell: Cell) -> Tensor:
    """Return what takes the four pre-activations of `gru_slopes` to (state, context).

    The recurrent part of the candidate leads to the state only, its input part to the
    context only.
    """
    units = cell.recurrent_kernel.shape[0]
    to_state = ops.transpose(cell.recurrent_kernel)  # (3H, H)
    to_context = ops.transpose(cell.context_kernel)  # (3H, D)
    gates = 2 * units
    by_state = ops.pad(to_state, ((0, units), (0, 0)))
    by_context = ops.concatenate(
        [
            to_context[:gates],
            ops.zeros_like(to_context[gates:]),
            to_context[gates:],
        ]
    )
    return ops.concatenate([by_state, by_context], axis=-1)
