"""`asr transcribe`: recordings to text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

import asr
from asr.cli import inputs, options, outputs, terminal
from asr.cli import progress as progress_bars
from asr.errors import AsrError
from asr.formats.layout import Layout

if TYPE_CHECKING:
    from asr.formats.transcript import Transcript
    from asr.inference.options import TranscribeKeywords


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
    type=click.Choice(inputs.FORMATS),
    default="txt",
    show_default=True,
    help="What to write.",
)
@click.option(
    "--n-best",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Readings of each recording that is decoded in one part, listed in json.",
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
@click.option(
    "--start",
    type=click.FloatRange(0),
    default=0.0,
    help="Seconds to skip at the beginning.",
)
@click.option(
    "--end",
    type=click.FloatRange(0, min_open=True),
    help="Second at which to stop.  [default: the end]",
)
@click.option(
    "--channel",
    type=click.IntRange(1),
    help="Channel to listen to.  [default: the mean of all]",
)
@click.option(
    "--rate",
    type=click.IntRange(1),
    help="Samples per second on standard input, raw: 16 bits, little endian, mono.",
)
@click.option(
    "--hotwords",
    default="",
    metavar="WORDS",
    help="Words and phrases to look out for, between commas.",
)
@click.option("--prefix", metavar="TEXT", help="What each recording begins with.")
@click.option(
    "--resume",
    is_flag=True,
    help="Leave out recordings whose files are in --output-dir.",
)
@click.option(
    "--json-progress",
    is_flag=True,
    help="Write the progress in JSON on standard error.",
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
    start: float,
    end: float | None,
    channel: int | None,
    rate: int | None,
    hotwords: str,
    prefix: str | None,
    resume: bool,
    json_progress: bool,
    batch_seconds: float,
    **search: Unpack[options.Guided],
) -> int:
    """Write down what recordings say.

    Takes audio files (m4a, mp4 and webm with the extra `video`), folders (walked) and
    - (standard input), in the language of the model. A recording that cannot be read is
    reported and left out, and its error gives the exit status.
    """
    several = len(sources) > 1 or inputs.is_folder(sources[0])
    at_once = folder is None and output_format == "txt" and not several
    outputs.check(
        output_format,
        folder=folder,
        several=several,
        n_best=n_best,
        word_timestamps=word_timestamps,
        resume=resume,
    )
    inputs.check_input(sources, rate, start, end)
    found = list(inputs.find(sources, rate))
    failures = [terminal.report(it) for it in found if isinstance(it, AsrError)]
    recordings = [it for it in found if not isinstance(it, AsrError)]
    names = inputs.name_all(recordings, sources, resume=resume)
    if folder is not None:
        outputs.make_folder(folder)  # before hours of work, not after them
        left = outputs.missing(recordings, names, folder, output_format)
        recordings = left if resume else recordings
    if not recordings:
        return next(iter(failures), 0)

    terminal.start_backend()
    recognizer = asr.load(model)
    phrases = tuple(phrase.strip() for phrase in hotwords.split(",") if phrase.strip())
    decoding = options.decoding_config(
        recognizer.decoding,
        n_best=n_best,
        hotwords=phrases or None,
        prefix=prefix,
        **search,
    )
    worded = outputs.worded(output_format, recognizer.times_words)
    quiet = folder is None and terminal.prints_to_terminal()
    shown = json_progress or progress_bars.shows_bar(quiet)
    total = inputs.seconds(recordings, start, end) if shown else None
    with progress_bars.audio_progress(
        total, quiet=quiet, as_json=json_progress
    ) as advance:
        chosen: TranscribeKeywords = {
            "decoding": decoding,
            "vad": vad,
            "word_timestamps": word_timestamps or worded,
            "start": start,
            "end": end,
            "channel": channel,
            "batch_seconds": batch_seconds,
            "on_progress": advance,
        }
        if at_once:
            chosen["on_segment"] = outputs.segment_to_stdout
        layout = Layout(
            channel=channel or 1,
            max_line_width=max_line_width,
            max_line_count=max_line_count,
            highlight_words=highlight_words,
        )
        results = recognizer.transcribe_many(recordings, **chosen)
        for source, (_, result) in zip(recordings, results, strict=True):
            if isinstance(result, AsrError):
                failures.append(terminal.report(result))
                continue
            label = inputs.label(source)
            _explain(result, label)
            named = replace(layout, name=names[source])
            if folder is not None:
                outputs.to_files(result, output_format, named, folder=folder)
            elif not at_once:
                name = label if several else None
                outputs.to_stdout(result, output_format, named, name=name)
    return next(iter(failures), 0)


def _explain(transcript: Transcript, label: str) -> None:
    if transcript.reason:
        click.echo(f"warning: {label}: no text: {transcript.reason}", err=True)
