"""Training records, utterances, and manifests of utterances."""

from __future__ import annotations

import json
import os
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from asr.audio.shard_clip import ShardClip
from asr.data.text_files import (
    DamagedRow,
    parse_json_object,
    parsed_rows,
    text_lines,
    write_json_lines,
)
from asr.errors import DataError, address_in
from asr.formats.json_entries import seconds_field, string_field


class Record(Hashable, Protocol):
    """A source with its reference text."""

    @property
    def text(self) -> str | None:
        """The reference."""

    @property
    def name(self) -> str:
        """Name in messages."""


@dataclass(frozen=True)
class Utterance:
    """A recording, or a segment of one, with its transcript.

    Args:
        audio: The recording: a file, or a part of a shard.
        text: The transcript as the corpus has it, or None if there is none.
        duration: Length in seconds, or None for all audio after `offset`.
        offset: Start in seconds from the start of the recording.
        speaker: Name of the speaker, unique in the corpus.
        lang: Language code, such as `en`.
        id: Name of the utterance, unique in the corpus.
        channel: Channel of the recording, from 1 on, or None for the mean of all.
    """

    audio: Path | ShardClip
    text: str | None
    duration: float | None = None
    offset: float = 0.0
    speaker: str | None = None
    lang: str | None = None
    id: str = ""
    channel: int | None = None

    @property
    def name(self) -> str:
        """Name in messages."""
        return f"{self.id} ({self.audio})" if self.id else str(self.audio)

    @property
    def facts(self) -> dict[str, str]:
        """The `speaker` and `lang`, as far as they are known."""
        known = {"speaker": self.speaker, "lang": self.lang}
        return {key: value for key, value in known.items() if value is not None}


def read_manifest(path: str | Path) -> Iterator[Utterance]:
    """Read a manifest: one JSON object a line.

    `audio_filepath` is required; its path is relative to the manifest. `shard` names
    the part of a shard (see `ShardClip`). Optional keys are `text`, `duration` and
    `offset` (seconds), `speaker`, `lang`, `id` and `channel` (from 1). Other keys (such
    as `pred_text`) and blank lines are ignored.

    Yields:
        The utterances, in the order of the manifest.

    Raises:
        DataError: The manifest cannot be read, or a line is malformed.
    """
    path = Path(path)
    for number, line in text_lines(path):
        if line.strip():
            try:
                yield _from_json(parse_json_object(line), path.parent)
            except ValueError as error:
                raise DataError(f"{path}:{number}: {error}") from error


def manifest_rows(
    path: Path, folder: Path | None = None
) -> Iterator[Utterance | DamagedRow]:
    """Read a manifest of others, in which a line may be damaged.

    The keys are those of `read_manifest`, or of NeMo: `audio_filename` for
    `audio_filepath`, and `text_filepath` for a file with the text.

    Args:
        path: The manifest.
        folder: What its paths are relative to; the folder of the manifest by default.

    Raises:
        DataError: The manifest cannot be read.
    """
    folder = path.parent if folder is None else folder

    def parse(line: str) -> Iterator[Utterance]:
        entry = parse_json_object(line)
        entry.setdefault("audio_filepath", entry.get("audio_filename"))
        text = string_field(entry, "text_filepath")
        if text and entry.get("text") is None:
            try:
                lines = [line.strip() for _, line in text_lines(folder / text)]
            except DataError as error:
                raise ValueError(str(error)) from error
            entry["text"] = " ".join(lines).strip()
        yield _from_json(entry, folder)

    yield from parsed_rows(path, parse)


def write_manifest(path: str | Path, utterances: Iterable[Utterance]) -> int:
    """Write a manifest; return its number of utterances.

    Paths below the manifest's folder are written relative to it, so that the folder can
    be moved. All other paths are absolute. An interrupted write leaves no file.

    Raises:
        OutputError: The file cannot be written.
    """
    folder = absolute(Path(path).parent)
    return write_json_lines(path, (manifest_entry(x, folder) for x in utterances))


def _from_json(entry: dict[str, Any], folder: Path) -> Utterance:
    """Turn a line's object into an utterance; a ValueError names the wrong key."""
    audio = string_field(entry, "audio_filepath")
    if not audio:
        raise ValueError("no audio_filepath; every line needs one")
    shard = entry.get("shard")
    clip = _clip(audio, shard, folder) if isinstance(shard, dict) else folder / audio
    return Utterance(
        audio=clip,
        text=string_field(entry, "text"),
        duration=seconds_field(entry, "duration"),
        offset=seconds_field(entry, "offset") or 0.0,
        speaker=string_field(entry, "speaker"),
        lang=string_field(entry, "lang"),
        id=string_field(entry, "id") or "",
        channel=_channel(entry),
    )


def manifest_entry(utterance: Utterance, folder: Path | None) -> dict[str, Any]:
    """Return the keys of a manifest's line; those without a value are left out.

    Args:
        utterance: The utterance.
        folder: Folder of the manifest; None leaves paths unchanged.
    """
    entry = {
        **audio_entry(utterance.audio, folder),
        "duration": utterance.duration,
        "text": utterance.text,
        "offset": utterance.offset or None,
        "speaker": utterance.speaker,
        "lang": utterance.lang,
        "id": utterance.id or None,
        "channel": utterance.channel,
    }
    return {key: value for key, value in entry.items() if value is not None}


def audio_entry(audio: Path | ShardClip, folder: Path | None) -> dict[str, Any]:
    """Return the manifest keys of a recording: `audio_filepath`, and maybe `shard`.

    Args:
        audio: The recording.
        folder: Folder of the manifest; None leaves the path unchanged.
    """

    def name(path: Path) -> str:
        if (address := address_in(path)) or folder is None:
            return address or str(path)
        path = absolute(path)
        below = path.is_relative_to(folder)
        return (path.relative_to(folder) if below else path).as_posix()

    if not isinstance(audio, ShardClip):
        return {"audio_filepath": name(audio)}
    return {
        "audio_filepath": audio.shard if audio.remote else name(Path(audio.shard)),
        "shard": {"position": audio.position, "size": audio.size, "crc32": audio.crc32},
    }


def _clip(name: str, entry: dict[str, Any], folder: Path) -> ShardClip:
    numbers = [entry.get(key) for key in ("position", "size", "crc32")]
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError("shard: position, size and crc32 must be whole numbers")
    clip = ShardClip(name, *numbers)  # type: ignore[arg-type]  # checked just now
    if clip.remote:
        return clip
    path = folder / name
    return replace(clip, shard=address_in(path) or str(path))


def absolute(path: str | Path) -> Path:
    """Return an absolute path; links in a corpus stay links, unlike `Path.resolve`."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def _channel(entry: dict[str, Any]) -> int | None:
    value = entry.get("channel")
    if value is not None and (type(value) is not int or value < 1):
        raise ValueError(f"channel is {json.dumps(value)}; it must be 1 or more")
    return value
