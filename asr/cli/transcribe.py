"""`asr transcribe`: recordings to text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

import asr
from asr.cli import options, outputs, terminal
from asr.errors import AsrError
from asr.writers import Layout

if TYPE_CHECKING:
    from asr.transcript import Transcript


@click.command(epilog="Example: asr transcribe talk.mp3 interviews/ --output-dir texts")
@click.argument("sources", nargs=-1, required=True, metavar="FILE|DIR|-...")
@options.model
@click.option(
    "-o",
    "--output-dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write a file for each recording here.  [default: standard output]",
)
@click.option(
    "-f",
    "--output-format",
    type=click.Choice(outputs.FORMATS),
    default="txt",
    show_default=True,
    help="What to write.",
)
@click.option(
    "--n-best",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Readings of each recording, listed in json.",
)
@click.option(
    "--vad/--no-vad",
    default=True,
    show_default=True,
    help="Read only where somebody speaks.",
)
@click.option(
    "--word-timestamps",
    is_flag=True,
    help="Tell in json when each word is said.",
)
@click.option(
    "--max-line-width",
    type=click.IntRange(1),
    default=Layout.max_line_width,
    show_default=True,
    help="Characters of a line of subtitles.",
)
@click.option(
    "--max-line-count",
    type=click.IntRange(1),
    default=Layout.max_line_count,
    show_default=True,
    help="Lines of a subtitle.",
)
@click.option(
    "--highlight-words",
    is_flag=True,
    help="Underline each word of subtitles while it is said.",
)
@options.decoding
def command(  # noqa: PLR0913 - one for each option
    sources: tuple[str, ...],
    model: str,
    folder: Path | None,
    output_format: str,
    n_best: int,
    vad: bool,
    word_timestamps: bool,
    max_line_width: int,
    max_line_count: int,
    highlight_words: bool,
    beam_size: int | None,
    ctc_weight: float | None,
    batch_seconds: float,
) -> int:
    """Write down what recordings say.

    Takes audio files of any format, folders (walked) and - (standard input). A
    recording that cannot be read is reported and left out, and its error gives the
    exit status.
    """
    several = len(sources) > 1 or Path(sources[0]).is_dir()
    outputs.check(output_format, folder=folder, several=several)
    recordings = []
    failures = []
    for found in outputs.find(sources):
        if isinstance(found, AsrError):
            failures.append(terminal.report(found))
        else:
            recordings.append(found)
    if not recordings:
        return failures[0]
    names = outputs.name_all(recordings, sources)

    terminal.start_backend()
    recognizer = asr.load(model)
    results = recognizer.transcribe_many(
        recordings,
        batch_seconds=batch_seconds,
        vad=vad,
        word_timestamps=word_timestamps
        or (output_format in outputs.WORDED and recognizer.times_words),
        decoding=options.decoding_config(
            recognizer.decoding,
            beam_size=beam_size,
            ctc_weight=ctc_weight,
            n_best=n_best,
        ),
    )
    quiet = folder is None and sys.stdout.isatty()
    with terminal.progress(len(recordings), "recordings", quiet=quiet) as advance:
        for source, (_, result) in zip(recordings, results, strict=True):
            advance()
            if isinstance(result, AsrError):
                failures.append(terminal.report(result))
                continue
            label = outputs.label(source)
            _explain(result, label)
            layout = Layout(
                name=names[source],
                max_line_width=max_line_width,
                max_line_count=max_line_count,
                highlight_words=highlight_words,
            )
            if folder is None:
                name = label if several else None
                outputs.to_stdout(result, output_format, layout, name=name)
            else:
                outputs.to_files(
                    result, output_format, layout, folder=folder, name=names[source]
                )
    return failures[0] if failures else 0


def _explain(transcript: Transcript, label: str) -> None:
    if transcript.reason:
        click.echo(f"warning: {label}: no text: {transcript.reason}", err=True)
