"""Training on TensorFlow: one device, several devices, several workers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from asr.data.batching import Batch
from asr.model.batch_share import BatchShare, sharing
from asr.model.ops import fill, present
from asr.training.cluster import Cluster
from asr.training.strategy import Strategy, check_devices, lost

_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.UnavailableError,
)
"""Errors of TensorFlow after the connection to another worker is broken."""


def devices() -> list[str]:
    """Return the names of all GPUs, or of all CPUs if there is no GPU."""
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    return [device.name for device in tf.config.list_logical_devices(kind)]


class SingleStrategy(Strategy):
    """Trains on one device."""

    def __init__(self) -> None:
        # This pass joins additions of gradients into sums of three. Their last bit
        # depends on which buffer is free, so that a resumed run would differ.
        options = {"arithmetic_optimization": False}
        tf.config.optimizer.set_experimental_options(options)

    def attach(self, model: keras.Model) -> None:  # noqa: D102 - see the base class
        super().attach(model)
        self._compiled: Any = None

    def step(self, batch: Batch) -> dict[str, float]:  # noqa: D102 - see the base class
        if self._compiled is None:
            arrays = batch.inputs, batch.targets
            number = tf.TensorSpec((), "int32")
            shapes = keras.tree.map_structure(
                lambda array: tf.TensorSpec([None] * array.ndim, array.dtype), arrays
            )
            self._compiled = tf.function(
                self._train,
                input_signature=[*shapes, number, number],
                autograph=False,  # it would hide the error of a layer in one of its own
            )
        logs = self._compiled(batch.inputs, batch.targets, batch.first, batch.total)
        return {name: float(value) for name, value in logs.items()}

    def _train(
        self,
        inputs: Any,
        targets: Any,
        first: Any,  # noqa: ARG002 - of workers
        total: Any,
    ) -> dict[str, Any]:
        """Train on all rows of a batch."""
        return self._update(*self._gradients(inputs, targets), total)

    def _gradients(self, inputs: Any, targets: Any) -> tuple[Any, list[Any]]:
        """Return the loss of some rows, and its gradient for each weight, or None."""
        model = self.model
        with tf.GradientTape() as tape:
            outputs = model(inputs, training=True)
            loss = model.compute_loss(inputs, targets, outputs, training=True)
            scaled = model.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, model.trainable_weights)
        # Rows of a table that occur twice are one gradient, also for its norm.
        dense = map(tf.convert_to_tensor, present(gradients))
        return loss, fill(gradients, dense)

    def _update(self, loss: Any, gradients: list[Any], rows: Any) -> dict[str, Any]:
        """Update weights and metrics by the loss of all rows."""
        model = self.model
        model.optimizer.apply(gradients, model.trainable_weights)
        means = {metric.name: metric for metric in model.metrics}
        means["loss"].update_state(loss, sample_weight=rows)
        logs: dict[str, Any] = model.get_metrics_result()
        return logs


class _Replicas(SingleStrategy):
    """Trains with replicas of the model that add up their gradients.

    Args:
        distribution: Where the replicas are.
    """

    def __init__(self, distribution: tf.distribute.Strategy) -> None:
        super().__init__()
        self.distribution = distribution

    def _shared_gradients(
        self, inputs: Any, targets: Any, first: Any, total: Any
    ) -> tuple[Any, list[Any]]:
        """Return the loss and the gradients of all rows, of which some are here."""
        with sharing(BatchShare(first, total, _add, uniform_rows)):
            loss, gradients = self._gradients(inputs, targets)
        loss, *summed = _add([loss, *present(gradients)])
        return loss, fill(gradients, summed)


def _add(values: Any) -> Any:
    """Add tensors up over all replicas."""
    context = tf.distribute.get_replica_context()
    # It asks a tensor for its device, which an argument of a function does not have.
    placed = keras.tree.map_structure(tf.identity, values)
    return context.all_reduce(tf.distribute.ReduceOp.SUM, placed)


def uniform_rows(shape: tuple[Any, ...], seed: Any, first: Any) -> Any:
    """Draw rows of what `keras.random.uniform` draws, without those before them.

    Philox, the generator of TensorFlow, turns a counter into four numbers.

    Args:
        shape: Shape of the rows.
        seed: Seed of all rows, (2,).
        first: Position of the first row.
    """
    raw = tf.raw_ops
    key, counter = raw.StatelessRandomGetKeyCounter(seed=tf.cast(seed, "int32"))
    shape = tf.cast(tf.stack(shape), "int64")
    before = tf.cast(first, "int64") * tf.reduce_prod(shape[1:])
    # Not every device adds unsigned numbers.
    start = tf.bitcast(counter, "int64") + tf.stack([before // 4, 0])
    numbers = raw.StatelessRandomUniformV2(
        shape=[tf.reduce_prod(shape) + before % 4],
        key=key,
        counter=tf.bitcast(start, "uint64"),
        alg=raw.StatelessRandomGetAlg(),
    )
    return tf.reshape(numbers[before % 4 :], shape)


class MirroredStrategy(_Replicas):
    """Trains on several devices of this process, with a copy of the model on each.

    Args:
        names: Names of the devices.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(tf.distribute.MirroredStrategy(names))
        self.devices = self.least_rows = len(names)

    def scope(self) -> Any:  # noqa: D102 - see the base class
        return self.distribution.scope()

    def _train(
        self,
        inputs: Any,
        targets: Any,
        first: Any,  # noqa: ARG002 - of workers
        total: Any,
    ) -> dict[str, Any]:
        def replica() -> dict[str, Any]:
            context = tf.distribute.get_replica_context()
            index = tf.cast(context.replica_id_in_sync_group, "int32")
            size = tf.shape(inputs["source"])[0]  # more than the batch if that is small
            start, stop = (size * i // self.devices for i in (index, index + 1))
            rows = keras.tree.map_structure(lambda a: a[start:stop], (inputs, targets))
            loss, gradients = self._shared_gradients(rows[0], rows[1], start, total)
            # Keras adds up what the replicas hand in.
            parts = [gradient / self.devices for gradient in present(gradients)]
            return self._update(loss, fill(gradients, parts), total)

        logs = self.distribution.run(replica)
        local = self.distribution.experimental_local_results
        return {name: local(value)[0] for name, value in logs.items()}


class TensorFlowWorkers(_Replicas):
    """Trains as one of several workers, each a process with one device.

    The model is an ordinary one in each of them: only gradients and the sums behind the
    losses travel.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.rank, self.count = cluster.rank, len(cluster.hosts)
        check_devices(len(tf.config.list_physical_devices("GPU")))
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec({"worker": list(cluster.hosts)}),
            task_type="worker",
            task_id=self.rank,
            rpc_layer="grpc",
        )
        with self.failures():
            super().__init__(tf.distribute.MultiWorkerMirroredStrategy(resolver))
        table = tf.TensorSpec((self.count, None), "int32")
        self._sum = tf.function(
            self._add_table, input_signature=[table], autograph=False
        )

    def _add_table(self, table: Any) -> Any:
        return self.distribution.run(_add, args=(table,))

    def all_gather(self, numbers: np.ndarray) -> np.ndarray:  # noqa: D102 - see the base class
        table = np.zeros((self.count, len(numbers)), "int32")
        table[self.rank] = numbers
        return np.asarray(self._sum(table))

    def _train(
        self, inputs: Any, targets: Any, first: Any, total: Any
    ) -> dict[str, Any]:
        loss, gradients = self.distribution.run(
            self._shared_gradients, args=(inputs, targets, first, total)
        )
        return self._update(loss, gradients, total)

    @contextlib.contextmanager
    def failures(self) -> Iterator[None]:  # noqa: D102 - see the base class
        try:
            yield
        except _LOST as error:
            raise lost() from error
