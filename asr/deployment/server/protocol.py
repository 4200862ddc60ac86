"""HTTP/1.1 of uvicorn with bounds on what a slow or hostile client can hold."""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from asr.deployment.server.http_errors import HTTPError
from asr.deployment.server.limits import Limits

_LINGER = 5.0  # seconds that a closed connection may take to send what is left


class BoundedProtocol(H11Protocol):
    """A connection that ends if a head, or the reader of a response, is too slow.

    Args:
        limits: Bounds of time.
        given: Arguments of uvicorn.
    """

    def __init__(self, *, limits: Limits, **given: Any) -> None:
        super().__init__(**given)
        self._limits = limits
        self._head: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for the first head."""
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Pass data on; wait for the rest of a head."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop("_head")
        elif self._head is None:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all waiting."""
        self._stop("_head")
        self._stop("_stalled")
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Start to wait for a reader that does not take its response."""
        super().pause_writing()
        self._stop("_stalled")
        self._stalled = self.loop.call_later(
            self._limits.idle_seconds, self.transport.abort
        )

    def resume_writing(self) -> None:
        """Stop to wait for the reader."""
        self._stop("_stalled")
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, whatever it has not read."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(_LINGER, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, and close."""
        error = sys.exception()
        status = getattr(error, "error_status_hint", 400)
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = json.dumps(HTTPError(status, msg).to_json()).encode()
            head = f"HTTP/1.1 {status} Bad Request\r\nContent-Length: {len(body)}\r\n"
            head += "Content-Type: application/json\r\nConnection: close\r\n\r\n"
            self.transport.write(head.encode() + body)
        self.transport.close()
        self.loop.call_later(_LINGER, self.transport.abort)

    def _wait_for_head(self) -> None:
        self._head = self.loop.call_later(self._limits.head_seconds, self._too_slow)

    def _too_slow(self) -> None:
        self._head = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.abort()

    def _stop(self, name: str) -> None:
        timer: asyncio.TimerHandle | None = getattr(self, name)
        if timer is not None:
            timer.cancel()
            setattr(self, name, None)


def protocol(limits: Limits) -> Any:
    """Return the class of connections for uvicorn."""
    return partial(BoundedProtocol, limits=limits)
