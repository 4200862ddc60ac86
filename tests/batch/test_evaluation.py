"""Scores that are added up from units equal those of all utterances together."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from asr.batch.evaluation import CorpusScores
from asr.batch.units import Unit
from asr.batch.worker import Record
from asr.data.manifest import Utterance
from asr.errors import DataError
from asr.metrics.calibration import calibration_error, calibration_gaps
from asr.metrics.report import ScoreReport


def test_units_in_any_order_give_the_scores_of_the_corpus():
    draw = random.Random(1)
    words = ["the", "old", "man", "walked", "slowly", "down", "to", "the", "river"]
    rows = [
        Utterance(Path(f"{x}"), " ".join(draw.sample(words, 5)), speaker=f"s{x % 7}")
        for x in range(60)
    ]
    hypotheses = [
        " ".join(w for w in row.text.split() if draw.random() < 0.8) for row in rows
    ]
    hypotheses[5] = ""
    sure = [draw.random() for _ in range(300)]
    correct = [draw.random() < 0.7 for _ in range(300)]
    facts = [row.facts for row in rows]
    whole = ScoreReport([row.text for row in rows], hypotheses, facts)
    scores = CorpusScores("raw")
    places = draw.sample(range(60), 60)
    for start in range(0, 60, 20):
        chosen = places[start : start + 20]
        part = ScoreReport(
            [rows[x].text for x in chosen], [hypotheses[x] for x in chosen], facts
        )
        words_of = slice(5 * start, 5 * start + 100)
        found = {
            "scored": list(range(20)),
            "counts": part.counts.tolist(),
            "empty": part.empty,
            "unreadable": 0,
            "words": 100,
            "gaps": calibration_gaps(sure[words_of], correct[words_of]).tolist(),
        }
        unit = Unit(tuple(rows[x] for x in chosen), tuple(chosen), 1.0)
        scores.add(unit, Record(20, [], 100.0, 5.0, "one", facts=found))
    assert scores.report.to_json(["speaker"]) == whole.to_json(["speaker"])
    assert set(scores.report.intervals) == {"utterance", "speaker"}
    assert scores.report.summary(["length"]) == whole.summary(["length"])
    assert scores.calibration_error == pytest.approx(calibration_error(sure, correct))
    assert (scores.rtf, scores.audio_seconds) == (0.05, 300.0)
    assert np.array_equal(scores.report.counts, whole.counts)


def test_a_recording_that_killed_its_workers_is_an_empty_text():
    scores = CorpusScores("none-1")
    died = Record(0, [(0, "the worker died, 3 times")])
    scores.add(Unit((Utterance(Path("a"), None),), (0,), 1.0), died)
    with pytest.raises(DataError, match="no utterances with a text"):
        scores.to_json()
    scores.add(Unit((Utterance(Path("b"), "one two"),), (1,), 1.0), died)
    values = scores.to_json()
    assert (values["words"], values["deletions"], values["unreadable"]) == (2, 2, 1)
    assert values["empty"] == 1
