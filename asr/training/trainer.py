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

from asr.audio.augmentation import Distortion
from asr.config.parsing import to_dict
from asr.config.schema import Recipe
from asr.data import batching
from asr.data import loader as source_loader
from asr.errors import DataError, RecipeError
from asr.files import atomic_write, model_path, replaced_folder
from asr.model.seq2seq import Seq2Seq
from asr.reports import curves
from asr.storage.model_card import model_card
from asr.storage.model_folder import (
    FolderConfig,
    build,
    sources_of,
    start_from,
    write_model,
)
from asr.storage.weights import weights_of
from asr.training.backend import devices, on, precision, replicas, sync
from asr.training.callbacks import ProgressBar, StepMonitor, TensorBoard, warn_if_dead
from asr.training.collect import task_of
from asr.training.dataset import fit_statistics, spread, usable
from asr.training.optimizers import WarmupSchedule, WeightAverage, build_optimizer
from asr.training.run_folder import (
    CHECKPOINT,
    DEV,
    LOG,
    MODEL,
    TRAIN,
    load_run_lexicon,
    load_run_tokenizer,
    report_failed_writes,
)
from asr.training.state import (
    check_weights,
    load_state,
    lost,
    restore_metrics,
    save_state,
)
from asr.training.validation import DevScorer

log = logging.getLogger(__name__)


class Trainer:
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
            source_loader.SourceLoader(
                self.task.encode_source,
                workers=data.workers,
                cache_mb=data.cache_mb,
            )
            for _ in range(2)
        )
        self.average = WeightAverage(recipe.train.ema)
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
        if phones := self.model.heads.get("phones"):
            phones.count_prior([it.phones for it in self.examples])

    def _build(self) -> Seq2Seq:
        recipe = self.recipe
        model = build(self.task, augment=recipe.augment, seed=recipe.seed)
        model.set_losses(recipe.train)
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
        curves.learning_curves(history, self.output / "curves.png")

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
