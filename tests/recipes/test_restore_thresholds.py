"""Thresholds of marks are those with the highest F1."""

from __future__ import annotations

import numpy as np

from asr.text.written import MARKS
from tests.script_module import script_module

script = script_module("restore_thresholds.py")


def test_rare_marks_are_written_more_readily():
    random = np.random.default_rng(1)
    wanted = random.choice(3, size=4000, p=[0.9, 0.07, 0.03])  # none, comma, full stop
    scores = random.normal(size=(4000, len(MARKS))) - 2.0
    scores[:, 0] += 3.5  # more probable than any mark
    scores[np.arange(4000), wanted] += 2.5
    added = script.thresholds(scores, wanted)
    before = script.objective(scores, wanted)
    after = script.objective(scores + added, wanted)
    assert after > before + 0.1
    assert added[MARKS.index(",")] > 0
    assert added[MARKS.index(".")] > 0
    assert added[0] == added[MARKS.index(";")] == 0


def test_f1():
    found, wanted = np.array([1, 1, 0, 2]), np.array([1, 0, 1, 2])
    assert script.f1(found, wanted, [1]) == 0.5
    assert script.f1(found, wanted, [1, 2]) == 4 / 6
    assert script.f1(found, wanted, [3]) == 0.0
