"""Multiplicative attention: Luong's global and local kinds, and hard attention."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import keras
from keras import ops

from asr.arrays import Tensor
from asr.model.attention import MASKED, Attention, mask_bias, softmax, weighted_sum
from asr.model.ops import branch, product, serializable


class Keys(NamedTuple):
    """Inputs of Luong's attention that all steps share."""

    keys: Tensor  # projected memory, (B, n, S); for `concat` (B, S, n)
    values: Tensor  # memory, (B, S, D)
    bias: Tensor  # see `mask_bias`, (B, 1, S)


@serializable
class LuongAttention(Attention):
    """Multiplicative attention: the energy is q . m (`dot`) or q . W m (`general`).

    `concat` is v . tanh(W [q; m]), which is Bahdanau's energy without a bias. There is
    no state.

    Args:
        units: Size of projected queries and keys; only for `concat`.
        score: `dot`, `general` or `concat`.
        scale: Whether products are divided by the root of the query's size.

    Call arguments and returns: see `Attention`.

    Raises:
        ValueError: There is no such score, or it needs units.

    Reference:
        M.-T. Luong et al., EMNLP 2015, section 3.1. The context is fed back through
        the decoder's GRU, in the place of the paper's attentional vector. The scale is
        that of A. Vaswani et al., NeurIPS 2017: without it the softmax saturates in the
        first epochs and training stalls.
    """

    def __init__(
        self,
        units: int | None = None,
        score: str = "general",
        *,
        scale: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        scores = ("dot", "general", "concat")
        if score not in scores:
            raise ValueError(f"score must be one of {scores}, got {score!r}")
        if score == "concat" and not units:
            raise ValueError("score='concat' needs units")
        self.units, self.score, self.scale = units, score, scale

    def build(self, query_shape: Any, values_shape: Any) -> None:
        """Create the weights; `dot` has none and needs equal sizes."""
        query, value, add = query_shape[-1], values_shape[-1], self.add_weight
        if self.score == "dot" and query != value:
            raise ValueError(
                f"score='dot' needs queries and values of one size, got {query} and "
                f"{value}; use score='general'"
            )
        if self.score == "general":
            self.kernel = add((value, query), name="kernel")
        if self.score == "concat":
            self.query_kernel = add((query, self.units), name="query_kernel")
            self.kernel = add((value, self.units), name="kernel")
            self.energy = add((self.units, 1), name="energy")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {
            **super().get_config(),
            "units": self.units,
            "score": self.score,
            "scale": self.scale,
        }

    def prepare(self, memory: Tensor, mask: Tensor) -> Keys:
        """Project the memory; see `Attention.prepare`."""
        keys = memory
        if self.score != "dot":
            keys = product(memory, self.kernel)
        if self.score != "concat":
            # Scaled and transposed once, not in every step.
            if self.scale:
                keys = keys / math.sqrt(keys.shape[-1])
            keys = ops.transpose(keys, (0, 2, 1))
        return Keys(keys, memory, mask_bias(mask))

    def attend(
        self, query: Tensor, memory: Keys, state: Tensor, dropout_mask: Tensor = None
    ) -> tuple[Any, Any, Any]:
        """Compute the context of one step; see `Attention.attend`."""
        weights = softmax(self.energies(query, memory), memory.bias)
        return weighted_sum(weights, memory.values, dropout_mask), weights, state

    def energies(self, query: Tensor, memory: Keys) -> Tensor:
        """Return the energies of all frames, (B, K, S)."""
        if self.score != "concat":
            return ops.matmul(query, memory.keys)
        hidden = ops.expand_dims(memory.keys, 1)
        hidden = hidden + ops.expand_dims(product(query, self.query_kernel), 2)
        return ops.squeeze(ops.matmul(ops.tanh(hidden), self.energy), -1)


@serializable
class LocalAttention(LuongAttention):
    """Luong's attention within a window of `2 * window + 1` frames.

    The centre of the window is one of:

    - `monotonic`: the number of the step (Luong's local-m);
    - `predicted`: a function of the query (Luong's local-p); a Gaussian around it, with
      a deviation of half the window, also scales the weights;
    - `previous`: the mean frame under the weights of the previous step. It suits
      speech, which has no fixed number of frames per step.

    The state is the centre of the next step, (B, K, 1).

    Args:
        window: Frames on each side of the centre.
        centre: `monotonic`, `predicted` or `previous`.
        units: As for `LuongAttention`, and the size of the layer that predicts.
        score: As for `LuongAttention`.
        scale: As for `LuongAttention`.

    Call arguments and returns: see `Attention`; the queries of a sequence are steps.

    Raises:
        ValueError: There is no such centre or score, or it needs units.

    Reference:
        M.-T. Luong et al., EMNLP 2015, section 3.2; windows around the last position:
        J. Chorowski et al., NeurIPS 2015, section 2.3. The logarithm of the Gaussian is
        added to the energies. Unlike in the paper, the weights then sum to 1.
    """

    def __init__(
        self,
        window: int,
        centre: str = "previous",
        *,
        units: int | None = None,
        score: str = "general",
        scale: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, score, scale=scale, **kwargs)
        centres = ("monotonic", "predicted", "previous")
        if centre not in centres:
            raise ValueError(f"centre must be one of {centres}, got {centre!r}")
        if centre == "predicted" and not units:
            raise ValueError("centre='predicted' needs units")
        self.window, self.centre = window, centre
        self.ordered = centre != "predicted"

    def build(self, query_shape: Any, values_shape: Any) -> None:
        """Create the weights of the energies, and of a predicted centre."""
        super().build(query_shape, values_shape)
        if self.centre == "predicted":
            shape = query_shape[-1], self.units
            self.place_kernel = self.add_weight(shape, name="place_kernel")
            self.place = self.add_weight((self.units, 1), name="place")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {**super().get_config(), "window": self.window, "centre": self.centre}

    def attend(
        self, query: Tensor, memory: Keys, state: Tensor, dropout_mask: Tensor = None
    ) -> tuple[Any, Any, Any]:
        """Compute the context of one step; see `Attention.attend`."""
        window = float(self.window)
        real = ops.cast(memory.bias > 0.5 * MASKED, "float32")
        last = ops.sum(real, axis=-1, keepdims=True) - 1.0  # (B, 1, 1)
        centre = ops.minimum(state, last)
        if self.centre == "predicted":
            hidden = ops.tanh(product(branch(query), self.place_kernel))
            share = ops.sigmoid(product(hidden, self.place))
            centre = last * ops.cast(share, "float32")
        frames = ops.cast(ops.arange(ops.shape(memory.values)[1]), "float32")
        distance = frames - centre  # (B, K, S)
        # A half at least, so that the nearest frame is always inside.
        inside = ops.abs(distance) <= ops.maximum(window, 0.5)
        energies = ops.cast(self.energies(query, memory), "float32")
        energies = ops.where(inside, energies, MASKED)
        if self.centre == "predicted":
            energies = energies - ops.square(distance) / (0.5 * max(window, 1.0) ** 2)
        weights = softmax(energies, memory.bias)
        following = state + 1.0
        if self.centre == "previous":
            following = ops.sum(weights * frames, axis=-1, keepdims=True)
        return weighted_sum(weights, memory.values, dropout_mask), weights, following


@serializable
class HardAttention(LuongAttention):
    """All weight on one frame, sampled in training; experimental.

    The frame is a sample of the weights of Luong's attention: the largest energy after
    Gumbel noise is added. The gradient is that of the weights themselves
    (straight-through). Without noise, as in decoding, it is the most probable frame.

    Args:
        units: As for `LuongAttention`.
        score: As for `LuongAttention`.
        scale: As for `LuongAttention`.
        seed: Seed of the samples.

    Call arguments and returns: see `Attention`; it samples if `training`.

    Reference:
        K. Xu et al., ICML 2015, section 4.1, with the estimator of E. Jang et al.,
        ICLR 2017, section 2.2, in the place of REINFORCE.
    """

    def __init__(
        self,
        units: int | None = None,
        score: str = "general",
        *,
        scale: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, score, scale=scale, **kwargs)
        self.seed = seed
        self.random = keras.random.SeedGenerator(seed)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {**super().get_config(), "seed": self.seed}

    def attend(
        self, query: Tensor, memory: Keys, state: Tensor, dropout_mask: Tensor = None
    ) -> tuple[Any, Any, Any]:
        """Compute the context of one step; `dropout_mask` is the noise."""
        energies = ops.cast(self.energies(query, memory), "float32") + memory.bias
        if dropout_mask is not None:
            energies = energies + dropout_mask
        soft = ops.softmax(energies, axis=-1)
        frames = ops.shape(memory.values)[1]
        hard = ops.one_hot(ops.argmax(energies, axis=-1), frames)
        weights = soft + ops.stop_gradient(hard - soft)
        return weighted_sum(weights, memory.values), weights, state

    def noise(self, shape: tuple[Any, ...], dropout: float, seed: Any) -> Tensor:  # noqa: ARG002 - the interface
        """Return Gumbel noise of that shape."""
        uniform = keras.random.uniform(shape, 1e-6, 1.0 - 1e-6, seed=seed)
        return -ops.log(-ops.log(uniform))
