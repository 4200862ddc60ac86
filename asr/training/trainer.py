"""The loop over epochs: checkpoints, exact resume, the best model."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from asr.data import batching
from asr.errors import DataError
from asr.training.backend import on, sync
from asr.training.callbacks import (
    ProgressBar,
    TensorBoard,
    is_dead,
    warn_of_dead_attention,
)
from asr.training.checkpoint import check_weights, lost, restore_metrics, save_state
from asr.training.dataset import TrainingData
from asr.training.export import averaged_weights, export_model, write_history
from asr.training.run_folder import MODEL, report_failed_writes
from asr.training.setup import Training

log = logging.getLogger(__name__)

_LITTLE = 900.0  # seconds of training data


class Trainer:
    """Trains the epochs that a training has left.

    Args:
        training: The training, as `setup.build` returns it.
    """

    def __init__(self, training: Training) -> None:
        self.training = training
        logged = training.recipe.train.tensorboard
        self._dead = 0  # epochs without aligned attention
        self.board = TensorBoard(training.output / "tensorboard") if logged else None

    def run(self) -> Path:
        """Train to the last epoch, and return the model folder.

        Raises:
            DataError: Too many sources cannot be read.
            TrainingError: The loss or a weight is not a number, or a file cannot be
                written; the last checkpoint is intact.
        """
        training, progress = self.training, self.training.progress
        epochs, output = training.recipe.train.epochs, training.output
        if progress.history:  # a stop may have come before it was written
            with report_failed_writes(output):
                write_history(output, progress.history, progress.best_epoch)
        if progress.epoch >= epochs:
            log.warning(
                "%s: all %d epochs are done; for more give `--resume %s --set "
                "train.epochs=%d`",
                *(output, epochs, output, 2 * epochs),
            )
        elif not progress.step:
            warn_of_little_data(self.training)
        with ProgressBar(epochs, training.task.unit) as bar:
            while progress.epoch < epochs:
                self._train_epoch(bar)
                with report_failed_writes(output):
                    self._close_epoch(bar)
        if self._dead > 1:
            log.warning("attention was not aligned in %d epochs", self._dead)
        return output / MODEL

    def _train_epoch(self, bar: ProgressBar) -> None:
        """Train the rest of the epoch in progress."""
        data, progress = self.training.data, self.training.progress
        model, plan = self.training.model, data.plan(progress.epoch)
        amounts = [data.length(batch) for batch in plan]
        first = progress.batch
        bar.start_epoch(progress.epoch, sum(amounts), sum(amounts[:first]))
        counted = saved = time.monotonic()

        def after_batch(batch: int, logs: dict[str, Any]) -> None:
            nonlocal counted, saved
            figures = {name: float(value) for name, value in logs.items()}
            bar.advance(amounts[first + batch], figures)
            now = time.monotonic()
            progress.seconds += now - counted
            counted = now
            self._count_step(plan, figures)
            if now - saved > 60 * self.training.recipe.train.checkpoint_minutes:
                self._save()
                saved = time.monotonic()

        # After a resume, the rest of an epoch may be batches without a readable source.
        if first == 0 or any(data.batches(plan[first:], progress.epoch)):
            monitor = keras.callbacks.LambdaCallback(
                on_epoch_begin=lambda *_: restore_metrics(model, progress),
                on_train_batch_end=after_batch,
            )
            self.fit(plan[first:], monitor)

    def _count_step(self, plan: list[np.ndarray], logs: dict[str, float]) -> None:
        """Note a batch that was trained on."""
        training, progress = self.training, self.training.progress
        config = training.recipe.train
        # Batches without a readable source were skipped: they are done as well.
        while training.data.is_unreadable(plan[progress.batch]):
            progress.batch += 1
        progress.batch += 1
        progress.step += 1
        progress.logs = logs
        if not math.isfinite(logs["loss"]):
            raise lost("the loss is", training.output, progress)
        updates, rest = divmod(progress.step, config.accumulate)
        if config.ema and not rest and training.average.is_due(updates):
            sync(training.model)
            training.average.sample(training.model.trainable_variables, updates)

    def fit(self, plan: list[np.ndarray], monitor: keras.callbacks.Callback) -> None:
        """Train on the batches of a plan, or the rest of one.

        Raises:
            DataError: Too many sources cannot be read.
        """
        training = self.training
        stream = _Stream(training.data, plan, training.progress.epoch)
        data: Any = stream()
        if on("tensorflow"):
            phones = bool(training.recipe.model.phones)
            data = batching.as_dataset(stream, phones=phones)

        def stop(batch: int, logs: Any) -> None:  # noqa: ARG001 - called by name
            # Without data, TensorFlow runs the parts of a step that need none: it
            # advances random states and drops the gradients of half an update.
            training.model.stop_training = batch + 1 == stream.total

        last = keras.callbacks.LambdaCallback(on_train_batch_end=stop)
        try:
            training.model.fit(
                data, verbose=0, shuffle=False, callbacks=[monitor, last]
            )
        except Exception:
            if stream.failure:  # TensorFlow wraps what its generator raised
                raise stream.failure from None
            raise

    def _close_epoch(self, bar: ProgressBar) -> None:
        """Score a finished epoch, write the model if it is the best, and save."""
        training, progress = self.training, self.training.progress
        sync(training.model)
        check_weights(training.output, training.model, progress)
        record: dict[str, Any] = {"epoch": progress.epoch + 1, **progress.logs}
        record["rate"] = bar.rate
        record["learning_rate"] = self._learning_rate()
        with averaged_weights(training):
            scores, image = training.validation.score()
            record |= scores
            cost = record.get("loss", 0.0)
            if scores:
                plain = {key.removeprefix("dev_"): v for key, v in scores.items()}
                cost = training.task.cost(plain)
            progress.epoch, progress.batch, progress.logs = progress.epoch + 1, 0, {}
            if training.data.loader.unreadable:
                record["unreadable"] = len(training.data.loader.unreadable)
            record["minutes"] = round(progress.seconds / 60, 2)
            progress.history.append(record)
            if progress.best is None or cost <= progress.best:
                progress.best, progress.best_epoch = cost, progress.epoch
                export_model(training)
        self._save()
        self._report(bar, record, image)

    def _learning_rate(self) -> float:
        """Return the learning rate of the next batch."""
        return float(np.asarray(self.training.model.optimizer.learning_rate))

    def _save(self) -> None:
        run = self.training
        save_state(run.output, run.model, run.average, run.progress)

    def _report(
        self, bar: ProgressBar, record: dict[str, Any], image: np.ndarray | None
    ) -> None:
        """Write and show the figures of a finished epoch."""
        training = self.training
        progress = training.progress
        write_history(training.output, progress.history, progress.best_epoch)
        if self.board:
            self.board.write(record["epoch"], record, image)
        bar.finish_epoch(record, training.progress.best_epoch)
        shuffled = record["epoch"] > training.recipe.data.ascending_epochs
        if shuffled and "focus" in record:
            monotonic = record["monotonicity"] if training.task.monotonic else 1.0
            dead = is_dead(monotonic, record["focus"])
            if dead and not self._dead:
                warn_of_dead_attention(monotonic, record["focus"])
            self._dead += dead


def warn_of_little_data(training: Training) -> None:
    """Warn of data that are too few to learn to recognise speech from them alone."""
    seconds, task = sum(training.data.lengths), training.task
    starts_anew = not training.recipe.train.start
    if task.unit == "s" and task.monotonic and starts_anew and seconds < _LITTLE:
        log.warning(
            "%d clips, %.2f h: too little to train on alone; fine-tune a bundled model "
            "instead: `train.start: english`",
            *(len(training.data.examples), seconds / 3600),
        )


class _Stream:
    """Batches of a plan; each call reads them anew.

    Attributes:
        total: Number of batches, as soon as the last one is read.
        failure: The error that ended it.
    """

    def __init__(self, data: TrainingData, plan: list[np.ndarray], epoch: int) -> None:
        self._data, self._plan, self._epoch = data, plan, epoch
        self.total: int | None = None
        self.failure: DataError | None = None

    def __call__(self) -> Iterator[batching.Batch]:
        """Yield the batches that have a readable source."""
        self.total, number = None, 0
        batches = self._data.batches(self._plan, self._epoch)
        try:
            batch = next(batches, None)
            while batch is not None:
                number += 1
                following = next(batches, None)
                self.total = None if following else number
                yield batch
                batch = following
        except DataError as error:
            self.failure = error
            raise
