"""asr models: what is bundled, at a glance."""

from __future__ import annotations

import json

from asr.files import bundled_models


def test_every_bundled_model_has_its_line(run):
    lines = run("models").out.splitlines()
    assert [line.split()[0] for line in lines] == list(bundled_models())
    (english,) = (line for line in lines if line.startswith("english "))
    assert "speech_recognition" in english
    assert " MB  " in english


def test_for_programs(run):
    found = {model["name"]: model for model in json.loads(run("models", "--json").out)}
    assert list(found) == list(bundled_models())
    assert found["title"]["task"] == "summarization"
    for model in found.values():
        assert 0.1 < model["megabytes"] < 35
        assert len(model["about"]) > 20
        assert "\n" not in model["about"]
