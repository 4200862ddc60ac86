"""The form of a transcription request -> a checked record."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData, UploadFile

from asr.deployment.server.bodies import check_name
from asr.deployment.server.http_errors import HTTPError, invalid
from asr.deployment.server.limits import Limits
from asr.deployment.server.models import SPEECH, Models
from asr.errors import quoted

FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
_GRANULARITIES = ("word", "segment")
_FIELDS = (
    "file", "model", "language", "prompt", "response_format", "temperature",
    "timestamp_granularities[]", "timestamp_granularities", "stream",
    "chunking_strategy", "attention",
)  # fmt: skip
_PHRASES = re.compile(r"[,;\n]")
_MOST_NAME = 100  # characters of a file name in messages


@dataclass(frozen=True)
class TranscriptionRequest:
    """A recording, and what is wanted of it.

    Attributes:
        file: The uploaded recording.
        name: Its name for messages.
        model: Name of the model.
        language: Language that the client expects, or None.
        hotwords: Words and phrases to boost.
        response_format: One of `FORMATS`.
        granularities: `word`, `segment` or both.
        stream: Send each segment as soon as it is decoded.
        attention: Add the attention weights of each segment.
    """

    file: Any
    name: str
    model: str
    language: str | None
    hotwords: tuple[str, ...]
    response_format: str
    granularities: tuple[str, ...]
    stream: bool
    attention: bool

    @property
    def wants_words(self) -> bool:
        """Times of words are part of the response."""
        timed = self.response_format in ("srt", "vtt")
        return timed or "word" in self.granularities


def request_of(form: FormData, models: Models, limits: Limits) -> TranscriptionRequest:
    """Check the fields of a form.

    Raises:
        HTTPError: A field is unknown, missing or not valid.
    """
    for name in form:
        check_name(name, dict.fromkeys(_FIELDS))
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise HTTPError(400, "the field file is missing", code="missing", param="file")
    kind = _choice(form, "response_format", FORMATS, "json")
    stream, attention = _flag(form, "stream"), _flag(form, "attention")
    if stream and kind not in ("json", "verbose_json"):
        text = f"stream sends json or verbose_json, not {kind}"
        raise invalid(text, "response_format")
    if attention and kind != "verbose_json":
        raise invalid("attention is part of verbose_json alone", "attention")
    return TranscriptionRequest(
        file=file.file,
        name=_file_name(file.filename),
        model=models.resolve(_text(form, "model") or None, SPEECH),
        language=_text(form, "language") or None,
        hotwords=hotwords_of(_text(form, "prompt"), limits),
        response_format=kind,
        granularities=_granularities(form, kind),
        stream=stream,
        attention=attention,
    )


def hotwords_of(prompt: str, limits: Limits) -> tuple[str, ...]:
    """Return the phrases between commas, semicolons and line ends of a prompt.

    Raises:
        HTTPError: There are too many.
    """
    found = [" ".join(phrase.split()) for phrase in _PHRASES.split(prompt)]
    phrases = tuple(dict.fromkeys(filter(None, found)))
    if len(phrases) > limits.hotwords:
        text = f"prompt has {len(phrases)} phrases; {limits.hotwords} are the most"
        raise invalid(text, "prompt")
    return phrases


def check_language(wanted: str | None, known: str | None) -> None:
    """Refuse another language than that of the model.

    Raises:
        HTTPError: It is another one.
    """
    if wanted is None or known is None:
        return
    if wanted.casefold() not in (known, language_name(known)):
        text = f"the model knows {language_name(known)} ({known}), not "
        raise invalid(text + quoted(wanted), "language")


def language_name(code: str | None) -> str:
    """Return the name that OpenAI's responses have for a language code."""
    names = {"en": "english", "fr": "french", "de": "german", "es": "spanish"}
    return names.get(code or "", code or "unknown")


def _granularities(form: FormData, kind: str) -> tuple[str, ...]:
    given: list[str] = []
    for name in ("timestamp_granularities[]", "timestamp_granularities"):
        given += [str(value) for value in form.getlist(name)]
    for value in given:
        if value not in _GRANULARITIES:
            text = f"timestamp_granularities must be word or segment, got {value[:50]}"
            raise invalid(text, "timestamp_granularities")
    if given and kind != "verbose_json":
        text = "timestamp_granularities need response_format verbose_json"
        raise invalid(text, "timestamp_granularities")
    _temperature(form)
    return tuple(dict.fromkeys(given)) or ("segment",)


def _temperature(form: FormData) -> None:
    """Check what has no effect: the search does not sample."""
    text = _text(form, "temperature") or "0"
    try:
        is_valid = math.isfinite(float(text))
    except ValueError:
        is_valid = False
    if not is_valid:
        raise invalid(f"temperature must be a number, got {quoted(text)}")


def _text(form: FormData, name: str) -> str:
    values = form.getlist(name)
    if len(values) > 1 or any(not isinstance(value, str) for value in values):
        raise invalid(f"{name} must be one text", name)
    return str(values[0]).strip() if values else ""


def _choice(form: FormData, name: str, known: tuple[str, ...], default: str) -> str:
    value = _text(form, name) or default
    if value not in known:
        text = f"{name} must be one of {', '.join(known)}, got {quoted(value)}"
        raise invalid(text, name)
    return value


def _flag(form: FormData, name: str) -> bool:
    value = (_text(form, name) or "false").casefold()
    if value not in ("true", "false"):
        raise invalid(f"{name} must be true or false, got {quoted(value)}", name)
    return value == "true"


def _file_name(name: str | None) -> str:
    """Return the last part of a name, on one line: it is shown, and never opened."""
    last = re.split(r"[/\\]", name or "")[-1]
    shown = "".join(it if it.isprintable() else "?" for it in last)
    return shown[:_MOST_NAME] or "the recording"
