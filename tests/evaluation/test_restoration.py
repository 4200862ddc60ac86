"""Scores of restored case and punctuation."""

from __future__ import annotations

import pytest

from asr.errors import DataError
from asr.evaluation.restoration import evaluate_restorer


class Restorer:
    """Ends each text with a full stop, and begins it with a capital."""

    def restore(self, text, *, numbers):
        assert not numbers
        return f"{text.lower().capitalize()}."


def test_scores_count_words_and_marks():
    texts = ["How are you?", "We met in London, and it was cold."]
    evaluation = evaluate_restorer(Restorer(), texts)
    scores = evaluation.to_json()
    assert scores["marks_f1"] == {
        "full stop": pytest.approx(2 / 3, abs=1e-4),  # 1 right, 1 wanted, 2 written
        "comma": 0.0,
        "question mark": 0.0,
    }
    assert scores["all_marks_f1"] == pytest.approx(2 / 5)  # 1 of 3, and 2 written
    assert scores["capitals_f1"] == pytest.approx(4 / 5)  # London is not written
    assert scores["words"] == 11
    assert "question mark 0.000" in evaluation.summary()


def test_texts_without_words():
    with pytest.raises(DataError, match="no words"):
        evaluate_restorer(Restorer(), ["...", ""])
