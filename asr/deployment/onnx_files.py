"""ONNX files of a model: the graphs that `asr` itself runs, and the frontend."""

from __future__ import annotations

from pathlib import Path

import onnxruntime

from asr.audio.mel import mel_filters
from asr.config.schema import FrontendConfig
from asr.deployment import examples
from asr.deployment.contents import (
    Contents,
    Signature,
    Tensor,
    check_size,
    phone_notes,
    sizes,
    write_phones,
)
from asr.files import atomic_write
from asr.runtime.decoder import rescore_graph, step_graph
from asr.runtime.encoder import encoder_graph
from asr.runtime.frontend import EPSILON, FLOOR, LogMel
from asr.runtime.layers import mask_of, size_of
from asr.runtime.onnx_graph import Graph
from asr.storage.model_folder import LoadedModel

_FLOAT, _DOUBLE = 1, 11
_USES = {
    "frontend": "Normalised log-mel energies of waveforms in [-1, 1].",
    "encoder": "The memory that the decoder reads, and log probabilities of CTC.",
    "classifier": "The log probability of each label.",
    "labeller": "The log probability of each label at each token.",
    "decoder": (
        "One step: reads a token of each hypothesis, the start symbol (1) first. The "
        "state is zero before it; each `next_` output is the state of the next step."
    ),
    "rescoring": (
        "The log probability of each label of known texts. The state is zero before a "
        "text; texts in several parts go on from each `next_` output."
    ),
}


def write(source: Path, loaded: LoadedModel, folder: Path) -> Contents:
    """Write the ONNX files of a model.

    Args:
        source: Model folder.
        loaded: Its content.
        folder: Where the files go.

    Raises:
        ModelError: The weights are too large for a file.
    """
    config, network = loaded.config.model, loaded.network
    check_size(source, loaded)
    graphs = {"encoder": encoder_graph(config, network.weights, text=network.text)}
    if not network.text:
        graphs = {"frontend": frontend_graph(config.frontend)} | graphs
    if config.decoder.attends:
        graphs["decoder"] = step_graph(config, network.weights)
        graphs["rescoring"] = rescore_graph(config, network.weights)
    signatures = []
    for name, graph in graphs.items():
        path = folder / f"{name}.onnx"
        with atomic_write(path, "wb") as file:
            file.write(graph.model())
        signatures.append(_signature(path, loaded))
    return Contents(
        title="ONNX",
        signatures=tuple(signatures),
        files=write_phones(folder, loaded),
        packages=("numpy", "onnxruntime", *examples.tokenizer_packages(loaded)),
        example=examples.onnx(loaded),
        notes=phone_notes(loaded),
    )


def _signature(path: Path, loaded: LoadedModel) -> Signature:
    """Read the inputs and outputs of a file as ONNX Runtime sees them."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    known = sizes(loaded)

    def tensors(values: list[onnxruntime.NodeArg]) -> tuple[Tensor, ...]:
        dtypes = {"tensor(float)": "float32", "tensor(int64)": "int64"}
        return tuple(
            Tensor(
                value.name,
                dtypes[value.type],
                tuple(known.get(size, size) for size in value.shape),
            )
            for value in values
        )

    kinds = {"pooling": "classifier", "labels": "labeller"}
    whole = kinds.get(loaded.config.model.decoder.kind, "encoder")
    kind = whole if path.stem == "encoder" else path.stem
    inputs, outputs = session.get_inputs(), session.get_outputs()
    return Signature(path.name, _USES[kind], tensors(inputs), tensors(outputs))


def frontend_graph(config: FrontendConfig) -> Graph:
    """Build the graph from samples to features; see `asr.runtime.frontend`.

    Its inputs are `samples` (B, N) float32 and `sample_lengths` (B,) int64, its outputs
    the inputs of the encoder: `features` (B, T, F) and `lengths` (B,).
    """
    graph, log_mel = Graph(), LogMel(config)
    samples = graph.input("samples", "float32", ["B", "N"])
    counts = graph.input("sample_lengths", "int64", ["B"])
    mask = mask_of(graph, counts, size_of(graph, samples, 1))
    samples = graph.op("Where", mask, samples, graph.constant(0.0))
    energies = _energies(graph, config, samples, log_mel.fft_size, log_mel.hop)
    hop, one = graph.constant(log_mel.hop, "int64"), graph.constant(1, "int64")
    lengths = graph.op("Add", graph.op("Div", counts, hop), one)
    mask = mask_of(graph, lengths, size_of(graph, energies, 1))
    mask = graph.op("Unsqueeze", mask, graph.ints(2))
    count = graph.op(
        "Unsqueeze", graph.op("Cast", lengths, to=_FLOAT), graph.ints(1, 2)
    )

    def mean(value: str) -> str:
        return graph.op("Div", graph.op("ReduceSum", value, graph.ints(1)), count)

    def inside(value: str) -> str:
        return graph.op("Where", mask, value, graph.constant(0.0))

    centred = inside(graph.op("Sub", energies, mean(inside(energies))))
    variance = mean(graph.op("Mul", centred, centred))
    deviation = graph.op("Sqrt", graph.op("Add", variance, graph.constant(EPSILON)))
    features = graph.op("Div", centred, deviation)
    graph.output("features", features, "float32", ["B", "T", config.mels])
    graph.output("lengths", lengths, "int64", ["B"])
    return graph


def _energies(
    graph: Graph, config: FrontendConfig, samples: str, size: int, hop: int
) -> str:
    """Return log-mel energies (B, T, F) of samples (B, N)."""
    width = config.window
    before, half = (size - width) // 2, size // 2
    window = graph.op(
        "HannWindow",
        graph.constant(width, "int64"),
        periodic=1,
        output_datatype=_DOUBLE,
    )
    window = graph.op("Pad", window, graph.ints(before, size - width - before))
    samples = graph.op("Cast", samples, to=_DOUBLE)
    samples = graph.op("Pad", samples, graph.ints(0, half, 0, half))
    spectrum = graph.op(
        "STFT",
        graph.op("Unsqueeze", samples, graph.ints(2)),
        graph.constant(hop, "int64"),
        window,
        graph.constant(size, "int64"),
        onesided=1,
    )  # (B, T, bins, 2)
    parts = graph.op("Cast", spectrum, to=_FLOAT)
    power = graph.op("Mul", parts, parts)
    power = graph.op("ReduceSum", power, graph.ints(3), keepdims=0)
    filters = mel_filters(config.rate, size, config.mels)
    energies = graph.op("MatMul", power, graph.weight("mel_filters", filters))
    return graph.op("Log", graph.op("Max", energies, graph.constant(FLOOR)))
