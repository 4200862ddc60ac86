"""Settings of the Keras backend for training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras


def on(backend: str) -> bool:
    """Tell whether Keras runs on a backend, such as `jax`."""
    return bool(keras.backend.backend() == backend)


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Build layers with a dtype policy, then restore the previous one."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)
