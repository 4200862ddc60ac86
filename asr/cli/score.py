"""`asr score`: hypotheses against references, both in files."""

from __future__ import annotations

import re
from functools import cache, partial
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import click

from asr.cli import options, outputs, terminal
from asr.cli.alignments import write_alignments
from asr.cli.options import option
from asr.errors import UsageError
from asr.formats.readers import (
    FORMS,
    STM_CTM,
    References,
    read_references,
    read_systems,
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
    from collections.abc import Sequence

_ALTERNATIVES = re.compile(r"\{[^{}]*/")


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
def command(**given: Any) -> None:
    """Score the texts of HYPOTHESIS against those of REFERENCE.

    Pairs texts by utterance. A missing hypothesis counts as empty; a duplicate
    utterance is an error. With OTHER, the texts of a second system, scores both and
    tests their difference. Formats: trn, text (plain lines), jsonl (a manifest,
    predictions or JSON of asr transcribe), kaldi and stm-ctm (words with times, against
    stm or ctm). The format is that of most lines; if some lines do not have it, that is
    an error. --sclite uses its costs, takes alternatives as in { a / b } and ignores
    case: in names of ASCII letters, in texts of all letters of Unicode.
    """
    request = SimpleNamespace(**given)
    _check(request)
    references = read_references(request.reference, form=request.form)
    paths = [path for path in (request.hypothesis, request.other) if path]
    references, read = read_systems(paths, references, form=request.form)
    systems = [_pairs(system.texts, references, request) for system in read]
    score = _error_rates if request.metric == "wer" else _text_scores
    results = score(request, references, systems)
    for index, (pairs, system) in enumerate(zip(systems, read, strict=True)):
        forms = {"reference": references.form, "hypothesis": system.form}
        if request.as_json:
            counts = {"missing": len(pairs.missing), "extra": len(pairs.extra)}
            results[index] |= {"normalizer": request.normalizer, "formats": forms}
            results[index] |= counts
        else:
            known = "" if request.form else " (guessed)"
            shown = ", ".join(f"{side} {form}" for side, form in forms.items())
            results[index] += f"\nformat     {shown}{known}"
            results[index] += f"\nnormalizer {request.normalizer}; {pairs.policy()}"
    if not request.as_json:
        click.echo(terminal.escaped("\n\n".join(results)))
        return
    names = ("first", "second", "comparison")
    several = len(systems) > 1
    terminal.print_json(
        # Only error rates are compared.
        dict(zip(names, results, strict=False)) if several else results[0]
    )


def _check(request: SimpleNamespace) -> None:
    """Refuse options that contradict each other."""
    if request.metric != "wer":
        options.refuse_error_rates(request)
    if (request.alignments or request.report) and request.other:
        raise UsageError("--alignments and --report take one system; leave out OTHER")
    if request.as_json and request.alignments == Path("-"):
        raise UsageError("--json and --alignments - both use standard output")
    if request.sclite_ and request.normalizer != "none-1":
        raise UsageError("--sclite takes texts as they are; leave out --normalizer")
    if not request.sclite_ and (request.fragments or request.optional):
        raise UsageError("--fragments and --optional need --sclite")


def _pairs(
    texts: dict[str, str], references: References, request: SimpleNamespace
) -> Pairs:
    if request.sclite_ and not references.segments:
        texts = sclite.rename(references.texts, texts)
    pairs = pair(references.texts, texts, allow_extra=request.allow_extra)
    plain = request.metric == "wer" and not request.sclite_
    if plain and (text := _alternatives([pairs])):
        raise UsageError(f"alternatives, as in {text[:200]!r}, need --sclite")
    return pairs.mapped(normalizer_of(request.normalizer))


def _alternatives(systems: Sequence[Pairs]) -> str | None:
    """Return the first text with alternatives, as in `{ a / b }`."""
    texts = chain.from_iterable((*x.references, *x.hypotheses) for x in systems)
    return next(filter(_ALTERNATIVES.search, texts), None)


def _page_facts(request: SimpleNamespace, pairs: Pairs) -> dict[str, Any]:
    return {
        "normalizer": request.normalizer,
        "counts": "as NIST sclite" if request.sclite_ else "fewest errors",
        "reference": request.reference,
        "hypothesis": request.hypothesis,
        "missing and empty hypotheses": pairs.policy(),
        "command": terminal.command_line(),
    }


def _text_scores(
    request: SimpleNamespace, _: References, systems: Sequence[Pairs]
) -> list[Any]:
    scorer = SCORERS[request.metric]
    scores = [scorer(pairs.references, pairs.hypotheses) for pairs in systems]
    return [x.to_json() if request.as_json else x.summary() for x in scores]


def _error_rates(
    request: SimpleNamespace, references: References, systems: Sequence[Pairs]
) -> list[Any]:
    """Return scores of each system and, for two, of their difference."""
    aligner, as_json = None, request.as_json
    normalize = normalizer_of(request.normalizer)
    if request.sclite_:
        rules = sclite.Rules(request.fragments, request.optional)
        # Counts, errors, alignments and page need the same alignments.
        aligner, normalize = cache(partial(sclite.align, rules=rules)), str.casefold
    words = request.vocabulary
    vocabulary = read_vocabulary(words, normalize) if words else None
    facts, names = list(references.facts.values()), list(references.texts)
    # A hint would take alternatives for words.
    hinted = None if _alternatives(systems) else request.normalizer
    results: list[Any] = []
    for texts, hypotheses, *_ in systems:
        report = ScoreReport(texts, hypotheses, facts, aligner, vocabulary, hinted)
        show = report.to_json if as_json else report.summary
        results.append(show(request.by, request.errors))
        if request.alignments:
            steps = map(aligner or align, texts, hypotheses)
            write_alignments(request.alignments, zip(names, steps, strict=True))
        if request.report:
            shown = _page_facts(request, systems[0])
            page = html_report(report, names, title="Scores", facts=shown)
            outputs.write_lines(request.report, page)
    if len(systems) > 1:
        speakers = [fact.get("speaker", "") for fact in facts]
        comparison = compare(
            *systems[0][:2],
            systems[1].hypotheses,
            speakers if all(speakers) else None,
            aligner=aligner or align,
        )
        results.append(comparison.to_json() if as_json else comparison.summary())
    return results
