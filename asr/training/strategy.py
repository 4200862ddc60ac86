"""Interface of the strategies of training: how a model is trained on one batch."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from asr.data.batching import Batch
from asr.data.workers import Workers
from asr.errors import TrainingError


class Strategy(Workers):
    """Trains a model batch by batch, alone or as one of several workers.

    With several workers, each computes the gradient of its rows. The sum of these
    gradients updates the weights of all workers in the same way.

    Attributes:
        devices: Devices of this process that share its rows.
        model: The model that is trained.
    """

    devices = 1
    model: keras.Model

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context in which the model is built."""
        return contextlib.nullcontext()

    def attach(self, model: keras.Model) -> None:
        """Train this model, which is compiled, from now on."""
        self.model = model

    @abstractmethod
    def step(self, batch: Batch) -> dict[str, float]:
        """Train on a batch; return the mean losses since the metrics were reset."""

    def sync(self) -> None:
        """Write the state of the training into the variables of the model."""

    @contextlib.contextmanager
    def failures(self) -> Iterator[None]:
        """Turn the failure of another worker into an error.

        Raises:
            TrainingError: Another worker does not answer.
        """
        yield

    def wait(self) -> None:
        """Wait for all workers."""
        self.all_gather(np.zeros(1, "int32"))


def lost() -> TrainingError:
    """Return the error for a worker that does not answer."""
    return TrainingError(
        "another worker does not answer; the last checkpoint is intact: start all "
        "workers again with --resume"
    )


def check_devices(count: int) -> None:
    """Refuse several devices in one worker.

    Raises:
        TrainingError: There are several.
    """
    if count > 1:
        raise TrainingError(
            f"a worker must have one device, got {count}; start a worker for each GPU, "
            "as `asr launch` does, with CUDA_VISIBLE_DEVICES"
        )
