"""What a task is: a preprocessor and a postprocessor around the one core."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np

from asr.config.schema import ModelConfig, SourceConfig
from asr.text.normalizers import normalizer
from asr.text.special_tokens import END, START
from asr.text.tokenizers import Tokenizer


@dataclass(frozen=True)
class WritesText:
    """What tasks share that write texts with a tokenizer.

    Attributes:
        tokenizer: Text <-> tokens.
        model: Shape of the model.
        normalizer: Name of the normaliser that texts pass through.
    """

    tokenizer: Tokenizer
    model: ModelConfig
    normalizer: str

    @property
    def vocabulary(self) -> int:
        """Number of tokens."""
        return self.tokenizer.size

    @property
    def start(self) -> int:
        """Token the decoder reads first."""
        return START

    @property
    def end(self) -> int:
        """Token that closes a sequence."""
        return END

    def normalize(self, text: str) -> str:
        """Return the normal form of a text."""
        return normalizer(self.normalizer)(text)

    def encode_target(self, reference: str) -> list[int]:
        """Return the tokens of a reference after normalisation."""
        return self.tokenizer.encode(self.normalize(reference))

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of a hypothesis."""
        return self.tokenizer.decode(tokens)


class Task(Protocol):
    """Turns records into arrays for the model, and tokens back into a result.

    Args:
        tokenizer: Text <-> tokens.
        model: Shape of the model.
        normalizer: Name of the text normaliser that references pass through.
    """

    def __init__(
        self, tokenizer: Tokenizer, model: ModelConfig, normalizer: str
    ) -> None:
        """See the class."""

    @property
    def tokenizer(self) -> Tokenizer:
        """Text <-> tokens."""

    @staticmethod
    def prepare(source: SourceConfig, root: Path) -> Sequence[Any]:
        """Return the usable records of a part of a corpus below a folder."""

    @staticmethod
    def read(path: Path) -> Iterable[Any]:
        """Read records from a file of a run."""

    @staticmethod
    def write(path: Path, records: Iterable[Any]) -> object:
        """Write records to a file of a run."""

    @staticmethod
    def texts(record: Any) -> Sequence[str]:
        """Return what a tokenizer is made from."""

    @property
    def model(self) -> ModelConfig:
        """Shape of the model."""

    @property
    def vocabulary(self) -> int:
        """Number of tokens."""

    @property
    def start(self) -> int:
        """Token the decoder reads first."""

    @property
    def end(self) -> int:
        """Token that closes a sequence."""

    @property
    def rate(self) -> int:
        """Elements of a source in one unit of its length."""

    @property
    def unit(self) -> str:
        """What lengths are counted in."""

    @property
    def monotonic(self) -> bool:
        """Whether attention that works moves forward."""

    def facts(self, lengths: Sequence[float]) -> dict[str, Any]:
        """Return how much was trained on, from the lengths of all sources."""

    def frontend(self) -> keras.layers.Layer:
        """Return the layer `(source, lengths) -> (features, lengths)`."""

    def length(self, record: Any) -> float:
        """Return the length of a record's source, in seconds or tokens."""

    def encode_source(self, record: Any) -> np.ndarray:
        """Return what the frontend reads, (N,): float32 samples or int32 tokens."""

    def encode_target(self, reference: str) -> list[int]:
        """Return the tokens of a reference, without start and end."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of a hypothesis."""

    def metrics(
        self, references: Sequence[str], hypotheses: Sequence[str]
    ) -> dict[str, Any]:
        """Return the scores of texts, the model's language on both sides."""

    def cost(self, scores: Mapping[str, float]) -> float:
        """Return what the best epoch has least of, from what `metrics` returned."""
