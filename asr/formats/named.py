"""Transcripts of several recordings in one text, each with its name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from asr.formats.transcript import Transcript


def named_txt(transcript: Transcript, name: str) -> str:
    """Return a line: the name of the recording, and its text."""
    return f"{name}: {transcript.text}".rstrip() + "\n"


def named_json(text: str, entry: Mapping[str, Any]) -> str:
    """Return the line of `asr.formats.writers.json_` with other keys in front.

    Args:
        text: The line.
        entry: Keys that name the recording, such as `audio_filepath`.
    """
    return json.dumps({**entry, **json.loads(text)}, ensure_ascii=False) + "\n"
