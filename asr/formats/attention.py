"""Attention weights of a recording or a text, as data and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asr.errors import DataError, cannot_read
from asr.files import read_text, unread_reason

_DECIMALS = 6  # of weights in JSON


@dataclass(frozen=True)
class AttentionMap:
    """Attention weights of a recording, as `asr.reports.plots.attention` plots them.

    Attributes:
        weights: Each row sums to 1, (U, S); axes are `tokens` and memory frames.
        tokens: Text of the token of each row, the end symbol last.
        frame_seconds: Length of a memory frame in seconds.
        features: Normalised log-mel energies, (T, F); None if read from JSON.
        hop_seconds: Distance of the feature frames in seconds.
        rate: Sample rate of the features in hertz.
    """

    weights: np.ndarray
    tokens: tuple[str, ...]
    frame_seconds: float
    features: np.ndarray | None = None
    hop_seconds: float = 0.01
    rate: int = 16000

    def to_json(self) -> dict[str, Any]:
        """Return axes, weights, tokens and `frame_seconds` as plain data."""
        return _plain(self, "frames") | {"frame_seconds": self.frame_seconds}


@dataclass(frozen=True)
class TextAttention:
    """Attention weights of a generated text.

    Attributes:
        weights: Each row sums to 1, (U, S); axes are `tokens` and `source`.
        tokens: Token of each row, the end symbol last.
        source: Tokens of the source, the end symbol last.
    """

    weights: np.ndarray
    tokens: tuple[str, ...]
    source: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return axes, weights and the tokens of both sides as plain data."""
        return _plain(self, "source") | {"source": list(self.source)}


def _plain(attention: AttentionMap | TextAttention, columns: str) -> dict[str, Any]:
    weights = np.round(attention.weights.astype("float64"), _DECIMALS)
    return {
        "axes": ["tokens", columns],
        "weights": weights.tolist(),
        "tokens": list(attention.tokens),
    }


def read_attention(path: Path) -> tuple[AttentionMap | TextAttention, str]:
    """Read the attention weights of an output of `asr ... --attention`.

    Returns:
        The weights, and the recording or the source text they are of.

    Raises:
        DataError: The file cannot be read, or is not one JSON object with attention
            weights.
    """
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(cannot_read(path, unread_reason(error))) from error
    try:
        entry = json.loads(text)
        found = entry["attention"]
        weights = np.array(found["weights"], "float32")
        tokens = _strings(found, "tokens")
        name = str(entry.get("source", entry.get("audio_filepath", "")))
        if "source" in found:
            return TextAttention(weights, tokens, _strings(found, "source")), name
        return AttentionMap(weights, tokens, float(found["frame_seconds"])), name
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: must be one JSON object with attention weights, as --attention "
            "writes it"
        ) from error


def _strings(values: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(map(str, values[key]))
