"""`asr transcribe`: recordings to text."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

import asr
from asr.cli import inputs, options, outputs, restoration, terminal
from asr.cli.options import COUNT, option
from asr.errors import AsrError
from asr.files import RESTORER, weights_of_models
from asr.formats.layout import Layout
from asr.formats.writers import RAW_FORMATS, WORD_FORMATS
from asr.storage import checksums

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from asr.cli.progress import AudioProgress
    from asr.formats.transcript import Segment, Transcript
    from asr.inference.options import TranscribeKeywords
    from asr.inference.recognizer import Recognizer


_FORMAT = click.Choice(inputs.FORMATS)
_WIDTH, _LINES = Layout.max_line_width, Layout.max_line_count


@dataclass(frozen=True)
class Request:
    """Arguments and options of `asr transcribe`; `search` has those of the decoder."""

    sources: tuple[str, ...]
    model: str
    folder: Path | None
    output_formats: tuple[str, ...]
    n_best: int
    vad: bool
    word_timestamps: bool
    attention: bool
    max_line_width: int
    max_line_count: int
    max_words_per_line: int | None
    highlight_words: bool
    start: float
    end: float | None
    channel: int | None
    channels: str
    track: int | None
    rate: int | None
    hotwords: tuple[str, ...]
    words: tuple[str, ...]
    prefix: str | None
    resume: bool
    json_progress: bool
    batch_seconds: float
    raw: bool
    no_numbers: bool
    threads: int | None
    search: dict[str, Any]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The output formats, keys of `WRITERS`."""
        return outputs.formats(self.output_formats)

    @property
    def several(self) -> bool:
        """There may be more than one recording."""
        return len(self.sources) > 1 or inputs.is_folder(self.sources[0])

    @property
    def prints_segments(self) -> bool:
        """The text of a single recording is printed segment by segment."""
        printed = self.folder is None and self.kinds == ("txt",)
        return printed and not self.several and self.channels == "mean"


@click.command(
    cls=options.GroupedCommand,
    groups={"start": "Input", "folder": "Output", "model": "Decoding"},
    epilog="Example: asr transcribe talk.mp3 interviews/ --output-dir texts",
)
@click.argument("sources", nargs=-1, required=True, metavar="FILE|DIR|-...")
@option("--start", options.TIME, "Start at this second, or 1:02:03.5.", default=0.0)
@option("--end", options.TIME, "Stop at this second, or 1:02:03.5.  [default: the end]")
@option("--channel", COUNT, "Use this channel, from 1.  [default: the mean of all]")
@option(
    "--channels",
    click.Choice(["mean", "separate"]),
    "Mix the channels, or transcribe each and merge them by time.",
    default="mean",
)
@option("--track", COUNT, "Use this sound track, from 1.  [default: the first]")
@option("--rate", COUNT, "Sample rate of raw 16-bit mono audio on standard input.")
@option("--vad/--no-vad", None, "Skip non-speech.", default=True)
@option(
    "-o --output-dir folder",
    options.FOLDER,
    "Write a file for each recording here.  [default: standard output]",
)
@option(
    "-f --output-format output_formats",
    _FORMAT,
    "Write this format, repeatable.",
    default=["txt"],
    multiple=True,
)
@options.n_best("List n-best hypotheses, raw, in json, for recordings of one segment.")
@option("--raw", bool, "Leave out case, punctuation and digits.")
@option("--no-numbers", bool, "Leave numbers in words.")
@option("--word-timestamps", bool, "Add times of words to json.")
@option("--attention", bool, "Add attention weights to json, for up to 20 s of audio.")
@option("--max-line-width", COUNT, "Characters of a subtitle line.", default=_WIDTH)
@option("--max-line-count", COUNT, "Lines of a subtitle.", default=_LINES)
@option("--max-words-per-line", COUNT, "Words of a subtitle line.  [default: any]")
@option("--highlight-words", bool, "Underline the spoken word in subtitles.")
@option("--resume", bool, "Skip recordings that have files in --output-dir.")
@option("--json-progress", bool, "Write progress as JSON lines on standard error.")
@options.model
@options.names
@option("--prefix", str, "Begin each transcript with this text.", metavar="TEXT")
@options.decoding
@options.threads
def command(**given: Any) -> int:
    """Transcribe recordings.

    Takes audio files (m4a, mp4 and webm with the extra `video`), folders and their
    subfolders, and - (standard input), in the language of the model. A recording that
    cannot be decoded is reported and left out. Its error gives the exit status.
    """
    request = options.request(Request, given)
    _check(request)
    # While the libraries are imported; hashing does not need Python's lock.
    checksums.begin(weights_of_models(request.model, RESTORER))
    with _loading(request):
        sources = list(inputs.find_recordings(request.sources, request.rate))
    failures = [terminal.report(x) for x in sources if isinstance(x, AsrError)]
    recordings = [x for x in sources if not isinstance(x, AsrError)]
    names = inputs.output_names(recordings, request.sources, resume=request.resume)
    if request.folder is not None:
        outputs.make_folder(request.folder)  # fail before hours of work
        if request.resume:
            recordings = outputs.without_outputs(
                recordings, names, request.folder, request.kinds
            )
    names = {source: names[source] for source in recordings}
    failures += _transcribe(request, names) if names else []
    return next(iter(failures), 0)


def _loading(request: Request) -> AbstractContextManager[None]:
    """Show a message at once: importing the libraries takes a while."""
    if request.json_progress:
        return nullcontext()
    return terminal.status(f"loading {request.model} ...")


def _check(request: Request) -> None:
    """Refuse options that contradict each other or lose results."""
    kinds, start, end = request.kinds, request.start, request.end
    printed, shown = request.folder is None, ", ".join(kinds)
    fits_stdout = kinds[0] in ("txt", "json", "ctm", "trn") or not request.several
    options.refuse({
        "--n-best lists hypotheses in json; give --output-format json":
            request.n_best > 1 and "json" not in kinds,
        f"--word-timestamps: {shown} has no times of words; give --output-format json":
            request.word_timestamps and {*WORD_FORMATS, "json"}.isdisjoint(kinds),
        "--attention adds weights to json; give --output-format json":
            request.attention and "json" not in kinds,
        "--attention is of one channel; give --channel, not --channels separate":
            request.attention and request.channels == "separate",
        "--rate applies only to raw audio on standard input (-)":
            request.rate is not None and "-" not in request.sources,
        f"--end must be after --start {start:g}, got {end}":
            end is not None and end <= start,
        f"--channels separate has all channels, got --channel {request.channel}":
            request.channel is not None and request.channels == "separate",
        "--resume looks for files; give --output-dir": request.resume and printed,
        "several formats do not fit standard output; give --output-dir":
            len(kinds) > 1 and printed,
        f"several {shown} do not fit standard output; give --output-dir":
            printed and not fits_stdout,
    })  # fmt: skip


def _transcribe(request: Request, names: dict[inputs.Source, str]) -> list[int]:
    """Transcribe recordings, given with output names; return statuses of errors."""
    with _loading(request), ThreadPoolExecutor(1) as executor:
        recognizer = asr.load(request.model, threads=request.threads)
        chosen = _recognizer_options(request, recognizer)
        # Its language model is read while another model is.
        ready = executor.submit(recognizer.search, chosen["decoding"])
        used = None
        if not (request.raw or RAW_FORMATS.issuperset(request.kinds)):
            numbers = not request.no_numbers
            used = restoration.restoring(recognizer, numbers)
        ready.result()
    layout = Layout(
        channel=request.channel or 1,
        max_line_width=request.max_line_width,
        max_line_count=request.max_line_count,
        max_words_per_line=request.max_words_per_line,
        highlight_words=request.highlight_words,
    )
    failures = []
    from asr.cli import channels  # noqa: PLC0415 - start-up time

    groups: list[list[Any]] = [[source] for source in names]
    if request.channels == "separate":
        groups = channels.separated(names)
    recordings = [recording for group in groups for recording in group]
    files = [getattr(recording, "audio", recording) for recording in recordings]
    with _progress(request, files) as progress:

        def print_segments(segments: Iterable[Segment]) -> None:
            with progress.hidden():
                for segment in segments:
                    outputs.print_segment(segment)

        chosen["on_progress"] = progress.advance
        following = restoration.following(used, live=request.rate is not None)
        if request.prints_segments:
            chosen["on_segment"] = lambda it: print_segments(following.push(it))
        results = recognizer.transcribe_many(
            recordings, attention=request.attention, **chosen
        )
        merged = channels.merged(results, groups)
        for (source, name), result in zip(names.items(), merged, strict=True):
            print_segments(following.finish())
            with progress.hidden():
                if isinstance(result, AsrError):
                    failures.append(terminal.report(result))
                else:
                    named = replace(layout, name=name)
                    _output(request, result, named, source, used)
    return failures


def _recognizer_options(request: Request, recognizer: Recognizer) -> TranscribeKeywords:
    word_times = outputs.wants_word_times(request.kinds, recognizer.times_words)
    return {
        "decoding": options.decoding_config(
            recognizer.decoding,
            request.search,
            n_best=request.n_best,
            hotwords=request.hotwords or None,
            words=request.words or None,
            prefix=request.prefix,
        ),
        "vad": request.vad,
        "word_timestamps": request.word_timestamps or word_times,
        "start": request.start,
        "end": request.end,
        "channel": request.channel,
        "track": request.track,
        "batch_seconds": request.batch_seconds,
    }


def _progress(
    request: Request, recordings: list[inputs.Source]
) -> AbstractContextManager[AudioProgress]:
    from asr.cli import progress  # noqa: PLC0415 - starts rich

    total = None
    if request.json_progress or progress.shows_bar():
        total = inputs.total_seconds(recordings, request.start, request.end)
    return progress.audio_progress(total, as_json=request.json_progress)


def _output(
    request: Request,
    raw: Transcript,
    layout: Layout,
    source: inputs.Source,
    used: restoration.Restoring | None,
) -> None:
    name = inputs.display_name(source)
    transcript = raw
    if not request.prints_segments:
        transcript = restoration.restored(used, raw)
    shown = {kind: raw if kind in RAW_FORMATS else transcript for kind in request.kinds}
    if transcript.reason:
        click.echo(f"warning: {name}: no text: {transcript.reason}", err=True)
    if request.folder is not None:
        files = outputs.write_transcript(shown, layout, request.folder, name)
        if not request.json_progress:  # whose reader takes each line for JSON
            for file in files:
                click.echo(f"wrote {terminal.escaped(str(file))}", err=True)
    elif not request.prints_segments:
        kind = request.kinds[0]
        shown_name = name if request.several or kind == "json" else None
        outputs.print_transcript(shown[kind], kind, layout, name=shown_name)
