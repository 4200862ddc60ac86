"""Preparation of a corpus: checks recordings, leaves unusable utterances out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from asr.audio import io as audio_io
from asr.audio.shard_clip import ShardClip
from asr.corpora import corpus
from asr.corpora.base import Row
from asr.data.manifest import Utterance
from asr.data.text_files import DamagedRow
from asr.errors import AudioError, DataError
from asr.files import is_file, is_there

_SHORTEST = 0.1  # seconds
_LATE = 0.5  # seconds
_QUOTED = 200  # characters of a name in the summary
_MISSING = "missing audio"
DAMAGED = "damaged row"
"""Reason to drop a row that its reader cannot use."""
_UNREADABLE = "unreadable audio"
_THREADS = 8  # opening files takes most of the time
_AHEAD = 512  # utterances whose recordings are inspected in advance


@dataclass
class Report:
    """Counts of kept and dropped utterances.

    Attributes:
        kept: Number of kept utterances.
        hours: Their total length.
        speakers: Number of different speakers; 0 if the corpus names no speakers.
        characters: Characters of the texts, sorted.
        dropped: Reason -> ids of the utterances dropped for it.
    """

    kept: int = 0
    hours: float = 0.0
    speakers: int = 0
    characters: str = ""
    dropped: dict[str, list[str]] = field(default_factory=dict)

    def drop(self, utterance: Utterance, reason: str) -> None:
        """Count a dropped utterance."""
        name = utterance.id or str(utterance.audio)
        if reason == _MISSING:
            name = utterance.name  # where it was looked for
        self.dropped.setdefault(reason, []).append(name)

    def drop_row(self, row: DamagedRow) -> None:
        """Count a damaged row."""
        self.dropped.setdefault(DAMAGED, []).append(str(row))

    def drop_unreadable(self, utterance: Utterance) -> None:
        """Count a kept utterance as dropped, because it cannot be decoded."""
        self.kept -= 1
        self.hours -= (utterance.duration or 0.0) / 3600
        self.drop(utterance, _UNREADABLE)

    def summary(self) -> str:
        """Return the counts as one line."""
        line = (
            f"{self.kept} utterances, {self.hours:.2f} h, {self.speakers} speakers, "
            f"{len(self.characters)} characters"
        )
        return line + dropped_summary(self.dropped)


def dropped_summary(dropped: Mapping[str, Sequence[str]]) -> str:
    """Return the counts of what was dropped, to end a line.

    Args:
        dropped: Reason -> names.
    """
    parts = (
        f"; dropped {len(names)}: {reason} ({names[0][:_QUOTED]}"
        + (", ...)" if len(names) > 1 else ")")
        for reason, names in dropped.items()
        if names
    )
    return "".join(parts)


class Preparation:
    """Iterates over the usable utterances of a subset, a few at a time.

    The header of each recording is read. Dropped are utterances without text, with a
    missing or unreadable recording, outside of it or ending over 0.5 s after it, or
    shorter than 0.1 s, and damaged rows.

    Args:
        corpus_name: A key of `CORPORA`, or `tfds:NAME`.
        root: Folder of the corpus.
        subset: Name of the subset.

    Attributes:
        report: Counts; complete after the iteration.

    Raises:
        UsageError: The corpus is unknown.
    """

    def __init__(self, corpus_name: str, root: Path, subset: str) -> None:
        self._corpus, self._root, self._subset = corpus(corpus_name), root, subset
        self.report = Report()

    def __iter__(self) -> Iterator[Utterance]:
        """Yield utterances in the order of the corpus, each with its duration.

        Raises:
            DataError: The subset is missing, malformed, or has no usable utterance.
        """
        self.report = report = Report()
        yield from usable_utterances(
            self._corpus.rows(self._root, self._subset), report
        )
        if not (report.kept or report.dropped):
            raise DataError(f"{self._root}: no utterances in {self._subset}")
        if not report.kept:
            raise DataError(
                f"{self._root}: nothing usable in {self._subset}: {report.summary()}"
            )


def usable_utterances(rows: Iterable[Row], report: Report) -> Iterator[Utterance]:
    """Yield the usable ones of some rows, each with its duration; see `Preparation`.

    Args:
        rows: Rows of a corpus.
        report: Counts; complete after the iteration.
    """
    speakers: set[str] = set()
    characters: set[str] = set()
    for utterance, length in _lengths(rows, report):
        checked = _check(utterance, length)
        if isinstance(checked, str):
            report.drop(utterance, checked)
            continue
        report.kept += 1
        report.hours += (checked.duration or 0.0) / 3600
        speakers.update(filter(None, [checked.speaker]))
        characters.update(checked.text or "")
        yield checked
    report.speakers, report.characters = len(speakers), "".join(sorted(characters))


def _lengths(
    rows: Iterable[Row], report: Report
) -> Iterator[tuple[Utterance, float | str]]:
    """Yield utterances with the result of `_length` for their recordings."""
    waiting: deque[tuple[Utterance, Future[float | str]]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        for utterance in rows:
            if isinstance(utterance, DamagedRow):
                report.drop_row(utterance)
                continue
            # Neighbours are often segments of one recording.
            if waiting and _source(waiting[-1][0]) == _source(utterance):
                waiting.append((utterance, waiting[-1][1]))
            else:
                waiting.append((utterance, pool.submit(_length, utterance)))
            if len(waiting) > _AHEAD:
                first, length = waiting.popleft()
                yield first, length.result()
        for first, length in waiting:
            yield first, length.result()


def _source(utterance: Utterance) -> tuple[object, int | None]:
    return utterance.audio, utterance.channel


def _length(utterance: Utterance) -> float | str:
    """Return the recording's length in seconds, or the reason to drop the utterance."""
    recording = utterance.audio
    if isinstance(recording, ShardClip):
        # Inspecting a clip reads all of it; the index of the shard has its length.
        if utterance.duration is not None:
            return utterance.offset + utterance.duration
    elif not is_file(recording):
        # A folder, a pipe or a socket is there, but must not be opened.
        return _UNREADABLE if is_there(recording) else _MISSING
    try:
        info = audio_io.inspect(recording)
    except AudioError:
        return _UNREADABLE
    if utterance.channel is not None and utterance.channel > info.channels:
        return "no such channel"
    return info.duration


def _check(utterance: Utterance, length: float | str) -> Utterance | str:
    """Return the utterance with its duration, or the reason to drop it."""
    if not utterance.text or not utterance.text.strip():
        return "no text"
    if isinstance(length, str):
        return length
    left = length - utterance.offset
    if left <= 0 < utterance.offset:
        return "outside of its recording"
    # Segments often end a little past the recording; others are of another recording.
    if utterance.duration is not None and utterance.duration > left + _LATE:
        return f"ends over {_LATE} s after its recording"
    duration = left if utterance.duration is None else min(utterance.duration, left)
    if duration < _SHORTEST:
        return f"shorter than {_SHORTEST} s"
    return replace(utterance, duration=duration)
