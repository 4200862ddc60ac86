"""The runtime beside Keras: the same model, searches and sources; texts and speed.

    python benchmarks/beside_keras.py english LIBRISPEECH --subset dev-clean --limit 200
    python benchmarks/beside_keras.py en-fr TEXTS --limit 200

Keras computes the network in compiled functions, one source at a time and padded to
few lengths; compiling counts too. ONNX Runtime does the same without padding.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import harness
import keras
import numpy as np
import tensorflow as tf
from keras import ops

import asr
from asr.arrays import pad_rows
from asr.corpora import CORPORA, detect
from asr.decoding.beam_search import Tokens
from asr.files import model_path
from asr.inference.beam_search_decoder import BeamSearchDecoder
from asr.inference.rescoring import RescoringDecoder
from asr.model.decoder_cell import DecoderInputs, DecoderOutputs, DecoderState, advance
from asr.model.ops import sequence_mask
from asr.runtime.network import Encoded, Network
from asr.storage.keras_model import build, start_from

Arrays = dict[str, np.ndarray]


class KerasNetwork(Network):
    """A network whose numbers come from Keras, for one source at a time."""

    model: keras.Model

    def encode(
        self, sources: Sequence[np.ndarray], phone_prior: float = 0.0
    ) -> Encoded:
        """See `Network`."""
        model, (source,) = self.model, sources
        step = 16000 if self.frontend else 8
        row = np.zeros((1, -(-len(source) // step) * step), np.asarray(source).dtype)
        row[0, : len(source)] = source
        self.source = row, np.array([len(source)], "int32")
        encoded, self.memory, heads = self.run(*self.source)
        heads = dict(heads)
        if "phones" in heads:
            heads["phones"] = (
                heads["phones"] - phone_prior * model.heads["phones"].log_prior
            )
        heads = {name: _log_softmax(logits) for name, logits in heads.items()}
        counts = np.asarray(encoded.memory_lengths), np.asarray(encoded.state_lengths)
        return Encoded({"memory_values": np.asarray(encoded.memory)}, *counts, **heads)

    @functools.cached_property
    def run(self) -> Callable[..., Any]:
        """The encoder, compiled once for each of few lengths."""

        def encode(row: Any, lengths: Any) -> Any:
            model = self.model
            encoded = model.encoder(*model.frontend(row, lengths))
            mask = sequence_mask(encoded.memory_lengths, ops.shape(encoded.memory)[1])
            memory = model.decoder.attention.prepare(encoded.memory, mask)
            heads = {name: head(encoded.states) for name, head in model.heads.items()}
            return encoded, memory, heads

        return tf.function(encode)

    def initial_state(self, encoded: Encoded, beam: int) -> Arrays:
        """See `Network`."""
        units, width = self.config.decoder.units, encoded.memory["memory_values"].shape
        attention = self.model.decoder.attention.initial_state(self.memory, beam)
        return {
            "hidden": np.zeros((1, beam, units), "float32"),
            "context": np.zeros((1, beam, width[2]), "float32"),
            "attention": np.asarray(attention),
        }

    def step(
        self, tokens: np.ndarray, state: Arrays, encoded: Encoded
    ) -> tuple[np.ndarray, np.ndarray, Arrays]:
        """See `Network`."""
        del encoded  # the source that was read last
        decoder = self.model.decoder
        projected = decoder.project(decoder.embedding(tokens))
        inputs = DecoderInputs(decoder.cell, projected, self.memory, None)
        following, weights = advance(decoder.attention, inputs, DecoderState(**state))
        outputs = DecoderOutputs(following.hidden, following.context, weights)
        logits = decoder.logits(outputs, None)
        after = {name: np.asarray(it) for name, it in following._asdict().items()}
        return _log_softmax(logits), np.asarray(weights), after


class KerasRescoring(RescoringDecoder):
    """Reads all texts of a source as whole rows of a batch."""

    network: KerasNetwork

    @functools.cached_property
    def read(self) -> Callable[..., Any]:
        """The whole network, compiled once for each of few lengths."""
        return tf.function(lambda inputs: self.network.model(inputs))

    def _rescore(
        self, encoded: Encoded, row: int, labels: list[list[int]]
    ) -> np.ndarray:
        del encoded, row  # the source that was read last
        lengths = np.array([len(label) for label in labels])
        padded = pad_rows(labels, -(-int(lengths.max()) // 25) * 25, "int32")
        tokens = np.roll(padded, 1, axis=1)
        tokens[:, 0] = self.special.start
        source, length = self.network.source
        outputs = self.read(
            {
                "source": np.repeat(source, len(labels), axis=0),
                "source_lengths": np.repeat(length, len(labels)),
                "tokens": tokens,
            }
        )
        picked = np.take_along_axis(
            _log_softmax(outputs["logits"]), padded[..., None].astype(int), axis=-1
        )[..., 0]
        return np.sum(picked * (np.arange(padded.shape[1]) < lengths[:, None]), axis=1)


def _log_softmax(logits: Any) -> np.ndarray:
    return np.asarray(ops.log_softmax(logits, axis=-1))


def keras_decoder(predictor: Any, name: str) -> Any:
    """Return the decoder of a recogniser or generator with Keras below it."""
    ours, task = predictor.search(), predictor.task
    network = KerasNetwork(
        ours.network.config,
        ours.network.weights,
        vocabulary=task.vocabulary,
        text=ours.network.text,
    )
    network.model = build(task)
    start_from(network.model, task, model_path(name))
    special = Tokens(task.start, task.end)
    if isinstance(ours, RescoringDecoder):
        return KerasRescoring(
            network, special, ours.config, ours.first_pass, ours.encode
        )
    return BeamSearchDecoder(network, special, ours.config, ours.scorers)


def sources(predictor: Any, data: Path, subset: str | None, limit: int) -> list[Any]:
    """Return waveforms of a corpus, or tokens of the lines of a file."""
    if data.is_dir():
        reader = CORPORA[detect(data)]
        utterances = islice(reader.read(data, subset or "all"), limit)
        return [predictor._read(it, None, 60.0) for it in utterances]
    lines = data.read_text(encoding="utf-8").splitlines()[:limit]
    return [np.array(predictor.task.source_tokens(line)) for line in lines]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="name or folder of a model")
    parser.add_argument("data", type=Path, help="folder of a corpus, or file of texts")
    parser.add_argument("--subset", help="part of the corpus, such as dev-clean")
    parser.add_argument("--limit", type=int, default=200)
    options = parser.parse_args()
    harness.announce()
    load = asr.load if options.data.is_dir() else asr.load_text
    predictor = load(options.model)
    inputs = sources(predictor, options.data, options.subset, options.limit)
    decoders = predictor.search(), keras_decoder(predictor, options.model)

    def texts(decoder: Any) -> list[str]:
        found = [decoder.hypotheses([source]) for source in inputs]
        return [
            predictor.task.decode(it.tokens[0, 0, : it.lengths[0, 0]].tolist())
            for it in found
        ]

    def seconds(work: Callable[[], Any]) -> tuple[Any, float]:
        start = time.perf_counter()
        return work(), time.perf_counter() - start

    ours, time_ours = seconds(lambda: texts(decoders[0]))
    theirs, time_theirs = seconds(lambda: texts(decoders[1]))
    equal = sum(a == b for a, b in zip(ours, theirs, strict=True))
    print(f"equal texts: {equal} of {len(ours)}")
    for mine, other in zip(ours, theirs, strict=True):
        if mine != other:
            print(f"  runtime: {mine}\n  Keras:   {other}")
    print(f"one at a time: {time_theirs / time_ours:.1f} times as fast as Keras")


if __name__ == "__main__":
    main()
