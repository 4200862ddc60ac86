"""ONNX versions of the layers that encoder and decoder share.

Shape letters as in `asr.model`. Weights bear the names of the model folder, so that a
graph is found again in the Keras model line by line.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from asr.runtime.onnx_graph import Graph

Weights = Mapping[str, np.ndarray]
"""Arrays of a model folder by their paths; the graph has them in single precision."""

MASKED = -1e9


def matmul(graph: Graph, weights: Weights, value: str, name: str) -> str:
    """Multiply the last axis with a weight matrix."""
    return graph.op("MatMul", value, graph.weight(name, weights[name]))


def dense(
    graph: Graph, weights: Weights, value: str, path: str, activation: str = ""
) -> str:
    """Apply `keras.layers.Dense` with the weights below a path."""
    bias = graph.weight(f"{path}/bias", weights[f"{path}/bias"])
    value = graph.op("Add", matmul(graph, weights, value, f"{path}/kernel"), bias)
    return graph.op(activation, value) if activation else value


def layer_norm(graph: Graph, weights: Weights, value: str, path: str) -> str:
    """Normalise the last axis, as `keras.layers.LayerNormalization` does."""
    gamma, beta = (
        graph.weight(f"{path}/{part}", weights[f"{path}/{part}"])
        for part in ("gamma", "beta")
    )
    return graph.op("LayerNormalization", value, gamma, beta, axis=-1, epsilon=1e-3)


def size_of(graph: Graph, value: str, axis: int) -> str:
    """Return the size of an axis, (1,) int64."""
    return graph.op("Gather", graph.op("Shape", value), graph.ints(axis))


def counting(graph: Graph, size: str) -> str:
    """Return 0, 1, ... up to a size that is (1,), as int64."""
    zero, one = (graph.constant(number, "int64") for number in (0, 1))
    return graph.op("Range", zero, graph.op("Squeeze", size, graph.ints(0)), one)


def mask_of(graph: Graph, lengths: str, size: str) -> str:
    """Return which of `size` positions lie inside each sequence, (B, size) bool."""
    positions = graph.op("Unsqueeze", counting(graph, size), graph.ints(0))
    return graph.op("Less", positions, graph.op("Unsqueeze", lengths, graph.ints(1)))


def masked(graph: Graph, value: str, mask: str) -> str:
    """Set a value (B, n, c) to zero where its mask (B, n) is false."""
    mask = graph.op("Unsqueeze", mask, graph.ints(2))
    return graph.op("Where", mask, value, graph.constant(0.0))


def mask_bias(graph: Graph, mask: str) -> str:
    """Return 0 where a mask is true, else a large negative number, (B, 1, S)."""
    bias = graph.op("Where", mask, graph.constant(0.0), graph.constant(MASKED))
    return graph.op("Unsqueeze", bias, graph.ints(1))


def both_ends(graph: Graph, memory: str, mask: str) -> str:
    """Return the first and the last real frame of each memory, joined, (B, 1, 2D)."""
    count = graph.op("ReduceSum", graph.op("Cast", mask, to=7), graph.ints(1))
    last = graph.op("Sub", count, graph.ints(1))
    last = graph.op("Max", last, graph.ints(0))  # (B, 1)
    one = graph.ints(1)
    index = graph.op("Unsqueeze", last, graph.ints(2))
    shape = graph.op("Concat", one, one, size_of(graph, memory, 2), axis=0)
    index = graph.op("Expand", index, shape)  # (B, 1, D)
    end = graph.op("GatherElements", memory, index, axis=1)
    first = graph.op("Slice", memory, graph.ints(0), graph.ints(1), graph.ints(1))
    return graph.op("Concat", first, end, axis=-1)


def reshape(graph: Graph, value: str, *shape: int | str) -> str:
    """Reshape; sizes are numbers (0 keeps, -1 infers) or (1,) values."""
    sizes = [graph.ints(size) if isinstance(size, int) else size for size in shape]
    return graph.op("Reshape", value, graph.op("Concat", *sizes, axis=0))
