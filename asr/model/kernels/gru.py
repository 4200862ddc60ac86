"""GRU over a whole sequence with its gradient written out."""

from __future__ import annotations

from keras import ops

from asr.arrays import Tensor
from asr.model.gru_cell import gates
from asr.model.ops import delayed, outer_sum, scan


def gru_slopes(
    inputs: Tensor, recurrent: Tensor, previous: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the derivatives of new states, for the way back.

    Args:
        inputs: Projected inputs, (..., 3H).
        recurrent: Recurrent projections with their bias, (..., 3H).
        previous: States before, (..., H).

    Returns:
        By the state before, directly, (..., H), and by four pre-activations, (..., 4H):
        update gate, reset gate, the recurrent part of the candidate and its input part.
    """
    units = previous.shape[-1]
    update, reset, candidate = gates(inputs, recurrent)
    by_candidate = (1.0 - update) * (1.0 - candidate * candidate)
    by_update = (1.0 - update) * update * (previous - candidate)
    by_reset = by_candidate * recurrent[..., 2 * units :] * reset * (1.0 - reset)
    slopes = [by_update, by_reset, by_candidate * reset, by_candidate]
    return update, ops.concatenate(slopes, axis=-1)


def gru_gradients(deltas: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of projected inputs and recurrent projections, (..., 3H).

    Args:
        deltas: Gradients of the states, (T, B, H).
        slopes: What `gru_slopes` returned, (T, B, 4H).
    """
    units = deltas.shape[-1]
    all_four = ops.tile(deltas, (1, 1, 4)) * slopes
    gates, rest = all_four[..., : 2 * units], all_four[..., 3 * units :]
    return ops.concatenate([gates, rest], axis=-1), all_four[..., : 3 * units]


# Added to the update gate it makes a step keep the old state, exactly.
_SHUT = 1e4


@ops.custom_gradient
def gru_sequence(inputs: Tensor, mask: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Run a GRU over time; a masked step leaves the state as it was.

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
    shut = ops.concatenate([ops.full((units,), _SHUT), ops.zeros((2 * units,))])
    inputs = ops.where(mask > 0, inputs, shut)

    def forward(carry: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        hidden, (projected,) = carry[0], step
        recurrent = ops.matmul(hidden, kernel) + bias
        update, _, candidate = gates(projected, recurrent)
        hidden = hidden + (1.0 - update) * (candidate - hidden)
        # The same pair twice: `scan` wants outputs of the structure of the carry.
        return (hidden, recurrent), (hidden, recurrent)

    carry = (start, ops.zeros_like(inputs[0]))
    _, (states, recurrent) = scan(forward, carry, [inputs])

    def gradient(
        *args: Tensor, upstream: Tensor = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        upstream = args[0] if upstream is None else upstream
        previous = delayed(states)
        kept, slopes = gru_slopes(inputs, recurrent, previous)
        transposed = ops.transpose(kernel)

        def backward(carry: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
            outer, direct, factor = step
            delta = outer + carry  # (B, H)
            back = ops.matmul(ops.tile(delta, (1, 3)) * factor, transposed)
            return delta * direct + back, delta

        steps = [upstream, kept, slopes[..., : 3 * units]]
        _, deltas = scan(backward, start, steps, reverse=True)
        d_inputs, d_recurrent = gru_gradients(deltas, slopes)
        d_kernel = outer_sum(previous, d_recurrent)
        d_bias = ops.sum(d_recurrent, axis=(0, 1))
        return d_inputs, ops.zeros_like(mask), d_kernel, d_bias

    return states, gradient
