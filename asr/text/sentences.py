"""Sentences of English prose, as somebody would read them aloud."""

from __future__ import annotations

import re

from asr.text.english import spell_numbers

_TITLES = {"Mr": "Mister", "Mrs": "Missus", "Dr": "Doctor"}
# A full stop after these, or after an initial, does not end a sentence.
_ABBREVIATION = re.compile(
    r"\b(Mr|Mrs|Dr|Ms|St|Prof|Rev|Capt|Gen|Col|Lt|Sgt|Hon|Jr|Sr|vs|No|[A-Z])\.(?=\s)"
)
_END = re.compile(
    r"(?<=[.!?])[\"'\u2019\u201d)\]]*\s+(?=[\"'\u2018\u201c(\[]*[A-Z0-9])"
)


def sentences(paragraph: str) -> list[str]:
    """Divide a paragraph into sentences; titles and numbers are written out.

    A paragraph in another script is one sentence. Marks at the end of a quotation may
    be lost; a normaliser removes them anyway.
    """
    text = _ABBREVIATION.sub(lambda match: _TITLES.get(match[1], match[1]), paragraph)
    return [
        spell_numbers(part) if any(map(str.isdigit, part)) else part
        for part in map(str.strip, _END.split(text))
        if part
    ]
