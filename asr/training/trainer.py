"""The loop over epochs and batches: checkpoints, exact resume, the best model."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from asr.training.callbacks import (
    ProgressBar,
    TensorBoard,
    is_dead,
    warn_of_dead_attention,
)
from asr.training.checkpoint import check_weights, lost, restore_metrics, save_state
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
        self.strategy = training.strategy
        logged = training.recipe.train.tensorboard and self.strategy.writes
        self._dead = 0  # epochs without aligned attention
        self.board = TensorBoard(training.output / "tensorboard") if logged else None

    def run(self) -> Path:
        """Train to the last epoch, and return the model folder.

        Raises:
            DataError: Too many sources cannot be read.
            TrainingError: The loss or a weight is not a number, a file cannot be
                written, or another worker does not answer; the last checkpoint is
                intact.
        """
        training, progress = self.training, self.training.progress
        epochs, output = training.recipe.train.epochs, training.output
        writes = self.strategy.writes
        if progress.history and writes:  # a stop may have come before it was written
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
        with ProgressBar(epochs, training.task.unit, quiet=not writes) as bar:
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
        plan, done = data.plan(progress.epoch), progress.batch
        amounts = [data.length(batch) for batch in plan]
        bar.start_epoch(progress.epoch, sum(amounts), sum(amounts[:done]))
        restore_metrics(self.training.model, progress)
        counted = saved = time.monotonic()
        for number, figures in self.steps(plan[done:]):
            bar.advance(sum(amounts[progress.batch : done + number]), figures)
            now = time.monotonic()
            progress.seconds += now - counted
            counted = now
            self._count_step(done + number, figures)
            if now - saved > 60 * self.training.recipe.train.checkpoint_minutes:
                self._save()
                saved = time.monotonic()

    def steps(self, plan: list[np.ndarray]) -> Iterator[tuple[int, dict[str, float]]]:
        """Train on the batches of a plan, or the rest of one.

        Yields:
            Number of batches that are done, with those without a readable source, and
            the mean losses of the epoch so far.

        Raises:
            DataError: Too many sources cannot be read.
        """
        training = self.training
        for batch in training.data.batches(plan, training.progress.epoch):
            yield batch.number, self.strategy.step(batch)

    def _count_step(self, done: int, figures: dict[str, float]) -> None:
        """Note that `done` batches of the epoch are trained on."""
        training, progress = self.training, self.training.progress
        config = training.recipe.train
        progress.batch = done
        progress.step += 1
        progress.logs = figures
        if not math.isfinite(figures["loss"]):
            raise lost("the loss is", training.output, progress)
        updates, rest = divmod(progress.step, config.accumulate)
        if config.ema and not rest and training.average.is_due(updates):
            self.strategy.sync()
            training.average.sample(training.model.trainable_variables, updates)

    def _close_epoch(self, bar: ProgressBar) -> None:
        """Score a finished epoch, write the model if it is the best, and save."""
        training, progress = self.training, self.training.progress
        self.strategy.sync()
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
                if self.strategy.writes:
                    export_model(training)
        self._save()
        self._report(bar, record, image)

    def _learning_rate(self) -> float:
        """Return the learning rate of the next batch."""
        return float(np.asarray(self.training.model.optimizer.learning_rate))

    def _save(self) -> None:
        run = self.training
        self.strategy.sync()
        if self.strategy.writes:
            save_state(run.output, run.model, run.average, run.progress)

    def _report(
        self, bar: ProgressBar, record: dict[str, Any], image: np.ndarray | None
    ) -> None:
        """Write and show the figures of a finished epoch."""
        training = self.training
        progress = training.progress
        if self.strategy.writes:
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
