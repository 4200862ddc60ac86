"""GRU over a whole sequence, with its derivative written out.

Definition: `gru_cell.gru_step`, step by step; a masked step keeps the state.
With x the projected input of a step and R, b the recurrent kernel and its bias:

    r  = h R + b
    z  = sigmoid(x_z + r_z)           update gate
    g  = sigmoid(x_g + r_g)           reset gate
    c  = tanh(x_c + g r_c)            candidate
    h' = z h + (1 - z) c

Derivative, where d is the gradient of h' and d_ those of the pre-activations:

    d_z  = d (1 - z) z (h - c)
    d_xc = d (1 - z) (1 - c^2)        input part of the candidate
    d_rc = d_xc g                     recurrent part of the candidate
    d_g  = d_xc r_c g (1 - g)
    gradient of h = d z + [d_z, d_g, d_rc] R^T

All factors of d come from stored states, so they are computed for all steps at once.
The backward loop holds the last line only; the gradient of R is one product after it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

from asr.arrays import Tensor
from asr.model.gru_cell import gates
from asr.model.ops import delayed, outer_sum, scan


class Slopes(NamedTuple):
    """Factors of the gradient d of a new state."""

    previous: Tensor  # for the previous state directly: z, (..., H)
    gates: Tensor  # for the pre-activations z, g, rc and xc, (..., 4H)


def gru_slopes(inputs: Tensor, recurrent: Tensor, previous: Tensor) -> Slopes:
    """Compute the slopes of new states from x and r (..., 3H), and h (..., H)."""
    units = previous.shape[-1]
    update, reset, candidate = gates(inputs, recurrent)
    by_candidate = (1.0 - update) * (1.0 - candidate * candidate)
    by_update = (1.0 - update) * update * (previous - candidate)
    by_reset = by_candidate * recurrent[..., 2 * units :] * reset * (1.0 - reset)
    slopes = [by_update, by_reset, by_candidate * reset, by_candidate]
    return Slopes(update, ops.concatenate(slopes, axis=-1))


def gru_gradients(deltas: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of x and r, (..., 3H) each.

    Args:
        deltas: Gradients of new states, (..., H).
        slopes: Field `gates` of their `Slopes`, (..., 4H).
    """
    units = deltas.shape[-1]
    all_four = ops.concatenate([deltas] * 4, axis=-1) * slopes
    both, by_input = all_four[..., : 2 * units], all_four[..., 3 * units :]
    return ops.concatenate([both, by_input], axis=-1), all_four[..., : 3 * units]


# Added to the update gate of a masked step: z becomes 1 and the state stays, exactly.
_SHUT = 1e4


@ops.custom_gradient
def gru_sequence(inputs: Tensor, mask: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Run a GRU over time; a masked step keeps the state.

    Args:
        inputs: Projected inputs, (T, B, 3H) float32.
        mask: 1 at real steps and 0 in the padding, (T, B, 1) float32.
        kernel: Recurrent kernel, (H, 3H) float32.
        bias: Bias of the recurrent projection, (3H,) float32.

    Returns:
        States after each step, (T, B, H) float32.
    """
    units = kernel.shape[0]
    start = ops.zeros_like(inputs[0, :, :units])
    # The mask enters here, once: the loop does not need it.
    shut = ops.concatenate([ops.full((units,), _SHUT), ops.zeros((2 * units,))])
    inputs = ops.where(mask > 0, inputs, shut)

    def forward(carry: Any, projected: Tensor) -> tuple[Any, Any]:
        hidden, _ = carry
        recurrent = ops.matmul(hidden, kernel) + bias  # stored for the derivative
        update, _, candidate = gates(projected, recurrent)
        following = hidden + (1.0 - update) * (candidate - hidden), recurrent
        return following, following  # `scan` needs outputs like the carry

    _, (states, recurrent) = scan(forward, (start, ops.zeros_like(inputs[0])), inputs)

    def gradient(*args: Tensor, upstream: Tensor = None) -> tuple[Any, ...]:
        upstream = args[0] if upstream is None else upstream
        previous = delayed(states)
        slopes = gru_slopes(inputs, recurrent, previous)
        transposed = ops.transpose(kernel)

        def backward(carry: Tensor, step: Any) -> tuple[Tensor, Tensor]:
            outer, slopes = step
            delta = outer + carry  # (B, H)
            d_recurrent = ops.tile(delta, (1, 3)) * slopes.gates
            return delta * slopes.previous + ops.matmul(d_recurrent, transposed), delta

        # Without xc: it does not lead to the previous state.
        shorter = slopes._replace(gates=slopes.gates[..., : 3 * units])
        _, deltas = scan(backward, start, (upstream, shorter), reverse=True)
        # One product over all steps, instead of a running sum in the loop.
        d_inputs, d_recurrent = gru_gradients(deltas, slopes.gates)
        d_kernel = outer_sum(previous, d_recurrent)
        d_bias = ops.sum(d_recurrent, axis=(0, 1))
        return d_inputs, ops.zeros_like(mask), d_kernel, d_bias

    return states, gradient
