"""Training: speed of the default English configuration against PyTorch.

asr includes the whole input pipeline: clips are decoded, resampled to a random speed,
padded and prefetched while a step runs, as in the first epoch of `asr train`. PyTorch
trains the same architecture (`torch_model.py`) on the same batches, from memory. Rounds
alternate, so that disturbances affect both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import harness
import keras
import numpy as np
import tensorflow as tf

from asr.audio.augmentation import WaveformAugmentation
from asr.config.parsing import to_dict
from asr.config.schema import AugmentConfig, DataConfig, ModelConfig, TrainConfig
from asr.corpora.prepare import Preparation
from asr.data import batching
from asr.data import loader as source_loader
from asr.storage.keras_model import build
from asr.tasks import SpeechRecognition
from asr.text.tokenizers import CharacterTokenizer
from asr.training.optimizers import WeightAverage, build_optimizer
from asr.training.strategies import connect

CHARACTERS = tuple(" 'ABCDEFGHIJKLMNOPQRSTUVWXYZ")
WARMUP = 3
Pair = tuple[batching.Arrays, batching.Arrays]
"""Inputs and targets of a batch."""


@dataclass
class Clock:
    """Times when batches are ready and trained on."""

    ready: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def figures(self) -> tuple[float, float]:
        """Return seconds of all timed batches, and the share of the training step."""
        steps = [
            done - ready for ready, done in zip(self.ready, self.ended, strict=True)
        ]
        total = self.ended[-1] - self.ended[WARMUP - 1]
        return total, sum(steps[WARMUP:]) / total

    def processor_seconds(self) -> float:
        """Return processor time of all timed batches, decoding included."""
        return self.processor[-1] - self.processor[WARMUP - 1]


class Ours:
    """The default model, its data and its optimiser."""

    def __init__(self, corpus: Path) -> None:
        data = DataConfig()
        self.task = SpeechRecognition(
            CharacterTokenizer(CHARACTERS), ModelConfig(), data.normalizer
        )
        self.examples = [
            batching.Example(
                u, (*self.task.encode_target(u.text), self.task.end), u.duration
            )
            for u in Preparation("librispeech", corpus.parent, corpus.name)
            if u.duration <= data.longest
        ]
        self.config = ModelConfig()
        self.train_config = TrainConfig()
        self.strategy = connect()
        self.model = build(self.task, augment=AugmentConfig(), seed=1)
        self.model.loss_config = self.train_config
        self.model.compile(optimizer=build_optimizer(self.train_config, 10_000))
        self.model.optimizer.build(self.model.trainable_variables)
        self.strategy.attach(self.model)
        self.data = data

    @property
    def parameters(self) -> int:
        """Number of trained weights."""
        return sum(int(np.prod(w.shape)) for w in self.model.trainable_variables)

    def train(self, epoch: int, steps: int) -> tuple[Clock, list[Pair]]:
        """Train on the first batches of an epoch; return times and the batches."""
        distort = WaveformAugmentation(AugmentConfig(), self.task.rate)
        plan = batching.plan_epoch(
            batching.augmented_lengths(self.examples, distort, seed=1, epoch=epoch),
            batch_length=self.data.batch_length,
            seed=1,
            epoch=epoch,
            ascending=False,
        )[: WARMUP + steps]
        loader = source_loader.SourceLoader(
            self.task.encode_source,
            workers=self.data.workers,
            cache_mb=self.data.cache_mb,
        )
        clock, used = Clock(), []
        average = WeightAverage(self.train_config.ema)
        for batch in batching.batches(
            self.examples,
            plan,
            loader,
            start_token=self.task.start,
            distort=distort,
            seed=1,
            epoch=epoch,
        ):
            used.append((batch.inputs, batch.targets))
            clock.ready.append(time.perf_counter())
            logs = self.strategy.step(batch)
            if average.is_due(batch.number):  # as in training
                average.sample(self.model.trainable_variables, batch.number)
            clock.losses.append(logs["loss"])
            clock.ended.append(time.perf_counter())
            clock.processor.append(time.process_time())
        return clock, used[WARMUP:]


def audio_seconds(batches: list[Pair], rate: int) -> float:
    """Return seconds of unpadded audio in batches."""
    return sum(int(inputs["source_lengths"].sum()) for inputs, _ in batches) / rate


def train_torch(
    python: Path, ours: Ours, batches: list[Pair], threads: int
) -> dict[str, Any]:
    """Train the PyTorch model on batches, in its own process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, (inputs, targets) in enumerate(batches):
            np.savez(folder / f"batch-{number:04d}.npz", **inputs, **targets)
        np.save(folder / "filters.npy", ours.model.frontend._filters)
        facts = {
            "model": to_dict(ours.config),
            "vocabulary": ours.task.vocabulary,
            "learning_rate": ours.train_config.learning_rate,
            "clip_norm": ours.train_config.clip_norm,
            "ctc_weight": ours.train_config.ctc_weight,
        }
        (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
        script = Path(__file__).with_name("torch_model.py")
        command = [python, script, folder, str(threads), str(WARMUP)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round of 4 batches")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--steps", type=int, default=30, help="batches timed in a round"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--torch-python", type=Path, help="interpreter that has torch")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.steps = 1, 4
    harness.announce()
    python = harness.python_of(
        options.torch_python, "torch-2.13.0", ["torch==2.13.0", "numpy"]
    )
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    ours = Ours(harness.speech("LibriSpeech", "train-clean-5"))
    ratios, speeds, shares, others = [], [], [], []
    for number in range(1, options.rounds + 1):
        clock, batches = ours.train(number, options.steps)
        seconds, share = clock.figures()
        audio = audio_seconds(batches, ours.task.rate)
        torch = train_torch(python, ours, batches, options.threads)
        if torch["parameters"] != ours.parameters:
            sizes = f"{ours.parameters} and {torch['parameters']}"
            raise SystemExit(f"the models differ: {sizes} parameters")
        speeds.append(audio / seconds)
        others.append(audio / sum(torch["seconds"]))
        ratios.append(speeds[-1] / others[-1])
        shares.append(share)
        print(
            f"round {number}: {audio:.0f} s of audio in {len(batches)} batches; asr "
            f"{speeds[-1]:.1f} s/s (loss {clock.losses[-1]:.2f}), PyTorch "
            f"{others[-1]:.1f} s/s (loss {torch['losses'][-1]:.2f}), "
            f"ratio {ratios[-1]:.2f}; processor time "
            f"{torch['processor'] / clock.processor_seconds():.2f}"
        )
    print(
        f"model: {ours.parameters:,} parameters in both; TensorFlow {tf.__version__}, "
        f"Keras {keras.__version__}, PyTorch {torch['version']}; "
        f"{options.threads} threads"
    )
    median = statistics.median
    harness.verdict("asr, s of audio per s", median(speeds), 120, below=False)
    print(f"PyTorch, s of audio per s: {median(others):.3g}")
    harness.verdict(
        "share of time in the compiled step", median(shares), 0.9, below=False
    )
    harness.verdict("ratio to PyTorch (goal 1.5)", median(ratios), 1.0, below=False)


if __name__ == "__main__":
    main()
