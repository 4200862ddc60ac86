"""Middleware of all requests: host, origin, token, size of the body, counters."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asr.deployment.server.bodies import Body, Uploads
from asr.deployment.server.http_errors import HTTPError, http_error
from asr.deployment.server.metrics import Metrics

log = logging.getLogger(__name__)

TOKEN_PROTOCOL = "asr-token."
"""Subprotocol of a socket that has the token after it: browsers send no headers."""

_GONE = 499  # the client closed the connection, as nginx counts it
_LOCAL = ("localhost", "127.0.0.1", "::1")
_OPEN = ("/", "/page.css", "/page.js", "/healthz")  # without a token
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class AccessMiddleware:
    """Refuses requests that are not allowed, and counts all.

    Args:
        app: The application.
        host: Address that the server listens on.
        token: What clients have to know; None for everybody on this machine.
        uploads: Counts bodies.
        metrics: Counts requests.
        paths: Paths that are counted by themselves.
    """

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        token: str | None,
        uploads: Uploads,
        metrics: Metrics,
        paths: Collection[str],
    ) -> None:
        self._app, self._uploads, self._metrics = app, uploads, metrics
        self._paths = paths
        self._token = None if token is None else token.encode()
        # Else the page of another site could reach us through a name of its own.
        self._hosts = None if token else {*_LOCAL, host}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = self._uploads.body(scope, receive)
        answer, began = _Answer(body, send), time.perf_counter()
        try:
            self.check(scope)
            body.check_length()
            await self._app(scope, body.receive, answer)
        except HTTPError as error:
            await error.response()(scope, body.receive, answer)
        except ClientDisconnect:
            answer.status = _GONE
        except Exception as error:
            log.exception("%s %s", scope["method"], scope["path"])
            if answer.status and not answer.is_complete:
                raise
            if not answer.status:
                await http_error(error).response()(scope, body.receive, answer)
        finally:
            body.forget()
            path = scope["path"] if scope["path"] in self._paths else "other"
            seconds = time.perf_counter() - began
            self._metrics.request(_known(scope["method"]), path, answer.status, seconds)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self.check(scope)
        except HTTPError as error:
            await receive()
            await error.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def check(self, scope: Scope) -> None:
        """Check host, origin and token.

        Raises:
            HTTPError: One of them is wrong.
        """
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        if self._hosts is not None and _split(f"//{host}").hostname not in self._hosts:
            raise HTTPError(403, "no such host on this server", code="wrong_host")
        if origin is not None and _split(origin).netloc != host:
            text = "requests from pages of other sites are refused"
            raise HTTPError(403, text, code="wrong_origin")
        if self._token is not None and scope["path"] not in _OPEN:
            given = headers.get(b"authorization", "").removeprefix("Bearer ")
            for name in scope.get("subprotocols", ()):
                if name.startswith(TOKEN_PROTOCOL):
                    given = name.removeprefix(TOKEN_PROTOCOL)
            if not hmac.compare_digest(given.encode(), self._token):
                text = "the token is missing or wrong; send Authorization: Bearer TOKEN"
                raise HTTPError(401, text, code="invalid_api_key")


class _Answer:
    """The `send` of a request: adds headers, and reads what the client still sends."""

    def __init__(self, body: Body, send: Send) -> None:
        self._body, self._send = body, send
        self.status, self.is_complete = 0, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], *_HEADERS]
            if self._body.is_left:
                message["headers"].append((b"connection", b"close"))
        elif not message.get("more_body"):
            if self._body.is_left:
                await self._send({**message, "more_body": True})
                await self._body.drain()
                message = {"type": "http.response.body"}
            self.is_complete = True
        await self._send(message)


def _split(address: str) -> SplitResult:
    """Return the parts of an address; they are empty if it has none."""
    try:
        return urlsplit(address)
    except ValueError:  # such as http://[
        return urlsplit("")


def _known(method: str) -> str:
    """Return a method as a label; clients can invent any number of others."""
    return method if method in ("GET", "HEAD", "POST", "OPTIONS") else "other"
