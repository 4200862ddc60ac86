"""Ways for the decoder to look at the memory: one class each, one interface."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import keras
from keras import ops

from asr.arrays import Tensor
from asr.errors import RecipeError, did_you_mean
from asr.model.attention import MASKED, Attention, BahdanauAttention, mask_bias
from asr.model.ops import branch, product


class Keys(NamedTuple):
    """What attention by products needs of the memory.

    Attributes:
        keys: Projected memory, (B, n, S); of `concat` (B, S, n).
        values: Memory, (B, S, D).
        bias: See `mask_bias`, (B, 1, S).
    """

    keys: Tensor
    values: Tensor
    bias: Tensor


class LuongAttention(Attention):
    """Multiplicative attention: the energy is q . m (`dot`) or q . W m (`general`).

    `concat` is v . tanh(W [q; m]), which is Bahdanau's energy without a bias.

    Reference:
        M.-T. Luong et al., EMNLP 2015, section 3.1. The context is fed back through
        the decoder's GRU in the place of the paper's attentional vector. Products are
        divided by the root of the query's size, as by Vaswani et al. (2017): without
        that the softmax saturates in the first epochs, and hardly learns from then on.
    """

    def build(self, query_units: int, memory_units: int) -> None:
        """Create the weights; `dot` has none and wants equal sizes."""
        score, units = self.config.score, self.config.units
        if score == "dot" and query_units != memory_units:
            raise RecipeError(
                f"model.attention.score: dot wants a memory of the decoder's size, not "
                f"{memory_units} and {query_units}; set model.encoder.memory_units or "
                "use general"
            )
        if score == "general":
            self.kernel = self.add_weight(
                shape=(memory_units, query_units), name="kernel"
            )
        if score == "concat":
            self.query_kernel = self.add_weight(
                shape=(query_units, units), name="query_kernel"
            )
            self.kernel = self.add_weight(shape=(memory_units, units), name="kernel")
            self.energy = self.add_weight(shape=(units, 1), name="energy")
        self.built = True

    def prepare(self, memory: Tensor, mask: Tensor) -> Keys:
        """Project the memory; see `Attention.prepare`."""
        keys = memory
        if self.config.score != "dot":
            keys = product(memory, self.kernel)
        if self.config.score != "concat":
            # Laid out for the products of all steps at once.
            keys = ops.transpose(keys / math.sqrt(keys.shape[-1]), (0, 2, 1))
        return Keys(keys, memory, mask_bias(mask))

    def attend(
        self, query: Tensor, memory: Keys, state: Tensor, keep: Tensor = None
    ) -> tuple[Any, Any, Any]:
        """Look once; there is no state."""
        weights = ops.softmax(self.energies(query, memory) + memory.bias, axis=-1)
        used = weights if keep is None else weights * keep
        return ops.matmul(used, memory.values), weights, state

    def energies(self, query: Tensor, memory: Keys) -> Tensor:
        """Return the energies of all frames, (B, K, S)."""
        if self.config.score != "concat":
            return ops.matmul(query, memory.keys)
        hidden = ops.expand_dims(memory.keys, 1)
        hidden = hidden + ops.expand_dims(product(query, self.query_kernel), 2)
        return ops.squeeze(ops.matmul(ops.tanh(hidden), self.energy), -1)


class LocalAttention(LuongAttention):
    """Luong's attention within a window of `2 * window + 1` frames.

    The window's centre is the number of the step (`monotonic`, Luong's local-m), a
    function of the query (`predicted`, local-p), or the frame expected under the
    weights of the step before (`previous`), which follows speech, where a step has no
    fixed number of frames. A predicted centre also draws the weights towards it, by a
    Gaussian with a deviation of half the window.

    Reference:
        M.-T. Luong et al., EMNLP 2015, section 3.2; windows around the last position:
        J. Chorowski et al., NeurIPS 2015, section 2.3. The Gaussian's logarithm is
        added to the energies, so that, other than in the paper, weights sum to 1.
    """

    def build(self, query_units: int, memory_units: int) -> None:
        """Create the weights of the energies, and of a predicted centre."""
        super().build(query_units, memory_units)
        if self.config.centre == "predicted":
            units = self.config.units
            self.place_kernel = self.add_weight(
                shape=(query_units, units), name="place_kernel"
            )
            self.place = self.add_weight(shape=(units, 1), name="place")

    def attend(
        self, query: Tensor, memory: Keys, state: Tensor, keep: Tensor = None
    ) -> tuple[Any, Any, Any]:
        """Look once; the state is the centre of the next step, (B, K, 1)."""
        window = float(self.config.window)
        real = ops.cast(memory.bias > 0.5 * MASKED, "float32")
        last = ops.sum(real, axis=-1, keepdims=True) - 1.0  # (B, 1, 1)
        centre = ops.minimum(state, last)
        if self.config.centre == "predicted":
            hidden = ops.tanh(product(branch(query), self.place_kernel))
            centre = last * ops.sigmoid(product(hidden, self.place))
        frames = ops.cast(ops.arange(ops.shape(memory.values)[1]), "float32")
        distance = frames - centre  # (B, K, S)
        # The nearest frame is always inside, wherever the centre lies between two.
        inside = ops.abs(distance) <= ops.maximum(window, 0.5)
        energies = ops.where(inside, self.energies(query, memory), MASKED)
        if self.config.centre == "predicted":
            energies = energies - ops.square(distance) / (0.5 * max(window, 1.0) ** 2)
        weights = ops.softmax(energies + memory.bias, axis=-1)
        following = state + 1.0
        if self.config.centre == "previous":
            following = ops.sum(weights * frames, axis=-1, keepdims=True)
        used = weights if keep is None else weights * keep
        return ops.matmul(used, memory.values), weights, following


class HeadsMemory(NamedTuple):
    """What multi-head attention needs of the memory.

    Attributes:
        keys: Keys of each head, (B, heads, A / heads, S).
        heads: Values of each head, (B, heads, S, A / heads).
        values: Memory, (B, S, D).
        bias: See `mask_bias`, (B, 1, S).
    """

    keys: Tensor
    heads: Tensor
    values: Tensor
    bias: Tensor


class MultiHeadAttention(Attention):
    """Scaled dot products in several heads; equal to `keras.layers.MultiHeadAttention`.

    The weights given out are the mean over the heads.

    Reference:
        A. Vaswani et al., NeurIPS 2017, section 3.2.
    """

    def build(self, query_units: int, memory_units: int) -> None:
        """Create the projections of queries, keys, values and the output."""
        units, heads = self.config.units, self.config.heads
        if units % heads:
            raise RecipeError(
                f"model.attention.heads: {heads} heads do not divide "
                f"model.attention.units, {units}"
            )
        shapes = {
            "query": (query_units, units),
            "key": (memory_units, units),
            "value": (memory_units, units),
            "output": (units, memory_units),
        }
        self.kernels = {
            name: self.add_weight(shape=shape, name=f"{name}_kernel")
            for name, shape in shapes.items()
        }
        self.biases = {
            name: self.add_weight(
                shape=shape[1:], initializer="zeros", name=f"{name}_bias"
            )
            for name, shape in shapes.items()
        }
        self.built = True

    def prepare(self, memory: Tensor, mask: Tensor) -> HeadsMemory:
        """Project the memory for each head."""
        return HeadsMemory(
            keys=ops.transpose(self._heads("key", memory), (0, 2, 3, 1)),
            heads=ops.transpose(self._heads("value", memory), (0, 2, 1, 3)),
            values=memory,
            bias=mask_bias(mask),
        )

    def attend(
        self, query: Tensor, memory: HeadsMemory, state: Tensor, keep: Tensor = None
    ) -> tuple[Any, Any, Any]:
        """Look once with all heads; there is no state."""
        batch, beam, _ = ops.shape(query)
        units = self.config.units
        queries = ops.transpose(self._heads("query", query), (0, 2, 1, 3))
        energies = ops.matmul(queries, memory.keys)  # (B, heads, K, S)
        scale = 1.0 / math.sqrt(units // self.config.heads)
        bias = ops.expand_dims(memory.bias, 1)
        weights = ops.softmax(scale * energies + bias, axis=-1)
        used = weights if keep is None else weights * ops.expand_dims(keep, 1)
        found = ops.transpose(ops.matmul(used, memory.heads), (0, 2, 1, 3))
        found = ops.reshape(found, (batch, beam, units))
        return self._project("output", found), ops.mean(weights, axis=1), state

    def _project(self, name: str, tensor: Tensor) -> Tensor:
        return product(tensor, self.kernels[name]) + self.biases[name]

    def _heads(self, name: str, tensor: Tensor) -> Tensor:
        """Return a projection split by heads, (B, n, heads, A / heads)."""
        heads, units = self.config.heads, self.config.units
        batch, size, _ = ops.shape(tensor)
        projected = self._project(name, tensor)
        return ops.reshape(projected, (batch, size, heads, units // heads))


class Vector(NamedTuple):
    """What is left of the memory where nothing is looked at.

    Attributes:
        values: Memory, (B, S, D).
        vector: The one vector, (B, 1, D).
    """

    values: Tensor
    vector: Tensor


class NoAttention(Attention):
    """One vector for the whole source, made of its first and its last memory frame.

    At these ends the two directions of the encoder have read everything. All weights
    given out are 0. It is here so that what attention is good for can be measured.

    Reference:
        I. Sutskever et al., NeurIPS 2014, section 2.
    """

    def build(self, query_units: int, memory_units: int) -> None:  # noqa: ARG002 - the interface
        """Create the projection of the two frames."""
        shape = (2 * memory_units, memory_units)
        self.kernel = self.add_weight(shape=shape, name="kernel")
        self.built = True

    def prepare(self, memory: Tensor, mask: Tensor) -> Vector:
        """Make the vector."""
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
        keep: Tensor = None,  # noqa: ARG002 - the interface
    ) -> tuple[Any, Any, Any]:
        """Return the vector, whatever the query."""
        context = ops.tile(memory.vector, (1, query.shape[1], 1))
        frames = ops.transpose(memory.values[..., :1], (0, 2, 1))  # (B, 1, S)
        nowhere = ops.tile(ops.zeros_like(frames), (1, query.shape[1], 1))
        return context, nowhere, state


class HardAttention(LuongAttention):
    """Looks at a single frame, sampled in training; experimental.

    The frame is drawn from the distribution that Luong's attention would use (the
    largest of the energies with Gumbel noise), and the gradient passes as if the
    weights had been that distribution (straight through). Without noise, when
    decoding, it is the likeliest frame.

    Reference:
        K. Xu et al., ICML 2015, section 4.1, with the estimator of E. Jang et al.,
        ICLR 2017, section 2.2, in the place of REINFORCE.
    """

    def attend(
        self, query: Tensor, memory: Keys, state: Tensor, keep: Tensor = None
    ) -> tuple[Any, Any, Any]:
        """Look at one frame; there is no state."""
        energies = self.energies(query, memory) + memory.bias
        if keep is not None:
            energies = energies + keep
        soft = ops.softmax(energies, axis=-1)
        frames = ops.shape(memory.values)[1]
        hard = ops.one_hot(ops.argmax(energies, axis=-1), frames)
        weights = soft + ops.stop_gradient(hard - soft)
        return ops.matmul(weights, memory.values), weights, state

    def noise(self, shape: tuple[Any, ...], dropout: float, seed: Any) -> Tensor:  # noqa: ARG002 - the interface
        """Return Gumbel noise, of that shape."""
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
    """Look a kind of attention up.

    Raises:
        RecipeError: There is no attention of that kind.
    """
    if kind not in ATTENTIONS:
        hint = did_you_mean(kind, list(ATTENTIONS))
        raise RecipeError(f"model.attention.kind: unknown {kind!r}{hint}")
    return ATTENTIONS[kind]
