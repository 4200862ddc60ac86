"""Translation: speed of beam search against the recurrent model of JoeyNMT.

Both models have random weights of the same sizes: bidirectional GRU, additive
attention, GRU decoder, tied output. Both decode the same batches of Multi30k test
sentences, with the same beam size and a fixed number of steps for each batch, because
outputs of random weights have no meaningful end. JoeyNMT runs in its own venv.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

import harness
import keras
import numpy as np

from asr.config.schema import (
    AttentionConfig,
    DecoderConfig,
    DecodingConfig,
    EncoderConfig,
    ModelConfig,
    TextConfig,
)
from asr.corpora.text import text_corpus
from asr.decoding.beam_search import Tokens
from asr.inference.beam_search_decoder import BeamSearchDecoder
from asr.model.seq2seq import Seq2Seq
from asr.model.token_embedding import TokenEmbedding
from asr.runtime.network import Network
from asr.storage.keras_model import weights_of
from asr.text.sentencepiece import train_subwords
from asr.text.special_tokens import END

REQUIREMENTS = [
    "joeynmt==2.3.0", "torch==2.13.0", "importlib_metadata", "pylint",
]  # fmt: skip
UNITS, EMBEDDING, PIECES = 256, 256, 4000


def batches_of(folder: Path, tokens: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the test sentences as padded tokens with lengths, shortest first."""
    texts = [
        pair.source.lower() for pair in text_corpus("multi30k")(folder, "train.de-en")
    ]
    tokenizer = train_subwords(texts, "unigram", PIECES)
    test = text_corpus("multi30k")(folder, "test_2016_flickr.de-en")
    rows = sorted(([*tokenizer.encode(p.source.lower()), END] for p in test), key=len)
    batches = []
    while rows:
        count = max(1, tokens // len(rows[-1]))
        batch = rows[-count:][::-1]  # JoeyNMT needs the longest first
        rows = rows[:-count]
        lengths = np.array([len(row) for row in batch], "int32")
        source = np.zeros((len(batch), lengths.max()), "int32")
        for index, row in enumerate(batch):
            source[index, : len(row)] = row
        batches.append((source, lengths))
    return batches


def ours(steps: int, beam: int) -> tuple[BeamSearchDecoder, int]:
    """Return a decoder with random weights, and the number of weights."""
    keras.utils.set_random_seed(1)
    config = ModelConfig(
        text=TextConfig(embedding=EMBEDDING),
        encoder=EncoderConfig(
            convolutions=0, layers=1, units=UNITS, memory_units=UNITS, memory_stride=1
        ),
        decoder=DecoderConfig(units=UNITS, embedding=EMBEDDING, tied=True),
        attention=AttentionConfig(units=UNITS, location_filters=0),
        ctc=False,
    )
    frontend = TokenEmbedding(config.text, PIECES, name="frontend")
    model = Seq2Seq(config, PIECES, frontend)
    decoding = DecodingConfig(
        beam_size=beam,
        ctc_weight=0,
        length_penalty=1,
        length_ratio=0,
        length_extra=steps,
    )
    network = Network(config, weights_of(model), vocabulary=PIECES, text=True)
    return BeamSearchDecoder(network, Tokens(1, 2), decoding), model.count_params()


def main() -> None:
    """Measure both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", help="folder of Multi30k")
    parser.add_argument("--joey-python", type=Path, help="interpreter with joeynmt")
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch-tokens", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    data = given.data or Path(os.environ.get("ASR_DATA", ".")) / "text" / "multi30k"
    python = harness.python_of(given.joey_python, "joeynmt", REQUIREMENTS)
    harness.announce()
    batches = batches_of(data, given.batch_tokens)
    sentences = sum(len(source) for source, _ in batches)
    search, parameters = ours(given.steps, given.beam)

    def work() -> int:
        total = 0
        for source, lengths in batches:
            rows = [row[:n] for row, n in zip(source, lengths, strict=True)]
            total += int(search.hypotheses(rows).lengths[:, 0].sum())
        return total

    work()  # builds the sessions
    measured = harness.timed(given.rounds, work)
    with tempfile.TemporaryDirectory() as folder:
        arrays = {f"source{i}": source for i, (source, _) in enumerate(batches)}
        arrays |= {f"lengths{i}": lengths for i, (_, lengths) in enumerate(batches)}
        np.savez(Path(folder) / "batches.npz", **arrays)
        settings = {
            "vocabulary": PIECES, "units": UNITS, "embedding": EMBEDDING,
            "steps": given.steps, "beam": given.beam, "rounds": given.rounds,
        }  # fmt: skip
        (Path(folder) / "settings.json").write_text(json.dumps(settings))
        output = subprocess.run(
            [
                python, Path(__file__).with_name("joey_decoding.py"),
                Path(folder) / "batches.npz", Path(folder) / "settings.json",
            ],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
    joey = json.loads(output.splitlines()[-1])
    for name, times, size, steps in (
        ("asr", measured, parameters, measured["result"]),
        ("JoeyNMT", joey, joey["parameters"], joey["steps"]),
    ):
        print(
            f"{name:8} {sentences / times['clock']:7.1f} sentences/s, processor "
            f"{times['processor']:6.2f} s, {size:,} parameters, "
            f"{steps / sentences:.1f} tokens per sentence"
        )
    ratio = joey["clock"] / measured["clock"]
    harness.verdict("ratio to JoeyNMT", ratio, 1.5, below=False)
    print(f"ratio in processor time: {joey['processor'] / measured['processor']:.2f}")


if __name__ == "__main__":
    main()
