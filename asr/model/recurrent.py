"""GRU over padded sequences, with its backward pass written out.

Three things make it faster than a loop left to automatic differentiation: the loop
holds only what depends on the previous step, the gates of all steps are worked out at
once on the way back instead of being stored one by one, and the gradient of the
recurrent kernel is one product over all steps instead of a running sum.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from asr.model.loops import delayed, outer_sum, product, scan
from asr.tensors import Tensor


def _gates(inputs: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return update gate, reset gate and candidate, each (..., H)."""
    units = inputs.shape[-1] // 3
    both = ops.sigmoid(inputs[..., : 2 * units] + recurrent[..., : 2 * units])
    update, reset = both[..., :units], both[..., units:]
    candidate = ops.tanh(inputs[..., 2 * units :] + reset * recurrent[..., 2 * units :])
    return update, reset, candidate


def gru_step(inputs: Tensor, hidden: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Advance a GRU by one step.

    Args:
        inputs: Projected input of the update gate, reset gate and candidate, (..., 3H).
        hidden: Previous state, (..., H).
        kernel: Recurrent kernel, (H, 3H).
        bias: Bias of the recurrent projection, (3H,).

    Returns:
        The new state, (..., H).

    Reference:
        K. Cho et al., EMNLP 2014, section 2.3; the reset gate acts after the
        recurrent product, as in cuDNN and `keras.layers.GRU(reset_after=True)`.
    """
    update, _, candidate = _gates(inputs, product(hidden, kernel) + bias)
    return update * hidden + (1.0 - update) * candidate


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
    update, reset, candidate = _gates(inputs, recurrent)
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
        update, _, candidate = _gates(projected, recurrent)
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


class BidirectionalGRU(keras.layers.Layer):
    """Two GRUs, one from each end; equals the run over each unpadded sequence.

    Large products use the layer's compute type, so that mixed precision speeds them up;
    the recurrence and its weights stay in float32.

    Args:
        units: Units of each direction.
        recurrent_dropout: Share of recurrent weights dropped for a whole batch.
        seed: Seed of the dropped weights.

    Call arguments:
        inputs: (T, B, channels), time first.
        mask: 1 at real steps and 0 in the padding, (T, B, 1) float32.
        training: Whether to drop weights.

    Returns:
        States of both directions, (T, B, 2 * units) float32.

    Reference:
        M. Schuster and K. Paliwal, Bidirectional recurrent neural networks, 1997;
        dropped weights: S. Merity et al., ICLR 2018, section 2 (DropConnect).
    """

    def __init__(
        self,
        units: int,
        *,
        recurrent_dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,  # noqa: ANN401 - Keras layer arguments
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.units = units
        self.recurrent_dropout = recurrent_dropout
        self.random = keras.random.SeedGenerator(seed) if recurrent_dropout else None

    def build(self, inputs_shape: Any, *_: Any) -> None:  # noqa: ANN401 - Keras shapes
        """Create the weights of both directions."""
        wide = 3 * self.units
        self.kernels, self.recurrent_kernels, self.biases = [], [], []
        for way in ("forward", "backward"):
            self.kernels.append(
                self.add_weight(shape=(inputs_shape[-1], wide), name=f"{way}_kernel")
            )
            self.recurrent_kernels.append(
                self.add_weight(
                    shape=(self.units, wide),
                    initializer="orthogonal",
                    autocast=False,
                    name=f"{way}_recurrent_kernel",
                )
            )
            self.biases.append(
                self.add_weight(
                    shape=(2, wide),
                    initializer="zeros",
                    autocast=False,
                    name=f"{way}_bias",
                )
            )

    def call(self, inputs: Tensor, mask: Tensor, training: bool = False) -> Tensor:
        """See the class."""
        inputs = ops.cast(inputs, self.compute_dtype)
        ahead = self._direction(0, inputs, mask, training)
        behind = self._direction(1, ops.flip(inputs, 0), ops.flip(mask, 0), training)
        return ops.concatenate([ahead, ops.flip(behind, 0)], axis=-1)

    def _direction(
        self, way: int, inputs: Tensor, mask: Tensor, training: bool
    ) -> Tensor:
        # Slices, since a custom gradient must not see TensorFlow's variables.
        bias, recurrent = self.biases[way][:], self.recurrent_kernels[way][:]
        if training and self.recurrent_dropout:
            recurrent = keras.random.dropout(
                recurrent, self.recurrent_dropout, seed=self.random
            )
        kernel = ops.cast(self.kernels[way], self.compute_dtype)
        projected = ops.cast(ops.matmul(inputs, kernel), "float32") + bias[0]
        return gru_sequence(projected, mask, recurrent, bias[1])
