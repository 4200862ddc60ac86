"""Entries of manifests, predictions and transcripts in JSON, and their names.

An entry is named by its `id`. Without one, its recording and `offset` name it, so that
stretches of one recording differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from asr.errors import DataError


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


def entry_name(entry: Mapping[str, Any]) -> str | None:
    """Return the name of an entry; None if it has neither `id` nor `audio_filepath`.

    Raises:
        ValueError: `id`, `audio_filepath` or `offset` has a wrong type.
    """
    name = string_field(entry, "id")
    audio = string_field(entry, "audio_filepath")
    return name or (audio and _stretch(audio, _offset(entry))) or None


def pair_by_recording(
    references: Mapping[str, Mapping[str, str]],
    hypotheses: Mapping[str, Mapping[str, str]],
) -> dict[str, str]:
    """Name hypotheses as the references of their recordings.

    A hypothesis whose name no reference has belongs to the reference with the same
    recording and offset, or else with the same file name without folder and suffix,
    which may also be the reference's own name.

    Args:
        references: Name -> facts, with `audio_filepath` and `offset` if known.
        hypotheses: The same of the hypotheses.

    Returns:
        Name of a hypothesis -> name of its reference, or its own name without one.

    Raises:
        DataError: Two hypotheses belong to one reference.
    """
    by_path = _unique((_path(facts), name) for name, facts in references.items())
    by_stem = _unique((_stem(facts), name) for name, facts in references.items())
    renamed, owners = {}, {name: name for name in hypotheses if name in references}
    for name, facts in hypotheses.items():
        target = name
        if name not in references:
            path, stem = _path(facts), _stem(facts)
            own = stem if stem in references else None
            target = by_path.get(path) or own or by_stem.get(stem) or name
        owner = owners.setdefault(target, name)
        if owner != name:
            raise DataError(
                f"{owner!r} and {name!r} both belong to the reference {target!r}; "
                "give the hypotheses its ids"
            )
        renamed[name] = target
    return renamed


def _stretch(audio: str, offset: float) -> str:
    return f"{audio}@{round(offset, 3)}" if offset else audio


def _offset(entry: Mapping[str, Any]) -> float:
    value = entry.get("offset")
    if value is None:
        return 0.0
    if type(value) not in (int, float):
        raise ValueError(f"offset is {json.dumps(value)[:200]}; it must be a number")
    return float(value)


def _path(facts: Mapping[str, str]) -> str | None:
    """Return recording and offset, if the recording is known."""
    audio = facts.get("audio_filepath")
    return _stretch(audio, float(facts.get("offset", 0))) if audio else None


def _stem(facts: Mapping[str, str]) -> str | None:
    """Return `_path` without folder and suffix."""
    audio = facts.get("audio_filepath")
    if not audio:
        return None
    return _stretch(PurePath(audio).stem, float(facts.get("offset", 0)))


def _unique(items: Iterable[tuple[str | None, str]]) -> dict[str | None, str]:
    """Return the items whose key occurs once."""
    names: dict[str | None, str | None] = {None: None}
    for key, name in items:
        names[key] = None if key in names else name
    return {key: name for key, name in names.items() if name is not None}
