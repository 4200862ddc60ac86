"""A score report as one page of HTML that needs nothing else: tables, texts, sounds."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from asr.metrics.alignment import Aligned, align
from asr.metrics.report import LENGTH, ScoreReport
from asr.metrics.significance import LEVEL
from asr.metrics.wer import Score

_ERRORS = 50  # most frequent ones that are listed
_NOTHING = "∅"


@dataclass(frozen=True)
class Media:
    """What can be heard and seen of an utterance.

    Attributes:
        audio: A recording as a browser plays it, and its type, such as `audio/ogg`.
        images: Title -> PNG.
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
    """Write a page.

    Args:
        report: What was recognised.
        names: Of the utterances.
        title: Heading of the page.
        facts: What is to be said beside the figures, such as the normaliser.
        media: Position of an utterance -> what can be heard and seen of it.

    Yields:
        The page, in parts.
    """
    yield opening(title)
    yield from _overview(report, facts)
    keys = [LENGTH]
    if any("speaker" in known for known in report.facts):
        keys.append("speaker")
    for key in keys:
        yield f"<h2>By {key}</h2>\n"
        yield from table(_GROUP_HEAD, _group_rows(report.by(key)), first=key)
    yield "<h2>Most frequent errors</h2>\n"
    rows = [
        (str(times), html.escape(said or _NOTHING), html.escape(recognised or _NOTHING))
        for (_, said, recognised), times in report.errors(_ERRORS)
    ]
    yield from table(("times", "said", "recognised"), rows)
    yield "<h2>Utterances</h2>\n<p><s class=S>substituted</s> "
    yield "<s class=D>missing</s> <s class=I>inserted</s></p>"
    yield from table(_UTTERANCE_HEAD, _utterance_rows(report, names, media or {}))
    yield CLOSING


_GROUP_HEAD = ("", "utterances", "words", "WER %", "CER %", "sub", "del", "ins")
_UTTERANCE_HEAD = ("utterance", "words", "errors", "WER %", "said and recognised")


def _overview(report: ScoreReport, facts: Mapping[str, Any]) -> Iterator[str]:
    score = report.score
    yield f"<p class=wer>{score.wer:.2%} <small>word error rate</small></p>\n<ul>"
    for unit, (low, high) in report.intervals.items():
        yield f"<li>{LEVEL:.0%} between {low:.2%} and {high:.2%}, drawn by {unit}"
    yield f"<li>{score.cer:.2%} character error rate"
    yield (
        f"<li>{score.words:,} words: {score.hits:,} correct, "
        f"{score.substitutions:,} substituted, {score.deletions:,} deleted, "
        f"{score.insertions:,} inserted"
    )
    yield (
        f"<li>{score.utterances:,} utterances, {score.sentence_errors:,} with errors "
        f"({score.sentence_error_rate:.2%})"
    )
    if report.out_of_vocabulary is not None:
        yield f"<li>{report.out_of_vocabulary:.2%} of the words are unknown"
    for key, value in facts.items():
        yield f"<li>{html.escape(key)}: {html.escape(str(value))}"
    yield "</ul>\n"


def _group_rows(scores: Mapping[str, Score]) -> Iterator[tuple[str, ...]]:
    for name, part in scores.items():
        yield (
            html.escape(name),
            str(part.utterances),
            str(part.words),
            f"{100 * part.wer:.2f}",
            f"{100 * part.cer:.2f}",
            str(part.substitutions),
            str(part.deletions),
            str(part.insertions),
        )


def _utterance_rows(
    report: ScoreReport, names: Sequence[str], media: Mapping[int, Media]
) -> Iterator[tuple[str, ...]]:
    aligner = report.aligner or align
    texts = zip(names, report.references, report.hypotheses, strict=True)
    for place, (name, reference, hypothesis) in enumerate(texts):
        hits, wrong = int(report.counts[place, 0]), report.counts[place, 1:4]
        words, errors = hits + int(wrong[:2].sum()), int(wrong.sum())
        shown = "".join(_steps(aligner(reference, hypothesis)))
        yield (
            html.escape(name),
            str(words),
            str(errors),
            f"{100 * errors / max(words, 1):.1f}",
            shown + "".join(_media(media[place]) if place in media else ()),
        )


def _steps(steps: Iterable[Aligned]) -> Iterator[str]:
    for operation, said, recognised in steps:
        if operation == "C":
            yield f"{html.escape(said)} "
        else:
            above, below = (
                html.escape(said or _NOTHING),
                html.escape(recognised or _NOTHING),
            )
            yield f"<s class={operation}><i>{above}</i><b>{below}</b></s> "


def _media(media: Media) -> Iterator[str]:
    if media.audio:
        content, kind = media.audio
        yield f"<audio controls preload=none src='{inline(content, kind)}'></audio>"
    for title, image in media.images.items():
        text = html.escape(title)
        yield f"<details><summary>{text}</summary>"
        yield f"<img alt='{text}' src='{inline(image, 'image/png')}'></details>"


def opening(title: str) -> str:
    """Return the start of a page: style and heading; `CLOSING` is its end."""
    heading = html.escape(title)
    return (
        f"<!doctype html>\n<html lang=en><meta charset=utf-8><title>{heading}</title>"
        f"<style>{_STYLE}</style>\n<h1>{heading}</h1>\n"
    )


def inline(content: bytes, kind: str) -> str:
    """Return the address of content that stands in the page itself."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], first: str = ""
) -> Iterator[str]:
    """Yield a table whose columns can be sorted; cells are HTML, its head is text."""
    cells = "".join(f"<th>{html.escape(name or first)}" for name in head)
    yield f"<table><thead><tr>{cells}</thead><tbody>\n"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{cell}" for cell in row) + "\n"
    yield "</tbody></table>\n"


_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:72em;padding:0 1em}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th{cursor:pointer;text-align:left;border-bottom:2px solid #888;position:sticky;top:0;
background:Canvas}td,th{padding:.2em .8em;vertical-align:top}
tbody tr:nth-child(even){background:#8881}
.wer{font-size:2.5em;margin:0}.wer small{font-size:.5em}
s{text-decoration:none;display:inline-block;vertical-align:top;text-align:center;
padding:0 .2em;border-radius:.2em}
s i,s b{display:block;font-style:normal;line-height:1.2}
s b{font-weight:600}.S{background:#fc06}.D{background:#f446}.I{background:#09f5}
audio{display:block;height:2em;margin:.3em 0}img{max-width:100%}
summary{font-size:.85em;color:GrayText;cursor:pointer}td:first-child{white-space:nowrap}
:root{color-scheme:light dark}
"""

_SCRIPT = """
document.querySelectorAll('th').forEach(head=>head.onclick=()=>{
const body=head.closest('table').tBodies[0],place=head.cellIndex,rows=[...body.rows];
const text=row=>row.cells[place].textContent.trim();
const number=row=>text(row)?Number(text(row).replace(/ ?%$/,'')):NaN;
const down=head.dataset.down!=='1';head.dataset.down=down?'1':'0';
rows.sort((a,b)=>{const x=number(a),y=number(b);
const order=isNaN(x)||isNaN(y)?text(a).localeCompare(text(b),undefined,
{numeric:true}):x-y;return down?-order:order});body.append(...rows)})
"""

CLOSING = f"<script>{_SCRIPT}</script>\n</html>\n"
