"""Entries of manifests, predictions and transcripts in JSON, and their names.

An entry is named by its `id`. Without one, its recording and `offset` name it, so that
stretches of one recording differ.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from asr.errors import DataError

_LONGEST = 1e9  # seconds


def string_field(entry: Mapping[str, Any], key: str) -> str | None:
    """Return a string of an entry; whole numbers are strings too.

    Speakers, ids and texts are often plain numbers.

    Raises:
        ValueError: The value is neither.
    """
    value = entry.get(key)
    if type(value) is int:
        return str(value)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{key} is {json.dumps(value)[:200]}; it must be a string")
    return value


def seconds_field(entry: Mapping[str, Any], key: str) -> float | None:
    """Return a number of seconds, 0 or more; None if there is none.

    Raises:
        ValueError: The value is something else.
    """
    value = entry.get(key)
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value <= _LONGEST:
        kind = "a number of seconds, 0 or more"
        raise ValueError(f"{key} is {json.dumps(value)[:200]}; it must be {kind}")
    return float(value)


def entry_name(entry: Mapping[str, Any]) -> str | None:
    """Return the name of an entry; None if it has neither `id` nor `audio_filepath`.

    Raises:
        ValueError: `id`, `audio_filepath` or `offset` has a wrong type.
    """
    name = string_field(entry, "id")
    audio = string_field(entry, "audio_filepath")
    offset = seconds_field(entry, "offset") or 0.0
    shard = entry.get("shard")
    if audio and isinstance(shard, dict):  # a part of a file with many recordings
        audio = f"{audio}#{shard.get('position')}"
    return name or (audio and stretch_name(audio, offset)) or None


def stretch_name(audio: str, offset: float) -> str:
    """Name a stretch of a recording by its begin in seconds, unless that is 0."""
    return f"{audio}@{round(offset, 3)}" if offset else audio


def pair_by_recording(
    references: Mapping[str, Mapping[str, str]],
    hypotheses: Mapping[str, Mapping[str, str]],
) -> dict[str, str]:
    """Name hypotheses as the references of their recordings.

    A hypothesis whose name no reference has belongs to the reference named as its
    recording without folder and suffix, or to the one with such a recording; of several
    to the one in the same folder, as far as both paths name folders. Stretches of a
    recording have the same offset too.

    Args:
        references: Name -> facts, with `audio_filepath` and `offset` if known.
        hypotheses: The same of the hypotheses.

    Returns:
        Name of a hypothesis -> name of its reference, or its own name without one.

    Raises:
        DataError: Two hypotheses belong to one reference.
    """
    recordings: defaultdict[str, list[tuple[PurePath, str]]] = defaultdict(list)
    for name, facts in references.items():
        if path := _path(facts):
            recordings[path.name].append((path, name))
    renamed, owners = {}, {name: name for name in hypotheses if name in references}
    for name, facts in hypotheses.items():
        target = name
        path = None if name in references else _path(facts)
        if path:
            found = [other for known, other in recordings[path.name]]
            if len(found) > 1:
                found = [x for p, x in recordings[path.name] if _agree(p, path)]
            own = path.name if path.name in references else name
            target = found[0] if len(found) == 1 else own
        owner = owners.setdefault(target, name)
        if owner != name:
            raise DataError(
                f"{owner[:60]!r} and {name[:60]!r} both belong to the reference "
                f"{target[:60]!r}; "
                "give the hypotheses its ids"
            )
        renamed[name] = target
    return renamed


def _path(facts: Mapping[str, str]) -> PurePath | None:
    """Return the recording without its suffix but with the offset, if it is known."""
    if not facts.get("audio_filepath"):
        return None
    path = PurePath(facts["audio_filepath"])
    offset = float(facts.get("offset", 0))
    return path.parent / stretch_name(path.stem, offset)


def _agree(one: PurePath, other: PurePath) -> bool:
    """Return whether two paths are equal, or one is the end of the other."""
    length = min(len(one.parts), len(other.parts))
    return one.parts[-length:] == other.parts[-length:]
