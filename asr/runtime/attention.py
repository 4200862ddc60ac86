"""ONNX versions of every attention; see `asr.model.attention`.

Each class has `prepare`, which projects the memory once, and `attend`, one decoder step
for K hypotheses of each utterance, with the shapes of the Keras layers.
"""

from __future__ import annotations

from asr.config.schema import AttentionConfig
from asr.runtime.layers import (
    Weights,
    mask_bias,
    matmul,
    reshape,
    size_of,
)
from asr.runtime.onnx_graph import Graph, Shape

Memory = dict[str, str]
"""Values that all steps share, by name; `values` is the memory itself."""


class Attention:
    """One attention in a graph.

    Args:
        graph: The graph that is built.
        weights: Those of the model folder.
        path: Path of the layer in them.
        config: Sizes and choices.
    """

    def __init__(
        self, graph: Graph, weights: Weights, path: str, config: AttentionConfig
    ) -> None:
        self.graph, self.weights, self.path = graph, weights, path
        self.config = config

    @staticmethod
    def fields(config: AttentionConfig) -> dict[str, Shape]:
        """Return the shape of each tensor that `prepare` returns."""
        raise NotImplementedError

    def state_width(self, frames: str) -> str:
        """Return the size of the state that one step hands to the next, (1,)."""
        del frames
        return self.graph.ints(1)

    def prepare(self, memory: str, mask: str) -> Memory:
        """Project the memory (B, S, D) with its mask (B, S)."""
        raise NotImplementedError

    def attend(self, query: str, memory: Memory, state: str) -> tuple[str, str, str]:
        """Return context (B, K, D), weights (B, K, S) and the next state."""
        raise NotImplementedError

    def matmul(self, value: str, name: str) -> str:
        """Multiply with a weight of the layer."""
        return matmul(self.graph, self.weights, value, f"{self.path}/{name}")

    def weighted(self, energies: str, memory: Memory) -> tuple[str, str]:
        """Return the softmax of masked energies (B, K, S), and the context."""
        energies = self.graph.op("Add", energies, memory["bias"])
        weights = self.graph.op("Softmax", energies, axis=-1)
        return self.graph.op("MatMul", weights, memory["values"]), weights

    def additive(self, hidden: str) -> str:
        """Return v . tanh(x) of (B, K, S, A) as energies (B, K, S)."""
        energies = self.matmul(self.graph.op("Tanh", hidden), "energy")
        return self.graph.op("Squeeze", energies, self.graph.ints(3))

    def pairs(self, keys: str, queries: str) -> str:
        """Add keys (B, S, A) and queries (B, K, A) to (B, K, S, A)."""
        keys = self.graph.op("Unsqueeze", keys, self.graph.ints(1))
        queries = self.graph.op("Unsqueeze", queries, self.graph.ints(2))
        return self.graph.op("Add", keys, queries)


class Bahdanau(Attention):
    """Additive attention with location features."""

    @staticmethod
    def fields(_: AttentionConfig) -> dict[str, Shape]:
        """Return the shape of each tensor; see `Attention.fields`."""
        return {
            "keys": ["B", "S", "A"],
            "values": ["B", "S", "D"],
            "bias": ["B", 1, "S"],
        }

    def state_width(self, frames: str) -> str:
        """Return the number of frames: the state is the sum of the weights so far."""
        return frames

    def prepare(self, memory: str, mask: str) -> Memory:
        """Project the memory; see `Attention.prepare`."""
        bias = self.graph.weight(f"{self.path}/bias", self.weights[f"{self.path}/bias"])
        keys = self.graph.op("Add", self.matmul(memory, "key_kernel"), bias)
        return {"keys": keys, "values": memory, "bias": mask_bias(self.graph, mask)}

    def attend(self, query: str, memory: Memory, state: str) -> tuple[str, str, str]:
        """Attend once; see `Attention.attend`."""
        hidden = self.pairs(memory["keys"], self.matmul(query, "query_kernel"))
        if self.config.location_filters:
            located = self._location(state, memory)
            hidden = self.graph.op("Add", hidden, located)
        context, weights = self.weighted(self.additive(hidden), memory)
        return context, weights, self.graph.op("Add", state, weights)

    def _location(self, state: str, memory: Memory) -> str:
        """Convolve the weights so far, (B, K, S) -> (B, K, S, A)."""
        graph, width = self.graph, self.config.location_width
        frames = size_of(graph, memory["values"], 1)
        name = f"{self.path}/filters"
        filters = graph.weight(name, self.weights[name].T[:, None])  # (n, 1, width)
        left = (width - 1) // 2
        rows = reshape(graph, state, -1, 1, frames)
        rows = graph.op("Conv", rows, filters, pads=[left, width - 1 - left])
        rows = graph.op("Transpose", rows, perm=[0, 2, 1])  # (B * K, S, n)
        located = self.matmul(rows, "filter_kernel")
        beam = size_of(graph, state, 1)
        return reshape(graph, located, -1, beam, frames, self.config.units)
