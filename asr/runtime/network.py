"""The network of a model folder on ONNX Runtime, without TensorFlow and Keras."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import onnxruntime

from asr.config.schema import ModelConfig
from asr.errors import ModelError, UsageError
from asr.runtime.attention_variants import ATTENTIONS
from asr.runtime.decoder import STATE_SHAPES, rescore_graph, step_graph
from asr.runtime.encoder import encoder_graph
from asr.runtime.frontend import LogMel
from asr.runtime.memory import release_memory
from asr.runtime.onnx_graph import Graph
from asr.runtime.shapes import weight_shapes
from asr.text.special_tokens import END

Arrays = dict[str, np.ndarray]

_MAKING = threading.Lock()  # one session at a time: each holds its weights twice
_LATER: deque[LazySession] = deque()  # sessions to make when a network has run


def thread_count(threads: int | None) -> int:
    """Return the number of threads of a network; 0 for its default.

    Raises:
        UsageError: The number is below 1.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads must be 1 or more, got {threads}")
    return threads or 0


class LazySession:
    """A session that is made when it is first used; threads share it.

    Args:
        make: Returns the session.
    """

    def __init__(self, make: Callable[[], onnxruntime.InferenceSession]) -> None:
        self._make = make
        self._session: onnxruntime.InferenceSession | None = None

    def begin(self) -> None:
        """Begin to make the session in a thread; an error comes with the first use."""
        executor = ThreadPoolExecutor(1)
        executor.submit(self.get)
        executor.shutdown(wait=False)

    def begin_later(self) -> None:
        """Begin to make the session when a network has run.

        Before, it would take the core that the threads of that network wait for.
        """
        _LATER.append(self)

    def get(self) -> onnxruntime.InferenceSession:
        """Return the session."""
        if self._session is None:
            with _MAKING:
                if self._session is None:
                    self._session = self._make()
                    release_memory()  # of the weights, which it has copied
        return self._session


class Encoded(NamedTuple):
    """A batch of sources after the encoder.

    Attributes:
        memory: The prepared memory and what else steps need, by input name.
        memory_lengths: Real memory frames of each, (B,).
        state_lengths: Real encoder states of each, (B,); CTC has one frame for each.
        ctc: CTC log probabilities, (B, R, V), or None.
        phones: CTC log probabilities of phones, divided by their priors, or None.
    """

    memory: Arrays
    memory_lengths: np.ndarray
    state_lengths: np.ndarray
    ctc: np.ndarray | None = None
    phones: np.ndarray | None = None

    def ctc_rows(self) -> list[np.ndarray]:
        """Return the real CTC frames of each source, (R, V) each; empty without CTC."""
        return self._rows(self.ctc)

    def phone_rows(self) -> list[np.ndarray]:
        """Return the real CTC frames of phones of each source, (R, P) each."""
        return self._rows(self.phones)

    def _rows(self, frames: np.ndarray | None) -> list[np.ndarray]:
        if frames is None:
            return []
        lengths = self.state_lengths
        return [row[:length] for row, length in zip(frames, lengths, strict=True)]


class Rescored(NamedTuple):
    """What the decoder makes of known texts.

    Attributes:
        scores: Log probability of each label, (B, K, U).
        weights: Attention weights, (B, K, U, S).
        state: State after the last token.
    """

    scores: np.ndarray
    weights: np.ndarray
    state: Arrays


class Network:
    """Encoder and decoder of a model.

    Args:
        config: Sizes of the network.
        weights: Arrays of the model folder, by path; they may be memory-mapped.
        vocabulary: Number of tokens.
        text: Whether sources are tokens of texts; otherwise they are waveforms.
        threads: Processor threads of each operation; 0 for one on each core, for speech
            one less.
        release: Called when the weights have been copied; gives their memory back.

    Attributes:
        encoder: Session of the encoder.
        stepper: Session of one step of the decoder.
        rescorer: Session of the decoder over known texts.

    Raises:
        ModelError: The weights are not those of such a network.
        RecipeError: The configuration is not valid.
    """

    def __init__(
        self,
        config: ModelConfig,
        weights: Mapping[str, np.ndarray],
        *,
        vocabulary: int,
        text: bool,
        threads: int = 0,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self.config, self.text = config, text
        # One core is left for the search, which is the longer part for speech.
        self.threads = threads if threads or text else max(1, _cores() - 1)
        self._release = release
        self.weights = weights
        self.frontend = None if text else LogMel(config.frontend)
        self._check(vocabulary)
        self.encoder = LazySession(
            lambda: self._session(encoder_graph(config, weights, text=text))
        )
        self.stepper = LazySession(lambda: self._session(step_graph(config, weights)))
        self.rescorer = LazySession(
            lambda: self._session(rescore_graph(config, weights))
        )

    def _check(self, vocabulary: int) -> None:
        """Refuse weights that are missing, left over or of another shape."""
        shapes = weight_shapes(self.config, vocabulary, text=self.text)
        found = set(filter(_computes, self.weights))
        if unmatched := sorted(shapes.keys() ^ found):
            raise ModelError(f"not of a model of this shape: {unmatched[0]}")
        for name, shape in shapes.items():
            if self.weights[name].shape != shape:
                raise ModelError(
                    f"{name} has shape {self.weights[name].shape}, "
                    f"but the model needs {shape}"
                )

    def _session(self, graph: Graph) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 4
        options.enable_cpu_mem_arena = False  # it would keep the longest batch's memory
        # Waiting threads would take the cores from the search that runs beside.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        weights = graph.external_weights()
        values = [
            onnxruntime.OrtValue.ortvalue_from_numpy(array)
            for array in weights.values()
        ]
        options.add_external_initializers(list(weights), values)
        self._release()
        return onnxruntime.InferenceSession(
            graph.model(external=True), options, providers=["CPUExecutionProvider"]
        )

    @property
    def frame_seconds(self) -> float:
        """Time between two frames of features, in seconds."""
        return self.frontend.hop / self.config.frontend.rate if self.frontend else 0.0

    def encode(
        self, sources: Sequence[np.ndarray], phone_prior: float = 0.0
    ) -> Encoded:
        """Encode a batch of sources, (N,) each.

        Args:
            sources: Waveforms in [-1, 1], or tokens.
            phone_prior: Exponent of the priors that divide the posteriors of phones.
        """
        rows = [self.frontend(it) for it in sources] if self.frontend else sources
        lengths = np.array([len(row) for row in rows], "int64")
        kind = "int64" if self.text else "float32"
        padded = np.zeros((len(rows), int(lengths.max()), *rows[0].shape[1:]), kind)
        for place, row in zip(padded, rows, strict=True):
            place[: len(row)] = row
        name = "source" if self.text else "features"
        outputs = _run(self.encoder.get(), {name: padded, "lengths": lengths})
        counts = outputs.pop("memory_lengths"), outputs.pop("state_lengths")
        heads = {"ctc": outputs.pop("ctc", None)}
        if "phone_logits" in outputs:
            logits = outputs.pop("phone_logits")
            log_prior = self.weights["phones/log_prior"].astype("float32")
            logits = logits - np.float32(phone_prior) * log_prior
            heads["phones"] = _log_softmax(logits)
        if self.config.decoder.copy:
            outputs["source"] = padded
        return Encoded(outputs, *counts, **heads)

    def features(self, samples: np.ndarray) -> np.ndarray:
        """Return the features of a waveform (N,), (T, F)."""
        if self.frontend is None:
            raise TypeError("a network for texts has no features")
        return self.frontend(samples)

    def attention(self, source: np.ndarray, tokens: Sequence[int]) -> np.ndarray:
        """Return the attention weights after each token of a text, (U, S).

        Args:
            source: Waveform or tokens, (N,).
            tokens: Decoder input, the start symbol first, (U,).
        """
        encoded = self.encode([source])
        if self.config.decoder.kind == "pooling":
            return np.repeat(encoded.memory["weights"][0], len(tokens), axis=0)
        if self.config.decoder.kind == "labels":
            return np.eye(len(tokens), encoded.memory_lengths[0], dtype="float32")
        read = np.array(tokens)[None, None]
        return self.rescore(read, read, encoded).weights[0, 0]

    def row(self, encoded: Encoded, row: int) -> Encoded:
        """Return one source of a batch, without padding."""
        length = int(encoded.memory_lengths[row])
        config = self.config.attention
        fields = {"start": ["B", "H"], **ATTENTIONS[config.kind].fields(config)}
        memory = {}
        for name, value in encoded.memory.items():
            shape = fields.get(name.removeprefix("memory_"), ["B", "S"])
            part = (slice(row, row + 1), *(slice(None) for _ in shape[1:]))
            if "S" in shape:
                axis = shape.index("S")
                part = (*part[:axis], slice(length), *part[axis + 1 :])
            memory[name] = value[part]
        return Encoded(
            memory,
            encoded.memory_lengths[row : row + 1],
            encoded.state_lengths[row : row + 1],
        )

    def initial_state(self, encoded: Encoded, beam: int) -> Arrays:
        """Return the decoder's state before the first step, of K hypotheses."""
        if self.config.decoder.kind in ("pooling", "labels"):
            return {"step": np.zeros((len(encoded.memory_lengths), beam), "int32")}
        batch, frames, width = encoded.memory["memory_values"].shape
        decoder, attention = self.config.decoder, self.config.attention
        sizes = {"hidden": decoder.state_units, "context": width, "attention": 1}
        if attention.kind == "bahdanau":
            sizes["attention"] = frames
        state = {
            name: np.zeros((batch, beam, sizes[name]), "float32")
            for name in STATE_SHAPES._fields
        }
        if decoder.start == "encoder":
            state["hidden"] += encoded.memory["start"][:, None]
        return state

    def step(
        self, tokens: np.ndarray, state: Arrays, encoded: Encoded
    ) -> tuple[np.ndarray, np.ndarray, Arrays]:
        """Read one token of each hypothesis, (B, K).

        Returns:
            Log probabilities of the next token (B, K, V), attention weights (B, K, S),
            and the state after it.
        """
        if self.config.decoder.kind == "pooling":
            return self._pooled(state["step"], encoded)
        if self.config.decoder.kind == "labels":
            return self._labelled(state["step"], encoded)
        inputs = {"tokens": tokens.astype("int64"), **state, **encoded.memory}
        outputs = _run(self.stepper.get(), inputs)
        following = {name: outputs[f"next_{name}"] for name in state}
        return outputs["log_probs"], outputs["weights"], following

    def _pooled(
        self, steps: np.ndarray, encoded: Encoded
    ) -> tuple[np.ndarray, np.ndarray, Arrays]:
        """Write the class as the first token; see `asr.model.classifier`."""
        following = _log_softmax(self.weights["decoder/following"].astype("float32"))
        first = (steps == 0)[..., None]
        log_probs = np.where(first, encoded.memory["log_probs"], following)
        weights = np.repeat(encoded.memory["weights"], steps.shape[1], axis=1)
        return log_probs, weights, {"step": steps + 1}

    def _labelled(
        self, steps: np.ndarray, encoded: Encoded
    ) -> tuple[np.ndarray, np.ndarray, Arrays]:
        """Write the label of each frame in turn, then the end; `asr.model.labeller`."""
        frames = encoded.memory["log_probs"]
        places = np.minimum(steps, frames.shape[1] - 1)
        log_probs = np.take_along_axis(frames, places[..., None], axis=1)
        ended = np.full(frames.shape[-1], -1e9, "float32")
        ended[END] = 0.0
        is_over = steps >= encoded.memory_lengths[:, None]
        log_probs = np.where(is_over[..., None], ended, log_probs)
        weights = np.eye(frames.shape[1], dtype="float32")[places]
        return log_probs, weights, {"step": steps + 1}

    def rescore(
        self,
        tokens: np.ndarray,
        labels: np.ndarray,
        encoded: Encoded,
        state: Arrays | None = None,
    ) -> Rescored:
        """Read known texts, or parts of them.

        Args:
            tokens: Decoder input, (B, K, U); the start symbol first.
            labels: The next token after each, (B, K, U).
            encoded: The sources.
            state: State after the part before; that before the first step by default.
        """
        order = (2, 0, 1)
        inputs = {
            "tokens": tokens.transpose(order).astype("int64"),
            "labels": labels.transpose(order).astype("int64"),
            **(state or self.initial_state(encoded, tokens.shape[1])),
            **encoded.memory,
        }
        outputs = _run(self.rescorer.get(), inputs)
        following = {name: outputs[f"next_{name}"] for name in STATE_SHAPES._fields}
        return Rescored(
            outputs["scores"].transpose(1, 2, 0),
            outputs["weights"].transpose(1, 2, 0, 3),
            following,
        )


def _run(session: onnxruntime.InferenceSession, inputs: Arrays) -> dict[str, Any]:
    """Run a session with those of the inputs that it takes."""
    names = {it.name for it in session.get_inputs()}
    outputs = [it.name for it in session.get_outputs()]
    used = {name: value for name, value in inputs.items() if name in names}
    values = session.run(outputs, used)
    while _LATER:
        with contextlib.suppress(IndexError):  # another thread took the last one
            _LATER.popleft().begin()
    return dict(zip(outputs, values, strict=True))


def _cores() -> int:
    """Return the number of cores that the process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _computes(name: str) -> bool:
    """Tell whether a weight takes part in inference; counters and seeds do not."""
    return not name.startswith("augment/") and "seed" not in name


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
