"""What a Keras backend computes with given weights; run by `test_backends.py`.

Usage: KERAS_BACKEND=jax python -m tests.backend_probe WEIGHTS RESULTS
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from asr.config.schema import (
    AttentionConfig,
    DecodingConfig,
    ModelConfig,
    TextConfig,
    TrainConfig,
)
from asr.decoding.automata import Automaton, prefix_automaton
from asr.decoding.beam_search import Tokens
from asr.decoding.lexicon_search import LexiconSearch
from asr.decoding.prefix_tree import lexicon, phone_tree
from asr.decoding.scorers import TableScorer, WordScorer
from asr.inference.graph import BeamSearchDecoder
from asr.inference.rescoring import RescoringDecoder
from asr.language_model.kneser_ney import train_ngrams
from asr.language_model.tables import first_rows, word_rows
from asr.model.attention_variants import ATTENTIONS
from asr.model.decoder import Decoder
from asr.model.seq2seq import Seq2Seq
from asr.model.token_embedding import TokenEmbedding
from tests.tiny_speech import CONFIG, NO_MASKS, tiny_speech_model

VOCABULARY = 9
BY_PHONES = "by phones"
SEARCHES = {
    "beam": DecodingConfig(beam_size=4, ctc_weight=0.3, n_best=2),
    "greedy": DecodingConfig(beam_size=1, ctc_weight=0.0),
    "guided": DecodingConfig(beam_size=4, ctc_weight=0.3, n_best=2, prefix="AB"),
}


def automata(config: DecodingConfig) -> list[Automaton | WordScorer]:
    """Return words and a prefix, where the search has one; 3 is the space."""
    if not config.prefix:
        return []
    ngrams = train_ngrams(
        [[4, 5], [4, 4, 3], [5, 3, 4]], 6, start=1, end=2, least=(1, 1), rare=3
    )
    numbers = np.random.default_rng(4)
    gains = -numbers.uniform(0.1, 3.0, (5, VOCABULARY)).astype("float32")
    following = numbers.integers(0, 5, gains.shape).astype("int32")
    words = WordScorer(
        TableScorer(gains, following),
        lexicon([[4], [5, 4]], [4, 5], VOCABULARY, space=3, unknown=3),
        ngrams.unigrams, first_rows(ngrams), word_rows(ngrams, 1), word_rows(ngrams, 2),
        start=1, first=1, unknown=3, space=3, end=2, weight=0.8,
        bonus=np.array([0.5, -0.4, 0.2, -0.3, 0.1], "float32"),
    )  # fmt: skip
    return [words, prefix_automaton([4, 5], VOCABULARY)]


def build() -> Seq2Seq:
    """Return a small model without anything random in training."""
    return tiny_speech_model(VOCABULARY, replace(CONFIG, phones=("A", "B")))


def by_phones(model: Seq2Seq) -> RescoringDecoder:
    """Return what finds two words by their phones."""
    names = ["", "", "", "", "ab", "b"]
    chances = np.log([0.1, 0.1, 0.2, 0.1, 0.2, 0.3])
    first_pass = LexiconSearch(
        phone_tree([(1, 2), (2,)], [4, 5], chances),
        lambda before, last, words: chances[words],
        names, special=Tokens(1, 2), weight=0.5, beam=20,
    )  # fmt: skip
    config = DecodingConfig(beam_size=4, n_best=2, phone_weight=0.5)

    def encode(text: str) -> list[int]:
        return [3 + " ab".index(letter) for letter in text]

    return RescoringDecoder(model, Tokens(1, 2), config, first_pass, encode)


def batch() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return inputs and targets of three recordings of different lengths."""
    random = np.random.default_rng(0)
    lengths = np.array([12000, 8000, 9123], "int32")
    source = random.normal(size=(3, 12000)) * np.linspace(0.01, 0.2, 12000)
    source[np.arange(12000) >= lengths[:, None]] = 0.0
    labels = np.array([[3, 5, 5, 8, 2], [4, 2, 0, 0, 0], [6, 7, 2, 0, 0]], "int32")
    tokens = np.roll(labels, 1, axis=1)
    tokens[:, 0] = 1
    inputs = {
        "source": source.astype("float32"),
        "source_lengths": lengths,
        "tokens": tokens,
    }
    targets = {"labels": labels, "label_lengths": np.array([5, 2, 3], "int32")}
    targets["phones"] = np.array([[1, 2, 1], [2, 0, 0], [1, 1, 0]], "int32")
    targets["phone_lengths"] = np.array([3, 1, 2], "int32")
    return inputs, targets


def attentions() -> dict[str, np.ndarray]:
    """Return the logits of a decoder with each kind of attention."""
    random = np.random.default_rng(1)
    memory = random.normal(size=(3, 9, 8)).astype("float32")
    inputs, _ = batch()
    results = {}
    for kind in ATTENTIONS:
        config = AttentionConfig(kind=kind, units=8, heads=2, window=2)
        decoder = Decoder(CONFIG.decoder, config, VOCABULARY)
        lengths = np.array([9, 4, 2], "int32")
        decoder(inputs["tokens"], memory, lengths)  # creates the weights
        numbers = np.random.default_rng(2)
        for weight in decoder.trainable_weights:
            weight.assign(0.5 * numbers.normal(size=weight.shape))
        results[f"attention/{kind}"] = decoder(inputs["tokens"], memory, lengths)[0]
    return results


def texts() -> dict[str, np.ndarray]:
    """Return what a small model of texts, which copies, computes and learns."""
    config = ModelConfig(
        text=TextConfig(embedding=6, dropout=0.0),
        encoder=replace(CONFIG.encoder, convolutions=0, memory_stride=1),
        decoder=replace(CONFIG.decoder, tied=True, copy=True),
        attention=CONFIG.attention,
        ctc=False,
    )
    model = Seq2Seq(
        config,
        VOCABULARY,
        TokenEmbedding(config.text, VOCABULARY, name="frontend"),
        augment=NO_MASKS,
    )
    numbers = np.random.default_rng(3)
    for weight in model.trainable_weights:
        weight.assign(0.5 * numbers.normal(size=weight.shape))
    inputs, targets = batch()
    inputs["source"] = numbers.integers(3, VOCABULARY, (3, 6)).astype("float32")
    inputs["source_lengths"] = np.array([6, 2, 4], "int32")
    results = {f"texts/{k}": v for k, v in model.predict_on_batch(inputs).items()}
    search = DecodingConfig(beam_size=3, length_ratio=1.5, length_extra=2)
    sources = [row[:n] for row, n in zip(inputs["source"], (6, 2, 4), strict=True)]
    found = BeamSearchDecoder(model, Tokens(1, 2), search).hypotheses(sources)
    results |= {f"texts/{key}": value for key, value in found._asdict().items()}
    model.loss_config = TrainConfig(coverage_weight=0.5, smoothing_start=0)
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    results["texts/loss"] = np.asarray(model.train_on_batch(inputs, targets))
    results |= {f"texts/{w.path}": np.asarray(w) for w in model.trainable_weights}
    return results


def probe(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return outputs, search results, and loss and weights after a training step."""
    model = build()
    for weight in model.weights:
        weight.assign(weights[weight.path])
    inputs, targets = batch()
    results = {f"output/{k}": v for k, v in model.predict_on_batch(inputs).items()}
    sources = [
        samples[:length]
        for samples, length in zip(
            inputs["source"], inputs["source_lengths"], strict=True
        )
    ]
    for name, config in SEARCHES.items():
        search = BeamSearchDecoder(model, Tokens(1, 2), config, automata(config))
        found = search.hypotheses(sources)
        results |= {f"{name}/{key}": value for key, value in found._asdict().items()}
    found = by_phones(model).hypotheses(sources)
    results |= {f"{BY_PHONES}/{key}": value for key, value in found._asdict().items()}
    results |= attentions()
    results |= texts()
    # Not Adam: its first step is the sign of the gradient, however small that is.
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    results["loss"] = np.asarray(model.train_on_batch(inputs, targets))
    results |= {f"trained/{w.path}": np.asarray(w) for w in model.trainable_weights}
    return {name: np.asarray(value) for name, value in results.items()}


if __name__ == "__main__":
    with np.load(sys.argv[1]) as stored:
        np.savez(
            Path(sys.argv[2]), backend=keras.backend.backend(), **probe(dict(stored))
        )
