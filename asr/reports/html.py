"""Score report as one self-contained HTML page: tables, alignments, audio, images."""

from __future__ import annotations

import base64
import html
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import numpy as np

from asr.metrics.alignment import Aligned, align
from asr.metrics.report import LENGTH, ScoreReport
from asr.metrics.significance import LEVEL
from asr.metrics.wer import Score, total

_ERRORS = 50  # most frequent ones
_LINKS = 5  # to utterances with an error
_MISSING = "∅"
_GROUP_HEAD = ("", "utterances", "words", "WER %", "CER %", "sub", "del", "ins")
_ERROR_HEAD = ("times", "reference", "recognised", "in")
_UTTERANCE_HEAD = ("utterance", "words", "errors", "WER %", "reference and hypothesis")

_NUMBERS = {"times", "errors", *_GROUP_HEAD[1:]}


@dataclass(frozen=True)
class Media:
    """Audio and images of an utterance.

    Attributes:
        audio: Content of an audio file and its media type, such as `audio/ogg`.
        images: Title -> content of a PNG file.
    """

    audio: tuple[bytes, str] | None = None
    images: Mapping[str, bytes] = field(default_factory=dict)


def html_report(
    report: ScoreReport,
    names: Sequence[str],
    *,
    title: str,
    facts: Mapping[str, Any],
    media: Mapping[int, Media] | None = None,
) -> Iterator[str]:
    """Yield the parts of a page on a score report.

    Args:
        report: Scores, references and hypotheses.
        names: Names of the utterances.
        title: Heading of the page.
        facts: Further lines of the overview, such as the normaliser.
        media: Position of an utterance -> its audio and images.
    """
    yield opening(title)
    yield from _overview(report, facts)
    speakers = any("speaker" in known for known in report.facts)
    for key in (LENGTH, "speaker") if speakers else (LENGTH,):
        yield f"<h2>By {key}</h2>\n"
        yield from table(_GROUP_HEAD, _group_rows(report.by(key)), first=key)
    aligner = report.aligner or align
    alignments = list(map(aligner, report.references, report.hypotheses))
    yield "<h2>Most frequent errors</h2>\n"
    yield from table(_ERROR_HEAD, _error_rows(report, names, alignments))
    yield "<h2>Utterances</h2>\n<p><s class=S>substituted</s> "
    yield "<s class=D>missing</s> <s class=I>inserted</s>, worst first "
    yield "<label><input type=checkbox id=errors-only> errors only</label></p>\n"
    errors = report.counts[:, 1:4].sum(axis=1)
    rates = errors / np.maximum(report.counts[:, :3].sum(axis=1), 1)
    order = np.lexsort((-rates, -errors)).tolist()  # most errors first
    rows = _utterance_rows(report, names, alignments, order, media or {})
    yield from table(_UTTERANCE_HEAD, rows)
    yield closing()


def _overview(report: ScoreReport, facts: Mapping[str, Any]) -> Iterator[str]:
    score = report.score
    yield f"<p class=wer>{score.wer:.2%} <small>word error rate</small></p>\n<ul>"
    for unit, (low, high) in report.intervals.items():
        yield f"<li>{LEVEL:.0%} between {low:.2%} and {high:.2%}, drawn by {unit}"
    yield (
        f"<li>{score.cer:.2%} character error rate"
        f"<li>{score.words:,} words: {score.hits:,} correct, "
        f"{score.substitutions:,} substituted, {score.deletions:,} deleted, "
        f"{score.insertions:,} inserted"
        f"<li>{score.utterances:,} utterances, {score.sentence_errors:,} with errors "
        f"({score.sentence_error_rate:.2%})"
    )
    if report.out_of_vocabulary is not None:
        yield f"<li>{report.out_of_vocabulary:.2%} of the words are unknown"
    if report.hint:
        yield f"<li>{html.escape(str(report.hint))}"
    date = datetime.now(UTC).astimezone().isoformat(" ", timespec="minutes")
    for key, value in {**facts, "date": date}.items():
        # Names of files need not be UTF-8.
        text = f"{key}: {value}".encode(errors="backslashreplace").decode()
        yield f"<li>{html.escape(text)}"
    yield "</ul>\n"


def _group_rows(scores: Mapping[str, Score]) -> Iterator[tuple[str, ...]]:
    for name, part in scores.items():
        rates = f"{100 * part.wer:.2f}", f"{100 * part.cer:.2f}"
        errors = part.substitutions, part.deletions, part.insertions
        numbers = (part.utterances, part.words, *rates, *errors)
        yield html.escape(name), *map(str, numbers)


def _error_rows(
    report: ScoreReport, names: Sequence[str], alignments: Sequence[Sequence[Aligned]]
) -> Iterator[tuple[str, ...]]:
    """Yield the most frequent errors, with links to utterances that have them."""
    places: defaultdict[Aligned, dict[int, None]] = defaultdict(dict)
    for position, steps in enumerate(alignments):
        for step in steps:
            if step.operation != "C" and len(places[step]) < _LINKS:
                places[step][position] = None
    for error, times in report.errors(_ERRORS):
        links = (
            f"<a href='#u{position}'>{html.escape(names[position])}</a>"
            for position in places[error]
        )
        words = _word(error.reference), _word(error.hypothesis)
        yield str(times), *words, " ".join(links)


def _utterance_rows(
    report: ScoreReport,
    names: Sequence[str],
    alignments: Sequence[Sequence[Aligned]],
    order: Iterable[int],
    media: Mapping[int, Media],
) -> Iterator[tuple[str, ...]]:
    for position in order:
        score = total(report.counts[position : position + 1])
        figures = str(score.words), str(score.errors), f"{100 * score.wer:.1f}"
        steps = _steps(alignments[position])
        # Links lead to this mark, and the style hides rows by it.
        mark = f"<a id=u{position}{'' if score.errors else ' class=correct'}></a>"
        shown = "".join([mark, *steps, *_media(media.get(position, Media()))])
        yield html.escape(names[position]), *figures, shown


def _steps(steps: Iterable[Aligned]) -> Iterator[str]:
    for operation, reference, hypothesis in steps:
        if operation == "C":
            yield f"{html.escape(reference)} "
        else:
            words = f"<i>{_word(reference)}</i><b>{_word(hypothesis)}</b>"
            yield f"<s class={operation}>{words}</s> "


def _word(word: str) -> str:
    return html.escape(word or _MISSING)


def _media(media: Media) -> Iterator[str]:
    if media.audio:
        content, kind = media.audio
        yield f"<audio controls preload=none src='{inline(content, kind)}'></audio>"
    for title, image in media.images.items():
        text = html.escape(title)
        yield f"<details><summary>{text}</summary>"
        yield f"<img alt='{text}' src='{inline(image, 'image/png')}'></details>"


def opening(title: str) -> str:
    """Return the start of a page: style and heading."""
    heading = html.escape(title)
    return (
        f"<!doctype html>\n<html lang=en><meta charset=utf-8><title>{heading}</title>"
        f"<style>{_asset('report.css')}</style>\n<h1>{heading}</h1>\n"
    )


def inline(content: bytes, kind: str) -> str:
    """Return content as a `data:` address, which embeds it in the page."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], first: str = ""
) -> Iterator[str]:
    """Yield a sortable table; cells are HTML, the head is text.

    Numbers are right-aligned: the cells of columns that hold them, whatever the row.
    """
    numbers = [" class=number" if name in _NUMBERS else "" for name in head]
    names = "".join(f"<th>{html.escape(name or first)}" for name in head)
    yield f"<table><thead><tr>{names}</thead><tbody>\n"
    for row in rows:
        cells = zip(numbers, row, strict=True)
        yield "<tr>" + "".join(f"<td{kind}>{cell}" for kind, cell in cells) + "\n"
    yield "</tbody></table>\n"


def closing() -> str:
    """Return the end of a page, with its script."""
    return f"<script>{_asset('report.js')}</script>\n</html>\n"


def _asset(name: str) -> str:
    return (resources.files("asr.reports") / name).read_text(encoding="utf-8")
