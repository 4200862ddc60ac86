"""Kaldi data directories: each folder with a `wav.scp` is a subset.

| file | lines |
| --- | --- |
| wav.scp | `RECORDING PATH`, `RECORDING FILE.ark:OFFSET` or `RECORDING COMMAND |` |
| text | `UTTERANCE TEXT` |
| segments | `UTTERANCE RECORDING START END [CHANNEL]`, optional |
| utt2spk | `UTTERANCE SPEAKER`, optional |

Paths are relative to the folder, to one of the two above it or to the working
directory. No command is run: of `sph2pipe`, `flac -d`, `sox`, `ffmpeg` and `cat` that
only decode a file, that file is read; others are damaged rows. speechocean762, in this
format, is free for commercial use too.

Licence: that of each corpus.
Sources: https://kaldi-asr.org/doc/data_prep.html, https://www.openslr.org/101/
"""

from __future__ import annotations

import math
import re
import shlex
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from asr.audio.shard_clip import ShardClip
from asr.corpora.base import Row, corpus_of, folders_with, read_table
from asr.data.manifest import Utterance
from asr.data.text_files import DamagedRow
from asr.files import is_file

_ARCHIVE = re.compile(r"(.+):(\d+)")
_RIFF = b"RIFF"
_LETTERS = {"A": 1, "B": 2}  # channels in NIST's files
# Option of a command -> number of its values; all others may change the sound.
_PLAIN: dict[str, dict[str, int]] = {
    "cat": {},
    "sph2pipe": {"-f": 1, "-p": 0, "-u": 0, "-a": 0, "-c": 1},
    "flac": {
        **dict.fromkeys(("-c", "-d", "-s", "-cd", "-dc", "-cds", "-dcs", "-csd"), 0),
        **dict.fromkeys(("-sdc", "-scd", "-dsc"), 0),
        **dict.fromkeys(("--decode", "--stdout", "--silent", "--totally-silent"), 0),
    },
    "sox": {
        **dict.fromkeys(("-t", "-r", "-b", "-e", "-c", "--type", "--rate"), 1),
        **dict.fromkeys(("--bits", "--encoding", "--channels"), 1),
        **dict.fromkeys(("-V0", "-V1", "-V2", "-V3", "-q", "-D", "-R", "-G"), 0),
    },
    "ffmpeg": {
        **dict.fromkeys(("-i", "-f", "-ar", "-ac", "-acodec", "-c:a", "-v"), 1),
        **dict.fromkeys(("-loglevel", "-threads"), 1),
        **dict.fromkeys(("-nostdin", "-hide_banner", "-vn", "-y"), 0),
    },
}
_STDOUT = ("-", "pipe:", "pipe:1", "/dev/stdout")


@dataclass(frozen=True)
class _Recording:
    audio: Path | ShardClip
    channel: int | None = None


def _kaldi(folder: Path) -> Iterator[Row]:
    damaged: list[DamagedRow] = []
    texts = read_table(folder / "text", damaged)
    table = folder / "utt2spk"
    speakers = read_table(table, damaged) if table.exists() else {}
    recordings = _recordings(folder, damaged)
    yield from damaged
    for segment in _segments(folder, recordings):
        if isinstance(segment, DamagedRow):
            yield segment
            continue
        name, recording, offset, duration = segment
        _, text = texts.pop(name, (0, None))
        _, speaker = speakers.get(name, (0, None))
        yield Utterance(
            recording.audio,
            text,
            duration,
            offset,
            speaker=speaker,
            id=name,
            channel=recording.channel,
        )
    table = folder / "segments"
    # Of others, the row without sound is named.
    known = read_table(table, []) if table.exists() else recordings
    for name, (number, _) in texts.items():
        if name not in known:
            yield DamagedRow(f"{folder / 'text'}:{number}", f"no recording of {name}")


def _recordings(
    folder: Path, damaged: list[DamagedRow]
) -> dict[str, _Recording | DamagedRow]:
    """Read `wav.scp`."""
    table = folder / "wav.scp"
    recordings: dict[str, _Recording | DamagedRow] = {}
    for key, (number, value) in read_table(table, damaged).items():
        try:
            if not value:
                raise ValueError(f"no path after {key}")
            recordings[key] = _recording(folder, value)
        except ValueError as error:
            recordings[key] = DamagedRow(f"{table}:{number}", str(error))
    return recordings


def _recording(folder: Path, value: str) -> _Recording:
    if value.startswith("|") or value.endswith("|"):
        name, channel = _decoded_file(value)
        return _Recording(_find(folder, name), channel)
    path = _find(folder, value)
    archive = _ARCHIVE.fullmatch(value)
    if archive and not is_file(path):
        return _Recording(_clip(_find(folder, archive[1]), int(archive[2])))
    return _Recording(path)


def _find(folder: Path, name: str) -> Path:
    """Find a path of `wav.scp`; one that is missing is expected beside the folder."""
    above = folder.resolve().parent.parent
    near = (folder / name, folder.parent / name, above / name, Path(name))
    return next(filter(is_file, near), near[1])


def _decoded_file(value: str) -> tuple[str, int | None]:
    """Return the file that a command decodes, and its channel; never run it."""
    refusal = ValueError(f"a shell command, which is not run: {value[:80]}")
    try:
        program, *words = shlex.split(value.removesuffix("|"))
    except ValueError:
        raise refusal from None
    program = Path(program).name
    if program not in _PLAIN or value.startswith("|"):
        raise refusal
    given, names, effects = _arguments(words, _PLAIN[program])
    if "-i" in given:
        names.append(given["-i"])
    names = [name for name in names if name not in _STDOUT]
    if len(names) != 1 or (effects and program != "sox"):
        raise refusal
    if effects:
        return names[0], _effect(effects, refusal)
    channel = given.get("-c", "") if program == "sph2pipe" else ""
    return names[0], int(channel) if channel.isdecimal() else None


def _arguments(
    words: list[str], options: dict[str, int]
) -> tuple[dict[str, str], list[str], list[str]]:
    """Return options with their values, names, and what follows the output `-`.

    An option that is not known is a name, of which a command has one too many then.
    """
    given: dict[str, str] = {}
    names: list[str] = []
    while words:
        word = words.pop(0)
        if word in options and len(words) >= options[word]:
            given[word] = words.pop(0) if options[word] else ""
        elif names[1:] and names[1] in _STDOUT:
            return given, names, [word, *words]
        else:
            names.append(word)
    return given, names, []


def _effect(words: list[str], refusal: ValueError) -> int | None:
    """Return the channel of sox's `remix N`; a rate does not matter."""
    if words[0] == "remix" and len(words) == 2 and words[1].isdecimal():
        return int(words[1]) or None
    if words[0] in ("rate", "channels") and len(words) <= 2:
        return None
    raise refusal


def _clip(archive: Path, offset: int) -> ShardClip:
    """Find a WAV inside an archive."""
    try:
        with archive.open("rb") as file:
            file.seek(offset)
            head = file.read(8)
            if head[:4] != _RIFF:
                raise ValueError(f"no WAV at byte {offset} of {archive}")
            size = int.from_bytes(head[4:], "little") + 8
            content = head + file.read(size - 8)
    except OSError as error:
        raise ValueError(f"{archive}: {error.strerror}") from error
    return ShardClip(str(archive), offset, len(content), zlib.crc32(content))


def _segments(
    folder: Path, recordings: dict[str, _Recording | DamagedRow]
) -> Iterator[tuple[str, _Recording, float, float | None] | DamagedRow]:
    """Yield name, recording, offset and duration in seconds of each utterance."""
    segments = folder / "segments"
    if not segments.exists():
        for name, recording in recordings.items():
            if isinstance(recording, DamagedRow):
                yield recording
            else:
                yield name, recording, 0.0, None
        return
    damaged: list[DamagedRow] = []
    for name, (number, value) in read_table(segments, damaged).items():
        where = f"{segments}:{number}"
        try:
            key, start, end, channel = _parse_segment(value)
        except ValueError as error:
            yield DamagedRow(where, str(error))
            continue
        recording = recordings.get(key) or DamagedRow(where, f"no {key} in wav.scp")
        if isinstance(recording, DamagedRow):
            yield DamagedRow(where, recording.problem)
        else:
            own = _Recording(recording.audio, channel or recording.channel)
            yield name, own, start, None if end == -1 else end - start
    yield from damaged


def _parse_segment(value: str) -> tuple[str, float, float, int | None]:
    """Parse `recording start end [channel]` in seconds; -1 is the recording's end.

    Channels count from 0, or are A and B.
    """
    try:
        recording, first, last, *more = value.split()
        start, end = float(first), float(last)
        channel = None
        if more:
            (name,) = more
            channel = _LETTERS.get(name) or int(name) + 1
            if channel < 1:
                raise ValueError
    except ValueError as error:
        text = "not `utterance recording start end [channel]`"
        raise ValueError(text) from error
    if not 0 <= start < math.inf or not (start < end < math.inf or end == -1):
        raise ValueError(f"start must be >= 0 and before end, got {start} s to {end} s")
    return recording, start, end, channel


_parts = partial(folders_with, marker="wav.scp")
KALDI = corpus_of("kaldi", _parts, _kaldi)
SPEECHOCEAN762 = corpus_of("speechocean762", _parts, _kaldi, "speechocean762")
