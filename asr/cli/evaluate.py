"""`asr evaluate`: scores of a model on a test set."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import asr
from asr.cli import corpora, options, outputs, terminal
from asr.cli.options import COUNT, option
from asr.config.schema import LANGUAGE_MODEL, LINES, SourceConfig
from asr.corpora import corpus as known
from asr.corpora import detect
from asr.corpora.text import TEXT_CORPORA, text_corpus
from asr.errors import UsageError
from asr.files import model_path, model_task
from asr.metrics.alignment import align
from asr.metrics.report import check_groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asr.data.manifest import Utterance
    from asr.evaluation.speech import Evaluation
    from asr.evaluation.text import TextEvaluation
    from asr.language_model.perplexity import Perplexity
    from asr.metrics.alignment import Aligned


@dataclass(frozen=True)
class Request:
    """Arguments and options of `asr evaluate`; `search` has those of the decoder."""

    model: str
    data: Path
    corpus: str | None
    subset: str | None
    limit: int | None
    normalizer: str | None
    lowercase: bool
    batch_seconds: float
    threads: int | None
    by: tuple[str, ...]
    errors: int
    alignments: Path | None
    report: Path | None
    calibrate: bool
    predictions: Path | None
    as_json: bool
    search: dict[str, Any]


@click.command(
    epilog="Example: asr evaluate english LibriSpeech --subset test-clean --json"
)
@click.argument("model", metavar="MODEL")
@click.argument("data", type=options.PATH, metavar="MANIFEST|PAIRS|CORPUS")
@option(
    "--corpus",
    corpora.CorpusName(),
    "Kind of corpus.  [default: detected]",
    metavar="NAME",
)
@option("--subset", str, "Score this subset.  [default: its only one]")
@option("--limit", COUNT, "Score only the first so many.")
@options.normalizer(None, "Normalise texts with this.  [default: that of training]")
@option("--lowercase", bool, "Compute BLEU and chrF in lower case.")
@options.decoding
@options.threads
@options.error_rates
@option("--calibrate", bool, "Calibrate word confidence here, and store it in MODEL.")
@option(
    "--predictions",
    options.FILE,
    "Write references and hypotheses as JSON lines.",
    callback=options.not_stdout,
)
@options.as_json
def command(**given: Any) -> None:
    """Score MODEL, a name or folder, on a test set.

    A recogniser is scored on a manifest or a corpus folder: word, character and
    sentence error rates with counts, and the real-time factor (seconds of work for each
    second of audio). A text model is scored on pairs (.tsv with source, tab, target, or
    .jsonl with source and target): BLEU, chrF and ROUGE. Pairs with the same source are
    references of it. A language model is scored on the lines of a text file, or on the
    texts of a corpus: bits a character and perplexity.
    """
    request = options.request(Request, given)
    if request.as_json and request.alignments == Path("-"):
        raise UsageError("--json and --alignments - both use standard output")
    outputs.check_overwritable(request.predictions, request.alignments, request.report)
    task = model_task(request.model)
    if task in options.SPEECH_TASKS:
        _score_speech(request)
        return
    if request.calibrate:
        raise UsageError("--calibrate applies only to models that take recordings")
    if task == LANGUAGE_MODEL:
        if request.predictions:
            raise UsageError("--predictions: a language model writes no texts")
        if request.threads:
            raise UsageError("--threads: a language model has no network")
    options.refuse_error_rates(
        by=request.by,
        errors=request.errors,
        alignments=request.alignments,
        report=request.report,
    )
    score = _score_language_model if task == LANGUAGE_MODEL else _score_texts
    evaluation = score(request)
    as_json = request.as_json
    click.echo(json.dumps(evaluation.to_json()) if as_json else evaluation.summary())


def _score_speech(request: Request) -> None:
    if request.lowercase:
        raise UsageError("--lowercase is for texts; recordings have --normalizer")
    utterances = list(islice(_utterances(request), request.limit))
    check_groups(request.by, [utterance.facts for utterance in utterances])

    recognizer = asr.load(request.model, threads=request.threads)
    if request.calibrate and not recognizer.times_words:
        raise UsageError("--calibrate needs a model with a CTC head")
    evaluation = asr.evaluate(
        recognizer,
        utterances,
        normalizer=request.normalizer,
        batch_seconds=request.batch_seconds,
        decoding=options.decoding_config(recognizer.decoding, request.search),
    )
    _write_predictions(request, evaluation)
    if request.alignments:
        outputs.write_alignments(request.alignments, _alignments(evaluation))
    if request.report:
        from asr.evaluation.page import page  # noqa: PLC0415 - Keras, started above

        title = f"{request.model}: word error rate"
        lines = page(title, request.model, recognizer, evaluation)
        outputs.write_lines(request.report, lines)
    shown = request.by, request.errors
    if request.as_json:
        click.echo(json.dumps(evaluation.to_json(*shown), ensure_ascii=False))
    else:
        click.echo(terminal.escaped(evaluation.summary(*shown)))
    if request.calibrate:
        calibration = asr.calibrate(evaluation, recognizer.config.calibration)
        asr.write_calibration(model_path(request.model), calibration)


def _score_language_model(request: Request) -> Perplexity:
    data, corpus, subset = request.data, request.corpus, request.subset
    if corpus is None:
        recordings = data.is_dir() or data.suffix == ".jsonl"
        corpus = detect(data) if recordings else LINES
    if subset is None and corpus not in {LINES, *TEXT_CORPORA}:
        subset = _only_subset(corpus, data)
    path = str(data.resolve())
    source = SourceConfig(path, corpus, subset or "all", limit=request.limit or 0)
    return asr.perplexity(
        asr.load_language_model(request.model), asr.read_texts([source])
    )


def _score_texts(request: Request) -> TextEvaluation:
    if request.data.is_dir() and request.subset is None:
        raise UsageError(f"{request.data}: name the part to score, --subset")
    read = text_corpus(request.corpus or "pairs")
    pairs = list(islice(read(request.data, request.subset or ""), request.limit))
    generator = asr.load_text(request.model, threads=request.threads)
    decoding = options.decoding_config(generator.decoding, request.search)
    evaluation = asr.evaluate_texts(
        generator, pairs, lowercase=request.lowercase, decoding=decoding
    )
    _write_predictions(request, evaluation)
    return evaluation


def _utterances(request: Request) -> Iterator[Utterance]:
    if request.corpus in TEXT_CORPORA:
        raise UsageError(
            f"--corpus must hold recordings for this model, got texts: {request.corpus}"
        )
    name = request.corpus or detect(request.data)
    subset = request.subset or _only_subset(name, request.data)
    return known(name).read(request.data, subset)


def _only_subset(corpus: str, data: Path) -> str:
    subsets = known(corpus).subsets(data)
    if len(subsets) > 1:
        names = ", ".join(subsets)
        raise UsageError(f"{data}: name the part to score, --subset one of {names}")
    return "".join(subsets)  # the reader reports a folder without subsets


def _write_predictions(
    request: Request, evaluation: Evaluation | TextEvaluation
) -> None:
    if request.predictions:
        results = (result.to_json() for result in evaluation.results)
        lines = (json.dumps(result, ensure_ascii=False) for result in results)
        outputs.write_lines(request.predictions, lines)


def _alignments(evaluation: Evaluation) -> Iterator[tuple[str, list[Aligned]]]:
    for result in evaluation.results:
        name = result.utterance.id or str(result.utterance.audio)
        yield name, align(result.reference, result.hypothesis)
