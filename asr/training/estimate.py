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

import keras
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
from asr.training.train import begin
from asr.training.trainer import Trainer

_TIMED = 8  # batches, beside the longest
_CLIP = 12.0  # seconds of a clip, as in LibriSpeech
_LETTERS = 15  # in a second of speech, as in LibriSpeech
_WORDS = 2000  # random words that sentences are made of


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
        epoch_seconds: Time of an epoch, without validation.
        memory: Bytes with the longest batch and the cache of audio, without a GPU's.
        checkpoint: Bytes of the checkpoint.
        timed: Number of measured steps.
    """

    parameters: int
    examples: int
    length: float
    unit: str
    epochs: int
    steps: int
    step_seconds: float
    epoch_seconds: float
    memory: int
    checkpoint: int
    timed: int

    def to_json(self) -> dict[str, Any]:
        """Return all figures as plain data, with `seconds` of the training."""
        whole = self.epochs * self.epoch_seconds
        return {**asdict(self), "seconds": whole}

    def summary(self) -> str:
        """Return the figures for people."""
        rate = self.length / self.epoch_seconds
        hours, tokens = f"{self.length / 3600:.1f} h", f"{self.length:,.0f} tokens"
        size = hours if self.unit == "s" else tokens
        return (
            f"model   {self.parameters / 1e6:.1f} M parameters\n"
            f"data    {self.examples:,} examples, {size}\n"
            f"step    {self.step_seconds:.2f} s, {self.steps:,} an epoch, "
            f"{rate:,.0f} {self.unit} in a second ({self.timed} steps measured)\n"
            f"time    {_duration(self.epoch_seconds)} an epoch, "
            f"{_duration(self.epochs * self.epoch_seconds)} for {self.epochs}, "
            "without scoring the dev part\n"
            f"memory  {self.memory / 1e9:.1f} GB\n"
            f"disk    {self.checkpoint / 1e6:.0f} MB for a checkpoint, beside the data"
        )


def estimate(recipe: Recipe, hours: float = 0.0) -> Estimate:
    """Train a few batches, the longest among them, and compute what training needs.

    Args:
        recipe: Recipe of the training.
        hours: Speech to train on, replaced by noise, for data on another machine.

    Raises:
        DataError: The data of the recipe cannot be used.
        RecipeError: `hours` is infinite, or the task has texts as sources.
    """
    if not math.isfinite(hours):
        raise RecipeError(f"hours must be a finite number, got {hours}")
    if hours and task_of(recipe).modality == "text":
        raise RecipeError("hours: the task must be one of speech")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = max(round(hours * 3600 / _CLIP), 1) if hours else 0
        if clips:
            recipe = _with_noise(recipe, folder, clips)
        return _measure(recipe, folder, clips)


def _measure(recipe: Recipe, folder: Path, clips: int) -> Estimate:
    """Train batches of a recipe, and scale their needs to `clips`, or to all data."""
    uncached = replace(recipe, data=replace(recipe.data, cache_mb=0))
    begin(uncached, folder / "run")
    training = build(uncached, folder / "run")
    data, task = training.data, training.task
    epoch = recipe.data.ascending_epochs  # the first that is shuffled
    training.progress.epoch = epoch
    plan, lengths = data.plan(epoch), data.lengths_in(epoch)
    sample = _sample(plan, lengths, recipe.seed)
    seconds = _step_seconds(Trainer(training), sample)
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
        epoch_seconds=epoch_seconds,
        memory=_peak() + round(min(cached, recipe.data.cache_mb * 1e6)),
        checkpoint=(folder / CHECKPOINT).stat().st_size,
        timed=len(sample),
    )


def _step_seconds(trainer: Trainer, sample: list[np.ndarray]) -> float:
    """Return the time of the batches together, once compiled."""
    times: list[float] = []

    def note(*_: Any, **__: Any) -> None:
        times.append(time.perf_counter())

    clock = keras.callbacks.LambdaCallback(on_train_begin=note, on_train_batch_end=note)
    trainer.fit(sample, clock)  # compiles, and allocates all memory
    times.clear()
    trainer.fit(sample, clock)
    return times[-1] - times[0]


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
