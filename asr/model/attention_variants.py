"""Other kinds of attention: one class each, all behind `attention.Attention`."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import keras
from keras import ops

from asr.arrays import Tensor
from asr.errors import RecipeError, did_you_mean, quoted
from asr.model.attention import (
    MASKED,
    Attention,
    BahdanauAttention,
    drop,
    mask_bias,
)
from asr.model.multi_head import MultiHeadAttention
from asr.model.ops import branch, product


class Keys(NamedTuple):
    """Inputs of Luong's attention that all steps share."""

    keys: Tensor  # projected memory, (B, n, S); for `concat` (B, S, n)
    values: Tensor  # memory, (B, S, D)
    bias: Tensor  # see `mask_bias`, (B, 1, S)


class LuongAttention(Attention):
    """Multiplicative attention: the energy is q . m (`dot`) or q . W m (`general`).

    `concat` is v . tanh(W [q; m]), which is Bahdanau's energy without a bias. There is
    no state.

    Reference:
        M.-T. Luong et al., EMNLP 2015, section 3.1. The context is fed back through
        the decoder's GRU, in the place of the paper's attentional vector. Products are
        divided by the root of the query's size (A. Vaswani et al., NeurIPS 2017):
        otherwise the softmax saturates in the first epochs and training stalls.
    """

    def build(self, query_units: int, memory_units: int) -> None:
        """Create the weights; `dot` has none and needs equal sizes."""
        score, units, add = self.config.score, self.config.units, self.add_weight
        if score == "dot" and query_units != memory_units:
            raise RecipeError(
                f"model.attention.score: for dot, model.encoder.memory_units must be "
                f"model.decoder.units, {query_units}, got {memory_units}; "
                "change it, or use general"
            )
        if score == "general":
            self.kernel = add((memory_units, query_units), name="kernel")
        if score == "concat":
            self.query_kernel = add((query_units, units), name="query_kernel")
            self.kernel = add((memory_units, units), name="kernel")
            self.energy = add((units, 1), name="energy")
        self.built = True

    def prepare(self, memory: Tensor, mask: Tensor) -> Keys:
        """Project the memory; see `Attention.prepare`."""
        keys = memory
        if self.config.score != "dot":
            keys = product(memory, self.kernel)
        if self.config.score != "concat":
            # Scaled and transposed once, not in every step.
            keys = ops.transpose(keys / math.sqrt(keys.shape[-1]), (0, 2, 1))
        return Keys(keys, memory, mask_bias(mask))

    def attend(
        self, query: Tensor, memory: Keys, state: Tensor, dropout_mask: Tensor = None
    ) -> tuple[Any, Any, Any]:
        """Compute the context of one step; see `Attention.attend`."""
        weights = ops.softmax(self.energies(query, memory) + memory.bias, axis=-1)
        context = ops.matmul(drop(weights, dropout_mask), memory.values)
        return context, weights, state

    def energies(self, query: Tensor, memory: Keys) -> Tensor:
        """Return the energies of all frames, (B, K, S)."""
        if self.config.score != "concat":
            return ops.matmul(query, memory.keys)
        hidden = ops.expand_dims(memory.keys, 1)
        hidden = hidden + ops.expand_dims(product(query, self.query_kernel), 2)
        return ops.squeeze(ops.matmul(ops.tanh(hidden), self.energy), -1)


class LocalAttention(LuongAttention):
    """Luong's attention within a window of `2 * window + 1` frames.

    The centre of the window is one of:

    - `monotonic`: the number of the step (Luong's local-m);
    - `predicted`: a function of the query (Luong's local-p); a Gaussian around it, with
      a deviation of half the window, also scales the weights;
    - `previous`: the mean frame under the weights of the previous step. It suits
      speech, which has no fixed number of frames per step.

    The state is the centre of the next step, (B, K, 1).

    Reference:
        M.-T. Luong et al., EMNLP 2015, section 3.2; windows around the last position:
        J. Chorowski et al., NeurIPS 2015, section 2.3. The logarithm of the Gaussian is
        added to the energies. Unlike in the paper, the weights then sum to 1.
    """

    def build(self, query_units: int, memory_units: int) -> None:
        """Create the weights of the energies, and of a predicted centre."""
        super().build(query_units, memory_units)
        units, add = self.config.units, self.add_weight
        if self.config.centre == "predicted":
            self.place_kernel = add((query_units, units), name="place_kernel")
            self.place = add((units, 1), name="place")

    def attend(
        self, query: Tensor, memory: Keys, state: Tensor, dropout_mask: Tensor = None
    ) -> tuple[Any, Any, Any]:
        """Compute the context of one step; see `Attention.attend`."""
        window = float(self.config.window)
        real = ops.cast(memory.bias > 0.5 * MASKED, "float32")
        last = ops.sum(real, axis=-1, keepdims=True) - 1.0  # (B, 1, 1)
        centre = ops.minimum(state, last)
        if self.config.centre == "predicted":
            hidden = ops.tanh(product(branch(query), self.place_kernel))
            centre = last * ops.sigmoid(product(hidden, self.place))
        frames = ops.cast(ops.arange(ops.shape(memory.values)[1]), "float32")
        distance = frames - centre  # (B, K, S)
        # A half at least, so that the nearest frame is always inside.
        inside = ops.abs(distance) <= ops.maximum(window, 0.5)
        energies = ops.where(inside, self.energies(query, memory), MASKED)
        if self.config.centre == "predicted":
            energies = energies - ops.square(distance) / (0.5 * max(window, 1.0) ** 2)
        weights = ops.softmax(energies + memory.bias, axis=-1)
        following = state + 1.0
        if self.config.centre == "previous":
            following = ops.sum(weights * frames, axis=-1, keepdims=True)
        context = ops.matmul(drop(weights, dropout_mask), memory.values)
        return context, weights, following


class Vector(NamedTuple):
    """Inputs of `NoAttention` that all steps share."""

    values: Tensor  # memory, (B, S, D)
    vector: Tensor  # the context of all steps, (B, 1, D)


class NoAttention(Attention):
    """One vector for the whole source, made of its first and its last memory frame.

    There both directions of the encoder have passed the whole source. All weights are
    0. This kind exists to measure the gain from attention.

    Reference:
        I. Sutskever et al., NeurIPS 2014, section 2.
    """

    def build(self, query_units: int, memory_units: int) -> None:  # noqa: ARG002 - the interface
        """Create the projection of the two frames."""
        shape = (2 * memory_units, memory_units)
        self.kernel = self.add_weight(shape=shape, name="kernel")
        self.built = True

    def prepare(self, memory: Tensor, mask: Tensor) -> Vector:
        """Compute the vector; see `Attention.prepare`."""
        lengths = ops.sum(ops.cast(mask, "int32"), axis=-1)  # (B,)
        last = ops.one_hot(ops.maximum(lengths - 1, 0), ops.shape(memory)[1])
        last = ops.matmul(ops.expand_dims(last, 1), memory)  # (B, 1, D)
        both = ops.concatenate([memory[:, :1], last], axis=-1)
        return Vector(memory, ops.tanh(product(both, self.kernel)))

    def attend(
        self,
        query: Tensor,
        memory: Vector,
        state: Tensor,
        dropout_mask: Tensor = None,  # noqa: ARG002 - the interface
    ) -> tuple[Any, Any, Any]:
        """Return the vector for every query, and weights of 0."""
        # Products, since an exported step has an open number of queries.
        ones = ops.ones_like(query[..., :1])  # (B, K, 1)
        frames = ops.transpose(memory.values[..., :1], (0, 2, 1))  # (B, 1, S)
        return memory.vector * ones, ops.zeros_like(frames) * ones, state


class HardAttention(LuongAttention):
    """All weight on one frame, sampled in training; experimental.

    The frame is a sample of the weights of Luong's attention: the largest energy after
    Gumbel noise is added. The gradient is that of the weights themselves
    (straight-through). Without noise, as in decoding, it is the most probable frame.

    Reference:
        K. Xu et al., ICML 2015, section 4.1, with the estimator of E. Jang et al.,
        ICLR 2017, section 2.2, in the place of REINFORCE.
    """

    def attend(
        self, query: Tensor, memory: Keys, state: Tensor, dropout_mask: Tensor = None
    ) -> tuple[Any, Any, Any]:
        """Compute the context of one step; `dropout_mask` is the noise."""
        energies = self.energies(query, memory) + memory.bias
        if dropout_mask is not None:
            energies = energies + dropout_mask
        soft = ops.softmax(energies, axis=-1)
        frames = ops.shape(memory.values)[1]
        hard = ops.one_hot(ops.argmax(energies, axis=-1), frames)
        weights = soft + ops.stop_gradient(hard - soft)
        return ops.matmul(weights, memory.values), weights, state

    def noise(self, shape: tuple[Any, ...], dropout: float, seed: Any) -> Tensor:  # noqa: ARG002 - the interface
        """Return Gumbel noise of that shape."""
        uniform = keras.random.uniform(shape, 1e-6, 1.0 - 1e-6, seed=seed)
        return -ops.log(-ops.log(uniform))


ATTENTIONS: dict[str, type[Attention]] = {
    "bahdanau": BahdanauAttention,
    "luong": LuongAttention,
    "local": LocalAttention,
    "multi_head": MultiHeadAttention,
    "none": NoAttention,
    "hard": HardAttention,
}


def attention_class(kind: str) -> type[Attention]:
    """Return the class of a kind of attention.

    Raises:
        RecipeError: The kind is unknown.
    """
    if kind not in ATTENTIONS:
        hint = did_you_mean(kind, list(ATTENTIONS))
        raise RecipeError(f"model.attention.kind: unknown {quoted(kind)}{hint}")
    return ATTENTIONS[kind]
