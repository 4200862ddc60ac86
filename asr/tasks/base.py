"""What a task is: a preprocessor and a postprocessor around the one core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import keras
import numpy as np

from asr.config import FrontendConfig
from asr.manifest import Utterance


class Task(Protocol):
    """Turns records into arrays for the model, and tokens back into a result."""

    @property
    def vocabulary(self) -> int:
        """Number of tokens."""

    @property
    def start(self) -> int:
        """Token the decoder reads first."""

    @property
    def end(self) -> int:
        """Token that closes a sequence."""

    def frontend(self, config: FrontendConfig) -> keras.layers.Layer:
        """Return the layer `(source, lengths) -> (features, lengths)`."""

    def encode_source(self, utterance: Utterance) -> np.ndarray:
        """Return what the frontend reads, (N,) float32."""

    def encode_target(self, reference: str) -> list[int]:
        """Return the tokens of a reference, without start and end."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of a hypothesis."""

    def metrics(
        self, references: Sequence[str], hypotheses: Sequence[str]
    ) -> dict[str, Any]:
        """Return the scores by which training picks its best epoch."""
