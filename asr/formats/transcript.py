"""What a recogniser returns for a recording: plain records, written by asr.writers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """One word and where it was spoken.

    Args:
        start: Seconds from the start of the recording.
        end: Seconds from the start of the recording.
        word: The word, without spaces around it.
        probability: How sure the recogniser is, from 0 to 1: of words with 0.7, seven
            in ten are right where the model was calibrated.
    """

    start: float
    end: float
    word: str
    probability: float


@dataclass(frozen=True)
class Segment:
    """A stretch of the recording that was decoded in one go.

    Args:
        id: Position among the transcript's segments, from 0.
        start: Seconds from the start of the recording.
        end: Seconds from the start of the recording.
        text: What was said in it.
        tokens: The decoder's tokens, without start and end.
        avg_logprob: Mean natural log-probability of a token, end included, with what a
            language model or hotwords add to it.
        no_speech_prob: Probability that nobody speaks in it, from 0 to 1; 0 where
            that was not looked at.
        words: Words with times, or None where none were asked for.
        doubt: Why the decoder was not trusted, so that the text is what CTC heard, or
            None.
        confidence: Mean probability of its words, or None from a model without CTC.
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


@dataclass(frozen=True)
class Alternative:
    """Another reading of the recording.

    Args:
        text: The reading.
        score: What the search ranked it by; higher is better. That of what CTC heard,
            where the decoder was doubted, is its log-probability and comes first.
    """

    text: str
    score: float


@dataclass(frozen=True)
class Transcript:
    """The text of one recording.

    Args:
        text: All of it, on one line.
        segments: Its parts in the order of time.
        language: Language code such as `en`, or None where the model does not know.
        duration: Second up to which the recording was read, its end if not told
            otherwise.
        alternatives: The n best hypotheses, best first, where they were asked for.
        reason: Why `text` is empty (`"no samples"`), or None.
    """

    text: str
    segments: tuple[Segment, ...]
    language: str | None
    duration: float
    alternatives: tuple[Alternative, ...] = ()
    reason: str | None = None
