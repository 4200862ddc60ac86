"""Clients that mean a server no good, for tests and benchmarks."""

from __future__ import annotations

import random
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.server_process import SAMPLES

_HEAD = b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
_FORM = b"Content-Type: multipart/form-data; boundary=b\r\n"
_PART = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
    b"Content-Type: audio/wav\r\n\r\n"
)
_SOCKET = (
    b"GET /v1/listen HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)


def connect(port: int) -> socket.socket:
    """Open a connection."""
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def ask(port: int, request: bytes, seconds: float = 30.0) -> int:
    """Send bytes and end; return the status of the answer, 0 if there is none."""
    with connect(port) as client:
        client.settimeout(seconds)
        with suppress(OSError):
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
        return status_of(client)


def status_of(client: socket.socket) -> int:
    """Read a response; return its status, 0 if the connection ends without one."""
    received = b""
    with suppress(OSError):
        while data := client.recv(1 << 16):
            received += data[: 1 << 16]
            if len(received) > 12 and b"\r\n\r\n" in received:
                break
    parts = received.split(b" ", 2)
    return int(parts[1]) if received.startswith(b"HTTP/1.1 ") else 0


def malformed(draw: random.Random) -> bytes:
    """Return a request that is wrong in one of many ways."""
    wav = (SAMPLES / "river.wav").read_bytes()[: draw.choice([0, 44, 500, 20_000])]
    noise = draw.randbytes(draw.choice([1, 40, 3000]))
    length = draw.choice([b"-1", b"1e3", b"0x10", b"9" * 40, b"", b"5, 6"])
    form = _PART + draw.choice([wav, noise, b"RIFF" + noise])
    return draw.choice([
        noise,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET " + noise + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r\n" * draw.randint(1, 2000),
        _HEAD + b"X" * draw.randint(1, 100_000) + b": 1\r\n\r\n",
        _HEAD + b"Content-Length: " + length + b"\r\n\r\n" + noise,
        _HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + noise,
        _HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n" + noise,
        _HEAD + _FORM + b"Content-Length: 9999\r\n\r\n" + form,
        _whole(_FORM, form),
        _whole(_FORM, form + b"\r\n--b--\r\n"),
        _whole(_FORM, form + b"\r\n--b--\r\n" + noise),
        _whole(_FORM, _PART.replace(b"name=", b"n=") + wav + b"\r\n--b--\r\n"),
        _whole(_FORM, b"--b\r\n" + noise + b"\r\n\r\n--b--\r\n"),
        _whole(_FORM, _field(b"model", noise) + form + b"\r\n--b--\r\n"),
        _whole(_FORM, _field(noise.hex().encode(), b"1") + form + b"\r\n--b--\r\n"),
        _whole(_FORM, _field(b"model", b"english") * 50 + form + b"\r\n--b--\r\n"),
        _whole(_FORM, _field(b"prompt", b"a" * 200_000) + form + b"\r\n--b--\r\n"),
        _whole(b"Content-Type: multipart/form-data\r\n", form),
        _whole(b"Content-Type: text/plain\r\n", b"file=" + noise),
        _whole(b"Content-Type: " + noise.hex().encode()[:500] + b"\r\n", form),
        _json(b"/v1/translations", b"[" * draw.randint(1, 50_000)),
        _json(b"/v1/translations", b'{"text": ' + noise + b"}"),
        _json(b"/v1/summaries", b'{"text": "\\ud800"}'),
        _json(b"/v1/punctuation", b'{"text": 1e999}'),
        _SOCKET.replace(b"Version: 13", b"Version: 99"),
        _SOCKET.replace(b"listen", b"listen?rate=" + noise.hex().encode()[:99]),
        _SOCKET + noise,
        _SOCKET + b"\x82\xff" + struct.pack(">Q", 1 << 62) + noise,
    ])  # fmt: skip


def good_upload(sample: str = "river.wav") -> bytes:
    """Return a request that is right."""
    form = _PART + (SAMPLES / sample).read_bytes() + b"\r\n--b--\r\n"
    return _whole(_FORM, form)


def _whole(headers: bytes, body: bytes) -> bytes:
    return _HEAD + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _json(path: bytes, body: bytes) -> bytes:
    head = _HEAD.replace(b"/v1/audio/transcriptions", path)
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _field(name: bytes, value: bytes) -> bytes:
    return (
        b'--b\r\nContent-Disposition: form-data; name="'
        + name
        + (b'"\r\n\r\n' + value + b"\r\n")
    )


@contextmanager
def slow_heads(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Hold connections whose heads never end (slow loris)."""
    with _held(port, count) as clients:
        for number, client in enumerate(clients):
            client.sendall(_HEAD[: number % len(_HEAD)])
        yield clients


@contextmanager
def half_uploads(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Hold connections whose bodies stop half way."""
    with _held(port, count) as clients:
        request = good_upload()
        for client in clients:
            client.sendall(request[: len(request) // 2])
        yield clients


@contextmanager
def deaf_readers(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Hold connections that ask for much and read nothing."""
    with _held(port, count) as clients:
        for client in clients:
            client.sendall(good_upload("friends.mp3") * 2)
        yield clients


@contextmanager
def _held(port: int, count: int) -> Iterator[list[socket.socket]]:
    clients: list[socket.socket] = []
    try:
        clients += (connect(port) for _ in range(count))
        yield clients
    finally:
        for client in clients:
            client.close()


def cut(port: int, request: bytes, seconds: float) -> None:
    """Send a request, wait, and reset the connection."""
    with connect(port) as client:
        client.sendall(request)
        time.sleep(seconds)
        # Closing sends a reset, and no end of the stream.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def cut_socket(port: int, draw: random.Random) -> None:
    """Open a live socket, send some audio, and reset the connection."""
    frame = b"\x82\xfe" + struct.pack(">H", 3200) + bytes(4) + draw.randbytes(3200)
    cut(port, _SOCKET + frame * draw.randint(0, 20), draw.random() / 5)


def large_body(port: int, size: int, *, chunked: bool) -> tuple[int, int]:
    """Send a body of `size` bytes; return the status, and how much was sent."""
    block, sent = bytes(1 << 20), 0
    with connect(port) as client:
        if chunked:
            head, before = b"Transfer-Encoding: chunked\r\n", b"%x\r\n" % len(block)
        else:
            head, before = b"Content-Length: %d\r\n" % size, b""
        client.sendall(_HEAD + _FORM + head + b"\r\n")
        client.sendall(b"%x\r\n%b\r\n" % (len(_PART), _PART) if chunked else _PART)
        with suppress(OSError):
            while sent < size:
                client.sendall(before + block + (b"\r\n" if chunked else b""))
                sent += len(block)
        return status_of(client), sent
