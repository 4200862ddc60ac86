"""Recipe -> model: the run's data, the loop over epochs, exact resume."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from asr import batching, plots
from asr.checkpoint import FolderConfig, build, weights_of, write_model
from asr.config import DecodingConfig, Recipe, SourceConfig, to_dict
from asr.corpora.prepare import prepare
from asr.decoding.search import Tokens
from asr.errors import DataError, TrainingError
from asr.manifest import Utterance, read_manifest, write_manifest
from asr.model.encoder import state_lengths
from asr.model_card import model_card
from asr.monitoring import (
    ProgressBar,
    StepMonitor,
    TensorBoard,
    alignment_quality,
    warn_if_dead,
)
from asr.optimization import WarmupSchedule, WeightAverage, build_optimizer
from asr.pipeline import Search
from asr.resources import atomic_write
from asr.run_state import (
    DEV,
    LOG,
    MODEL,
    TOKENIZER,
    TRAIN,
    Progress,
    load_run_recipe,
    load_state,
    save_recipe,
    save_state,
)
from asr.tasks import TASKS
from asr.text import CharacterTokenizer, characters_of, normalizer, tokenizer_from_json

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
    """
    if (output / TRAIN).exists():
        raise TrainingError(
            f"{output}: holds a run already; go on with `asr train --resume {output}` "
            "or choose another --output"
        )
    output.mkdir(parents=True, exist_ok=True)
    save_recipe(output, recipe)
    _collect_data(recipe, output)
    return resume(output)


def resume(output: Path) -> Path:
    """Go on with the run in a folder; see `train`."""
    recipe = load_run_recipe(output)
    if not (output / TRAIN).is_file():
        _collect_data(recipe, output)
    return _Run(recipe, output).train()


def _collect_data(recipe: Recipe, output: Path) -> None:
    """Write the manifests and the tokenizer of a run; the training manifest last."""
    train_set = _read_sources(recipe.data.train)
    dev_set = _read_sources(recipe.data.dev)
    characters: tuple[str, ...] = tuple(recipe.data.characters)
    if not characters:
        normalize = normalizer(recipe.data.normalizer)
        characters = characters_of(normalize(u.text or "") for u in train_set)
    with atomic_write(output / TOKENIZER) as file:
        json.dump(CharacterTokenizer(characters).to_json(), file, ensure_ascii=False)
    write_manifest(output / DEV, dev_set)
    write_manifest(output / TRAIN, train_set)


def _read_sources(sources: tuple[SourceConfig, ...]) -> list[Utterance]:
    root = Path(os.environ.get("ASR_DATA", "."))
    utterances: list[Utterance] = []
    for source in sources:
        prepared = prepare(source.corpus, root / source.path, source.subset)
        log.info("%s %s: %s", source.path, source.subset, prepared.report.summary())
        utterances.extend(prepared.utterances * source.repeat)
    return utterances


class _Run:
    """One training in its folder."""

    def __init__(self, recipe: Recipe, output: Path) -> None:
        self.recipe, self.output = recipe, output
        stored = json.loads((output / TOKENIZER).read_text(encoding="utf-8"))
        self.tokenizer = tokenizer_from_json(stored)
        self.task = TASKS[recipe.task](
            self.tokenizer, recipe.model.frontend.rate, recipe.data.normalizer
        )
        self.left_out: dict[str, int] = {}
        self.examples = self._examples(read_manifest(output / TRAIN))
        if not self.examples:
            raise DataError(f"no clip can be trained on; left out: {self.left_out}")
        for reason, count in self.left_out.items():
            log.warning("left out %d of the training clips: %s", count, reason)
        self.dev = list(read_manifest(output / DEV))[: recipe.data.dev_utterances]
        self.loader = batching.Loader(
            self.task.encode_source,
            recipe.model.frontend.rate,
            workers=recipe.data.workers,
            cache_mb=recipe.data.cache_mb,
        )
        self.average = WeightAverage(recipe.train.ema)
        self.board = TensorBoard(output / "tensorboard") if recipe.train.tensorboard else None
        keras.mixed_precision.set_global_policy(recipe.train.precision)
        keras.utils.set_random_seed(recipe.seed)
        with _strategy():
            self.model = self._build()
        self.greedy = Search(
            self.model,
            Tokens(self.task.start, self.task.end),
            DecodingConfig(beam_size=1, ctc_weight=0.0),
        )
        self.progress = load_state(output, self.model, self.average)

    def _examples(self, utterances: Iterator[Utterance]) -> list[batching.Example]:
        examples = []
        for utterance in utterances:
            labels = self.task.encode_target(utterance.text or "")
            reason = self._unusable(utterance.duration or 0.0, labels)
            if reason:
                self.left_out[reason] = self.left_out.get(reason, 0) + 1
            else:
                closed = (*labels, self.task.end)
                examples.append(
                    batching.Example(utterance, closed, utterance.duration or 0.0)
                )
        return examples

    def _unusable(self, seconds: float, labels: list[int]) -> str:
        config = self.recipe.model.frontend
        if seconds > self.recipe.data.longest:
            return f"longer than {self.recipe.data.longest:g} s"
        if not labels:
            return "no text after normalisation"
        fastest = max(self.recipe.augment.speeds)
        frames = state_lengths(int(seconds / fastest * 1000 / config.hop_ms) + 1)
        repeats = sum(a == b for a, b in zip(labels, labels[1:], strict=False))
        if len(labels) + repeats > frames:
            return "more characters than CTC frames"
        return ""

    def _build(self) -> Any:  # noqa: ANN401 - Seq2Seq
        recipe = self.recipe
        model = build(recipe.model, self.task, augment=recipe.augment, seed=recipe.seed)
        model.loss_config = recipe.train
        seconds = [example.seconds for example in self.examples]
        steps = len(self._plan_of(seconds, epoch=recipe.data.ascending_epochs))
        total = steps * recipe.train.epochs // recipe.train.accumulate
        optimizer = build_optimizer(recipe.train, total)
        model.compile(optimizer=optimizer, jit_compile=_jit())
        model.optimizer.build(model.trainable_variables)
        if recipe.model.frontend.normalization == "global":
            self._fit_statistics(model)
        return model

    def _fit_statistics(self, model: Any) -> None:  # noqa: ANN401 - Seq2Seq
        """Estimate mean and variance of each band from up to 500 clips."""
        total, squares, frames = 0.0, 0.0, 0
        chosen = np.random.default_rng(self.recipe.seed).permutation(len(self.examples))
        for index in chosen[:500]:
            samples = self.loader.load(self.examples[index].utterance)
            if samples is not None:
                lengths = np.array([len(samples)], dtype="int32")
                energies = np.asarray(model.frontend.energies(samples[None], lengths))[0]
                total = total + energies.sum(axis=0)
                squares = squares + np.square(energies).sum(axis=0)
                frames += len(energies)
        mean = total / max(frames, 1)
        model.frontend.mean.assign(mean)
        model.frontend.variance.assign(squares / max(frames, 1) - mean**2)

    def _plan_of(self, seconds: list[float], epoch: int) -> list[np.ndarray]:
        data = self.recipe.data
        return batching.plan_epoch(
            seconds,
            batch_seconds=data.batch_seconds,
            seed=self.recipe.seed,
            epoch=epoch,
            ascending=epoch < data.ascending_epochs,
        )

    def train(self) -> Path:
        """Run the epochs that are left."""
        epochs = self.recipe.train.epochs
        self._set_factor(self.progress.factor)
        if self.progress.epoch >= epochs:
            log.warning("%s: all %d epochs are done", self.output, epochs)
        with ProgressBar(epochs) as bar:
            while self.progress.epoch < epochs:
                logs = self._train_epoch(bar)
                self._close_epoch(bar, logs)
        return self.output / MODEL

    def _train_epoch(self, bar: ProgressBar) -> dict[str, float]:
        progress, recipe = self.progress, self.recipe
        seconds = [example.seconds for example in self.examples]
        plan = self._plan_of(seconds, progress.epoch)
        amounts = [float(sum(seconds[i] for i in batch)) for batch in plan]
        bar.start_epoch(progress.epoch, sum(amounts), sum(amounts[: progress.batch]))
        plan, amounts = plan[progress.batch :], amounts[progress.batch :]
        clock = {"epoch": time.monotonic(), "saved": time.monotonic()}

        def after_step() -> None:
            progress.batch += 1
            if progress.batch % self.average.every == 0 and recipe.train.ema:
                _sync(self.model)
                self.average.sample(self.model.trainable_variables)
            now = time.monotonic()
            if now - clock["saved"] > 60 * recipe.train.checkpoint_minutes:
                progress.seconds += now - clock["epoch"]
                clock["epoch"] = clock["saved"] = now
                save_state(self.output, self.model, self.average, progress)

        monitor = StepMonitor(bar, amounts, after_step)
        if plan:
            self._fit(plan, monitor)
        progress.seconds += time.monotonic() - clock["epoch"]
        return {**monitor.logs, "h/h": bar.rate}

    def _fit(self, plan: list[np.ndarray], monitor: StepMonitor) -> None:
        on_tensorflow = keras.backend.backend() == "tensorflow"
        failures: list[Exception] = []

        def stream() -> Iterator[batching.Batch]:
            try:
                yield from batching.batches(
                    self.examples,
                    plan,
                    self.loader,
                    start_token=self.task.start,
                    speeds=self.recipe.augment.speeds,
                    seed=self.recipe.seed,
                    epoch=self.progress.epoch,
                    fixed_shapes=not on_tensorflow,
                )
            except DataError as error:
                failures.append(error)
                raise

        data = batching.as_dataset(stream) if on_tensorflow else stream()
        try:
            with warnings.catch_warnings():
                # The length of the stream is unknown to Keras, and its end no surprise.
                warnings.filterwarnings("ignore", "Your input ran out of data")
                self.model.fit(
                    data, epochs=1, verbose=0, shuffle=False, callbacks=[monitor]
                )
        except Exception:
            if failures:  # TensorFlow wraps what its generator raised
                raise failures[0] from None
            raise

    def _close_epoch(self, bar: ProgressBar, logs: dict[str, float]) -> None:
        progress, config = self.progress, self.recipe.train
        record: dict[str, Any] = {"epoch": progress.epoch + 1, **logs}
        with self._averaged_weights():
            scores, image = self._evaluate()
            record |= scores
            score = record.get("dev_wer", record.get("loss", 0.0))
            better = progress.best is None or score <= progress.best
            progress.epoch, progress.batch = progress.epoch + 1, 0
            record["minutes"] = round(progress.seconds / 60, 2)
            progress.history.append(record)
            if better:
                progress.best, progress.stale = score, 0
                self._write_model()
            else:
                progress.stale += 1
        if config.schedule == "plateau" and progress.stale >= config.patience:
            progress.stale = 0
            self._set_factor(progress.factor / 2)
        save_state(self.output, self.model, self.average, progress)
        with atomic_write(self.output / LOG) as file:
            file.writelines(json.dumps(line) + "\n" for line in progress.history)
        plots.learning_curves(progress.history, self.output / "curves.png")
        if self.board:
            self.board.write(progress.epoch, record, image)
        bar.finish_epoch(record)

    @contextlib.contextmanager
    def _averaged_weights(self) -> Iterator[None]:
        """Hold the averaged weights in the model for a while."""
        _sync(self.model)
        if not self.average.values:
            yield
            return
        weights = self.model.trainable_variables
        current = [np.array(weight) for weight in weights]
        for weight, value in zip(weights, self.average.values, strict=True):
            weight.assign(value)
        yield
        for weight, value in zip(weights, current, strict=True):
            weight.assign(value)

    def _evaluate(self) -> tuple[dict[str, float], np.ndarray | None]:
        """Decode the dev part freely, and look at the attention over its references."""
        pairs = [(u, self.loader.load(u)) for u in self.dev]
        pairs = [pair for pair in pairs if pair[1] is not None]
        pairs.sort(key=lambda pair: len(pair[1]))  # type: ignore[arg-type]  # no None is left
        if not pairs:
            return {}, None
        references, hypotheses = [], []
        seconds = [len(s) / self.loader.rate for _, s in pairs]  # type: ignore[arg-type]  # as above
        for batch in batching.plan_epoch(
            seconds,
            batch_seconds=self.recipe.data.batch_seconds,
            seed=0,
            epoch=0,
            ascending=True,
        ):
            found = self.greedy.hypotheses([pairs[i][1] for i in batch])  # type: ignore[misc]  # as above
            references += [pairs[i][0].text or "" for i in batch]
            for tokens, length in zip(found.tokens, found.lengths, strict=True):
                hypotheses.append(self.task.decode(tokens[0, : length[0]].tolist()))
        scores = self.task.metrics(references, hypotheses)
        record = {f"dev_{name}": float(value) for name, value in scores.items()}
        shown = pairs[len(pairs) // 2 :][:8]
        inputs, targets = batching.collate(
            [
                (s, (*self.task.encode_target(u.text or ""), self.task.end))  # type: ignore[misc]  # as above
                for u, s in shown
            ],
            self.task.start,
        )
        weights = np.asarray(self.model.predict_on_batch(inputs)["weights"])
        monotonicity, focus = alignment_quality(weights, targets["label_lengths"])
        record |= {"monotonicity": monotonicity, "focus": focus}
        if self.progress.epoch >= self.recipe.data.ascending_epochs:
            warn_if_dead(monotonicity, focus)
        return record, plots.attention_image(weights[0])

    def _write_model(self) -> None:
        recipe = self.recipe
        seconds = sum(example.seconds for example in self.examples)
        training = {
            "name": recipe.name,
            "parameters": self.model.count_params(),
            "vocabulary": self.task.vocabulary,
            "utterances": len(self.examples),
            "hours": round(seconds / 3600, 2),
            "epochs": self.progress.epoch,
            "minutes": round(self.progress.seconds / 60, 1),
            "sources": [to_dict(source) for source in recipe.data.train],
            "scores": self.progress.history[-1],
        }
        write_model(
            self.output / MODEL,
            FolderConfig(
                task=recipe.task,
                normalizer=recipe.data.normalizer,
                model=recipe.model,
                decoding=recipe.decoding,
                training=training,
            ),
            tokenizer=self.tokenizer.to_json(),
            weights=weights_of(self.model),
            card=model_card(training),
        )

    def _set_factor(self, factor: float) -> None:
        """Change the learning rate for good, and have the step compiled anew."""
        schedule = _schedule_of(self.model.optimizer)
        if schedule.factor != factor:
            schedule.factor = self.progress.factor = factor
            log.info("learning rate: %g of the peak", factor)
            self.model.make_train_function(force=True)


def _schedule_of(optimizer: Any) -> WarmupSchedule:  # noqa: ANN401 - Keras optimiser
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # under loss scaling
    return inner._learning_rate  # noqa: SLF001 - the property returns its value, not it


def _jit() -> bool:
    """XLA compiles the step on JAX; TensorFlow's cannot train through these loops."""
    return keras.backend.backend() == "jax"


def _sync(model: Any) -> None:  # noqa: ANN401 - Seq2Seq
    """Bring the variables up to date where the backend trains on copies."""
    if keras.backend.backend() == "jax" and getattr(model, "_jax_state", None):
        model.jax_state_sync()


def _strategy() -> contextlib.AbstractContextManager[Any]:
    """Mirror the model over all devices where TensorFlow sees several."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415 - only where it is the backend

        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        if len(tf.config.list_logical_devices(kind)) > 1:
            devices = [d.name for d in tf.config.list_logical_devices(kind)]
            return tf.distribute.MirroredStrategy(devices).scope()
    return contextlib.nullcontext()
