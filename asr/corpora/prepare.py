"""From a corpus on disk to utterances that are known to be usable."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from asr import audio
from asr.corpora import corpus
from asr.errors import AudioError, DataError

if TYPE_CHECKING:
    from pathlib import Path

    from asr.manifest import Utterance

SHORTEST = 0.1
"""Seconds below which a clip holds no word."""

_THREADS = 8  # most of the time goes to opening files


@dataclass(frozen=True)
class Report:
    """What was kept of a subset, and what was not.

    Args:
        kept: Number of utterances.
        hours: Their length.
        speakers: Number of different speakers; 0 where the corpus does not tell.
        characters: The characters of the texts, sorted.
        dropped: Why -> ids of the utterances that were left out for that reason.
    """

    kept: int
    hours: float
    speakers: int
    characters: str
    dropped: dict[str, list[str]]

    def summary(self) -> str:
        """Return one line for people."""
        line = (
            f"{self.kept} utterances, {self.hours:.2f} h, {self.speakers} speakers, "
            f"{len(self.characters)} characters"
        )
        for reason, ids in self.dropped.items():
            line += f"; dropped {len(ids)}: {reason} ({ids[0]}"
            line += ", ...)" if len(ids) > 1 else ")"
        return line


@dataclass(frozen=True)
class Prepared:
    """A subset that is ready for a manifest.

    Args:
        utterances: In the corpus's order, each with its duration.
        report: What was kept and dropped.
    """

    utterances: list[Utterance]
    report: Report


def prepare(corpus_name: str, root: Path, subset: str) -> Prepared:
    """Read a subset and look at the header of each of its recordings.

    Utterances without text, with a missing or unreadable recording, outside of it, or
    shorter than 0.1 s are dropped and reported.

    Args:
        corpus_name: A key of `CORPORA`.
        root: The corpus's folder.
        subset: One of its subsets.

    Returns:
        The usable utterances and a report.

    Raises:
        DataError: The subset is missing or malformed, or nothing of it is usable.
        UsageError: There is no such corpus.
    """
    utterances = list(corpus(corpus_name).read(root, subset))
    if not utterances:
        raise DataError(f"{root}: no utterances in {subset}")
    paths = list(dict.fromkeys(utterance.audio for utterance in utterances))
    with ThreadPoolExecutor(_THREADS) as pool:
        lengths = dict(zip(paths, pool.map(_length, paths), strict=True))
    kept = []
    dropped: dict[str, list[str]] = {}
    for utterance in utterances:
        checked = _check(utterance, lengths[utterance.audio])
        if isinstance(checked, str):
            dropped.setdefault(checked, []).append(utterance.id or str(utterance.audio))
        else:
            kept.append(checked)
    report = _report(kept, dropped)
    if not kept:
        raise DataError(f"{root}: nothing usable in {subset}: {report.summary()}")
    return Prepared(kept, report)


def _length(path: Path) -> float | str:
    """Return a recording's seconds, or why there are none."""
    if not path.exists():
        return "missing audio"
    try:
        return audio.inspect(path).duration
    except AudioError:
        return "unreadable audio"


def _check(utterance: Utterance, length: float | str) -> Utterance | str:
    """Return the utterance with its duration, or why it is dropped."""
    if not utterance.text or not utterance.text.strip():
        return "no text"
    if isinstance(length, str):
        return length
    left = length - utterance.offset
    if left <= 0 < utterance.offset:
        return "outside of its recording"
    # Segments often end a little past the recording.
    duration = left if utterance.duration is None else min(utterance.duration, left)
    if duration < SHORTEST:
        return f"shorter than {SHORTEST} s"
    return replace(utterance, duration=duration)


def _report(kept: list[Utterance], dropped: dict[str, list[str]]) -> Report:
    texts = (utterance.text or "" for utterance in kept)
    return Report(
        kept=len(kept),
        hours=sum(utterance.duration or 0.0 for utterance in kept) / 3600,
        speakers=len({utterance.speaker for utterance in kept} - {None}),
        characters="".join(sorted(set().union(*texts))),
        dropped=dropped,
    )
