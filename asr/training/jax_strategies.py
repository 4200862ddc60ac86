"""Training on JAX: one device, or several workers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import keras
import numpy as np
from jax.experimental import multihost_utils

from asr.data.batching import Batch
from asr.training.cluster import Cluster
from asr.training.strategy import Strategy, check_devices, lost

_STOP = 10  # seconds that a worker waits for the others at its end


class JaxStrategy(Strategy):
    """Trains on one device."""

    fixed_shapes = True

    def attach(self, model: keras.Model) -> None:  # noqa: D102 - see the base class
        super().attach(model)
        self._compiled = jax.jit(model.train_step, donate_argnums=0)
        self._state: Any = None

    @property
    def _variables(self) -> tuple[list[Any], ...]:
        """Variables of the state of `keras.Model.train_step`."""
        model = self.model
        return (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )

    def step(self, batch: Batch) -> dict[str, float]:  # noqa: D102 - see the base class
        if self._state is None:
            # Copies, since a step takes its arrays over.
            values = jax.tree.map(np.array, self._variables)
            self._state = jax.tree.map(self._same, values)
        data = jax.tree.map(self._rows, (batch.inputs, batch.targets))
        logs, self._state = self._compiled(self._state, data)
        return {name: float(value) for name, value in logs.items()}

    def sync(self) -> None:  # noqa: D102 - see the base class
        if self._state is None:
            return
        for variables, values in zip(self._variables, self._state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value.addressable_data(0))
        self._state = None

    def _same(self, value: np.ndarray) -> Any:
        """Place an array that all workers have."""
        return jax.device_put(value)

    def _rows(self, value: np.ndarray) -> Any:
        """Place the rows of this worker."""
        return jax.device_put(value)


class JaxWorkers(JaxStrategy):
    """Trains as one of several workers, each a process with one device.

    A step is compiled for the whole batch, of which each worker has its rows. JAX adds
    up what sums over rows need.
    """

    equal_rows = True

    def __init__(self, cluster: Cluster) -> None:
        self.rank, self.count = cluster.rank, len(cluster.hosts)
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        # It would take SIGTERM for a notice, after which the process goes on.
        jax.config.update("jax_enable_preemption_service", False)
        with self.failures():
            jax.distributed.initialize(
                cluster.hosts[0],
                self.count,
                self.rank,
                cluster_detection_method="deactivate",
                shutdown_timeout_seconds=_STOP,
            )
        check_devices(jax.local_device_count())
        mesh = jax.sharding.Mesh(np.array(jax.devices()), ("rows",))
        sharding, parts = jax.sharding.NamedSharding, jax.sharding.PartitionSpec
        self._everywhere, self._shared = (
            sharding(mesh, parts()),
            sharding(mesh, parts("rows")),
        )

    def all_gather(self, numbers: np.ndarray) -> np.ndarray:  # noqa: D102 - see the base class
        return np.asarray(multihost_utils.process_allgather(numbers))

    def _same(self, value: np.ndarray) -> Any:
        return jax.make_array_from_process_local_data(self._everywhere, value)

    def _rows(self, value: np.ndarray) -> Any:
        return jax.make_array_from_process_local_data(self._shared, value)

    @contextlib.contextmanager
    def failures(self) -> Iterator[None]:  # noqa: D102 - see the base class
        try:
            yield
        except jax.errors.JaxRuntimeError as error:
            raise lost() from error
