"""`asr score`: hypotheses against references, both in files."""

from __future__ import annotations

import json
import re
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import click

from asr.cli import options, outputs
from asr.cli.options import option
from asr.cli.terminal import escaped
from asr.errors import UsageError
from asr.formats.readers import (
    FORMS,
    STM_CTM,
    References,
    read_hypotheses,
    read_references,
    read_vocabulary,
)
from asr.metrics import sclite
from asr.metrics.alignment import align
from asr.metrics.bleu_rouge import SCORERS
from asr.metrics.report import ScoreReport
from asr.metrics.significance import compare
from asr.metrics.wer import Pairs, pair
from asr.reports.html import html_report
from asr.text.normalizers import normalizer as normalizer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from asr.metrics.alignment import Aligner

_ALTERNATIVES = re.compile(r"\{[^{}]*/")


class _ErrorRates(TypedDict):
    """Options that apply only to error rates."""

    sclite_: bool
    fragments: bool
    optional: bool
    by: tuple[str, ...]
    errors: int
    alignments: Path | None
    report: Path | None
    vocabulary: Path | None


@click.command(epilog="Example: asr score reference.trn hypothesis.trn --by speaker")
@click.argument("reference", type=options.PATH)
@click.argument("hypothesis", type=options.PATH)
@click.argument("other", type=options.PATH, required=False)
@option(
    "--metric",
    click.Choice(["wer", *SCORERS]),
    "Compute error rates; BLEU and chrF; or ROUGE.",
    default="wer",
)
@option(
    "--format form",
    click.Choice([*FORMS, STM_CTM]),
    "Format of the files.  [default: detected]",
)
@options.normalizer("none-1", "Normalise all texts with this.")
@option("--sclite sclite_", bool, "Align and count as NIST sclite does.")
@option("--fragments", bool, "Set option -F of --sclite.")
@option("--optional", bool, "Set option -D of --sclite.")
@options.error_rates
@option("--vocabulary", options.FILE, "Report words outside this list, one a line.")
@option("--allow-extra", bool, "Ignore hypotheses without a reference.")
@options.as_json
def command(
    reference: Path,
    hypothesis: Path,
    other: Path | None,
    metric: str,
    form: str | None,
    normalizer: str,
    allow_extra: bool,
    as_json: bool,
    **given: Unpack[_ErrorRates],
) -> None:
    """Score the texts of HYPOTHESIS against those of REFERENCE.

    Pairs texts by utterance. A missing hypothesis counts as empty; a duplicate
    utterance is an error. With OTHER, the texts of a second system, scores both and
    tests their difference. Formats: trn, text (plain lines), jsonl (a manifest or
    predictions), kaldi and stm-ctm. --sclite uses its costs, takes alternatives as in
    { a / b } and ignores case.
    """
    if metric != "wer":
        options.refuse_error_rates(**given)
    _check(given, normalizer, several=other is not None, as_json=as_json)
    references = read_references(reference, form=form)
    normalize = normalizer_of(normalizer)
    systems = []
    for path in (hypothesis, other) if other else (hypothesis,):
        texts = read_hypotheses(path, references, form=form)
        pairs = pair(references.texts, texts, allow_extra=allow_extra)
        if metric == "wer" and not given["sclite_"]:
            _refuse_alternatives(pairs)
        systems.append(pairs.mapped(normalize))
    if metric == "wer":
        results = _error_rates(systems, references, normalize, given, as_json=as_json)
    else:
        scores = [SCORERS[metric](p.references, p.hypotheses) for p in systems]
        results = [x.to_json() if as_json else x.summary() for x in scores]
    for index, pairs in enumerate(systems):
        if as_json:
            counts = {"missing": len(pairs.missing), "extra": len(pairs.extra)}
            results[index] = {**results[index], "normalizer": normalizer, **counts}
        else:
            results[index] += f"\nnormalizer {normalizer}; {pairs.policy()}"
    if not as_json:
        click.echo(escaped("\n\n".join(results)))
        return
    names = ("first", "second", "comparison")
    named = dict(zip(names, results, strict=False)) if other else results[0]
    click.echo(json.dumps(named, ensure_ascii=False))


def _check(
    given: _ErrorRates, normalizer: str, *, several: bool, as_json: bool
) -> None:
    """Refuse options that contradict each other."""
    if (given["alignments"] or given["report"]) and several:
        raise UsageError("--alignments and --report take one system; leave out OTHER")
    if as_json and given["alignments"] == Path("-"):
        raise UsageError("--json and --alignments - both use standard output")
    if given["sclite_"] and normalizer != "none-1":
        raise UsageError("--sclite takes texts as they are; leave out --normalizer")
    if not given["sclite_"] and (given["fragments"] or given["optional"]):
        raise UsageError("--fragments and --optional need --sclite")


def _error_rates(
    systems: Sequence[Pairs],
    references: References,
    normalize: Callable[[str], str],
    given: _ErrorRates,
    *,
    as_json: bool,
) -> list[Any]:
    """Return scores of each system and, for two, of their difference."""
    aligner, facts = _aligner(given), list(references.facts.values())
    words = given["vocabulary"]
    if given["sclite_"]:
        normalize = str.casefold
    vocabulary = read_vocabulary(words, normalize) if words else None
    results: list[Any] = []
    for pairs in systems:
        report = ScoreReport(
            pairs.references, pairs.hypotheses, facts, aligner, vocabulary
        )
        shown = given["by"], given["errors"]
        results.append(report.to_json(*shown) if as_json else report.summary(*shown))
        if given["alignments"]:
            steps = map(aligner or align, pairs.references, pairs.hypotheses)
            named = zip(references.texts, steps, strict=True)
            outputs.write_alignments(given["alignments"], named)
        if given["report"]:
            facts_shown = {"missing and empty hypotheses": pairs.policy()}
            names = list(references.texts)
            page = html_report(report, names, title="Scores", facts=facts_shown)
            outputs.write_lines(given["report"], page)
    if len(systems) > 1:
        speakers = [fact.get("speaker", "") for fact in facts]
        comparison = compare(
            systems[0].references,
            systems[0].hypotheses,
            systems[1].hypotheses,
            speakers if all(speakers) else None,
            aligner=aligner or align,
        )
        results.append(comparison.to_json() if as_json else comparison.summary())
    return results


def _aligner(given: _ErrorRates) -> Aligner | None:
    if given["sclite_"]:
        rules = sclite.Rules(given["fragments"], given["optional"])
        # Counts, errors, alignments and page need the same alignments.
        return cache(partial(sclite.align, rules=rules))
    return None


def _refuse_alternatives(pairs: Pairs) -> None:
    for text in chain(pairs.references, pairs.hypotheses):
        if _ALTERNATIVES.search(text):
            raise UsageError(f"alternatives, as in {text!r}, need --sclite")
