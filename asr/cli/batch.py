"""`asr batch`: large corpora, transcribed, scored or prepared by workers of Ray."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import click

from asr.cli import corpora, options, terminal
from asr.cli import progress as progress_bars
from asr.cli.options import COUNT, option
from asr.errors import AudioError, UsageError
from asr.files import model_path, model_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from asr.batch.jobs import Job
    from asr.batch.report import BatchReport
    from asr.batch.sources import Rows
    from asr.batch.units import Unit
    from asr.batch.worker import Record
    from asr.config.schema import DecodingConfig

_cluster = options.combined(
    option(
        "-o --output",
        str,
        "Write results to this folder or gs:// address.",
        required=True,
        metavar="DIR|ADDRESS",
    ),
    option("--resume", bool, "Go on with the results in --output."),
    option(
        "--address",
        str,
        "Ray cluster: local starts one here, auto finds this machine's.",
        default="local",
        metavar="local|auto|HOST:PORT|ray://HOST:PORT",
    ),
    option("--workers", COUNT, "Number of workers.  [default: all cores]"),
    option("--threads", COUNT, "Cores of each worker.", default=1),
    option("--json-progress", bool, "Write progress as JSON lines on standard error."),
    options.as_json,
)

_source = click.argument("source", metavar="MANIFEST|DIR|ADDRESS")


@click.group(epilog="Example: asr batch transcribe archive.jsonl --output texts")
def command() -> None:
    """Work on a large corpus with workers of Ray (extra `cluster`).

    The corpus is cut into units of about a minute of work, and each unit is done once:
    a worker that dies is replaced, and a command that was stopped goes on with
    --resume. A bad recording costs only its own line. The output gets rows/ (the
    results of each unit), units/ (its record), failed.jsonl (recordings that failed,
    and why) and report.json. Addresses such as gs:// need the extra `train`.
    """


@command.command(epilog="Example: asr batch transcribe archive.jsonl --output texts")
@_source
@_cluster
@option(
    "-f --output-format suffix",
    click.Choice(["json", "txt"]),
    "Form of the rows: those of `asr transcribe`.",
    default="json",
)
@option("--vad/--no-vad", None, "Skip non-speech.", default=True)
@option("--raw", bool, "Leave out case, punctuation and digits.")
@option("--no-numbers", bool, "Leave numbers in words.")
@option("--word-timestamps", bool, "Add times of words to json.")
@options.model
@options.names
@options.decoding
def transcribe(**given: Any) -> int:
    """Transcribe a manifest, or all recordings of a folder.

    Rows are what `asr transcribe` writes for each recording, with the keys of the
    manifest in json. A recording that cannot be read gives the exit status.
    """
    request = options.request(SimpleNamespace, given)
    if request.word_timestamps and request.suffix != "json":
        raise UsageError("--word-timestamps are in json; leave out --output-format txt")
    from asr.batch.jobs import Transcription  # noqa: PLC0415 - start-up time
    from asr.batch.sources import recordings  # noqa: PLC0415 - start-up time

    job = Transcription(
        request.model,
        _decoding(
            request, hotwords=request.hotwords or None, words=request.words or None
        ),
        request.suffix,
        vad=request.vad,
        word_timestamps=request.word_timestamps,
        raw=request.raw,
        numbers=not request.no_numbers,
        batch_seconds=request.batch_seconds,
        threads=request.threads,
    )
    report = _run("transcribe", request, recordings(request.source), job)
    _print(request, report.to_json(), report.summary())
    return AudioError.exit_status if report.failed else 0


_corpus = options.combined(
    option(
        "--corpus",
        corpora.corpus_name,
        "Kind of corpus.  [default: detected]",
        metavar="NAME",
    ),
    option("--subset", str, "Take this subset.  [default: its only one]"),
)


@command.command(epilog="Example: asr batch evaluate english LibriSpeech -o scores")
@click.argument("model", metavar="MODEL")
@_source
@_cluster
@_corpus
@options.normalizer(None, "Normalise texts with this.  [default: that of training]")
@option(
    "--by",
    str,
    "Score groups, repeatable: speaker, lang or length.",
    multiple=True,
    metavar="KEY",
)
@options.decoding
def evaluate(**given: Any) -> None:
    """Score a recogniser on a manifest or a corpus, like `asr evaluate`.

    Rows have the reference and the hypothesis of each utterance; `asr score` reads
    them. Unreadable recordings count as empty hypotheses.
    """
    request = options.request(SimpleNamespace, given)
    if model_task(request.model) not in options.SPEECH_TASKS:
        raise UsageError(f"{request.model}: not for speech; use asr evaluate")
    from asr.batch.evaluation import CorpusScores  # noqa: PLC0415 - start-up time
    from asr.batch.jobs import Evaluation  # noqa: PLC0415 - start-up time
    from asr.batch.sources import corpus_rows  # noqa: PLC0415 - start-up time
    from asr.storage.model_folder import read_config  # noqa: PLC0415 - start-up time

    rows = corpus_rows(request.source, request.corpus, request.subset)
    config = read_config(model_path(request.model))
    normalizer = request.normalizer or config.normalizer
    job = Evaluation(
        request.model,
        _decoding(request),
        normalizer,
        batch_seconds=request.batch_seconds,
        threads=request.threads,
    )
    scores = CorpusScores(normalizer)
    report = _run("evaluate", request, rows, job, scores.add)
    shown = f"{scores.summary(request.by)}\n{report.summary()}"
    values = {**scores.to_json(request.by), "batch": report.to_json()}
    _print(request, values, shown)


@command.command(epilog="Example: asr batch prepare tapes.jsonl --shards -o tapes")
@_source
@_cluster
@_corpus
@option("--shards", bool, "Pack the recordings of each unit into a TFRecord file.")
@option("--rate", COUNT, "Resample recordings in shards to this rate.", metavar="HZ")
def prepare(**given: Any) -> None:
    """Check a corpus, and write a manifest of what is usable.

    The checks are those of `asr prepare`, and so are the shards. The manifest,
    manifest.jsonl in the output, is in the order of the units, by length.
    """
    request = SimpleNamespace(**given)
    if request.rate and not request.shards:
        raise UsageError("--rate resamples what is packed; give --shards")
    from asr.batch.jobs import Preparation  # noqa: PLC0415 - start-up time
    from asr.batch.run import ManifestWriter  # noqa: PLC0415 - start-up time
    from asr.batch.sources import corpus_rows  # noqa: PLC0415 - start-up time
    from asr.batch.storage import Folder  # noqa: PLC0415 - start-up time

    rows = corpus_rows(request.source, request.corpus, request.subset)
    job = Preparation(request.output, request.shards, request.rate)
    folder = Folder(request.output)
    folder.make()
    with folder.writer("manifest.jsonl") as file:
        writer = ManifestWriter(folder, job.suffix, file)
        report = _run("prepare", request, rows, job, writer.add)
    facts = {
        "speakers": len(writer.speakers),
        "characters": "".join(sorted(writer.characters)),
    }
    text = "{} speakers, {} characters".format(
        *map(len, (writer.speakers, writer.characters))
    )
    _print(request, {**report.to_json(), **facts}, f"{report.summary()}\n{text}")


def _decoding(request: SimpleNamespace, **more: Any) -> DecodingConfig:
    """Return the decoding options, without loading the model."""
    from asr.storage.model_folder import read_config  # noqa: PLC0415 - start-up time

    config = read_config(model_path(request.model))
    return options.decoding_config(config.decoding, request.search, **more)


def _run(
    name: str,
    request: SimpleNamespace,
    rows: Rows,
    job: Job,
    on_record: Callable[[Unit, Record], object] = lambda *_: None,
) -> BatchReport:
    """Run a batch with progress on standard error."""
    from asr.batch.pool import Pool  # noqa: PLC0415 - start-up time
    from asr.batch.run import Batch, run  # noqa: PLC0415 - start-up time

    batch = Batch(name, rows, job, request.output, request.resume)
    with terminal.status("reading the corpus ..."):
        plan = batch.plan()
    pool = Pool(job, request.output, request.address, request.workers, request.threads)
    with terminal.status("starting workers ..."):
        pool.start()
    shown = progress_bars.audio_progress(
        plan.total, as_json=request.json_progress, label=name
    )
    with pool, shown as progress:

        def advance(unit: Unit, record: Record) -> None:
            on_record(unit, record)
            (progress.skip if record.found else progress.advance)(unit.seconds)

        return run(batch, plan, pool, advance)


def _print(request: SimpleNamespace, values: dict[str, Any], text: str) -> None:
    if request.as_json:
        terminal.print_json(values)
    else:
        click.echo(terminal.escaped(text))
