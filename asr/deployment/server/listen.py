"""`WS /v1/listen`: live audio in, partial and final text out."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from asr.deployment.server.bodies import check_name
from asr.deployment.server.http_errors import HTTPError, http_error, invalid
from asr.deployment.server.middleware import TOKEN_PROTOCOL
from asr.deployment.server.models import SPEECH
from asr.deployment.server.pool import Job, Pool
from asr.deployment.server.request_form import check_language, hotwords_of
from asr.deployment.server.responses import segment_json
from asr.deployment.server.state import State
from asr.errors import quoted
from asr.formats.transcript import Segment
from asr.inference.restorer import SegmentRestorer
from asr.inference.stream import Stream

PROTOCOL = "asr.v1"
"""Subprotocol of the messages."""

_PARAMETERS = ("model", "rate", "language", "prompt", "words")
_LOWEST_RATE, _HIGHEST_RATE = 4000, 192_000  # hertz
_FRAME_BYTES = 1 << 20
_REFUSED, _FAULT, _BUSY = 1008, 1011, 1013  # codes of RFC 6455


@dataclass
class _Session:
    """One connection: its stream, and what it has been told."""

    stream: Stream
    restorer: SegmentRestorer | None
    rate: int
    partial: str = ""
    count: int = 0
    received: int = 0

    @property
    def seconds(self) -> float:
        """Length of the audio so far."""
        return self.received / 2 / self.rate

    def feed(self, _: Job, frame: bytes) -> list[dict[str, Any]]:
        """Add audio; return what is to be sent."""
        self.received += len(frame)
        finished, partial = self.stream.feed(frame)
        events = self._segments(finished)
        if partial and self.restorer:
            partial = self.restorer.preview(partial)
        if partial != self.partial and (partial or not events):
            events.append({"type": "partial", "text": partial})
        self.partial = partial
        return events

    def finish(self, _: Job) -> list[dict[str, Any]]:
        """End the audio; return what is to be sent."""
        events = self._segments(self.stream.finish())
        end = {"type": "done", "duration": round(self.seconds, 3)}
        return [*events, end]

    def _segments(self, finished: tuple[Segment, ...]) -> list[dict[str, Any]]:
        events = []
        for segment in finished:
            written = self.restorer.push(segment) if self.restorer else [segment]
            for entry in written:
                values = segment_json(replace(entry, id=self.count))
                events.append({"type": "segment", **values})
                self.count += 1
        return events


async def listen(socket: WebSocket) -> None:
    """Serve one live socket until it ends, and end it in order."""
    state: State = socket.app.state.server
    names = [
        it for it in socket.scope["subprotocols"] if not it.startswith(TOKEN_PROTOCOL)
    ]
    await socket.accept(PROTOCOL if PROTOCOL in names else None)
    if state.sockets >= state.limits.sockets:
        text = f"{state.sockets} sockets are open; try again later"
        await _end(socket, HTTPError(503, text, code="busy"), _BUSY)
        return
    state.sockets += 1
    try:
        await _serve(socket, state)
    except WebSocketDisconnect:
        pass
    except Exception as error:
        failure = http_error(error)
        await _end(socket, failure, _FAULT if failure.status >= 500 else _REFUSED)
        if failure.code == "fault":
            raise
    finally:
        state.sockets -= 1


async def _serve(socket: WebSocket, state: State) -> None:
    given = dict(socket.query_params)
    pool = state.live
    session = await pool.run(lambda _: _session(state, given))
    rate = session.rate
    await _send(socket, state, {"type": "ready", "rate": rate})
    while (frame := await _frame(socket, state)) is not None:
        # The next frame is read when this one is done: a fast sender has to wait.
        for event in await _run(pool, session, frame):
            await _send(socket, state, event)
        if session.seconds > state.limits.audio_seconds:
            text = f"a session has at most {state.limits.audio_seconds:.0f} s"
            raise HTTPError(413, text, code="audio_too_long")
    for event in await pool.run(session.finish):
        await _send(socket, state, event)
    await socket.close()


async def _run(pool: Pool, session: _Session, frame: bytes) -> list[dict[str, Any]]:
    return await pool.run(lambda job: session.feed(job, frame))


def _session(state: State, given: dict[str, str]) -> _Session:
    """Start a session with the parameters of its address."""
    for name in given:
        check_name(name, dict.fromkeys(_PARAMETERS))
    speech = state.models.speech(state.models.resolve(given.get("model"), SPEECH))
    recognizer = speech.recognizer
    check_language(given.get("language"), recognizer.config.language)
    text = given.get("rate", str(recognizer.rate))
    rate = int(text) if text.isdecimal() and len(text) < 7 else 0
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        most = f"{_LOWEST_RATE} to {_HIGHEST_RATE}"
        raise invalid(f"rate must be {most} Hz, got {quoted(text)}", "rate")
    words = given.get("words", "false")
    if words not in ("true", "false"):
        raise invalid(f"words must be true or false, got {quoted(words)}", "words")
    hotwords = hotwords_of(given.get("prompt", ""), state.limits)
    decoding = replace(recognizer.decoding, hotwords=hotwords) if hotwords else None
    times = words == "true" and recognizer.times_words
    stream = recognizer.stream(rate=rate, decoding=decoding, word_timestamps=times)
    restorer = speech.restorer.follow(live=True) if speech.restorer else None
    return _Session(stream, restorer, rate)


async def _frame(socket: WebSocket, state: State) -> bytes | None:
    """Return the next samples; None at the end of the audio.

    Raises:
        HTTPError: The message is another one, too long, or does not come.
        WebSocketDisconnect: The client went away.
    """
    try:
        async with asyncio.timeout(state.limits.idle_seconds):
            message = await socket.receive()
    except TimeoutError:
        text = f'no audio for {state.limits.idle_seconds:g} s; send {{"type": "end"}}'
        raise HTTPError(408, text, code="timeout") from None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect
    if (frame := message.get("bytes")) is not None:
        if len(frame) > _FRAME_BYTES:
            raise invalid(f"a frame has at most {_FRAME_BYTES} bytes")
        return bytes(frame)
    try:
        is_end = json.loads(message.get("text") or "") == {"type": "end"}
    except (ValueError, RecursionError):
        is_end = False
    if not is_end:
        raise invalid('send binary frames of 16-bit samples, or {"type": "end"}')
    return None


async def _send(socket: WebSocket, state: State, event: dict[str, Any]) -> None:
    try:
        async with asyncio.timeout(state.limits.idle_seconds):
            await socket.send_text(json.dumps(event, ensure_ascii=False))
    except TimeoutError:
        raise WebSocketDisconnect from None  # it reads nothing: nothing can be told


async def _end(socket: WebSocket, failure: HTTPError, code: int) -> None:
    """Tell a failure, and close; a client that is gone hears nothing."""
    try:
        event = {"type": "error", **failure.to_json()}
        async with asyncio.timeout(1.0):
            await socket.send_text(json.dumps(event))
            # A frame that closes has up to 123 bytes of text.
            reason = failure.message.encode()[:120].decode(errors="ignore")
            await socket.close(code, reason)
    except (RuntimeError, OSError, WebSocketDisconnect, TimeoutError):
        pass
