"""ONNX versions of the other attentions; see `asr.model.attention_variants`."""

from __future__ import annotations

import math

from asr.config.schema import AttentionConfig
from asr.runtime.attention import Attention, Bahdanau, Memory
from asr.runtime.layers import (
    MASKED,
    both_ends,
    counting,
    mask_bias,
    reshape,
    size_of,
)
from asr.runtime.onnx_graph import Shape


class Luong(Attention):
    """Multiplicative attention: dot, general or concat."""

    @staticmethod
    def fields(config: AttentionConfig) -> dict[str, Shape]:
        """Return the shape of each tensor; see `Attention.fields`."""
        transposed = {"keys": ["B", "k", "S"]} if config.score != "concat" else {}
        return Bahdanau.fields(config) | transposed

    def prepare(self, memory: str, mask: str) -> Memory:
        """Project the memory; see `Attention.prepare`."""
        keys, score = memory, self.config.score
        if score != "dot":
            keys = self.matmul(memory, "kernel")
        if score != "concat":
            size = (
                self.weights[f"{self.path}/kernel"].shape[1]
                if score == "general"
                else None
            )
            keys = self._scaled(keys, size)
        bias = mask_bias(self.graph, mask)
        return {"keys": keys, "values": memory, "bias": bias}

    def _scaled(self, keys: str, size: int | None) -> str:
        """Divide keys by the root of their size, and lay them out as (B, n, S)."""
        graph = self.graph
        if size is None:
            width = graph.op("Cast", size_of(graph, keys, 2), to=1)
            root = graph.op("Sqrt", width)
        else:
            root = graph.constant(math.sqrt(size))
        return graph.op("Transpose", graph.op("Div", keys, root), perm=[0, 2, 1])

    def energies(self, query: str, memory: Memory) -> str:
        """Return the energies of all frames, (B, K, S)."""
        if self.config.score != "concat":
            return self.graph.op("MatMul", query, memory["keys"])
        return self.additive(
            self.pairs(memory["keys"], self.matmul(query, "query_kernel"))
        )

    def attend(self, query: str, memory: Memory, state: str) -> tuple[str, str, str]:
        """Attend once; see `Attention.attend`."""
        context, weights = self.weighted(self.energies(query, memory), memory)
        return context, weights, self.graph.op("Identity", state)


class Local(Luong):
    """Luong's attention within a window."""

    def attend(self, query: str, memory: Memory, state: str) -> tuple[str, str, str]:
        """Attend once; see `Attention.attend`."""
        graph, window, centred = (
            self.graph,
            float(self.config.window),
            self.config.centre,
        )
        real = graph.op("Greater", memory["bias"], graph.constant(0.5 * MASKED))
        count = graph.op("ReduceSum", graph.op("Cast", real, to=1), graph.ints(2))
        last = graph.op("Sub", count, graph.constant(1.0))  # (B, 1, 1)
        centre = graph.op("Min", state, last)
        if centred == "predicted":
            hidden = graph.op("Tanh", self.matmul(query, "place_kernel"))
            share = graph.op("Sigmoid", self.matmul(hidden, "place"))
            centre = graph.op("Mul", last, share)
        frames = counting(graph, size_of(graph, memory["values"], 1))
        frames = graph.op("Cast", frames, to=1)
        distance = graph.op("Sub", frames, centre)  # (B, K, S)
        reach = graph.constant(max(window, 0.5))
        outside = graph.op("Greater", graph.op("Abs", distance), reach)
        energies = self.energies(query, memory)
        energies = graph.op("Where", outside, graph.constant(MASKED), energies)
        if centred == "predicted":
            squared = graph.op("Mul", distance, distance)
            spread = graph.constant(0.5 * max(window, 1.0) ** 2)
            energies = graph.op("Sub", energies, graph.op("Div", squared, spread))
        context, weights = self.weighted(energies, memory)
        following = graph.op("Add", state, graph.constant(1.0))
        if centred == "previous":
            expected = graph.op("Mul", weights, frames)
            following = graph.op("ReduceSum", expected, graph.ints(2))
        return context, weights, following


class Hard(Luong):
    """The likeliest frame alone."""

    def attend(self, query: str, memory: Memory, state: str) -> tuple[str, str, str]:
        """Attend once; see `Attention.attend`."""
        graph = self.graph
        energies = graph.op("Add", self.energies(query, memory), memory["bias"])
        best = graph.op("ArgMax", energies, axis=-1, keepdims=0)
        frames = graph.op("Squeeze", size_of(graph, memory["values"], 1), graph.ints(0))
        weights = graph.op("OneHot", best, frames, graph.constant([0.0, 1.0]), axis=-1)
        context = graph.op("MatMul", weights, memory["values"])
        return context, weights, graph.op("Identity", state)


class MultiHead(Attention):
    """Scaled dot products in several heads."""

    @staticmethod
    def fields(_: AttentionConfig) -> dict[str, Shape]:
        """Return the shape of each tensor; see `Attention.fields`."""
        return {
            "keys": ["B", "h", "a", "S"], "heads": ["B", "h", "S", "a"],
            "values": ["B", "S", "D"], "bias": ["B", 1, "S"],
        }  # fmt: skip

    def prepare(self, memory: str, mask: str) -> Memory:
        """Project the memory; see `Attention.prepare`."""
        return {
            "keys": self._heads("key", memory, [0, 2, 3, 1]),
            "heads": self._heads("value", memory, [0, 2, 1, 3]),
            "values": memory,
            "bias": mask_bias(self.graph, mask),
        }

    def attend(self, query: str, memory: Memory, state: str) -> tuple[str, str, str]:
        """Attend once; see `Attention.attend`."""
        graph, units = self.graph, self.config.units
        queries = self._heads("query", query, [0, 2, 1, 3])
        energies = graph.op("MatMul", queries, memory["keys"])  # (B, h, K, S)
        scale = graph.constant(1.0 / math.sqrt(units // self.config.heads))
        bias = graph.op("Unsqueeze", memory["bias"], graph.ints(1))
        energies = graph.op("Add", graph.op("Mul", energies, scale), bias)
        weights = graph.op("Softmax", energies, axis=-1)
        seen = graph.op("MatMul", weights, memory["heads"])
        seen = graph.op("Transpose", seen, perm=[0, 2, 1, 3])
        context = self._project("output", reshape(graph, seen, 0, 0, units))
        mean = graph.op("ReduceMean", weights, graph.ints(1), keepdims=0)
        return context, mean, graph.op("Identity", state) if state else ""

    def _project(self, name: str, value: str) -> str:
        path = f"{self.path}/{name}_bias"
        bias = self.graph.weight(path, self.weights[path])
        return self.graph.op("Add", self.matmul(value, f"{name}_kernel"), bias)

    def _heads(self, name: str, value: str, order: list[int]) -> str:
        heads = self.config.heads
        split = reshape(
            self.graph,
            self._project(name, value),
            0,
            0,
            heads,
            self.config.units // heads,
        )
        return self.graph.op("Transpose", split, perm=order)


class FixedVector(Attention):
    """One vector for the whole source, of its first and last memory frame."""

    @staticmethod
    def fields(_: AttentionConfig) -> dict[str, Shape]:
        """Return the shape of each tensor; see `Attention.fields`."""
        return {"values": ["B", "S", "D"], "vector": ["B", 1, "D"]}

    def prepare(self, memory: str, mask: str) -> Memory:
        """Project the memory; see `Attention.prepare`."""
        both = both_ends(self.graph, memory, mask)
        vector = self.graph.op("Tanh", self.matmul(both, "kernel"))
        return {"values": memory, "vector": vector}

    def attend(self, query: str, memory: Memory, state: str) -> tuple[str, str, str]:
        """Attend once; see `Attention.attend`."""
        graph, one = self.graph, self.graph.ints(1)
        beam = size_of(graph, query, 1)
        shape = graph.op("Concat", one, beam, one, axis=0)
        context = graph.op("Expand", memory["vector"], shape)
        sizes = [size_of(graph, memory["values"], axis) for axis in (0, 1)]
        shape = graph.op("Concat", sizes[0], beam, sizes[1], axis=0)
        nowhere = graph.op("Expand", graph.constant(0.0), shape)
        return context, nowhere, graph.op("Identity", state)


class NoContext(FixedVector):
    """No context: the vector is 0."""

    def prepare(self, memory: str, mask: str) -> Memory:  # noqa: ARG002 - the interface
        """Return a vector of zeros; see `Attention.prepare`."""
        graph = self.graph
        first = graph.op("Slice", memory, graph.ints(0), graph.ints(1), graph.ints(1))
        return {"values": memory, "vector": graph.op("Sub", first, first)}


ATTENTIONS: dict[str, type[Attention]] = {
    "bahdanau": Bahdanau,
    "luong": Luong,
    "local": Local,
    "multi_head": MultiHead,
    "cho": FixedVector,
    "sutskever": NoContext,
    "hard": Hard,
}
