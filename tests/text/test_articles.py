"""English articles: repeated, dangling, a and an."""

from __future__ import annotations

import pytest

from asr.text.articles import correct_articles


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Speech: A Attention-Based Model", "Speech: An Attention-Based Model"),
        ("a expression tree", "an expression tree"),
        ("An Neural Model", "A Neural Model"),
        ("The the Study", "The Study"),
        ("A the an Study", "A Study"),
        ("a the study", "the study"),
        ("Learning the", "Learning"),
        ("Learning a an the", "Learning"),
        ("Learning the: A Study", "Learning: A Study"),
        ("The of Words", "Of Words"),
        ("The", ""),
        ("", ""),
    ],
)
def test_what_is_corrected(text, expected):
    assert correct_articles(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "A European one-shot use of a unified model",
        "A One-Shot Model and a once famous one",
        "an NLP task, an SVM, an mp3, an hour and a house",
        "a UN resolution",
        "A* Search and the A* algorithm",
        "The Effect of Vitamin A",
        "Lancaster A at SemEval-2017 Task 5",
        "The theory of another anchor",
        "What the Model Has Seen",
    ],
)
def test_what_is_right_stays(text):
    assert correct_articles(text) == text


def test_titles_of_people_stay(data_root):
    import gzip
    import json

    path = data_root / "text" / "acl-titles" / "val.jsonl.gz"
    if not path.is_file():
        pytest.skip("no such corpus")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        titles = [json.loads(line)["title"] for line in file]
    assert [title for title in titles if correct_articles(title) != title] == []
