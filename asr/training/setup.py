"""Builds everything that a training needs from a recipe and its run folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras

from asr.audio.augmentation import WaveformAugmentation
from asr.config.checks import check_keys
from asr.config.schema import Recipe
from asr.data.loader import SourceLoader
from asr.errors import TrainingError
from asr.files import model_path
from asr.model.attention_variants import check_kind
from asr.model.seq2seq import Seq2Seq
from asr.storage import keras_model, model_folder
from asr.tasks.base import Task
from asr.text.normalizers import normalizer
from asr.training.backend import on, precision
from asr.training.checkpoint import Progress, load_state
from asr.training.collect import task_of
from asr.training.dataset import TrainingData, spread, usable
from asr.training.optimizers import WeightAverage, build_optimizer
from asr.training.run_folder import (
    CHECKPOINT,
    DEV,
    TRAIN,
    load_run_lexicon,
    load_run_tokenizer,
)
from asr.training.strategy import Strategy
from asr.training.validation import DevScorer


@dataclass
class Training:
    """Everything that a training needs.

    Attributes:
        recipe: The recipe.
        output: Folder of the run, with its data collected.
        task: Encodes texts, knows the metrics.
        data: Examples and batches.
        model: The compiled network, with the weights of the last checkpoint.
        average: Moving average of its weights.
        progress: Position in the training.
        validation: Scores the dev part.
        strategy: Trains the model on a batch.
    """

    recipe: Recipe
    output: Path
    task: Task
    data: TrainingData
    model: Seq2Seq
    average: WeightAverage
    progress: Progress
    validation: DevScorer
    strategy: Strategy


def check(recipe: Recipe) -> None:
    """Refuse a recipe that cannot be trained, before anything is read.

    Raises:
        RecipeError: There is no such task, normaliser or attention, or keys contradict
            each other.
    """
    task = task_of(recipe)
    normalizer(recipe.data.normalizer)
    check_kind(recipe.model.attention.kind)
    check_keys(recipe, text=task.modality == "text")


def build(recipe: Recipe, output: Path, strategy: Strategy) -> Training:
    """Build a training, or restore it from the checkpoint of its folder.

    Args:
        recipe: What to train.
        output: Folder of the run, with its data collected.
        strategy: How it is trained.

    Raises:
        DataError: Nothing in the folder can be trained on.
        ModelError: The model to start from does not fit.
        TrainingError: A file of the folder is damaged, or several devices cannot
            train it.
    """
    tokenizer = load_run_tokenizer(output)
    task = task_of(recipe)(tokenizer, recipe.model, recipe.data.normalizer)
    lexicon = load_run_lexicon(recipe, output)
    examples = usable(task.read(output / TRAIN), recipe, task, lexicon)
    distort = None
    if task.modality == "speech":
        distort = WaveformAugmentation(recipe.augment, task.rate)
    loader = _loader(recipe, task)
    data = TrainingData(recipe, examples, loader, task.start, distort, strategy)
    keras.utils.set_random_seed(recipe.seed)
    if strategy.devices > 1 < recipe.train.accumulate:
        raise TrainingError(
            f"train.accumulate must be 1 on the {strategy.devices} devices of one "
            "process; start a worker for each with `asr launch`"
        )
    with strategy.scope(), precision(recipe.train.precision):
        model = _model(recipe, task, data, strategy.devices)
    strategy.attach(model)
    validation = DevScorer(
        model,
        task,
        spread(list(task.read(output / DEV)), recipe.data.dev_utterances),
        decoding=recipe.decoding,
        loader=_loader(recipe, task),
        batch_length=recipe.data.batch_length,
        workers=strategy,
    )
    average = WeightAverage(recipe.train.ema)
    progress = load_state(output, model, average)
    if recipe.train.start and not (output / CHECKPOINT).is_file():
        start = model_path(recipe.train.start)
        keras_model.start_from(model, task, start)
        progress.start_sources = model_folder.sources_of(start)
        progress.start_spellings = list(model_folder.read_config(start).spellings)
    if phones := model.heads.get("phones"):
        texts = [example.phones for example in data.examples]
        phones.count_prior(texts)
        if recipe.train.crf_weight:
            phones.use_crf(texts, recipe.train.crf_weight)
    return Training(
        recipe, output, task, data, model, average, progress, validation, strategy
    )


def _loader(recipe: Recipe, task: Task) -> SourceLoader:
    data = recipe.data
    return SourceLoader(task.encode_source, data.workers, data.cache_mb)


def _model(recipe: Recipe, task: Task, data: TrainingData, devices: int) -> Seq2Seq:
    """Build and compile the network."""
    model = keras_model.build(task, augment=recipe.augment, seed=recipe.seed)
    model.set_losses(recipe.train)
    batches = len(data.plan(recipe.data.ascending_epochs)) * recipe.train.epochs
    updates = batches // recipe.train.accumulate
    optimizer = build_optimizer(recipe.train, updates, devices=devices)
    # XLA compiles the model on JAX; TensorFlow's cannot run these loops.
    model.compile(optimizer=optimizer, jit_compile=on("jax"))
    model.optimizer.build(model.trainable_variables)
    return model
