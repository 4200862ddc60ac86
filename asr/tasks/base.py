"""Interface of a task: records -> arrays for the model, tokens -> a scored result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from asr.config.schema import ModelConfig, SourceConfig
from asr.text.normalizers import normalizer
from asr.text.special_tokens import END, START
from asr.text.tokenizers import Tokenizer


@dataclass(frozen=True)
class Task(ABC):
    """Turns records into arrays for the model, and tokens into texts with scores.

    A record has a source, which the model reads, and a `text`, the reference.

    Args:
        tokenizer: Text <-> tokens.
        model: Configuration of the model.
        normalizer: Name of the text normaliser of references.

    Attributes:
        modality: Kind of the sources.
        unit: Unit of source lengths, `s` or `tokens`.
        monotonic: True if the order of the source is the order of the text, so that
            good attention moves forward.
        start: First decoder input.
        end: Token that closes a sequence.
    """

    tokenizer: Tokenizer
    model: ModelConfig
    normalizer: str

    modality: ClassVar[Literal["speech", "text"]]
    unit: ClassVar[str]
    monotonic: ClassVar[bool]
    start: ClassVar[int] = START
    end: ClassVar[int] = END

    @staticmethod
    @abstractmethod
    def read_source(source: SourceConfig, root: Path) -> Iterator[Any]:
        """Yield all records of a subset of a corpus below a folder."""

    @classmethod
    @abstractmethod
    def prepare(cls, source: SourceConfig, root: Path) -> Sequence[Any]:
        """Return the usable records of a subset of a corpus below a folder."""

    @staticmethod
    @abstractmethod
    def read(path: Path, /) -> Iterable[Any]:
        """Read records from a file that `write` wrote."""

    @staticmethod
    @abstractmethod
    def write(path: Path, records: Iterable[Any], /) -> object:
        """Write records to a file."""

    @staticmethod
    @abstractmethod
    def texts(record: Any, normalize: Callable[[str], str]) -> Sequence[str]:
        """Return the normalised texts of a record, all that the tokenizer encodes."""

    def spellings(self, records: Iterable[Any]) -> tuple[str, ...]:  # noqa: ARG002 - for one task
        """Return the words of training records whose spelling the model must know."""
        return ()

    def target_words(self, records: Iterable[Any]) -> str:  # noqa: ARG002 - for one task
        """Return the words of training targets, where outputs have no others."""
        return ""

    @property
    def vocabulary(self) -> int:
        """Number of tokens."""
        return self.tokenizer.size

    @property
    @abstractmethod
    def rate(self) -> int:
        """Elements of a source (samples, tokens) in one unit of its length."""

    @abstractmethod
    def facts(self, lengths: Sequence[float]) -> dict[str, Any]:
        """Return the amount of training data, from the lengths of all sources."""

    @abstractmethod
    def length(self, record: Any) -> float:
        """Return the length of a record's source, in `unit`."""

    @abstractmethod
    def encode_source(self, record: Any) -> np.ndarray:
        """Return the input of the frontend, (N,): float32 samples or int32 tokens."""

    def normalize(self, text: str) -> str:
        """Return the normal form of a text."""
        return normalizer(self.normalizer)(text)

    def encode_target(self, reference: str) -> list[int]:
        """Return the tokens of a reference, normalised, without start and end."""
        return self.tokenizer.encode(self.normalize(reference))

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of a hypothesis."""
        return self.tokenizer.decode(tokens)

    @abstractmethod
    def metrics(
        self, references: Sequence[str], hypotheses: Sequence[str]
    ) -> dict[str, Any]:
        """Return scores against normalised references, the main score first."""

    @abstractmethod
    def cost(self, scores: Mapping[str, float]) -> float:
        """Return the figure that the best epoch minimises, from `metrics`."""
