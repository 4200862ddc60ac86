"""Report of a run as one HTML page."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from asr.data.text_files import parse_json_object
from asr.reports.html import closing, inline, opening, table

ENVIRONMENT, SCORES, REPORT = "environment.jsonl", "scores", "report.html"

_RESULTS = 20  # of a scored part
_COLUMNS = ("source", "target", "text", "pred_text")


def run_report(folder: Path, parts: Sequence[str]) -> Iterator[str]:
    """Yield a page on a run folder and its scored parts; missing files are skipped."""
    yield opening(folder.resolve().name)
    for name in parts:
        yield from _part(folder / SCORES / f"{name}.json")
    curves = folder / "curves.png"
    if curves.is_file():
        picture = inline(curves.read_bytes(), "image/png")
        yield f"<h2>Training</h2>\n<img alt='learning curves' src='{picture}'>\n"
    if history := _lines(folder / "history.jsonl"):
        keys = list(dict.fromkeys(key for epoch in history for key in epoch))
        yield from _folded("epochs", keys, history)
    recipe = folder / "recipe.yaml"
    if recipe.is_file():
        text = html.escape(recipe.read_text("utf-8", "replace"))
        yield "<h2>Recipe</h2>\n<details><summary>recipe.yaml</summary>"
        yield f"<pre>{text}</pre></details>\n"
    for environment in _lines(folder / ENVIRONMENT)[-1:]:
        yield "<h2>Environment</h2>\n"
        yield from table(
            ("", ""), ([*map(_cell, item)] for item in environment.items())
        )
    yield closing()


def _part(path: Path) -> Iterator[str]:
    yield f"<h2>{html.escape(path.stem)}</h2>\n"
    summary, page = path.with_suffix(".txt"), path.with_suffix(".html")
    if summary.is_file():
        yield f"<pre>{html.escape(summary.read_text('utf-8', 'replace'))}</pre>\n"
    if page.is_file():
        link = html.escape(f"{SCORES}/{page.name}")
        yield f"<p><a href='{link}'>alignments, audio, attention</a></p>\n"
    results = _lines(path.with_suffix(".jsonl"))[:_RESULTS]
    columns = [key for key in _COLUMNS if results and key in results[0]]
    yield from _folded(f"the first {len(results)}", columns, results)


def _folded(
    title: str, keys: Sequence[str], entries: list[dict[str, Any]]
) -> Iterator[str]:
    yield f"<details><summary>{title}</summary>\n"
    yield from table(keys, ([_cell(x.get(key, "")) for key in keys] for x in entries))
    yield "</details>\n"


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    entries = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:  # splitlines() splits at U+2028, too
            with contextlib.suppress(ValueError):  # a damaged line is left out
                entries.append(parse_json_object(line))
    return entries


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        value = [f"{key} {item}" for key, item in value.items()]
    parts = value if isinstance(value, list) else [value]
    return "<br>".join(html.escape(str(part)) for part in parts)
