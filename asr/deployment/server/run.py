"""Runs a server until Ctrl-C or SIGTERM."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import uvicorn
from starlette.types import ASGIApp

from asr.deployment.server.app import application
from asr.deployment.server.limits import Limits
from asr.deployment.server.models import SPEECH, Models
from asr.deployment.server.protocol import protocol
from asr.errors import UsageError, quoted
from asr.files import read_text, unread_reason

_SHORTEST_TOKEN = 16
_LONGEST_TOKEN = 200
_BACKLOG = 512
_FILES = 8192
_MESSAGE_BYTES = 1 << 20


class Address(NamedTuple):
    """Where a server listens; port 0 is any that is free."""

    host: str = "127.0.0.1"
    port: int = 8000


def read_token(path: Path) -> str:
    """Read the token of a file.

    Raises:
        UsageError: It cannot be read, or holds no token.
    """
    try:
        token = read_text(path).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {unread_reason(error)}") from error
    allowed = all(it.isascii() and (it.isalnum() or it in "-._~") for it in token)
    if not (_SHORTEST_TOKEN <= len(token) <= _LONGEST_TOKEN and allowed):
        text = f"{path}: a token has {_SHORTEST_TOKEN} to {_LONGEST_TOKEN} letters, "
        raise UsageError(f"{text}digits and -._~; try: openssl rand -hex 24")
    return token


def serve(
    address: Address,
    models: Models,
    limits: Limits,
    token: str | None,
    on_start: Callable[[str], object],
) -> None:
    """Serve until Ctrl-C or SIGTERM; then end what runs, for a bounded time.

    Args:
        address: Host and port.
        models: The models; the first for speech is loaded at once.
        limits: Bounds of requests.
        token: What clients have to know; needed beyond this machine.
        on_start: Called with the address of the page.

    Raises:
        AsrError: The model cannot be loaded.
        UsageError: The address is not free, or beyond this machine without a token.
    """
    if token is None and not is_local(address.host):
        text = f"--host {address.host} lets others in; give --token FILE as well"
        raise UsageError(text)
    app, state = application(models, limits, host=address.host, token=token)
    listener = listen_on(address)
    url = f"http://{_shown(address.host)}:{listener.getsockname()[1]}/"
    server = http_server(app, limits, lambda: on_start(url))
    failures: list[BaseException] = []

    def load() -> None:
        try:
            for name, task in models.tasks.items():
                if task == SPEECH:
                    models.get(name)
                    break
            state.is_ready = True
        except BaseException as error:
            failures.append(error)
            server.should_exit = True

    _allow_files()
    # No daemon: one that ends inside of ONNX Runtime aborts the process.
    threading.Thread(target=load, name="load").start()
    try:
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it at its end
            server.run([listener])
    finally:
        state.close()
    if failures:
        raise failures[0]


class _Server(uvicorn.Server):
    """Calls `on_start` when it answers, and Ctrl-C and SIGTERM end it in order."""

    def __init__(self, config: uvicorn.Config, on_start: Callable[[], object]) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()


def http_server(
    app: ASGIApp, limits: Limits, on_start: Callable[[], object] = lambda: None
) -> uvicorn.Server:
    """Return the HTTP server of an application."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        app,
        http=protocol(limits),
        ws="websockets-sansio",
        ws_max_size=_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=limits.drain_seconds,
    )
    return _Server(config, on_start)


def is_local(host: str) -> bool:
    """Tell whether only programs of this machine reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen_on(address: Address) -> socket.socket:
    """Open the socket of a server.

    Raises:
        UsageError: The address is not free, or none of this machine.
    """
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot listen on {quoted(host)}:{port}: {reason}") from error


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _allow_files() -> None:
    """Let many clients be connected, where the system has a lower limit."""
    try:
        import resource  # noqa: PLC0415 - Windows lacks it
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
