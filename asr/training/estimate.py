"""Time, memory and disk of a training, estimated from a few steps."""

from __future__ import annotations

import math
import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from asr.config.schema import Recipe, SourceConfig
from asr.data.manifest import Utterance, write_manifest
from asr.errors import RecipeError
from asr.text.pronunciation import write_lexicon
from asr.training.checkpoint import save_state
from asr.training.collect import task_of
from asr.training.run_folder import CHECKPOINT
from asr.training.setup import build
from asr.training.strategies import connect
from asr.training.train import begin
from asr.training.trainer import Trainer

_TIMED = 8  # batches, beside the longest
_CLIP = 12.0  # seconds of a clip, as in LibriSpeech
_LETTERS = 15  # in a second of speech, as in LibriSpeech
_WORDS = 2000  # random words that sentences are made of
_LATENCY = 2e-4  # seconds of a message between two workers, as we measured on loopback


@dataclass(frozen=True)
class Estimate:
    """Needs of a training.

    Attributes:
        parameters: Number of weights.
        examples: Clips, or pairs of texts.
        length: Their total length, in `unit`.
        unit: `s` or `tokens`.
        epochs: Passes over them.
        steps: Batches of one epoch.
        step_seconds: Mean time of a step, including the decoding of audio.
        exchange_seconds: Time of a step in which workers add up their gradients.
        epoch_seconds: Time of an epoch, without validation.
        memory: Bytes with the longest batch and the cache of audio, without a GPU's.
        checkpoint: Bytes of the checkpoint.
        timed: Number of measured steps.
        workers: Number of workers, each with a processor like this one.
    """

    parameters: int
    examples: int
    length: float
    unit: str
    epochs: int
    steps: int
    step_seconds: float
    exchange_seconds: float
    epoch_seconds: float
    memory: int
    checkpoint: int
    timed: int
    workers: int

    def to_json(self) -> dict[str, Any]:
        """Return all figures as plain data, with `seconds` of the training."""
        whole = self.epochs * self.epoch_seconds
        return {**asdict(self), "seconds": whole}

    def summary(self) -> str:
        """Return the figures for people."""
        rate = self.length / self.epoch_seconds
        hours, tokens = f"{self.length / 3600:.1f} h", f"{self.length:,.0f} tokens"
        size = hours if self.unit == "s" else tokens
        shared = ""
        if self.workers > 1:
            shared = (
                f"workers {self.workers}; in each step they add up their gradients in "
                f"{self.exchange_seconds:.3f} s\n"
            )
        return (
            f"model   {self.parameters / 1e6:.1f} M parameters\n"
            f"data    {self.examples:,} examples, {size}\n"
            f"step    {self.step_seconds:.2f} s, {self.steps:,} an epoch, "
            f"{rate:,.0f} {self.unit} in a second ({self.timed} steps measured)\n"
            f"{shared}"
            f"time    {_duration(self.epoch_seconds)} an epoch, "
            f"{_duration(self.epochs * self.epoch_seconds)} for {self.epochs}, "
            "without scoring the dev part\n"
            f"memory  {self.memory / 1e9:.1f} GB\n"
            f"disk    {self.checkpoint / 1e6:.0f} MB for a checkpoint, beside the data"
        )


def estimate(
    recipe: Recipe, hours: float = 0.0, *, workers: int = 1, network: float = 10e9
) -> Estimate:
    """Train a few batches, the longest among them, and compute what training needs.

    Args:
        recipe: Recipe of the training.
        hours: Speech to train on, replaced by noise, for data on another machine.
        workers: Number of workers that share each batch.
        network: Bits that each of them sends in a second.

    Raises:
        DataError: The data of the recipe cannot be used.
        RecipeError: `hours` is infinite, or the task has texts as sources or writes
            labels.
    """
    if not math.isfinite(hours):
        raise RecipeError(f"hours must be a finite number, got {hours}")
    if hours and task_of(recipe).modality == "text":
        raise RecipeError("hours: the task must be one of speech")
    if hours and recipe.data.tokenizer == "labels":
        raise RecipeError("hours: random texts are no labels; estimate with the data")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = max(round(hours * 3600 / _CLIP), 1) if hours else 0
        if clips:
            recipe = _with_noise(recipe, folder, clips)
        alone = _measure(recipe, folder, clips, workers)
    size = 4 * alone.parameters
    exchange = ring_seconds(size, workers, network)
    return replace(
        alone,
        step_seconds=alone.step_seconds + exchange,
        exchange_seconds=exchange,
        epoch_seconds=alone.epoch_seconds + alone.steps * exchange,
    )


def ring_seconds(size: int, workers: int, network: float) -> float:
    """Return the time in which workers in a ring add up their arrays.

    Each sends 2 (n - 1) messages, each an n-th of the array, and no worker computes
    meanwhile.

    Args:
        size: Bytes of the array.
        workers: Number of workers, n.
        network: Bits that each of them sends in a second.

    Reference:
        P. Patarasuk, X. Yuan, Bandwidth Optimal All-reduce Algorithms for Clusters of
        Workstations, J. Parallel and Distributed Computing 69, 2009.
    """
    messages = 2 * (workers - 1)
    return messages * (8 * size / workers / network + _LATENCY)


def _measure(recipe: Recipe, folder: Path, clips: int, workers: int) -> Estimate:
    """Train batches of a recipe, and scale their needs to `clips`, or to all data."""
    uncached = replace(recipe, data=replace(recipe.data, cache_mb=0))
    begin(uncached, folder / "run")
    training = build(uncached, folder / "run", connect())
    data, task = training.data, training.task
    epoch = recipe.data.ascending_epochs  # the first that is shuffled
    training.progress.epoch = epoch
    lengths = data.lengths_in(epoch)
    # The largest share of each batch, with the longest clip: all are padded to that.
    plan = [batch[-math.ceil(len(batch) / workers) :] for batch in data.plan(epoch)]
    sample = _sample(plan, lengths, recipe.seed)
    seconds = _step_seconds(Trainer(training), sample)
    training.strategy.sync()
    if recipe.train.ema:
        training.average.sample(training.model.trainable_variables, updates=1)
    save_state(folder, training.model, training.average, training.progress)
    share = clips / len(lengths) if clips else 1.0
    length = sum(data.lengths) * share
    steps = round(len(plan) * share)
    cached = 2 * length * task.rate if task.unit == "s" else 0.0
    padded, total = (
        sum(len(batch) * float(lengths[batch].max()) for batch in part)
        for part in (sample, plan)
    )
    epoch_seconds = seconds / padded * total * share
    return Estimate(
        parameters=training.model.count_params(),
        examples=round(len(lengths) * share),
        length=length,
        unit=task.unit,
        epochs=recipe.train.epochs,
        steps=steps,
        step_seconds=epoch_seconds / steps,
        exchange_seconds=0.0,
        epoch_seconds=epoch_seconds,
        memory=_peak() + round(min(cached, recipe.data.cache_mb * 1e6)),
        checkpoint=(folder / CHECKPOINT).stat().st_size,
        timed=len(sample),
        workers=workers,
    )


def _step_seconds(trainer: Trainer, sample: list[np.ndarray]) -> float:
    """Return the time of the batches together, once compiled."""
    start = 0.0
    for _ in range(2):  # the first time compiles, and allocates all memory
        start = time.perf_counter()
        for _ in trainer.steps(sample):
            pass
    return time.perf_counter() - start


def _sample(
    plan: Sequence[np.ndarray], lengths: np.ndarray, seed: int
) -> list[np.ndarray]:
    """Choose the batch with the longest sources, and some others."""
    longest = max(range(len(plan)), key=lambda i: lengths[plan[i]].max())
    others = [i for i in range(len(plan)) if i != longest]
    count = min(_TIMED, len(others))
    drawn = np.random.default_rng(seed).choice(others, count, replace=False)
    return [plan[longest], *(plan[int(i)] for i in drawn)]


def _with_noise(recipe: Recipe, folder: Path, clips: int) -> Recipe:
    """Return the recipe with a manifest of noise and random sentences."""
    random = np.random.default_rng(recipe.seed)
    rate = recipe.model.frontend.rate
    letters = np.array(list("ETAOINSHRDLU"))
    sizes = (random.integers(1, 9) for _ in range(_WORDS))
    words = ["".join(random.choice(letters, size)) for size in sizes]
    sound = folder / "noise.flac"
    soundfile.write(sound, random.normal(0, 0.05, round(_CLIP * rate)), rate)
    # Enough for the timed batches, and enough texts to train a tokenizer on.
    timed = int((_TIMED + 1) * recipe.data.batch_length / _CLIP)
    utterances = []
    for number in range(min(clips, max(_WORDS, timed))):
        text = " ".join(random.choice(words, 40))[: int(_CLIP * _LETTERS)].strip()
        utterances.append(Utterance(sound, text, _CLIP, id=str(number)))
    write_manifest(folder / "noise.jsonl", utterances)
    data = replace(
        recipe.data,
        lexicon=_random_lexicon(recipe, folder, utterances),
        train=(SourceConfig(str(folder / "noise.jsonl")),),
        dev=(),
        withhold=(),
        tokenizer_file="",
        longest=max(_CLIP, recipe.data.longest),
    )
    # The start model and the language model need not exist either.
    train = replace(recipe.train, start="")
    decoding = replace(recipe.decoding, language_model="")
    return replace(recipe, data=data, train=train, decoding=decoding)


def _random_lexicon(
    recipe: Recipe, folder: Path, utterances: Iterable[Utterance]
) -> str:
    """Write a lexicon with a phone for each letter; return its path."""
    phones = recipe.model.phones
    if not phones:
        return ""
    words = {word for clip in utterances for word in (clip.text or "").split()}
    path = folder / "lexicon.txt"
    spelled = {x: (tuple(phones[ord(y) % len(phones)] for y in x),) for x in words}
    write_lexicon(path, spelled)
    return str(path)


def _peak() -> int:
    """Return the peak memory of this process, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"
