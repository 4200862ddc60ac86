"""ONNX graph of the encoder and of the CTC heads; see `asr.model.encoder`."""

from __future__ import annotations

import numpy as np

from asr.config.schema import AttentionConfig, EncoderConfig, ModelConfig
from asr.runtime.attention_variants import ATTENTIONS, MultiHead
from asr.runtime.layers import (
    Weights,
    both_ends,
    counting,
    dense,
    layer_norm,
    mask_bias,
    mask_of,
    masked,
    matmul,
    reshape,
    size_of,
)
from asr.runtime.onnx_graph import Graph


def encoder_graph(config: ModelConfig, weights: Weights, *, text: bool) -> Graph:
    """Build the graph from features to memory and CTC posteriors.

    Args:
        config: Sizes of the network.
        weights: Those of the model folder.
        text: Whether the input is `source`, tokens (B, N) int64; otherwise it is
            `features` (B, T, F). Both come with `lengths` (B,) int64.

    Returns:
        A graph with the outputs `state_lengths` (B,), `memory_lengths` (B,) and
        `memory_NAME`, the prepared memory of the attention; with CTC heads also `ctc`
        (B, R, V), log probabilities, and `phone_logits` (B, R, P); and `start` (B, H),
        the decoder's first state, where it is not 0.
    """
    graph = Graph()
    lengths = graph.input("lengths", "int64", ["B"])
    if text:
        source = graph.input("source", "int64", ["B", "T"])
        table = graph.weight("frontend/table", weights["frontend/table"])
        mask = mask_of(graph, lengths, size_of(graph, source, 1))
        features = masked(graph, graph.op("Gather", table, source), mask)
    else:
        size = config.frontend.mels
        features = graph.input("features", "float32", ["B", "T", size])
    outputs, lengths, mask = _subsampled(
        graph, config.encoder, weights, features, lengths
    )
    outputs = _norm(graph, config.encoder, weights, outputs, 0)
    read = _transformer if config.encoder.kind == "self" else _recurrent
    outputs = masked(
        graph, read(graph, config.encoder, weights, outputs, lengths, mask), mask
    )
    graph.output("state_lengths", lengths, "int64", ["B"])
    if config.ctc:
        ctc = graph.op("LogSoftmax", dense(graph, weights, outputs, "ctc"), axis=-1)
        graph.output("ctc", ctc, "float32", ["B", "R", "V"])
    if config.phones:
        logits = dense(graph, weights, outputs, "phones")
        graph.output("phone_logits", logits, "float32", ["B", "R", "P"])
    memory, mask = _memory(graph, config.encoder, weights, outputs, lengths)
    if config.decoder.kind == "pooling":
        _pooled(graph, weights, memory, mask)
        return graph
    if config.decoder.kind == "labels":
        logits = dense(graph, weights, memory, "decoder/logits")
        log_probs = graph.op("LogSoftmax", logits, axis=-1)
        graph.output("log_probs", log_probs, "float32", ["B", "S", "V"])
        return graph
    if config.decoder.start == "encoder":
        graph.output(
            "start", _start(graph, weights, memory, mask), "float32", ["B", "H"]
        )
    kind = ATTENTIONS[config.attention.kind]
    attention = kind(graph, weights, "decoder/attention", config.attention)
    shapes = kind.fields(config.attention)
    for name, value in attention.prepare(memory, mask).items():
        graph.output(f"memory_{name}", value, "float32", shapes[name])
    return graph


def _norm(
    graph: Graph, config: EncoderConfig, weights: Weights, value: str, number: int
) -> str:
    """Normalise, where the recipe says so."""
    if not config.norms:
        return value
    return layer_norm(graph, weights, value, f"encoder/norm_{number}")


def _start(graph: Graph, weights: Weights, memory: str, mask: str) -> str:
    """Return the first state of the decoder, (B, H); see `asr.model.decoder`."""
    ends = both_ends(graph, memory, mask)
    start = dense(graph, weights, ends, "decoder/start", "Tanh")
    return graph.op("Squeeze", start, graph.ints(1))


def _pooled(graph: Graph, weights: Weights, memory: str, mask: str) -> None:
    """Classify by attentive pooling; see `asr.model.classifier`."""
    keys = dense(graph, weights, memory, "decoder/keys", "Tanh")
    energies = matmul(graph, weights, keys, "decoder/energy/kernel")
    energies = graph.op("Transpose", energies, perm=[0, 2, 1])  # (B, 1, S)
    energies = graph.op("Add", energies, mask_bias(graph, mask))
    seen = graph.op("Softmax", energies, axis=-1)
    pooled = graph.op("MatMul", seen, memory)
    logits = dense(graph, weights, pooled, "decoder/logits")
    log_probs = graph.op("LogSoftmax", logits, axis=-1)
    graph.output("log_probs", log_probs, "float32", ["B", 1, "V"])
    graph.output("weights", seen, "float32", ["B", 1, "S"])


def _divided(graph: Graph, lengths: str, stride: int) -> str:
    """Divide lengths by a stride and round up."""
    grown = graph.op("Add", lengths, graph.constant(stride - 1, "int64"))
    return graph.op("Div", grown, graph.constant(stride, "int64"))


def _subsampled(
    graph: Graph, config: EncoderConfig, weights: Weights, features: str, lengths: str
) -> tuple[str, str, str]:
    """Apply the strided convolutions; return outputs (B, R, C), lengths and mask."""
    outputs, mask = features, mask_of(graph, lengths, size_of(graph, features, 1))
    left = (config.kernel - 1) // 2
    for i in range(config.convolutions):
        path = f"encoder/convolution_{i}"
        kernel = weights[f"{path}/kernel"].transpose(2, 1, 0)  # (out, in, width)
        outputs = graph.op(
            "Conv",
            graph.op("Transpose", outputs, perm=[0, 2, 1]),
            graph.weight(f"{path}/kernel", kernel),
            graph.weight(f"{path}/bias", weights[f"{path}/bias"]),
            strides=[config.stride],
            pads=[left, config.kernel - 1 - left],
        )
        outputs = graph.op("Transpose", graph.op("Relu", outputs), perm=[0, 2, 1])
        lengths = _divided(graph, lengths, config.stride)
        mask = mask_of(graph, lengths, size_of(graph, outputs, 1))
        outputs = masked(graph, outputs, mask)
    return outputs, lengths, mask


def _recurrent(
    graph: Graph,
    config: EncoderConfig,
    weights: Weights,
    inputs: str,
    lengths: str,
    mask: str,  # noqa: ARG001 - as `_transformer`
) -> str:
    """Apply the bidirectional GRUs or LSTMs, (B, R, C) -> (B, R, 2H).

    ONNX' GRU with `linear_before_reset` is ours, with update, reset and candidate in
    the same order; its LSTM has the output gate before the forget gate and the
    candidate. `sequence_lens` starts the backward direction at the real end.
    """
    lstm, units = config.kind == "lstm", config.units
    gates, order = (4, [0, 3, 1, 2]) if lstm else (3, slice(None))
    counts = graph.op("Cast", lengths, to=6)
    outputs = graph.op("Transpose", inputs, perm=[1, 0, 2])
    for i in range(config.layers):
        path = f"encoder/{config.kind}_{i}"
        parts = []
        for part in ("kernel", "recurrent_kernel", "bias"):
            both = [weights[f"{path}/{way}_{part}"] for way in ("forward", "backward")]
            rows = len(both[0])
            stacked: np.ndarray = np.empty((2, gates, units, rows), "float32")
            for to, value in zip(stacked, both, strict=True):
                to[:] = value.reshape(rows, gates, units).transpose(1, 2, 0)[order]
            if part == "bias":
                stacked = np.moveaxis(stacked, -1, 1).reshape(2, -1)
            else:
                stacked = stacked.reshape(2, gates * units, rows)
            parts.append(graph.weight(f"{path}/{part}", stacked))
        options = {} if lstm else {"linear_before_reset": 1}
        states, *_ = graph.ops(
            "LSTM" if lstm else "GRU",
            outputs,
            *parts,
            counts,
            count=3 if lstm else 2,
            hidden_size=units,
            direction="bidirectional",
            **options,
        )  # (R, 2, B, H)
        states = graph.op("Transpose", states, perm=[0, 2, 1, 3])
        states = reshape(graph, states, 0, 0, 2 * units)
        outputs = _norm(graph, config, weights, states, i + 1)
    return graph.op("Transpose", outputs, perm=[1, 0, 2])


def _transformer(
    graph: Graph,
    config: EncoderConfig,
    weights: Weights,
    inputs: str,
    lengths: str,  # noqa: ARG001 - as `_recurrent`
    mask: str,
) -> str:
    """Apply the Transformer blocks, (B, R, C) -> (B, R, 2H)."""
    units, path = 2 * config.units, "encoder/transformer"
    heads = AttentionConfig(kind="multi_head", units=units, heads=config.heads)
    outputs = dense(graph, weights, inputs, f"{path}/entry")
    outputs = graph.op("Add", outputs, _positions(graph, outputs, units))
    for i in range(config.layers):
        block = f"{path}/block_{i}"
        normal = layer_norm(graph, weights, outputs, f"{block}/norm_0")
        attention = MultiHead(graph, weights, f"{block}/attention", heads)
        memory = attention.prepare(normal, mask)
        seen, _, _ = attention.attend(normal, memory, "")
        outputs = graph.op("Add", outputs, seen)
        normal = layer_norm(graph, weights, outputs, f"{block}/norm_1")
        wide = _gelu(graph, dense(graph, weights, normal, f"{block}/wide"))
        outputs = graph.op(
            "Add", outputs, dense(graph, weights, wide, f"{block}/narrow")
        )
    return _norm(graph, config, weights, outputs, 1)


def _positions(graph: Graph, outputs: str, units: int) -> str:
    """Return sines, then cosines, of positions, (R, units)."""
    rates = 10000.0 ** (-2.0 * np.arange(units // 2) / units)
    frames = graph.op("Cast", counting(graph, size_of(graph, outputs, 1)), to=1)
    frames = graph.op("Unsqueeze", frames, graph.ints(1))
    angles = graph.op("Mul", frames, graph.constant(rates))
    sines = [graph.op(wave, angles) for wave in ("Sin", "Cos")]
    return graph.op("Concat", *sines, axis=-1)


def _gelu(graph: Graph, value: str) -> str:
    """Apply the exact GELU: x / 2 * (1 + erf(x / sqrt(2)))."""
    error = graph.op("Erf", graph.op("Mul", value, graph.constant(0.5**0.5)))
    half = graph.op("Mul", value, graph.constant(0.5))
    return graph.op("Mul", half, graph.op("Add", error, graph.constant(1.0)))


def _memory(
    graph: Graph, config: EncoderConfig, weights: Weights, states: str, lengths: str
) -> tuple[str, str]:
    """Join states into the memory (B, S, D), with its mask."""
    stride = config.memory_stride
    if stride > 1:
        size = size_of(graph, states, 1)
        joined = graph.op("Mul", _divided(graph, size, stride), graph.ints(stride))
        lacking = graph.op("Sub", joined, size)
        pads = graph.op(
            "Concat", graph.ints(0, 0, 0, 0), lacking, graph.ints(0), axis=0
        )
        states = graph.op("Pad", states, pads)
        states = reshape(graph, states, 0, -1, stride * 2 * config.units)
    lengths = _divided(graph, lengths, stride)
    graph.output("memory_lengths", lengths, "int64", ["B"])
    memory = states
    if config.memory_units:
        memory = dense(graph, weights, states, "encoder/memory")
    mask = mask_of(graph, lengths, size_of(graph, memory, 1))
    return masked(graph, memory, mask), mask
