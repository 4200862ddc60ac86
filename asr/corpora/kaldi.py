"""Kaldi data directories: `wav.scp`, `text`, optional `segments` and `utt2spk`.

Shape: each folder with a `wav.scp` is a subset. Paths in `wav.scp` are relative to that
folder or to its parent. Commands in `wav.scp` are refused.
Licence: that of each corpus in this format. speechocean762, which is one of them, is
free for commercial use too.
Source: https://kaldi-asr.org/doc/data_prep.html, https://www.openslr.org/101/
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from asr.corpora.base import corpus_of, folders_with, read_table
from asr.data.manifest import Utterance
from asr.errors import DataError


def _read(folder: Path) -> Iterator[Utterance]:
    texts = read_table(folder / "text")
    speakers = _optional(folder / "utt2spk")
    for name, audio, offset, duration in _segments(folder):
        text = texts[name][1] if name in texts else None
        speaker = speakers[name][1] if name in speakers else None
        yield Utterance(audio, text, duration, offset, speaker=speaker, id=name)


def _optional(path: Path) -> dict[str, tuple[int, str]]:
    return read_table(path) if path.exists() else {}


def _recordings(folder: Path) -> dict[str, Path]:
    """Read `wav.scp`; its values are paths and never run as commands."""
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


def _segments(folder: Path) -> Iterator[tuple[str, Path, float, float | None]]:
    """Yield name, recording, offset and duration in seconds of each utterance."""
    recordings = _recordings(folder)
    segments = folder / "segments"
    if not segments.exists():
        for name, audio in recordings.items():
            yield name, audio, 0.0, None
        return
    for name, (number, value) in read_table(segments).items():
        recording, start, end = _parse_segment(f"{segments}:{number}", value)
        if recording not in recordings:
            raise DataError(f"{segments}:{number}: no {recording} in wav.scp")
        yield name, recordings[recording], start, None if end == -1 else end - start


def _parse_segment(where: str, value: str) -> tuple[str, float, float]:
    """Parse `recording start end` in seconds; -1 stands for the recording's end."""
    try:
        recording, *times = value.split()
        start, end = map(float, times)
    except ValueError as error:
        raise DataError(f"{where}: not `utterance recording start end`") from error
    if not 0 <= start < math.inf or not (start < end < math.inf or end == -1):
        raise DataError(
            f"{where}: start must be >= 0 and before end, got {start} s to {end} s"
        )
    return recording, start, end


_parts = partial(folders_with, marker="wav.scp")

KALDI = corpus_of("kaldi", _parts, _read)
SPEECHOCEAN762 = corpus_of("speechocean762", _parts, _read, "speechocean762")
