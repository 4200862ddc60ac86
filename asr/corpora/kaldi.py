"""Kaldi data directories: `wav.scp`, `text`, optional `segments` and `utt2spk`.

https://kaldi-asr.org/doc/data_prep.html; each corpus in this form has a licence of its
own (speechocean762, https://www.openslr.org/101/, is free for commercial use too).

The subsets are the folders that hold a `wav.scp`. Paths in it are relative to that
folder or else to the one above.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from asr.corpora.base import Corpus, check_subset, folders_with, read_table
from asr.data.manifest import Utterance
from asr.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _subsets(root: Path) -> list[str]:
    return list(folders_with(root, "wav.scp"))


def _read(root: Path, subset: str) -> Iterator[Utterance]:
    folders = folders_with(root, "wav.scp")
    check_subset("kaldi", root, subset, list(folders))
    folder = folders[subset]
    texts = read_table(folder / "text")
    speakers = _optional(folder / "utt2spk")
    for name, audio, offset, duration in _spans(folder):
        text = texts[name][1] if name in texts else None
        speaker = speakers[name][1] if name in speakers else None
        yield Utterance(audio, text, duration, offset, speaker=speaker, id=name)


def _optional(path: Path) -> dict[str, tuple[int, str]]:
    return read_table(path) if path.exists() else {}


def _recordings(folder: Path) -> dict[str, Path]:
    """Read `wav.scp`; what it holds is a path and never run as a command."""
    table = folder / "wav.scp"
    recordings = {}
    for key, (number, value) in read_table(table).items():
        if value.endswith("|") or value.startswith("|"):
            raise DataError(
                f"{table}:{number}: a shell command, which is not run; "
                "write the recording to a file and name that"
            )
        if not value:
            raise DataError(f"{table}:{number}: no path after {key}")
        near = folder / value
        recordings[key] = near if near.is_file() else folder.parent / value
    return recordings


def _spans(folder: Path) -> Iterator[tuple[str, Path, float, float | None]]:
    """List utterances as name, recording, offset and duration in seconds."""
    recordings = _recordings(folder)
    segments = folder / "segments"
    if not segments.exists():
        for name, audio in recordings.items():
            yield name, audio, 0.0, None
        return
    for name, (number, value) in read_table(segments).items():
        recording, start, end = _segment(f"{segments}:{number}", value)
        if recording not in recordings:
            raise DataError(f"{segments}:{number}: no {recording} in wav.scp")
        yield name, recordings[recording], start, None if end == -1 else end - start


def _segment(where: str, value: str) -> tuple[str, float, float]:
    """Parse `recording start end` in seconds; an end of -1 is the recording's."""
    try:
        recording, *times = value.split()
        start, end = map(float, times)
    except ValueError as error:
        raise DataError(f"{where}: not `utterance recording start end`") from error
    if not 0 <= start < math.inf or not (start < end < math.inf or end == -1):
        raise DataError(f"{where}: from {start} s to {end} s is no stretch of time")
    return recording, start, end


KALDI = Corpus("kaldi", _subsets, _read)
SPEECHOCEAN762 = Corpus("speechocean762", _subsets, _read, "speechocean762")
