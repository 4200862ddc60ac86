"""`POST /v1/translations`, `/v1/summaries` and `/v1/punctuation`: text to text."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from asr.deployment.server.bodies import json_of
from asr.deployment.server.http_errors import HTTPError, invalid
from asr.deployment.server.models import RESTORATION
from asr.deployment.server.pool import Job
from asr.deployment.server.state import State
from asr.inference.generator import TextGenerator
from asr.inference.restorer import Restorer

_FIELDS = {"text": str, "model": str, "attention": bool}


async def translations(request: Request) -> Response:
    """Translate a text line by line."""
    return await _answer(request, "translation", lambda text: text.split("\n"))


async def summaries(request: Request) -> Response:
    """Write a title for a text."""
    whole = lambda text: [" ".join(text.split())]  # noqa: E731 - one line, used once
    return await _answer(request, "summarization", whole)


async def punctuation(request: Request) -> Response:
    """Write a text with case and punctuation."""
    state: State = request.app.state.server
    values, name = await _values(request, RESTORATION)
    if values.get("attention"):
        text = f"{name} labels words from both sides: it has no attention weights"
        raise invalid(text, "attention")

    def work(_: Job) -> Response:
        restorer: Restorer = state.models.get(name)
        return JSONResponse({"model": name, "text": restorer.restore(values["text"])})

    return await state.texts.run(work)


async def _answer(request: Request, task: str, split: Any) -> Response:
    state: State = request.app.state.server
    values, name = await _values(request, task)
    attention = values.get("attention", False)

    def work(job: Job) -> Response:
        generator: TextGenerator = state.models.get(name)
        parts = []
        for line in split(values["text"]):
            job.check()
            parts.append(_part(generator, line, attention=attention))
        text = "\n".join(part["text"] for part in parts)
        return JSONResponse({"model": name, "text": text, "parts": parts})

    return await state.texts.run(work)


def _part(generator: TextGenerator, line: str, *, attention: bool) -> dict[str, Any]:
    """Return what a model writes for a line, and its attention weights."""
    generation = generator.generate(line, attention=attention)
    part: dict[str, Any] = {
        "source": line,
        "text": generation.text,
        "score": round(generation.score, 4),
    }
    if generation.left_out:
        part["left_out"] = generation.left_out
    if generation.attention is not None:
        part["attention"] = generation.attention.to_json()
    return part


async def _values(request: Request, task: str) -> tuple[dict[str, Any], str]:
    """Return the fields of a request, and the name of the model."""
    state: State = request.app.state.server
    values = await json_of(request, _FIELDS)
    text = values.get("text")
    if text is None:
        raise HTTPError(400, "the field text is missing", code="missing", param="text")
    if len(text) > (most := state.limits.text_characters):
        message = f"text has {len(text):,} characters; {most:,} are the most"
        raise HTTPError(413, message, code="text_too_long", param="text")
    return values, state.models.resolve(values.get("model"), task)
