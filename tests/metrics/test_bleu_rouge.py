"""BLEU, chrF and ROUGE: known values, several references, refusals."""

from __future__ import annotations

import pytest

from asr.errors import UsageError
from asr.metrics.bleu_rouge import bleu, rouge

# The example of sacreBLEU's own documentation, and the figures printed there.
REFERENCES = [
    ["The dog bit the man.", "The dog had bit the man."],
    ["It was not unexpected.", "No one was surprised."],
    ["The man bit him first.", "The man had bitten the dog."],
]
HYPOTHESES = [
    "The dog bit the man.",
    "It wasn't surprising.",
    "The man had just bitten him.",
]


def test_bleu_of_the_documented_example():
    found = bleu(REFERENCES, HYPOTHESES)
    assert found.bleu == pytest.approx(48.530827, abs=1e-4)
    assert "BLEU|nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp" in found.signature
    assert "chrF2|nrefs:2" in found.signature


def test_perfect_texts_have_the_full_score():
    perfect = [row[0] for row in REFERENCES]
    found = bleu(REFERENCES, perfect)
    assert (found.bleu, found.chrf) == (pytest.approx(100), pytest.approx(100))
    assert rouge(REFERENCES, perfect).to_json() == {
        "rouge1": 1.0, "rouge2": 1.0, "rougeL": 1.0, "sentences": 3
    }  # fmt: skip


def test_case_counts_unless_it_is_ignored():
    shouted = [row[0].upper() for row in REFERENCES]
    assert bleu(REFERENCES, shouted).bleu < 10
    ignored = bleu(REFERENCES, shouted, lowercase=True)
    assert ignored.bleu == pytest.approx(100)
    assert "case:lc" in ignored.signature


def test_numbers_of_references_may_differ():
    uneven = [REFERENCES[0], REFERENCES[1][:1], REFERENCES[2]]
    found = bleu(uneven, HYPOTHESES)
    assert 0 < found.bleu <= bleu(REFERENCES, HYPOTHESES).bleu


def test_rouge_by_hand():
    # 3 of 4 and 3 of 3 words, 2 of 3 and 2 of 2 pairs of words.
    found = rouge([["police killed the gunman"]], ["police killed gunmen"])
    assert found.rouge1 == pytest.approx(2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4))
    found = rouge([["the cat sat down", "x"]], ["the cats sat"])
    assert found.rouge1 == pytest.approx(6 / 7)
    assert found.rouge2 == pytest.approx(4 / 5)
    assert found.rougeL == pytest.approx(6 / 7)


def test_an_empty_hypothesis_scores_nothing():
    assert bleu([["a b c"], ["d e f g"]], ["", ""]).bleu == 0
    assert rouge([["a b c"]], [""]).rouge1 == 0


@pytest.mark.parametrize("function", [bleu, rouge])
@pytest.mark.parametrize(
    ("references", "hypotheses", "message"),
    [
        ([["a"]], ["a", "b"], "1 references but 2 hypotheses"),
        ([], [], "there are no texts"),
        ([["a"], []], ["a", "b"], "has no reference"),
    ],
)
def test_invalid_texts(function, references, hypotheses, message):
    with pytest.raises(UsageError, match=message):
        function(references, hypotheses)
