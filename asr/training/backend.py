"""Settings and state of the Keras backend for training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras


def on(backend: str) -> bool:
    """Tell whether Keras runs on a backend, such as `jax`."""
    return bool(keras.backend.backend() == backend)


def sync(model: Any) -> None:
    """Update the variables of a model: JAX trains on copies."""
    if on("jax") and getattr(model, "_jax_state", None):
        model.jax_state_sync()


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Build layers with a dtype policy, then restore the previous one."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def replicas() -> int:
    """Return the number of devices that share a batch, in the scope of `devices`."""
    if not on("tensorflow"):
        return 1
    import tensorflow as tf  # noqa: PLC0415 - only where it is the backend

    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def devices() -> contextlib.AbstractContextManager[Any]:
    """Prepare TensorFlow, and mirror the model over several devices."""
    if not on("tensorflow"):
        return contextlib.nullcontext()
    import tensorflow as tf  # noqa: PLC0415 - only where it is the backend

    # This pass joins additions of gradients into sums of three. Their last bit depends
    # on which buffer is free, so that a resumed run would differ.
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    if len(names) > 1:
        return tf.distribute.MirroredStrategy(names).scope()
    return contextlib.nullcontext()
