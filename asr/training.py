"""Recipe -> model: the loop over epochs, checkpoints, exact resume."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import time
import warnings
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import keras
import numpy as np

from asr import batching, plots
from asr.checkpoint import (
    FolderConfig,
    build,
    sources_of,
    start_from,
    weights_of,
    write_model,
)
from asr.config import Recipe, differences, to_dict
from asr.dev_scores import DevScorer
from asr.devices import devices, on, precision, replicas, sync
from asr.distortion import Distortion
from asr.errors import DataError, RecipeError, TrainingError
from asr.model.attention import attention_class
from asr.model.seq2seq import Seq2Seq
from asr.model_card import model_card
from asr.monitoring import ProgressBar, StepMonitor, TensorBoard, warn_if_dead
from asr.optimization import WarmupSchedule, WeightAverage, build_optimizer
from asr.piece_splitting import PieceSplitter
from asr.resources import atomic_write, model_path
from asr.run_state import (
    CHECKPOINT,
    DEV,
    LOG,
    MODEL,
    TRAIN,
    check_weights,
    load_run_lexicon,
    load_run_recipe,
    load_run_tokenizer,
    load_state,
    lost,
    replaced_folder,
    report_failed_writes,
    restore_metrics,
    save_recipe,
    save_state,
    sweep,
)
from asr.text import normalizer
from asr.training_data import (
    collect,
    fit_statistics,
    lexicon_of,
    spread,
    task_of,
    usable,
)

log = logging.getLogger(__name__)


def train(recipe: Recipe, output: Path) -> Path:
    """Train a model.

    Args:
        recipe: What to train on what.
        output: Folder of the run; must not hold one yet.

    Returns:
        The model folder, `output/model`.

    Raises:
        DataError: The data of the recipe cannot be used.
        TrainingError: Training cannot go on, or the folder holds a run.
        OutputError: The folder cannot be written.
    """
    if (output / TRAIN).exists():
        raise TrainingError(
            f"{output}: holds a run already; go on with `asr train --resume {output}` "
            "or choose another --output"
        )
    begin(recipe, output)
    return resume(output)


def begin(recipe: Recipe, output: Path) -> None:
    """Make the folder of a run and collect its data, unless that is done already.

    Raises:
        DataError: The data of the recipe cannot be used.
        ModelError: There is no such model to start from, or to guide the search.
        RecipeError: The search would use what is not trained.
        TrainingError: The folder holds a run of another recipe.
        OutputError: The folder cannot be written.
    """
    check_names(recipe)
    check_recipe(recipe, output)
    if recipe.train.start and not (output / CHECKPOINT).is_file():
        model_path(recipe.train.start)
    if recipe.decoding.language_model:
        model_path(recipe.decoding.language_model)
    if recipe.model.ctc and not recipe.train.ctc_weight:
        raise RecipeError(
            "train.ctc_weight: 0 leaves the CTC head as it is; set model.ctc to false"
        )
    check_phones(recipe)
    ctc_alone = recipe.model.ctc and recipe.train.ctc_weight == 1
    if ctc_alone and recipe.decoding.ctc_weight < 1:
        raise RecipeError(
            "train.ctc_weight: 1 leaves the decoder as it is; set decoding.ctc_weight "
            "to 1 too"
        )
    if not (output / TRAIN).is_file():
        lexicon_of(recipe)  # what is wrong with it comes before long reading
        output.mkdir(parents=True, exist_ok=True)
        save_recipe(output, recipe)
        collect(recipe, output)
    elif load_run_recipe(output) != recipe:  # in what is to be scored
        save_recipe(output, recipe)


def check_phones(recipe: Recipe) -> None:
    """Refuse phones that cannot be taught, or that a search misses.

    Raises:
        RecipeError: The message names the keys.
    """
    if bool(recipe.model.phones) != bool(recipe.data.lexicon):
        raise RecipeError("model.phones and data.lexicon: the one needs the other")
    phones, weight = recipe.model.phones, recipe.decoding.phone_weight
    if phones and not recipe.model.ctc:
        raise RecipeError("model.phones: only beside model.ctc")
    if len(set(phones)) < len(phones):
        raise RecipeError("model.phones: names one of them twice")
    if weight and not phones:
        raise RecipeError("decoding.phone_weight: there are no model.phones")
    if 0 < weight < 1 and recipe.train.ctc_weight == 1:
        raise RecipeError(
            "train.ctc_weight: 1 leaves the decoder as it is; set "
            "decoding.phone_weight to 0 or 1"
        )


def check_names(recipe: Recipe) -> None:
    """Look up what a recipe calls by name, before anything is read.

    Raises:
        RecipeError: There is no such task, normaliser or attention.
    """
    task_of(recipe)
    normalizer(recipe.data.normalizer)
    attention_class(recipe.model.attention.kind)


def check_recipe(recipe: Recipe, output: Path) -> None:
    """Refuse a folder with a run of another recipe; `data.test` may differ.

    Raises:
        TrainingError: The message names the first key that differs.
    """
    if not (output / TRAIN).is_file():
        return
    for key, there, here in differences(load_run_recipe(output), recipe):
        if key != "data.test":
            raise TrainingError(
                f"{output}: holds a training of another recipe ({key} is {there} "
                f"there, {here} here); choose another --output"
            )


def resume(output: Path) -> Path:
    """Go on with the run in a folder; see `train`.

    On a CPU under TensorFlow the final weights are those of a run that never stopped,
    bit by bit. With several devices each batch is divided among them: `batch_length`
    is that of all devices together, and the gradient is the mean of those
    of the devices, each the mean over the labels of its own clips.
    """
    recipe = load_run_recipe(output)
    sweep(output)
    if not (output / TRAIN).is_file():
        collect(recipe, output)
    return Run(recipe, output).train()


def is_finished(output: Path) -> bool:
    """Return whether all epochs of the run in a folder are done.

    Raises:
        RecipeError: Its recipe was changed into one that is not valid.
        TrainingError: The folder is not one of a run.
    """
    log = output / LOG
    if not (log.is_file() and (output / MODEL).is_dir()):
        return False
    done = len(log.read_text(encoding="utf-8").splitlines())
    return done >= load_run_recipe(output).train.epochs


class Run:
    """One training in its folder.

    Args:
        recipe: What to train.
        output: The folder, with its data collected.
    """

    def __init__(self, recipe: Recipe, output: Path) -> None:
        self.recipe, self.output = recipe, output
        tokenizer = load_run_tokenizer(output)
        data = recipe.data
        self.task = task_of(recipe)(tokenizer, recipe.model, data.normalizer)
        self.tokenizer = tokenizer
        self.examples = usable(
            self.task.read(output / TRAIN),
            recipe,
            self.task,
            load_run_lexicon(recipe, output),
        )
        self.lengths = [example.length for example in self.examples]
        self.loader, dev_loader = (
            batching.Loader(
                self.task.encode_source,
                workers=data.workers,
                cache_mb=data.cache_mb,
            )
            for _ in range(2)
        )
        self.average = WeightAverage(recipe.train.ema)
        self.split = None
        if share := recipe.augment.split_pieces:
            if recipe.model.ctc:
                raise RecipeError("augment.split_pieces: for texts, without model.ctc")
            self.split = PieceSplitter(tokenizer.pieces, share)
        augment = recipe.augment
        distorted = augment.rooms or augment.noise or augment.telephone
        if distorted and self.task.rate == 1:
            raise RecipeError("augment: texts have no rooms, noise or telephones")
        self.distort = None
        if self.task.rate > 1:
            self.distort = Distortion(augment, self.task.rate)
        self.board = None
        if recipe.train.tensorboard:
            self.board = TensorBoard(output / "tensorboard")
        keras.utils.set_random_seed(recipe.seed)
        with devices(), precision(recipe.train.precision):
            self.model = self._build()
        self.dev = DevScorer(
            self.model,
            self.task,
            spread(list(self.task.read(output / DEV)), data.dev_utterances),
            decoding=recipe.decoding,
            loader=dev_loader,
            batch_length=data.batch_length,
        )
        self.progress = load_state(output, self.model, self.average)
        if recipe.train.start and not (output / CHECKPOINT).is_file():
            start = model_path(recipe.train.start)
            start_from(self.model, self.task, start)
            self.progress.heard = sources_of(start)
        if self.model.phone_head is not None:
            self.model.phone_head.learn_prior([it.phones for it in self.examples])

    def _build(self) -> Seq2Seq:
        recipe = self.recipe
        model = build(self.task, augment=recipe.augment, seed=recipe.seed)
        model.learn_by(recipe.train)
        model.replicas = replicas()
        steps = len(self.plan_of(recipe.data.ascending_epochs))
        total = steps * recipe.train.epochs // recipe.train.accumulate
        self.schedule = WarmupSchedule(recipe.train, total)
        optimizer = build_optimizer(recipe.train, total, self.schedule)
        # XLA compiles the step on JAX; TensorFlow's cannot train through these loops.
        model.compile(optimizer=optimizer, jit_compile=on("jax"))
        model.optimizer.build(model.trainable_variables)
        if recipe.model.frontend.normalization == "global":
            records = [example.record for example in self.examples]
            fit_statistics(model.frontend, records, self.loader, recipe.seed)
        return model

    def lengths_in(self, epoch: int) -> np.ndarray:
        """Return the lengths of all examples at their speeds in an epoch."""
        return batching.distorted_lengths(
            self.examples, self.distort, seed=self.recipe.seed, epoch=epoch
        )

    def plan_of(self, epoch: int) -> list[np.ndarray]:
        """Return the examples of each batch of an epoch, from 0."""
        data = self.recipe.data
        return batching.plan_epoch(
            self.lengths_in(epoch),
            batch_length=data.batch_length,
            seed=self.recipe.seed,
            epoch=epoch,
            ascending=epoch < data.ascending_epochs,
        )

    def train(self) -> Path:
        """Run the epochs that are left."""
        epochs = self.recipe.train.epochs
        self._set_factor(self.progress.factor)
        if self.progress.history:  # a stop may have come before it was written
            with report_failed_writes(self.output):
                self._write_history()
        if self.progress.epoch >= epochs:
            log.warning("%s: all %d epochs are done", self.output, epochs)
        with ProgressBar(epochs, self.task.unit) as bar:
            while self.progress.epoch < epochs:
                self._train_epoch(bar)
                with report_failed_writes(self.output):
                    self._close_epoch(bar)
        return self.output / MODEL

    def _train_epoch(self, bar: ProgressBar) -> None:
        progress, plan = self.progress, self.plan_of(self.progress.epoch)
        amounts = [float(sum(self.lengths[i] for i in batch)) for batch in plan]
        bar.start_epoch(progress.epoch, sum(amounts), sum(amounts[: progress.batch]))
        clock = {"counted": time.monotonic(), "saved": time.monotonic()}

        def count_time() -> None:
            now = time.monotonic()
            progress.seconds += now - clock["counted"]
            clock["counted"] = now

        def after_step(logs: dict[str, float]) -> None:
            self._count_step(plan, logs)
            longest = 60 * self.recipe.train.checkpoint_minutes
            if time.monotonic() - clock["saved"] > longest:
                count_time()
                save_state(self.output, self.model, self.average, progress)
                clock["saved"] = time.monotonic()

        monitor = StepMonitor(
            bar,
            amounts[progress.batch :],
            before=lambda: restore_metrics(self.model, progress),
            after_step=after_step,
        )
        if plan[progress.batch :]:
            self.fit(plan[progress.batch :], monitor)
        count_time()

    def _count_step(self, plan: list[np.ndarray], logs: dict[str, float]) -> None:
        progress, config = self.progress, self.recipe.train
        # Batches of which nothing can be read never came to be trained on.
        while all(
            self.examples[i].record in self.loader.unreadable
            for i in plan[progress.batch]
        ):
            progress.batch += 1
        progress.batch += 1
        progress.step += 1
        progress.logs = logs
        if not math.isfinite(logs["loss"]):
            raise lost("the loss is", self.output, progress)
        if config.ema and progress.step % (self.average.every * config.accumulate) == 0:
            sync(self.model)
            self.average.sample(self.model.trainable_variables)

    def fit(self, plan: list[np.ndarray], monitor: keras.callbacks.Callback) -> None:
        """Train on the batches of a plan, or the rest of one."""
        failures: list[Exception] = []

        def stream() -> Iterator[batching.Batch]:
            try:
                yield from batching.batches(
                    self.examples,
                    plan,
                    self.loader,
                    start_token=self.task.start,
                    distort=self.distort,
                    split=self.split,
                    seed=self.recipe.seed,
                    epoch=self.progress.epoch,
                    fixed_shapes=not on("tensorflow"),
                )
            except DataError as error:
                failures.append(error)
                raise

        data: Any = stream()
        if on("tensorflow"):
            phones = bool(self.recipe.model.phones)
            data = batching.as_dataset(stream, phones=phones)
        try:
            with warnings.catch_warnings():
                # Keras does not know the length of the stream, nor need it mind.
                warnings.filterwarnings("ignore", "Your input ran out of data")
                self.model.fit(data, verbose=0, shuffle=False, callbacks=[monitor])
        except Exception:
            if failures:  # TensorFlow wraps what its generator raised
                raise failures[0] from None
            raise

    def _close_epoch(self, bar: ProgressBar) -> None:
        progress, config = self.progress, self.recipe.train
        sync(self.model)
        check_weights(self.output, self.model, progress)
        record: dict[str, Any] = {"epoch": progress.epoch + 1, **progress.logs}
        record["rate"] = bar.rate
        with self._averaged_weights():
            scores, image = self.dev.score()
            record |= scores
            cost = record.get("loss", 0.0)
            if scores:
                plain = {key.removeprefix("dev_"): v for key, v in scores.items()}
                cost = self.task.cost(plain)
            better = progress.best is None or cost <= progress.best
            progress.epoch, progress.batch = progress.epoch + 1, 0
            progress.logs = {}
            if self.loader.unreadable:
                record["unreadable"] = len(self.loader.unreadable)
            record["minutes"] = round(progress.seconds / 60, 2)
            progress.history.append(record)
            if better:
                progress.best, progress.stale = cost, 0
                self._write_model()
            else:
                progress.stale += 1
        if config.schedule == "plateau" and progress.stale >= config.patience:
            progress.stale = 0
            self._set_factor(progress.factor / 2)
        save_state(self.output, self.model, self.average, progress)
        self._report(bar, record, image)

    def _report(
        self, bar: ProgressBar, record: dict[str, Any], image: np.ndarray | None
    ) -> None:
        self._write_history()
        if self.board:
            self.board.write(record["epoch"], record, image)
        bar.finish_epoch(record)
        if "focus" in record and record["epoch"] > self.recipe.data.ascending_epochs:
            monotonic = record["monotonicity"] if self.task.monotonic else 1.0
            warn_if_dead(monotonic, record["focus"])

    def _write_history(self) -> None:
        history = self.progress.history
        with atomic_write(self.output / LOG) as file:
            file.writelines(json.dumps(line) + "\n" for line in history)
        plots.learning_curves(history, self.output / "curves.png")

    @contextlib.contextmanager
    def _averaged_weights(self) -> Iterator[None]:
        """Hold the averaged weights in the model for a while."""
        weights = self.model.trainable_variables if self.average.values else []
        current = [np.asarray(weight).copy() for weight in weights]
        for weight, value in zip(weights, self.average.values, strict=True):
            weight.assign(value)
        try:
            yield
        finally:
            for weight, value in zip(weights, current, strict=True):
                weight.assign(value)

    def _write_model(self) -> None:
        recipe = self.recipe
        training = {
            "name": recipe.name,
            "parameters": self.model.count_params(),
            "vocabulary": self.task.vocabulary,
            **self.task.facts(self.lengths),
            "epochs": self.progress.epoch,
            "steps": self.progress.step,
            "minutes": round(self.progress.seconds / 60, 1),
            "start": recipe.train.start,
            "sources": self._sources(),
            "scores": self.progress.history[-1],
        }
        config = FolderConfig(
            task=recipe.task,
            normalizer=recipe.data.normalizer,
            language=recipe.data.language,
            model=recipe.model,
            decoding=recipe.decoding,
            training=training,
        )
        with replaced_folder(self.output / MODEL) as folder:
            write_model(
                folder,
                config,
                tokenizer=self.tokenizer.to_json(),
                weights=weights_of(self.model),
                card=model_card(training),
            )

    def _sources(self) -> list[dict[str, Any]]:
        """Return what the weights come from: that of the model they began as, too."""
        kind = itemgetter("corpus", "path", "subset")
        own = [to_dict(source) for source in self.recipe.data.train]
        again = set(map(kind, own))
        return [it for it in self.progress.heard if kind(it) not in again] + own

    def _set_factor(self, factor: float) -> None:
        """Change the learning rate for good, and have the step compiled anew."""
        if self.schedule.factor != factor:
            self.schedule.factor = self.progress.factor = factor
            log.info("learning rate: %g of the peak", factor)
            self.model.make_train_function(force=True)
