"""Transcript of a recording: plain records, written by `asr.formats.writers`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asr.formats.attention import AttentionMap


@dataclass(frozen=True)
class Word:
    """Word with its times.

    Args:
        start: Seconds from the start of the recording.
        end: Seconds from the start of the recording.
        word: The word, without spaces around it.
        probability: Confidence from 0 to 1. In a calibrated model, 0.7 means that
            seven in ten such words are correct.
    """

    start: float
    end: float
    word: str
    probability: float


@dataclass(frozen=True)
class Segment:
    """Part of the recording that was decoded at once.

    Args:
        id: Position among the transcript's segments, from 0.
        start: Seconds from the start of the recording.
        end: Seconds from the start of the recording.
        text: Recognised text.
        tokens: Tokens of the text, without start and end.
        avg_logprob: Mean natural log-probability of a token, end included, with the
            scores of language model and hotwords.
        no_speech_prob: Probability of non-speech, from 0 to 1; 0 without VAD.
        words: Words with times, or None if not requested.
        doubt: Reason why the decoder's text was replaced by that of CTC, a
            hallucination or loop; None for the decoder's own text.
        confidence: Mean probability of its words, or None from a model without CTC.
        channel: Channel that it was spoken in, from 1 on; None if channels are mixed.
        pauses: Seconds between recognised words that are neighbours; None from a model
            without CTC.
    """

    id: int
    start: float
    end: float
    text: str
    tokens: tuple[int, ...]
    avg_logprob: float
    no_speech_prob: float
    words: tuple[Word, ...] | None = None
    doubt: str | None = None
    confidence: float | None = None
    channel: int | None = None
    pauses: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Alternative:
    """One of the n-best hypotheses.

    Args:
        text: Its text.
        score: Score of the search; higher is better. A hypothesis of CTC that replaced
            a hallucination comes first, with its log-probability.
    """

    text: str
    score: float


@dataclass(frozen=True)
class Transcript:
    """The text of one recording.

    Args:
        text: Text of all segments, on one line.
        segments: Segments in order of time.
        language: Language code such as `en`, or None if unknown.
        duration: Second up to which the recording was read; by default its end.
        alternatives: N-best hypotheses, best first, if requested.
        reason: Reason for an empty `text`, or None.
        model: Name of the model, or None if unknown.
        attention: Attention weights of the only segment, if requested.
    """

    text: str
    segments: tuple[Segment, ...]
    language: str | None
    duration: float
    alternatives: tuple[Alternative, ...] = ()
    reason: str | None = None
    model: str | None = None
    attention: AttentionMap | None = field(default=None, compare=False)
