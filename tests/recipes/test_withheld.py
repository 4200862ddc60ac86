"""Recipes of bundled models leave out the texts that they are tested on."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.config.loading import load_recipe

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
BUNDLED = sorted((RECIPES / "english").glob("*.yaml")) + sorted(
    (RECIPES / "lm").glob("*.yaml")
)

TESTS = {
    ("librispeech", "speech/LibriSpeech", "test-clean"),
    ("librispeech", "speech/LibriSpeech", "dev-aligned"),
    ("librispeech", "speech/LibriSpeech", "dev-clean"),
    ("an4", "speech/an4", "test"),
    ("kaldi", "speech/speechocean762", "dev"),
    ("common_voice", "speech/common-voice/en", "test-own"),
    ("audio_folder", "speech/kathleen", "dev"),
}
"""Parts that `english` and `english-lm` are tested on, written out again."""
CHOSEN_ON = ("jsonl", "speech/common-voice-dev/dev.jsonl", "all")


def parts(sources):
    return {(source.corpus, source.path, source.subset) for source in sources}


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_test_texts_of_the_bundled_models_are_withheld(path):
    data = load_recipe(path).data
    # The last recipes withhold one more part, to choose on, and tell its score too.
    assert parts(data.withhold) - {CHOSEN_ON} == TESTS
    assert parts(data.test) - {CHOSEN_ON} == TESTS
    assert not any(source.limit for source in data.withhold)


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(RECIPES.rglob("*.yaml")) if path.parent.name != "base"],
    ids=lambda path: str(path.relative_to(RECIPES).with_suffix("")),
)
def test_no_part_is_both_trained_and_tested_on(path):
    data = load_recipe(path).data
    assert not parts(data.train) & (parts(data.test) | parts(data.dev))
    if data.withhold:
        assert parts(data.test) <= parts(data.withhold)
