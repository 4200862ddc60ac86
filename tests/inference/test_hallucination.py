"""Loops and hallucinations are detected; ordinary texts are accepted."""

from __future__ import annotations

import numpy as np
import pytest

from asr.inference.hallucination import (
    best_path,
    compression_ratio,
    hallucination_reason,
)

ORDINARY = (
    "HE HOPED THERE WOULD BE STEW FOR DINNER TURNIPS AND CARROTS AND BRUISED POTATOES "
    "AND FAT MUTTON PIECES TO BE LADLED OUT IN THICK PEPPERED FLOUR FATTENED SAUCE"
)


def test_compression():
    assert compression_ratio("") == 0.0
    assert compression_ratio(ORDINARY) < 1.6
    assert compression_ratio("AND THE " * 20) > 5


def test_best_path_merges_repetitions_and_drops_blanks():
    path = [0, 3, 3, 0, 3, 4, 4, 0]
    log_probs = np.full((len(path), 5), -5.0)
    log_probs[np.arange(len(path)), path] = -0.1
    assert best_path(log_probs) == (3, 3, 4)
    assert best_path(np.zeros((0, 5))) == ()


@pytest.mark.parametrize(
    ("text", "heard", "frames", "reason"),
    [
        (ORDINARY, len(ORDINARY), 300, None),
        (ORDINARY, len(ORDINARY) // 2, 300, None),
        (ORDINARY, len(ORDINARY), len(ORDINARY) - 1, "more than was heard"),
        ("AND THE " * 20, 160, 300, "repetition"),
        ("NO NO NO", 8, 300, None),  # people do say that
        ("THANK YOU FOR WATCHING", 0, 300, "more than was heard"),
        ("OH", 0, 300, None),
        ("", 0, 0, None),
    ],
)
def test_hallucination_reason(text, heard, frames, reason):
    assert hallucination_reason(text, range(len(text)), range(heard), frames) == reason
