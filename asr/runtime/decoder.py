"""ONNX graphs of the decoder; see `asr.model.decoder`.

Two graphs share one definition of a step: one reads a token of each of K hypotheses,
the other whole texts in one scan.
"""

from __future__ import annotations

from typing import NamedTuple

from asr.config.schema import ModelConfig
from asr.runtime.attention import Attention, Memory
from asr.runtime.attention_variants import ATTENTIONS
from asr.runtime.layers import Weights, dense, matmul
from asr.runtime.onnx_graph import Graph

PATH = "decoder"


class State(NamedTuple):
    """What one step hands to the next: (B, K, H), (B, K, D) and (B, K, n).

    Of an LSTM, `hidden` is (B, K, 2H): its output and its memory cell.
    """

    hidden: str
    context: str
    attention: str


STATE_SHAPES = State(["B", "K", "H"], ["B", "K", "D"], ["B", "K", "n"])  # type: ignore[arg-type]


class Decoder:
    """The attention decoder in a graph.

    Args:
        graph: The graph that is built.
        config: Sizes of the network.
        weights: Those of the model folder.
    """

    def __init__(self, graph: Graph, config: ModelConfig, weights: Weights) -> None:
        self.graph, self.weights = graph, weights
        self.config = config.decoder
        kind = ATTENTIONS[config.attention.kind]
        self.attention: Attention = kind(
            graph, weights, f"{PATH}/attention", config.attention
        )

    def step(
        self, tokens: str, state: State, memory: Memory, source: str = ""
    ) -> tuple[str, str, State]:
        """Read one token of each hypothesis.

        Args:
            tokens: (B, K) int64.
            state: State before it.
            memory: What `Attention.prepare` returned.
            source: Tokens that may be copied, (B, S) int64.

        Returns:
            Log probabilities of the next token (B, K, V), attention weights (B, K, S),
            and the state after it.
        """
        cell = self._lstm if self.config.kind == "lstm" else self._gru
        output, hidden = cell(self._inputs(tokens, state), state.hidden)
        context, weights, attended = self.attention.attend(
            output, memory, state.attention
        )
        log_probs = self.log_probs(output, context, weights, source)
        return log_probs, weights, State(hidden, context, attended)

    def _inputs(self, tokens: str, state: State) -> str:
        """Project the embedded tokens and the contexts, (B, K, 3H)."""
        graph = self.graph
        embedded = graph.op("Gather", self._embeddings(), tokens)
        bias = self.weights[f"{PATH}/bias"]
        inputs = graph.op(
            "Add",
            self._matmul(embedded, "embedding_kernel"),
            graph.weight(f"{PATH}/bias_0", bias[0]),
        )
        return graph.op("Add", inputs, self._matmul(state.context, "context_kernel"))

    def _recurrent(self, hidden: str) -> str:
        """Project the output of the step before, (B, K, 3H)."""
        bias = self.graph.weight(f"{PATH}/bias_1", self.weights[f"{PATH}/bias"][1])
        return self.graph.op("Add", self._matmul(hidden, "recurrent_kernel"), bias)

    def _lstm(self, inputs: str, state: str) -> tuple[str, str]:
        """Return output and next state; see `asr.model.lstm_cell`."""
        graph, units = self.graph, self.config.units
        halves = graph.ints(units, units)
        hidden, cell = graph.ops("Split", state, halves, count=2, axis=-1)
        summed = graph.op("Add", inputs, self._recurrent(hidden))
        quarters = graph.ints(*[units] * 4)
        parts = graph.ops("Split", summed, quarters, count=4, axis=-1)
        entry, kept, shown = (graph.op("Sigmoid", parts[i]) for i in (0, 1, 3))
        entered = graph.op("Mul", entry, graph.op("Tanh", parts[2]))
        cell = graph.op("Add", graph.op("Mul", kept, cell), entered)
        output = graph.op("Mul", shown, graph.op("Tanh", cell))
        return output, graph.op("Concat", output, cell, axis=-1)

    def _gru(self, inputs: str, hidden: str) -> tuple[str, str]:
        """Return output and next state, which are one; see `asr.model.gru_cell`."""
        graph, units = self.graph, self.config.units
        recurrent = self._recurrent(hidden)
        parts = graph.ints(2 * units, units)
        gates_in, candidate_in = graph.ops("Split", inputs, parts, count=2, axis=-1)
        gates_by, candidate_by = graph.ops("Split", recurrent, parts, count=2, axis=-1)
        gates = graph.op("Sigmoid", graph.op("Add", gates_in, gates_by))
        update, reset = graph.ops(
            "Split", gates, graph.ints(units, units), count=2, axis=-1
        )
        candidate = graph.op("Add", candidate_in, graph.op("Mul", reset, candidate_by))
        candidate = graph.op("Tanh", candidate)
        # The new state lies between the candidate and the old one.
        moved = graph.op("Mul", update, graph.op("Sub", hidden, candidate))
        following = graph.op("Add", candidate, moved)
        return following, following

    def log_probs(self, hidden: str, context: str, weights: str, source: str) -> str:
        """Return the log probabilities after a step, (..., V)."""
        graph = self.graph
        both = graph.op("Concat", hidden, context, axis=-1)
        bridge = dense(graph, self.weights, both, f"{PATH}/bridge", "Tanh")
        if self.config.tied:
            logits = graph.op(
                "MatMul", bridge, graph.op("Transpose", self._embeddings(), perm=[1, 0])
            )
            name = f"{PATH}/output_bias"
            bias = graph.weight(name, self.weights[name])
            logits = graph.op("Add", logits, bias)
        else:
            logits = dense(graph, self.weights, bridge, f"{PATH}/logits")
        if self.config.copy:
            gate = dense(graph, self.weights, both, f"{PATH}/gate")
            logits = _mixture(graph, logits, weights, gate, source)
        return graph.op("LogSoftmax", logits, axis=-1)

    def _embeddings(self) -> str:
        name = f"{PATH}/embedding/embeddings"
        return self.graph.weight(name, self.weights[name])

    def _matmul(self, value: str, name: str) -> str:
        return matmul(self.graph, self.weights, value, f"{PATH}/{name}")


def _mixture(graph: Graph, logits: str, weights: str, gate: str, source: str) -> str:
    """Mix copies of the source in; see `asr.model.pointer_generator`."""
    share = graph.op("Sigmoid", gate)
    own = graph.op("Mul", graph.op("Softmax", logits, axis=-1), share)
    copied = graph.op("Mul", weights, graph.op("Sub", graph.constant(1.0), share))
    places = graph.op("Unsqueeze", source, graph.ints(1))
    places = graph.op("Expand", places, graph.op("Shape", weights))  # (B, K, S)
    mixed = graph.op("ScatterElements", own, places, copied, axis=2, reduction="add")
    return graph.op("Log", graph.op("Max", mixed, graph.constant(1e-20)))


def step_graph(config: ModelConfig, weights: Weights) -> Graph:
    """Build the graph of one decoder step.

    Its inputs are `tokens` (B, K) int64, the state (`hidden`, `context`, `attention`),
    the prepared memory (`memory_NAME`) and, where it copies, `source` (B, S) int64; its
    outputs `log_probs` (B, K, V), `weights` (B, K, S) and `next_NAME` of the state.
    """
    graph = Graph()
    decoder = Decoder(graph, config, weights)
    tokens = graph.input("tokens", "int64", ["B", "K"])
    state = _state_inputs(graph)
    memory, source = _inputs(graph, config, decoder.attention)
    log_probs, seen, state = decoder.step(tokens, state, memory, source)
    graph.output("log_probs", log_probs, "float32", ["B", "K", "V"])
    graph.output("weights", seen, "float32", ["B", "K", "S"])
    _state_outputs(graph, state)
    return graph


def rescore_graph(config: ModelConfig, weights: Weights) -> Graph:
    """Build the graph that reads known texts (teacher forcing).

    Its inputs are `tokens` (U, B, K) int64, the start symbol first, `labels` (U, B, K)
    int64, and state and prepared memory as in `step_graph`; its outputs `scores`
    (U, B, K), the log probability of each label, `weights` (U, B, K, S) and `next_NAME`
    of the state, for texts that are read in several parts.
    """
    graph = Graph()
    tokens = graph.input("tokens", "int64", ["U", "B", "K"])
    labels = graph.input("labels", "int64", ["U", "B", "K"])
    start = _state_inputs(graph)
    body = Graph("body", outer=graph)
    decoder = Decoder(body, config, weights)
    memory, source = _inputs(graph, config, decoder.attention)
    state = _state_inputs(body)
    token = body.input("body_token", "int64", ["B", "K"])
    log_probs, seen, state = decoder.step(token, state, memory, source)
    _state_outputs(body, state)
    body.output("body_log_probs", log_probs, "float32", ["B", "K", "V"])
    body.output("body_weights", seen, "float32", ["B", "K", "S"])
    *following, log_probs, seen = graph.ops(
        "Scan", *start, tokens, count=5, body=body, num_scan_inputs=1
    )
    index = graph.op("Unsqueeze", labels, graph.ints(3))
    scores = graph.op("GatherElements", log_probs, index, axis=3)
    scores = graph.op("Squeeze", scores, graph.ints(3))
    graph.output("scores", scores, "float32", ["U", "B", "K"])
    graph.output("weights", seen, "float32", ["U", "B", "K", "S"])
    _state_outputs(graph, State(*following))
    return graph


def _state_inputs(graph: Graph) -> State:
    """Declare the state before a step; in a body under names of its own."""
    shapes = STATE_SHAPES._asdict()
    return State(*(graph.input(graph.own(k), "float32", v) for k, v in shapes.items()))


def _state_outputs(graph: Graph, state: State) -> None:
    """Give the state after a step out."""
    for name, value in state._asdict().items():
        shape = getattr(STATE_SHAPES, name)
        graph.output(graph.own(f"next_{name}"), value, "float32", shape)


def _inputs(
    graph: Graph, config: ModelConfig, attention: Attention
) -> tuple[Memory, str]:
    """Declare the prepared memory, and the source where it may be copied."""
    memory = {
        name: graph.input(f"memory_{name}", "float32", shape)
        for name, shape in attention.fields(config.attention).items()
    }
    source = ""
    if config.decoder.copy:
        source = graph.input("source", "int64", ["B", "S"])
    return memory, source
