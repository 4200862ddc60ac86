"""Transcripts as the JSON of OpenAI's interface, with confidence beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from asr.deployment.server.request_form import language_name
from asr.formats.attention import AttentionMap
from asr.formats.layout import timed_segments
from asr.formats.transcript import Segment, Transcript, Word
from asr.formats.writers import WRITERS

_COMPRESSION = 1.0  # the field compression_ratio, which this search has no use for
_PERCENTILES = (5.0, 99.8)  # padding and digital silence would use most colours


def plain_json(transcript: Transcript) -> dict[str, Any]:
    """Return the response of the format `json`."""
    usage = {"type": "duration", "seconds": round(transcript.duration)}
    return {"text": transcript.text, "usage": usage}


def verbose_json(
    transcript: Transcript,
    granularities: tuple[str, ...],
    maps: dict[int, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the response of the format `verbose_json`.

    Args:
        transcript: The transcript, with words if they are wanted.
        granularities: `word`, `segment` or both.
        maps: Number of a segment -> its attention map.
    """
    segments = list(timed_segments(transcript))
    values: dict[str, Any] = {
        "task": "transcribe",
        "language": language_name(transcript.language),
        "duration": transcript.duration,
        "model": transcript.model,
        **plain_json(transcript),
    }
    if transcript.reason:
        values["reason"] = transcript.reason
    if "segment" in granularities:
        values["segments"] = [
            segment_json(segment, (maps or {}).get(segment.id))
            for segment in (replace(it, words=None) for it in segments)
        ]
    if "word" in granularities:
        words = [word for segment in segments for word in segment.words or ()]
        values["words"] = [word_json(word) for word in words]
    return values


def segment_json(
    segment: Segment, attention: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a segment, with its words if it has any."""
    values: dict[str, Any] = {
        "id": segment.id,
        "seek": 0,
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "text": segment.text,
        "tokens": [int(token) for token in segment.tokens],
        "temperature": 0.0,
        "avg_logprob": round(float(segment.avg_logprob), 4),
        "compression_ratio": _COMPRESSION,
        "no_speech_prob": round(float(segment.no_speech_prob), 4),
    }
    if segment.confidence is not None:
        values["confidence"] = round(float(segment.confidence), 4)
    if segment.doubt is not None:
        values["doubt"] = segment.doubt
    if segment.words is not None:
        values["words"] = [word_json(word) for word in segment.words]
    if attention is not None:
        values["attention"] = attention
    return values


def word_json(word: Word) -> dict[str, Any]:
    """Return a word with its times and its probability."""
    return {
        "word": word.word,
        "start": round(word.start, 3),
        "end": round(word.end, 3),
        "probability": round(float(word.probability), 4),
    }


def written(transcript: Transcript, kind: str) -> str:
    """Return the transcript as `text`, `srt` or `vtt`."""
    return WRITERS[{"text": "txt"}.get(kind, kind)](transcript)


def attention_json(attention: AttentionMap, start: float) -> dict[str, Any]:
    """Return the attention weights of a segment, and the spectrogram under them.

    Args:
        attention: The weights.
        start: Second of the recording at which they begin.

    Returns:
        `start`, the fields of `AttentionMap.to_json`, and `spectrogram`: `levels`, a
        text for each frame, with a digit for each mel band, and `hop_seconds`.
    """
    values = {"start": round(start, 3), **attention.to_json()}
    if attention.features is not None:
        levels = _levels(attention.features)
        hop = attention.hop_seconds
        values["spectrogram"] = {"hop_seconds": hop, "levels": levels}
    return values


def _levels(features: np.ndarray) -> list[str]:
    """Return energies, (T, F), as a row of digits for each frame."""
    low, high = np.percentile(features, _PERCENTILES)
    scaled = (features - low) / max(high - low, 0.1)
    digits = np.clip(np.floor(10 * scaled), 0, 9).astype(np.uint8) + ord("0")
    return [bytes(row).decode() for row in digits]
