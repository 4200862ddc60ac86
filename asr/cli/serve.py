"""`asr serve`: transcription, translation and summaries over HTTP."""

from __future__ import annotations

import os
from typing import Any

import click

from asr.cli import options
from asr.cli.options import COUNT, POSITIVE, option

_MOST_PROCESSES = 4  # by default; each takes 150 MB


def _names(_: click.Context, __: click.Parameter, text: str) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in text.split(","))))


@click.command(epilog="Example: asr serve --port 8000")
@option("--host", str, "Listen on this address.", default="127.0.0.1")
@option(
    "--port",
    click.IntRange(0, 65535),
    "Listen on this port; 0 is any that is free.",
    default=8000,
)
@option(
    "--models",
    str,
    "Models, separated by commas.  [default: the bundled ones]",
    default="",
    metavar="NAME|DIR,...",
    callback=_names,
)
@option("--token", options.FILE, "File of the token that clients have to send.")
@option("--workers", COUNT, "Recordings that are transcribed at once.", default=16)
@option("--max-queue", click.IntRange(0), "Requests that wait.", default=64)
@option("--max-megabytes", COUNT, "Largest body of a request.", default=200)
@option("--max-minutes", POSITIVE, "Longest recording.", default=240.0)
@option("--max-seconds", POSITIVE, "Longest time of a request.", default=600.0)
@option("--max-sockets", COUNT, "Live sockets at once.", default=16)
@option(
    "--processes",
    COUNT,
    "Processes that decode when recordings wait.  [default: all cores, up to 4]",
)
@options.threads
def command(**given: Any) -> None:
    """Transcribe and translate over HTTP, with a web page, until Ctrl-C.

    Programs use OpenAI's API for transcription. Translation, summaries, punctuation and
    live audio have addresses of their own: see docs/server.md. An address that other
    machines can reach needs a token. Needs the extra `serve`.
    """
    import uvicorn  # noqa: F401, PLC0415 - a missing extra is told first

    from asr.deployment.server.limits import MEGABYTE, Limits  # noqa: PLC0415 - start-up time
    from asr.deployment.server.models import Models  # noqa: PLC0415 - start-up time
    from asr.deployment.server.run import Address, read_token, serve  # noqa: PLC0415 - start-up time

    token = given["token"]
    processes = given["processes"] or min(os.cpu_count() or 1, _MOST_PROCESSES)
    limits = Limits(
        workers=given["workers"],
        queue=given["max_queue"],
        body_bytes=given["max_megabytes"] * MEGABYTE,
        audio_seconds=given["max_minutes"] * 60,
        request_seconds=given["max_seconds"],
        sockets=given["max_sockets"],
    )
    serve(
        Address(given["host"], given["port"]),
        Models(given["models"], given["threads"], processes),
        limits,
        read_token(token) if token else None,
        lambda url: click.echo(f"serving {url}; Ctrl-C ends", err=True),
    )
