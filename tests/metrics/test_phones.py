"""Error rates of pronunciations."""

from __future__ import annotations

import pytest

from asr.errors import UsageError
from asr.metrics.phones import score_phones


def test_errors_by_hand():
    references = [["K AE T"], ["T AH M EY T OW", "T AH M AA T OW"], ["AH", "EY"]]
    score = score_phones(references, ["K AA T S", "T AH M AA T OW", ""])
    assert score.per == pytest.approx((2 + 0 + 1) / (3 + 6 + 1))
    assert score.wer == pytest.approx(2 / 3)
    assert (score.phones, score.words) == (10, 3)
    assert score.summary() == "PER 30.00%, WER 66.67% (3 words)"
    assert score.to_json()["words"] == 3


@pytest.mark.parametrize(
    ("references", "hypotheses"),
    [([], []), ([[]], ["A"]), ([["A"]], ["A", "B"]), ([[""]], [""])],
)
def test_what_cannot_be_scored(references, hypotheses):
    with pytest.raises(UsageError):
        score_phones(references, hypotheses)
