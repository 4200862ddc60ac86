"""`asr evaluate`: a model's scores on recordings or texts with known results."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Unpack, cast

import click

import asr
from asr.cli import corpora, options, outputs, terminal
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
    from asr.data.pairs import Pair
    from asr.evaluation.speech import Evaluation
    from asr.evaluation.text import TextEvaluation
    from asr.language_model.perplexity import Perplexity
    from asr.metrics.alignment import Aligned


class _Options(options.Guided):
    corpus: str | None
    subset: str | None
    normalizer: str | None
    batch_seconds: float
    by: tuple[str, ...]
    errors: int
    alignments: Path | None
    report: Path | None
    calibrate: bool


@click.command(
    epilog="Example: asr evaluate english LibriSpeech --subset test-clean --json"
)
@click.argument("model", metavar="MODEL")
@click.argument(
    "data", type=click.Path(path_type=Path), metavar="MANIFEST|PAIRS|CORPUS"
)
@click.option(
    "--corpus",
    type=corpora.CorpusName(),
    metavar="NAME",
    help="Kind of corpus.  [default: found out from its files]",
)
@click.option("--subset", help="Part of the corpus.  [default: its only one]")
@click.option("--limit", type=click.IntRange(1), help="Score only the first so many.")
@options.normalizer(
    None,
    "What transcripts and references go through before they are compared.  "
    "[default: what the model was trained with]",
)
@click.option("--lowercase", is_flag=True, help="BLEU and chrF without regard to case.")
@options.decoding
@options.error_rates
@click.option(
    "--calibrate",
    is_flag=True,
    help="Fit the confidence of words on these recordings, and store that in MODEL.",
)
@click.option(
    "--predictions",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=options.a_file,
    help="Write JSON lines with references and pred_text here.",
)
@options.as_json
def command(
    model: str,
    data: Path,
    limit: int | None,
    lowercase: bool,
    predictions: Path | None,
    as_json: bool,
    **given: Unpack[_Options],
) -> None:
    """Score MODEL, a name or folder, on known results.

    A recogniser is scored on a manifest or a corpus folder by word, character and
    sentence error rates, with their counts and the real-time factor: seconds of work
    for each second of audio. A model of texts is scored on pairs (.tsv with source,
    tab, target, or .jsonl with source and target) by BLEU, chrF and ROUGE; lines with
    the same source are references of it. A language model is scored on the lines of a
    text file, or on the texts of a corpus, by bits a character and perplexity.
    """
    if as_json and given["alignments"] == Path("-"):
        raise UsageError("--json and --alignments - both want standard output")
    outputs.check_overwritable(predictions, given["alignments"], given["report"])
    task = model_task(model)
    if task in options.SPEECH_TASKS:
        if lowercase:
            raise UsageError("--lowercase is for texts; recordings have --normalizer")
        _score_speech(model, data, limit, predictions, as_json=as_json, given=given)
        return
    if given["calibrate"]:
        raise UsageError("--calibrate is for models that read recordings")
    if predictions and task == LANGUAGE_MODEL:
        raise UsageError("--predictions: a language model writes no texts")
    options.refuse_error_rates(
        by=given["by"],
        errors=given["errors"],
        alignments=given["alignments"],
        report=given["report"],
    )
    found: Perplexity | TextEvaluation
    if task == LANGUAGE_MODEL:
        found = _predict(model, data, given["corpus"], given["subset"], limit)
    else:
        pairs = list(islice(_pairs(data, given["corpus"], given["subset"]), limit))
        found = _evaluate_texts(model, pairs, lowercase, _search(given))
        if predictions:
            outputs.write_lines(predictions, _predictions(found))
    click.echo(json.dumps(found.to_json()) if as_json else found.summary())


def _score_speech(
    model: str,
    data: Path,
    limit: int | None,
    predictions: Path | None,
    *,
    as_json: bool,
    given: _Options,
) -> None:
    found = _utterances(data, given["corpus"], given["subset"])
    utterances = list(islice(found, limit))
    check_groups(given["by"], [utterance.facts for utterance in utterances])

    terminal.start_backend()
    recognizer = asr.load(model)
    if given["calibrate"] and not recognizer.times_words:
        raise UsageError("--calibrate: without a CTC head no model is sure of words")
    evaluation = asr.evaluate(
        recognizer,
        utterances,
        normalizer=given["normalizer"],
        batch_seconds=given["batch_seconds"],
        decoding=options.decoding_config(recognizer.decoding, **_search(given)),
    )
    if predictions:
        outputs.write_lines(predictions, _predictions(evaluation))
    if given["alignments"]:
        outputs.write_alignments(given["alignments"], _alignments(evaluation))
    if given["report"]:
        from asr.evaluation.page import page  # noqa: PLC0415 - Keras, started above

        title = f"{model}: word error rate"
        outputs.write_lines(given["report"], page(title, model, recognizer, evaluation))
    shown = given["by"], given["errors"]
    if as_json:
        click.echo(json.dumps(evaluation.to_json(*shown), ensure_ascii=False))
    else:
        click.echo(terminal.visible(evaluation.summary(*shown)))
    if given["calibrate"]:
        calibration = asr.calibrate(evaluation, recognizer.config.calibration)
        asr.write_calibration(model_path(model), calibration)


def _predict(
    model: str, data: Path, corpus: str | None, subset: str | None, limit: int | None
) -> Perplexity:
    if corpus is None:
        recordings = data.is_dir() or data.suffix == ".jsonl"
        corpus = detect(data) if recordings else LINES
    if subset is None and corpus not in {LINES, *TEXT_CORPORA}:
        subset = _only_subset(corpus, data)
    path = str(data.resolve())
    source = SourceConfig(path, corpus, subset or "all", limit=limit or 0)
    terminal.start_backend()
    return asr.perplexity(asr.load_language_model(model), asr.read_texts([source]))


def _search(given: _Options) -> options.Guided:
    kept = {key: given.get(key) for key in options.Guided.__annotations__}
    return cast("options.Guided", kept)


def _pairs(data: Path, corpus: str | None, subset: str | None) -> Iterator[Pair]:
    if data.is_dir() and subset is None:
        raise UsageError(f"{data}: name the part to score, --subset")
    return text_corpus(corpus or "pairs")(data, subset or "")


def _evaluate_texts(
    model: str, pairs: list[Pair], lowercase: bool, search: options.Guided
) -> TextEvaluation:
    terminal.start_backend()
    generator = asr.load_text(model)
    decoding = options.decoding_config(generator.decoding, **search)
    return asr.evaluate_texts(generator, pairs, lowercase=lowercase, decoding=decoding)


def _utterances(
    data: Path, corpus: str | None, subset: str | None
) -> Iterator[Utterance]:
    if corpus in TEXT_CORPORA:
        raise UsageError(f"--corpus {corpus}: texts, but the model reads recordings")
    name = corpus or detect(data)
    return known(name).read(data, subset or _only_subset(name, data))


def _only_subset(corpus: str, data: Path) -> str:
    subsets = known(corpus).subsets(data)
    if len(subsets) > 1:
        there = ", ".join(subsets)
        raise UsageError(f"{data}: name the part to score, --subset one of {there}")
    return "".join(subsets)  # a folder without any is for the reader to complain about


def _predictions(evaluation: Evaluation | TextEvaluation) -> Iterator[str]:
    for result in evaluation.results:
        yield json.dumps(result.to_json(), ensure_ascii=False)


def _alignments(evaluation: Evaluation) -> Iterator[tuple[str, list[Aligned]]]:
    for result in evaluation.results:
        name = result.utterance.id or str(result.utterance.audio)
        yield name, align(result.reference, result.hypothesis)
