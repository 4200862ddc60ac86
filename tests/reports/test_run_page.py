"""The page of a run: whatever stands in its files, and whatever is missing."""

from __future__ import annotations

import json

from asr.reports.run_page import run_report


def page(folder, parts=()):
    return "".join(run_report(folder, list(parts)))


def test_of_an_empty_folder(tmp_path):
    found = page(tmp_path)
    assert found.startswith("<!doctype html>")
    assert found.endswith("</html>\n")
    assert "<h2>" not in found


def test_texts_are_shown_as_they_are(tmp_path):
    (tmp_path / "scores").mkdir()
    lines = [
        {"source": "a \u2028 b\u0085 c", "target": ["<x>", "y"], "pred_text": "&"},
        {"source": "two", "target": ["z"], "pred_text": ""},
    ]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (tmp_path / "scores" / "set.en-fr.jsonl").write_text(text)
    (tmp_path / "scores" / "set.en-fr.txt").write_text("BLEU <1>")
    found = page(tmp_path, ["set.en-fr"])
    for part in ("a \u2028 b", "&lt;x&gt;<br>y", "&amp;", "BLEU &lt;1&gt;"):
        assert part in found
    assert "set.en-fr.html" not in found


def test_the_last_environment_and_all_epochs(tmp_path):
    for name, lines in {
        "environment.jsonl": [{"seed": 1}, {"seed": 2, "packages": {"keras": "3"}}],
        "history.jsonl": [{"epoch": 1, "loss": 0.123456}, {"epoch": 2, "dev_wer": 9}],
    }.items():
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / name).write_text(text)
    (tmp_path / "recipe.yaml").write_text("name: <it>")
    found = page(tmp_path)
    assert "<td>seed<td>2" in found
    assert "<td>seed<td>1" not in found
    assert "keras 3" in found
    assert "<td>0.1235" in found
    assert "name: &lt;it&gt;" in found
