"""`POST /v1/audio/transcriptions`: a recording to text, at once or as it is decoded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)

from asr.audio import io as audio_io
from asr.config.schema import DecodingConfig
from asr.deployment.server import responses
from asr.deployment.server.bodies import disconnected, form_of
from asr.deployment.server.http_errors import HTTPError, http_error
from asr.deployment.server.models import Speech
from asr.deployment.server.pool import Job, Running
from asr.deployment.server.request_form import (
    TranscriptionRequest,
    check_language,
    request_of,
)
from asr.deployment.server.state import State
from asr.deployment.server.upload import Upload
from asr.formats.transcript import Segment, Transcript
from asr.inference.recognizer import Recognizer

_BATCH_SECONDS = 20.0  # of one request; those of several are decoded together
_TYPES = {"srt": "application/x-subrip", "vtt": "text/vtt"}

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Transcription:
    """The work of one request, done in a thread.

    Args:
        state: The server.
        request: What is wanted.
        upload: The recording.
        report: Called with the events of a stream.
    """

    state: State
    request: TranscriptionRequest
    upload: Upload
    report: Report | None = None

    def __call__(self, job: Job) -> Response:
        """Transcribe; return the response, or that of the end of a stream."""
        self.upload.job = job
        speech = self.state.models.speech(self.request.model)
        recognizer = speech.recognizer
        check_language(self.request.language, recognizer.config.language)
        seconds = self._check_length()
        source: Any = self.upload
        if self.request.attention:
            source = audio_io.read(self.upload, recognizer.rate)  # type: ignore[arg-type]  # has the methods used
        maps: dict[int, dict[str, Any]] = {}
        following = speech.restorer.follow() if speech.restorer else None

        def decoded(segment: Segment) -> None:
            job.check()
            if self.request.attention:
                seen, start = recognizer.segment_attention(source, segment)
                maps[segment.id] = responses.attention_json(seen, start)
            if self.report:
                self._tell(following.push(segment) if following else [segment], maps)

        told = self.request.attention or self.report is not None
        transcript = recognizer.transcribe(
            source,
            decoding=self._decoding(recognizer),
            word_timestamps=self.request.wants_words and recognizer.times_words,
            batch_seconds=_BATCH_SECONDS,
            end=self.state.limits.audio_seconds,
            on_progress=job.check,
            on_segment=decoded if told else None,
        )
        job.check()
        self.state.metrics.add("audio_seconds_total", seconds)
        if following and self.report:
            self._tell(following.finish(), maps)
        return self._response(_restored(speech, transcript), maps)

    def _check_length(self) -> float:
        """Return the length of the recording in seconds."""
        limits = self.state.limits
        seconds = audio_io.inspect(self.upload).duration  # type: ignore[arg-type]  # has the methods used
        most, name = limits.audio_seconds, "the recording"
        if self.request.attention:
            most, name = min(most, limits.attention_seconds), "one with attention"
        if seconds > most:
            text = f"{self.upload.name} is {seconds:.0f} s long; {name} may have "
            raise HTTPError(413, f"{text}{most:.0f} s", code="audio_too_long")
        return seconds

    def _decoding(self, recognizer: Recognizer) -> DecodingConfig | None:
        if not self.request.hotwords:
            return None
        return replace(recognizer.decoding, hotwords=self.request.hotwords)

    def _tell(self, segments: list[Segment], maps: dict[int, dict[str, Any]]) -> None:
        """Report finished segments as events."""
        for segment in segments if self.report else ():
            if self.request.response_format == "verbose_json":
                values = responses.segment_json(segment, maps.pop(segment.id, None))
                self.report({"type": "transcript.text.segment", **values})  # type: ignore[misc]  # checked
            space = " " if segment.id else ""
            delta = {"type": "transcript.text.delta", "delta": space + segment.text}
            self.report(delta)  # type: ignore[misc]  # checked

    def _response(
        self, transcript: Transcript, maps: dict[int, dict[str, Any]]
    ) -> Response:
        kind = self.request.response_format
        if self.report:
            end = {**responses.plain_json(transcript), "duration": transcript.duration}
            if transcript.reason:
                end["reason"] = transcript.reason
            self.report({"type": "transcript.text.done", **end})
        if kind == "json" or self.report:
            return JSONResponse(responses.plain_json(transcript))
        if kind == "verbose_json":
            chosen = self.request.granularities
            return JSONResponse(responses.verbose_json(transcript, chosen, maps))
        text = responses.written(transcript, kind)
        return PlainTextResponse(text, media_type=_TYPES.get(kind, "text/plain"))


async def transcriptions(request: Request) -> Response:
    """Answer a request for a transcription."""
    state: State = request.app.state.server
    form = await form_of(request)
    try:
        wanted = request_of(form, state.models, state.limits)
    except BaseException:
        await form.close()
        raise
    upload = Upload(wanted.file, wanted.name)
    if wanted.stream:
        return await _streamed(state, wanted, upload)
    work = Transcription(state, wanted, upload)
    running = await state.speech.start(work, upload.close)
    return await until_disconnected(request, running)


async def until_disconnected(request: Request, running: Running[Response]) -> Response:
    """Return the result of some work; cancel it when the client goes away."""
    result = asyncio.ensure_future(running.result())
    gone = asyncio.ensure_future(disconnected(request.receive))
    try:
        await asyncio.wait({result, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not result.done():
            return Response(status_code=499)  # nobody reads it
        return result.result()
    finally:
        gone.cancel()
        result.cancel()


async def _streamed(
    state: State, wanted: TranscriptionRequest, upload: Upload
) -> Response:
    """Return a response of server-sent events."""
    events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def report(event: dict[str, Any] | None) -> None:
        # The queue has no bound: a slow reader must not hold a thread.
        loop.call_soon_threadsafe(events.put_nowait, event)

    work = Transcription(state, wanted, upload, report)
    running = await state.speech.start(work, upload.close)
    result = asyncio.ensure_future(running.result())
    result.add_done_callback(lambda _: report(None))
    try:
        first = await events.get()
    except BaseException:
        result.cancel()
        raise
    if first is None:
        result.result()  # raises what went wrong before the first event
    return StreamingResponse(
        _lines(first, events, result), media_type="text/event-stream"
    )


async def _lines(
    event: dict[str, Any] | None,
    events: asyncio.Queue[dict[str, Any] | None],
    result: asyncio.Future[Response],
) -> AsyncIterator[str]:
    """Yield events as server-sent events; the last is the end or an error."""
    try:
        while event is not None:
            yield f"data: {json.dumps(event, ensure_ascii=False)}\n\n"
            event = await events.get()
        if error := result.exception():
            failure = http_error(error if isinstance(error, Exception) else OSError())
            yield f"data: {json.dumps(failure.to_json())}\n\n"
    finally:
        result.cancel()


def _restored(speech: Speech, transcript: Transcript) -> Transcript:
    """Write a transcript with case and punctuation, if a model does."""
    if speech.restorer is None:
        return transcript
    return speech.restorer.transcript(transcript)
