"""Choice of the strategy of a training."""

from __future__ import annotations

from asr.errors import TrainingError, UsageError
from asr.training.backend import on
from asr.training.cluster import Cluster
from asr.training.strategy import Strategy


def connect(cluster: Cluster | None = None) -> Strategy:
    """Return the strategy of a training; with several workers, once all are there.

    Args:
        cluster: The workers. Without them, or with one, the devices of this process
            decide.

    Raises:
        TrainingError: Another worker does not answer, or Keras runs on a backend that
            no strategy is for.
        UsageError: The workers are to run on another backend.
    """
    if cluster and not on(cluster.kind):
        raise UsageError(
            f"--distribute {cluster.kind} needs this backend; unset KERAS_BACKEND"
        )
    several = cluster if cluster and len(cluster.hosts) > 1 else None
    if on("jax"):
        from asr.training import jax_strategies as on_jax  # noqa: PLC0415 - its backend

        return on_jax.JaxWorkers(several) if several else on_jax.JaxStrategy()
    if not on("tensorflow"):
        raise TrainingError("KERAS_BACKEND must be tensorflow or jax")
    from asr.training import tensorflow_strategies as on_tf  # noqa: PLC0415 - its own

    if several:
        return on_tf.TensorFlowWorkers(several)
    devices = on_tf.devices()
    return on_tf.MirroredStrategy(devices) if devices[1:] else on_tf.SingleStrategy()
