"""`asr evaluate`: scores of a model on a test set."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import click

import asr
from asr.cli import corpora, options, outputs, terminal
from asr.cli.alignments import write_alignments
from asr.cli.options import COUNT, option
from asr.config.schema import LANGUAGE_MODEL, LINES, SourceConfig
from asr.corpora import corpus as known
from asr.corpora import detect, only_subset
from asr.corpora.text import TEXT_CORPORA, text_corpus
from asr.data.text_files import write_json_lines
from asr.errors import AsrError, UsageError
from asr.files import model_path, model_task
from asr.metrics.alignment import align
from asr.metrics.report import check_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from asr.data.manifest import Utterance
    from asr.evaluation.restoration import RestorationEvaluation
    from asr.evaluation.speech import Evaluation
    from asr.evaluation.text import TextEvaluation
    from asr.inference.recognizer import Recognizer
    from asr.language_model.perplexity import Perplexity


@click.command(
    epilog="Example: asr evaluate english LibriSpeech --subset test-clean --json"
)
@click.argument("model", metavar="MODEL")
@click.argument("data", type=options.PATH, metavar="MANIFEST|PAIRS|CORPUS")
@option(
    "--corpus",
    corpora.corpus_name,
    "Kind of corpus.  [default: detected]",
    metavar="NAME",
)
@option("--subset", str, "Score this subset.  [default: its only one]")
@option("--limit", COUNT, "Score only the first N.")
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
    .jsonl with source and target): BLEU, chrF and ROUGE; a model of pronunciations by
    the errors of phones and words. Pairs with the same source are references of it. A
    language model is scored on the lines of a text file, or on the texts of a corpus:
    bits a character and perplexity. A model that restores case and punctuation is
    scored on such texts too, each line by itself: F1.
    """
    request = options.request(SimpleNamespace, given)
    if request.as_json and request.alignments == Path("-"):
        raise UsageError("--json and --alignments - both use standard output")
    outputs.check_overwritable(request.predictions, request.alignments, request.report)
    task = model_task(request.model)
    if task in options.SPEECH_TASKS:
        _score_speech(request)
        return
    _check_text(request, task)
    scores: dict[str, Callable[..., Any]] = {
        LANGUAGE_MODEL: _score_language_model,
        "restoration": _score_restorer,
    }
    score = scores.get(task, _score_texts)(request)
    terminal.print_scores(score, as_json=request.as_json)


def _check_text(request: SimpleNamespace, task: str) -> None:
    """Refuse options that have no effect on the scores of a model for texts."""
    language_model = task == LANGUAGE_MODEL
    by_bleu = task not in (LANGUAGE_MODEL, "restoration")
    options.refuse({
        "--calibrate applies only to models that take recordings": request.calibrate,
        "--normalizer applies only to models that take recordings": request.normalizer,
        "--lowercase applies only to BLEU and chrF": request.lowercase and not by_bleu,
        "--predictions: a language model writes no texts":
            language_model and request.predictions,
        "--threads: a language model has no network":
            language_model and request.threads,
    })  # fmt: skip
    options.refuse_error_rates(request)


def _score_speech(request: SimpleNamespace) -> None:
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
    try:
        _write_files(request, recognizer, evaluation)
    finally:  # a file that cannot be written does not lose the scores
        shown = request.by, request.errors
        terminal.print_scores(evaluation, *shown, as_json=request.as_json)
    if request.calibrate:
        calibration = asr.calibrate(evaluation, recognizer.config.calibration)
        asr.write_calibration(model_path(request.model), calibration)


def _write_files(
    request: SimpleNamespace, recognizer: Recognizer, evaluation: Evaluation
) -> None:
    """Write the files that the options name."""
    if request.predictions:
        results = (result.to_json() for result in evaluation.results)
        write_json_lines(request.predictions, results)
    if request.alignments:
        alignments = (
            (result.name, align(result.reference, result.hypothesis))
            for result in evaluation.results
        )
        write_alignments(request.alignments, alignments)
    if request.report:
        from asr.evaluation.page import page  # noqa: PLC0415 - draws with matplotlib

        title = f"{request.model}: word error rate"
        kind = request.corpus or detect(request.data)
        facts = {
            "corpus": f"{request.data} ({kind})",
            "subset": request.subset or only_subset(kind, request.data),
            "limit": request.limit or "none",
            "command": terminal.command_line(),
        }
        lines = page(title, request.model, recognizer, evaluation, **facts)
        outputs.write_lines(request.report, lines)


def _score_language_model(request: SimpleNamespace) -> Perplexity:
    return asr.perplexity(asr.load_language_model(request.model), _texts(request))


def _score_restorer(request: SimpleNamespace) -> RestorationEvaluation:
    if request.predictions:
        raise UsageError("--predictions: `asr punctuate` writes restored texts")
    from asr.evaluation.restoration import evaluate_restorer  # noqa: PLC0415 - start-up time
    from asr.inference.restorer import load_restorer  # noqa: PLC0415 - start-up time

    restorer = load_restorer(request.model, threads=request.threads)
    return evaluate_restorer(restorer, _texts(request))


def _texts(request: SimpleNamespace) -> Iterable[str]:
    """Return the lines of a text file, or the texts of a corpus."""
    data, subset = request.data, request.subset
    recordings = data.is_dir() or data.suffix == ".jsonl"
    corpus = request.corpus or (detect(data) if recordings else LINES)
    if subset is None and corpus not in {LINES, *TEXT_CORPORA}:
        subset = only_subset(corpus, data)
    path, limit = str(data.resolve()), request.limit or 0
    return asr.read_texts([SourceConfig(path, corpus, subset or "all", limit=limit)])


def _score_texts(request: SimpleNamespace) -> TextEvaluation:
    if request.data.is_dir() and request.subset is None:
        raise UsageError(f"{request.data}: name the part, --subset")
    read = text_corpus(request.corpus or "pairs")
    pairs = list(islice(read(request.data, request.subset or ""), request.limit))
    from asr.inference.generator import load_generator  # noqa: PLC0415 - start-up time

    generator = load_generator(request.model, threads=request.threads)
    decoding = options.decoding_config(generator.decoding, request.search)
    evaluation = asr.evaluate_texts(
        generator, pairs, lowercase=request.lowercase, decoding=decoding
    )
    if request.predictions:
        results = (result.to_json() for result in evaluation.results)
        try:
            write_json_lines(request.predictions, results)
        except AsrError:
            terminal.print_scores(evaluation, as_json=request.as_json)
            raise
    return evaluation


def _utterances(request: SimpleNamespace) -> Iterator[Utterance]:
    if request.corpus in TEXT_CORPORA:
        raise UsageError(
            f"--corpus must hold recordings for this model, got texts: {request.corpus}"
        )
    name = request.corpus or detect(request.data)
    subset = request.subset or only_subset(name, request.data)
    return known(name).read(request.data, subset)
