"""What training data are made of: records; utterances and their manifests."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import zlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from asr.audio.shard_clip import ShardClip
from asr.errors import DataError
from asr.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Record(Protocol):
    """A source and the text that belongs to it; hashable."""

    @property
    def text(self) -> str | None:
        """The reference."""

    @property
    def name(self) -> str:
        """What messages call it."""

    def __hash__(self) -> int:
        """Records are keys."""


@dataclass(frozen=True)
class Utterance:
    """A stretch of a recording and what is said in it.

    Args:
        audio: The recording, a file of its own or inside of a shard.
        text: The transcript as the corpus has it, or None where there is none.
        duration: Seconds, or None for everything from `offset` on.
        offset: Seconds from the start of the recording.
        speaker: Who speaks, by any name that is unique in the corpus.
        lang: Language code, such as `en`.
        id: A name that is unique in the corpus.
    """

    audio: Path | ShardClip
    text: str | None
    duration: float | None = None
    offset: float = 0.0
    speaker: str | None = None
    lang: str | None = None
    id: str = ""

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.id} ({self.audio})" if self.id else str(self.audio)

    @property
    def facts(self) -> dict[str, str]:
        """What is known of it beside its text: its `speaker` and `lang`."""
        known = {"speaker": self.speaker, "lang": self.lang}
        return {key: value for key, value in known.items() if value is not None}


_LONGEST = 1e9  # seconds
_LONGEST_LINE = 100_000_000  # bytes
_OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open}


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read a UTF-8 text file line by line.

    Args:
        path: The file, compressed where its name ends in `.gz` or `.xz`; a byte order
            mark at its start is ignored.

    Yields:
        The line's number, from 1, and the line without its end.

    Raises:
        DataError: There is no such file, it cannot be read, or it is not UTF-8.
    """
    number = 0
    try:
        with _OPENERS.get(path.suffix, open)(path, "rb") as file:
            lines = iter(partial(file.readline, _LONGEST_LINE + 1), b"")
            for number, raw in enumerate(lines, 1):
                if len(raw) > _LONGEST_LINE:
                    raise DataError(f"{path}:{number}: a line without end")
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                yield number, line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}:{number}: not UTF-8; convert the file") from error
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or f"damaged archive: {error}"
        raise DataError(f"cannot read {path}: {reason}") from error


def read_manifest(path: str | Path) -> Iterator[Utterance]:
    """Read a manifest: one JSON object a line.

    `audio_filepath` is required and relative to the manifest, and where it is a shard,
    `shard` says what part of it (see `StoredClip`); `text`, `duration`,
    `offset` (seconds), `speaker`, `lang` and `id` are read where present; other keys
    (such as `pred_text`) are left alone, and so are blank lines.

    Args:
        path: The manifest.

    Yields:
        The utterances, in the manifest's order.

    Raises:
        DataError: The manifest cannot be read, or a line is malformed.
    """
    path = Path(path)
    for number, line in text_lines(path):
        if line.strip():
            try:
                yield _from_json(parsed(line), path.parent)
            except json.JSONDecodeError as error:
                raise DataError(
                    f"{path}:{number}: not JSON ({error.msg}, column {error.colno}); "
                    "write one object a line"
                ) from error
            except ValueError as error:
                raise DataError(f"{path}:{number}: {error}") from error


def parsed(line: str) -> Any:
    """Read a line of JSON.

    Raises:
        ValueError: It is not JSON, or too deep.
    """
    try:
        return json.loads(line)
    except RecursionError:
        raise ValueError("brackets within brackets without end") from None


def write_manifest(path: str | Path, utterances: Iterable[Utterance]) -> int:
    """Write a manifest, complete or not at all.

    Recordings below the manifest's folder are written relative to it, so that the
    folder can be moved; all others by their absolute path.

    Args:
        path: The file to create or replace; its folder must exist.
        utterances: What to write, in this order.

    Returns:
        How many utterances were written.

    Raises:
        OutputError: The file cannot be written.
    """
    folder = _absolute(Path(path).parent)
    count = 0
    with atomic_write(path) as file:
        for utterance in utterances:
            line = json.dumps(_to_json(utterance, folder), ensure_ascii=False)
            file.write(f"{line}\n")
            count += 1
    return count


def _from_json(entry: object, folder: Path) -> Utterance:
    """Check a line's object; a ValueError says what is wrong with it."""
    if not isinstance(entry, dict):
        raise ValueError("not a JSON object; write one object a line")
    audio = _string(entry, "audio_filepath")
    if not audio:
        raise ValueError("no audio_filepath; every line needs one")
    shard = entry.get("shard")
    clip = _stored(audio, shard, folder) if isinstance(shard, dict) else folder / audio
    return Utterance(
        audio=clip,
        text=_string(entry, "text"),
        duration=_seconds(entry, "duration"),
        offset=_seconds(entry, "offset") or 0.0,
        speaker=_string(entry, "speaker"),
        lang=_string(entry, "lang"),
        id=_string(entry, "id") or "",
    )


def _to_json(utterance: Utterance, folder: Path) -> dict[str, Any]:
    entry = {
        **audio_entry(utterance.audio, folder),
        "duration": utterance.duration,
        "text": utterance.text,
        "offset": utterance.offset or None,
        "speaker": utterance.speaker,
        "lang": utterance.lang,
        "id": utterance.id or None,
    }
    return {key: value for key, value in entry.items() if value is not None}


def audio_entry(audio: Path | ShardClip, folder: Path | None) -> dict[str, Any]:
    """Return what a manifest says of where a recording is.

    Args:
        audio: The recording.
        folder: Of the manifest; None writes the path as it is.
    """

    def name(path: Path) -> str:
        if folder is None:
            return str(path)
        path = _absolute(path)
        below = path.is_relative_to(folder)
        return (path.relative_to(folder) if below else path).as_posix()

    if not isinstance(audio, ShardClip):
        return {"audio_filepath": name(audio)}
    return {
        "audio_filepath": audio.shard if audio.remote else name(Path(audio.shard)),
        "shard": {"position": audio.position, "size": audio.size, "crc32": audio.crc32},
    }


def _stored(name: str, where: dict[str, Any], folder: Path) -> ShardClip:
    """Return what a line says of a shard and a place in it."""
    places = [where.get(key) for key in ("position", "size", "crc32")]
    if not all(type(place) is int and place >= 0 for place in places):
        raise ValueError("shard: needs whole numbers position, size and crc32")
    clip = ShardClip(name, *places)  # type: ignore[arg-type]  # checked just now
    return clip if clip.remote else replace(clip, shard=str(folder / name))


def _absolute(path: Path) -> Path:
    # Not Path.resolve: a link in a corpus is a name of its own and has to stay one.
    return Path(os.path.abspath(path))  # noqa: PTH100


def _string(entry: dict[str, Any], key: str) -> str | None:
    value = entry.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # speakers and ids are often plain numbers
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{key} is {json.dumps(value)}; it must be a string")
    return value


def _seconds(entry: dict[str, Any], key: str) -> float | None:
    value = entry.get(key)
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= _LONGEST:
        raise ValueError(
            f"{key} is {json.dumps(value)}; it must be a number of seconds, 0 or more"
        )
    return float(value)
