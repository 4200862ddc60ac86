"""`asr score`: files of texts against another."""

from __future__ import annotations

import json
import re
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import click

from asr.cli import options, outputs
from asr.cli.terminal import visible
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
    """Options of error rates alone."""

    sclite_: bool
    fragments: bool
    optional: bool
    by: tuple[str, ...]
    errors: int
    alignments: Path | None
    report: Path | None
    vocabulary: Path | None


@click.command(epilog="Example: asr score reference.trn hypothesis.trn --by speaker")
@click.argument("reference", type=click.Path(path_type=Path))
@click.argument("hypothesis", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path), required=False)
@click.option(
    "--metric",
    type=click.Choice(["wer", *SCORERS]),
    default="wer",
    show_default=True,
    help="Error rates; BLEU and chrF (translation); ROUGE (summaries).",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMS, STM_CTM]),
    help="How the files are written.  [default: each guessed from its content]",
)
@options.normalizer("none-1", "What all texts go through before they are compared.")
@click.option(
    "--sclite",
    "sclite_",
    is_flag=True,
    help="Align and count as NIST's sclite: its costs, { a / b / @ }, any case.",
)
@click.option("--fragments", is_flag=True, help="With --sclite: its option -F.")
@click.option("--optional", is_flag=True, help="With --sclite: its option -D.")
@options.error_rates
@click.option(
    "--vocabulary",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of known words, one a line: prints the share of words it lacks.",
)
@click.option(
    "--allow-extra", is_flag=True, help="Leave out hypotheses without a reference."
)
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

    Lines are paired by utterance; a missing hypothesis counts as empty, and an
    utterance that is there twice is an error. With OTHER, a second system's texts, both
    are scored and their difference is tested. Files are in one of the formats trn, text
    (plain lines), jsonl (a manifest or predictions), kaldi and stm-ctm.
    """
    if metric != "wer":
        options.refuse_error_rates(**given)
    _check(given, normalizer, several=other is not None, as_json=as_json)
    references = read_references(reference, form=form)
    normal = normalizer_of(normalizer)
    systems = []
    for path in (hypothesis, other) if other else (hypothesis,):
        texts = read_hypotheses(path, references, form=form)
        pairs = pair(references.texts, texts, allow_extra=allow_extra)
        if metric == "wer" and not given["sclite_"]:
            _refuse_alternatives(pairs)
        systems.append(pairs.mapped(normal))
    if metric == "wer":
        found = _error_rates(systems, references, normal, given, as_json=as_json)
    else:
        scores = [SCORERS[metric](p.references, p.hypotheses) for p in systems]
        found = [x.to_json() if as_json else x.summary() for x in scores]
    for place, pairs in enumerate(systems):
        if as_json:
            done = {"missing": len(pairs.missing), "extra": len(pairs.extra)}
            found[place] = {**found[place], "normalizer": normalizer, **done}
        else:
            found[place] += f"\nnormalizer {normalizer}; {pairs.policy()}"
    if not as_json:
        click.echo(visible("\n\n".join(found)))
        return
    names = ("first", "second", "comparison")
    whole = dict(zip(names, found, strict=False)) if other else found[0]
    click.echo(json.dumps(whole, ensure_ascii=False))


def _check(
    given: _ErrorRates, normalizer: str, *, several: bool, as_json: bool
) -> None:
    """Refuse options that do not go together."""
    if (given["alignments"] or given["report"]) and several:
        raise UsageError("--alignments and --report show one system; leave OTHER away")
    if as_json and given["alignments"] == Path("-"):
        raise UsageError("--json and --alignments - both want standard output")
    if given["sclite_"] and normalizer != "none-1":
        raise UsageError("--sclite compares texts as they are, without --normalizer")
    if not given["sclite_"] and (given["fragments"] or given["optional"]):
        raise UsageError("--fragments and --optional need --sclite")


def _error_rates(
    systems: Sequence[Pairs],
    references: References,
    normal: Callable[[str], str],
    given: _ErrorRates,
    *,
    as_json: bool,
) -> list[Any]:
    """Return figures of each system and, of two, of their difference."""
    aligner, facts = _aligner(given), list(references.facts.values())
    words = given["vocabulary"]
    if given["sclite_"]:
        normal = str.casefold
    vocabulary = read_vocabulary(words, normal) if words else None
    found: list[Any] = []
    for pairs in systems:
        report = ScoreReport(
            pairs.references, pairs.hypotheses, facts, aligner, vocabulary
        )
        shown = given["by"], given["errors"]
        found.append(report.to_json(*shown) if as_json else report.summary(*shown))
        if given["alignments"]:
            steps = map(aligner or align, pairs.references, pairs.hypotheses)
            named = zip(references.texts, steps, strict=True)
            outputs.write_alignments(given["alignments"], named)
        if given["report"]:
            done = {"missing and empty hypotheses": pairs.policy()}
            names = list(references.texts)
            page = html_report(report, names, title="Scores", facts=done)
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
        found.append(comparison.to_json() if as_json else comparison.summary())
    return found


def _aligner(given: _ErrorRates) -> Aligner | None:
    if given["sclite_"]:
        rules = sclite.Rules(given["fragments"], given["optional"])
        # Counts, errors, alignments and page all ask for the same ones.
        return cache(partial(sclite.align, rules=rules))
    return None


def _refuse_alternatives(pairs: Pairs) -> None:
    for text in chain(pairs.references, pairs.hypotheses):
        if _ALTERNATIVES.search(text):
            raise UsageError(f"alternatives, as in {text!r}, need --sclite")
