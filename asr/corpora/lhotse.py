"""Manifests of lhotse: cuts, or recordings and supervisions.

| files | subset |
| --- | --- |
| `NAME_cuts_SUBSET.jsonl.gz`, `cuts_SUBSET.jsonl.gz` | SUBSET |
| `NAME_recordings_SUBSET.jsonl.gz` and `NAME_supervisions_SUBSET.jsonl.gz` | SUBSET |

They may lack `.gz`. Each supervision with a text is an utterance, of one channel.
Paths are relative to the working directory, or to the manifest. MultiCut and MixedCut,
commands, addresses, samples in memory and transforms are damaged rows.

Licence: that of each corpus. Source: https://lhotse.readthedocs.io/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.corpora.base import Row, corpus_of
from asr.data.manifest import Utterance
from asr.data.text_files import DamagedRow, parse_json_object, parsed_rows
from asr.files import is_file

_NAME = re.compile(
    r"((?:.*[_.-])?(cuts|recordings|supervisions)[_.-]*(.*?)[_.-]*)\.jsonl(?:\.gz)?"
)
_CUT_TYPES = ("MonoCut", "Cut")


@dataclass(frozen=True)
class _Part:
    """Cuts, or supervisions with the recordings that they belong to."""

    manifest: Path
    recordings: Path | None = None


def _parts(root: Path) -> dict[str, _Part]:
    folder = root.parent if root.is_file() else root
    files = sorted(folder.glob("*.jsonl*"))
    matches = [(match, path) for path in files if (match := _NAME.fullmatch(path.name))]
    recordings = {match[3]: path for match, path in matches if match[2] == "recordings"}
    parts: dict[str, _Part] = {}
    for match, path in matches:
        if match[2] == "supervisions" and match[3] in recordings:
            parts[match[3] or "all"] = _Part(path, recordings[match[3]])
    for match, path in matches:
        if match[2] == "cuts":
            parts[match[3] or match[1]] = _Part(path)
    if not root.is_file():
        return parts
    return {name: part for name, part in parts.items() if root == part.manifest}


def _lhotse(part: _Part) -> Iterator[Row]:
    folder, recordings = part.manifest.parent, dict[str, Any]()
    if part.recordings is not None:
        rows = parsed_rows(part.recordings, lambda line: [parse_json_object(line)])
        for row in rows:
            if isinstance(row, DamagedRow):
                yield row
            else:
                recordings[str(row.get("id"))] = row

    def parse(line: str) -> Iterator[Utterance]:
        entry = parse_json_object(line)
        kind = "cut" if part.recordings is None else "supervision"
        try:
            if part.recordings is None:
                yield from _cut(entry, folder)
            else:
                yield from _supervision(entry, recordings, folder)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a lhotse {kind}: {error}") from error

    yield from parsed_rows(part.manifest, parse)


def _supervision(
    entry: dict[str, Any], recordings: dict[str, Any], folder: Path
) -> Iterator[Utterance]:
    key = str(entry["recording_id"])
    if key not in recordings:
        raise ValueError(f"{entry.get('id')}: no recording {key!r}")
    if entry.get("text"):
        yield _utterance(entry, recordings[key], folder, 0.0, None)


def _cut(cut: dict[str, Any], folder: Path) -> Iterator[Utterance]:
    kind = cut.get("type", _CUT_TYPES[0])
    if kind not in _CUT_TYPES:
        raise ValueError(f"{cut.get('id')} is a {kind}; only MonoCut is read")
    for supervision in cut["supervisions"]:
        if supervision.get("text"):
            start, channel = float(cut["start"]), cut.get("channel")
            yield _utterance(supervision, cut["recording"], folder, start, channel)


def _utterance(
    supervision: dict[str, Any],
    recording: dict[str, Any],
    folder: Path,
    start: float,
    channel: Any,
) -> Utterance:
    """Return the utterance of a supervision, which begins `start` seconds later."""
    if recording.get("transforms"):
        raise ValueError("a recording must have no transforms")
    chosen = supervision.get("channel") if channel is None else channel
    numbers = chosen if isinstance(chosen, list) else [chosen or 0]
    if len(numbers) != 1:
        raise ValueError(f"{supervision.get('id')} has several channels: {numbers}")
    sources = recording["sources"]
    own = [x for x in sources if numbers[0] in x.get("channels", [0])]
    if len(own) != 1:
        raise ValueError(
            f"no channel {numbers[0]} in recording {recording.get('id')!r}"
        )
    if own[0]["type"] != "file":
        raise ValueError(f"a recording must be a file, got type {own[0]['type']!r}")
    channels = own[0].get("channels", [0])
    index = channels.index(numbers[0]) + 1
    return Utterance(
        _find(folder, str(own[0]["source"])),
        str(supervision["text"]),
        duration=float(supervision["duration"]),
        offset=start + float(supervision["start"]),
        speaker=supervision.get("speaker"),
        lang=supervision.get("language"),
        id=str(supervision["id"]),
        channel=index if len(channels) > 1 else None,
    )


def _find(folder: Path, name: str) -> Path:
    """Find a recording; one that is missing is expected beside the manifest."""
    near = (folder / name, Path(name), folder.parent / name)
    return next(filter(is_file, near), near[0])


LHOTSE = corpus_of("lhotse", _parts, _lhotse)
