"""Bodies of requests: counted as they arrive, and read as a form or as JSON."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from asr.deployment.server.http_errors import HTTPError, invalid
from asr.deployment.server.limits import MEGABYTE, Limits
from asr.errors import did_you_mean, quoted

_MOST_FIELDS = 40
_FIELD_BYTES = 100_000
_JSON_BYTES = 1_000_000
_DRAIN_SECONDS = 10.0
_SURROGATE = re.compile("[\ud800-\udfff]")


class Uploads:
    """Bytes of all bodies that are in memory or in temporary files."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self.bytes = limits, 0

    def body(self, scope: Scope, receive: Receive) -> Body:
        """Start to count the body of a request."""
        return Body(self, self._limits, scope, receive)


class Body:
    """The body of one request: a `receive` with bounds.

    Args:
        uploads: What counts all bodies.
        limits: Bounds of size and time.
        scope: The request.
        receive: Receives its messages.
    """

    def __init__(
        self, uploads: Uploads, limits: Limits, scope: Scope, receive: Receive
    ) -> None:
        self._uploads, self._limits, self._receive = uploads, limits, receive
        self._deadline = asyncio.get_running_loop().time() + limits.upload_seconds
        self.size, self.is_complete = 0, False
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        self.declared = int(length) if length.isdigit() else 0
        self._is_there = self.declared > 0 or b"transfer-encoding" in headers

    @property
    def is_left(self) -> bool:
        """The client still sends."""
        return self._is_there and not self.is_complete

    def check_length(self) -> None:
        """Refuse a body that says that it is too long.

        Raises:
            HTTPError: It is.
        """
        if max(self.size, self.declared) > self._limits.body_bytes:
            most = self._limits.body_bytes // MEGABYTE
            text = f"the body is larger than {most:,} MB; send less at once"
            raise HTTPError(413, text, code="body_too_large")

    async def receive(self) -> Message:
        """Receive the next message.

        Raises:
            HTTPError: The body is too long, or arrives too slowly.
        """
        if self.is_complete:  # what follows is the end of the connection
            return await self._receive()
        self.check_length()
        now = asyncio.get_running_loop().time()
        patience = min(self._limits.idle_seconds, self._deadline - now)
        try:
            async with asyncio.timeout(max(0.0, patience)):
                message = await self._receive()
        except TimeoutError:
            text = f"the body stopped for {self._limits.idle_seconds:g} s, or took "
            text += f"longer than {self._limits.upload_seconds:g} s"
            raise HTTPError(408, text, code="timeout") from None
        size = len(message.get("body", b""))
        self.size += size
        self._uploads.bytes += size
        self.is_complete = not message.get("more_body", False)
        self.check_length()
        if self._uploads.bytes > self._limits.disk_bytes:
            text = "no space for more uploads; try again later"
            raise HTTPError(503, text, code="busy", retry_after=5)
        return message

    async def drain(self) -> None:
        """Read what is left for a while, so that the client sees the response."""
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while not self.is_complete:
                    message = await self._receive()
                    self.is_complete = not message.get("more_body", False)
        except TimeoutError:
            pass

    def forget(self) -> None:
        """Take the bytes of this body from the count."""
        self._uploads.bytes -= self.size
        self.size = 0


async def form_of(request: Request) -> FormData:
    """Read a multipart form; its files are temporary files without a name.

    Raises:
        HTTPError: It is no such form, or has too many or too large fields.
    """
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        text = "the body must be multipart/form-data with the field file"
        raise HTTPError(415, text, code="unsupported_media_type")
    try:
        return await request.form(
            max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES
        )
    except HTTPException as error:
        raise HTTPError(400, f"not a valid form: {error.detail}") from error
    except (ValueError, LookupError) as error:
        raise HTTPError(400, "not a valid form") from error


async def json_of(request: Request, kinds: Mapping[str, type]) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        request: The request.
        kinds: Its fields, and the types of their values.

    Raises:
        HTTPError: It is no such object.
    """
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > _JSON_BYTES:
            text = f"the body is larger than {_JSON_BYTES:,} bytes"
            raise HTTPError(413, text, code="body_too_large")
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise HTTPError(400, "the body must be JSON in UTF-8") from error
    if not isinstance(values, dict):
        raise HTTPError(400, "the body must be a JSON object")
    for name, value in values.items():
        check_name(name, kinds)
        if not isinstance(value, kinds[name]):
            wanted = {bool: "true or false", str: "a text"}[kinds[name]]
            raise invalid(f"{name} must be {wanted}, got {quoted(value)}", name)
        if isinstance(value, str) and _SURROGATE.search(value):
            raise invalid(f"{name} has half a character (a lone surrogate)", name)
    return values


def check_name(name: str, known: Mapping[str, Any]) -> None:
    """Refuse a field that does not exist.

    Raises:
        HTTPError: It does not.
    """
    if name not in known:
        hint = did_you_mean(name, list(known))
        text = f"unknown field {quoted(name)}{hint}"
        raise HTTPError(400, text, code="unknown_field", param=name[:100])


async def disconnected(receive: Receive) -> None:
    """Return when the client of a request that is read completely goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass
