"""`recipes/english/train.py`: the stages of the bundled `english`."""

from __future__ import annotations

import json

import numpy as np
import pytest

from asr.files import WEIGHTS
from asr.storage.weights import read_arrays
from tests.script_module import script_module

train = script_module("english/train.py")
STAGES = {recipe.name: (recipe, start) for recipe, start in train.stages()}


def repeats(name):
    return {source.path: source.repeat for source in STAGES[name][0].data.train}


def test_stages_start_from_earlier_ones():
    before = []
    for name, (_, start) in STAGES.items():
        assert set(start) <= set(before)
        before += [name, f"{name}-start"]
    assert [name for name, (_, start) in STAGES.items() if not start] == ["base"]
    assert set(train.SCHEDULE["english"]) <= set(STAGES)


@pytest.mark.parametrize("name", STAGES)
def test_no_stage_hears_what_tests_have(name):
    data = STAGES[name][0].data
    assert data.withhold == data.test
    tested = {(source.path, source.subset) for source in data.test}
    assert tested.isdisjoint((source.path, source.subset) for source in data.train)


def test_settings_stay_until_they_change():
    for name in ("fewer-masks", "phones", "by-ear"):
        recipe, _ = STAGES[name]
        assert recipe.train.learning_rate == 7e-4  # of short-batches
        assert repeats(name)["speech/LibriSpeech"] == 3
        assert repeats(name)["speech/speechocean762"] == 1
    assert repeats("longer")["speech/common-voice/en"] == 1
    assert repeats("accents")["speech/common-voice/en"] == 4
    assert STAGES["more-speech"][0].train.learning_rate == 8e-4  # of its own recipe


def test_likely_labels_are_heard_with_ctc_alone():
    likely = "speech/machine-labelled/likely.jsonl"
    heard = [name for name in STAGES if likely in repeats(name)]
    assert heard == ["more-speech", "more-epochs", "epochs-again", "epochs-more"]
    assert all(STAGES[name][0].train.ctc_weight == 1 for name in heard)


def test_the_last_stages_train_phones_against_all_others():
    stages = [it for it in STAGES if STAGES[it][0].train.crf_weight]
    assert stages == ["crf", "crf-again", "crf-decoder"]
    assert all(STAGES[it][0].decoding.phone_prior == 0 for it in stages)


def test_labels_are_divided_by_how_sure_they_are(tmp_path):
    scores = {
        "A": -0.1,
        "B": -0.45,
        "C": -0.5,
        "D": -0.6,
        "E": -0.61,
        "CHAPTER 1": -0.1,
    }
    lines = [json.dumps({"text": k, "log_prob": v}) for k, v in scores.items()]
    (tmp_path / "train.jsonl").write_text("\n".join(lines))
    train.divide_labels(tmp_path)
    found = {
        name: [
            json.loads(line)["text"]
            for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()
        ]
        for name in ("surest", "likely")
    }
    assert found == {"surest": ["A", "B"], "likely": ["C", "D"]}


def test_a_stage_starts_from_a_mean(tiny_run, tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).symlink_to(tiny_run)
    assert train.started("third", ["first"], tmp_path) == tmp_path / "first" / "model"
    mean = train.started("third", ["first", "second"], tmp_path)
    assert mean == tmp_path / "third-start"
    own = read_arrays(tiny_run / "model" / WEIGHTS)
    for name, array in read_arrays(mean / WEIGHTS).items():
        np.testing.assert_allclose(array, own[name], rtol=1e-3, atol=1e-6)
    assert train.started("third", ["first", "second"], tmp_path) == mean  # kept
