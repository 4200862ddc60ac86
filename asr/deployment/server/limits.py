"""What a server takes, and for how long: one record of bounds."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Bounds of a server; what goes beyond one gets an error that names it.

    Attributes:
        workers: Recordings that are transcribed at the same time.
        queue: Further requests that wait; more are refused.
        body_bytes: Largest body of a request.
        disk_bytes: Bytes of all uploads that are kept at the same time.
        audio_seconds: Longest recording.
        attention_seconds: Longest recording whose attention weights are returned.
        text_characters: Longest text of a request.
        hotwords: Most phrases of a prompt.
        request_seconds: Longest time that a request is worked on.
        upload_seconds: Longest time that a body may take to arrive.
        idle_seconds: Longest pause of a client that sends or takes data.
        head_seconds: Longest time that the head of a request may take.
        sockets: Most live sockets.
        drain_seconds: Time that running requests have to end at Ctrl-C.
    """

    workers: int = 16
    queue: int = 64
    body_bytes: int = 200 * MEGABYTE
    disk_bytes: int = 4000 * MEGABYTE
    audio_seconds: float = 4 * 3600.0
    attention_seconds: float = 600.0
    text_characters: int = 20_000
    hotwords: int = 100
    request_seconds: float = 600.0
    upload_seconds: float = 600.0
    idle_seconds: float = 30.0
    head_seconds: float = 10.0
    sockets: int = 16
    drain_seconds: int = 20
