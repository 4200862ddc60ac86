"""Restoration of case and punctuation: a label for each word of a text."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from asr.data.pairs import Pair
from asr.tasks.text import TextTask
from asr.text.special_tokens import BLANK, SPECIALS
from asr.text.written import CASES, MARKS, case_of, heard

LABELS = tuple((case, mark) for case in CASES for mark in MARKS)
"""Case and mark of each label; the first has the number `FIRST_LABEL`."""

FIRST_LABEL = len(SPECIALS)

_NUMBERS = {label: number for number, label in enumerate(LABELS, FIRST_LABEL)}
_MARKS = "".join(MARKS)
_NONE = "-"  # a subword without a label
_LEAST = 3  # occurrences of a spelling
_MOST_SPELLINGS = 3000
_MOST_CACHED = 100_000  # words
_LONGEST_CACHED = 40  # characters
_UNKNOWN = len(SPECIALS)  # of the tokenizer of subwords


class Restoration(TextTask):
    """Writes words with their case and punctuation; scored by F1. Needs subwords.

    A pair has the words as they are heard, in lower case, as source and the same words
    as they are written as text. The label of a word stands at its last subword; the
    other subwords have none, the blank.
    """

    monotonic = True

    @staticmethod
    def texts(record: Pair, normalize: Callable[[str], str]) -> Sequence[str]:
        """Return the words as they are heard."""
        return (normalize(record.source),)

    @functools.cached_property
    def subwords(self) -> _Subwords:
        """Subwords of each word that was seen."""
        return _Subwords(lambda word: self.tokenizer.encode(self.normalize(word)))

    def heard(self, written: str) -> tuple[int, ...]:
        """Return the subwords of a word of any text, at least one."""
        pieces = self._heard.get(written)
        if pieces is None:
            words = [word for word, _ in heard(written)]
            pieces = sum((self.subwords[word] for word in words), ()) or (_UNKNOWN,)
            if len(self._heard) < _MOST_CACHED and len(written) <= _LONGEST_CACHED:
                self._heard[written] = pieces
        return pieces

    @functools.cached_property
    def _heard(self) -> dict[str, tuple[int, ...]]:
        return {}

    def source_tokens(self, text: str) -> list[int]:
        """Return the subwords of all words with the end symbol, not truncated."""
        subwords = self.subwords
        return [*(it for word in text.split() for it in subwords[word]), self.end]

    def encode_target(self, reference: str) -> list[int]:
        """Return the label of each subword of a written text, in A-Z, a-z and `'`."""
        labels: list[int] = []
        for token in reference.split():
            word = token.rstrip(_MARKS)
            count = len(self.subwords[word])
            labels += [BLANK] * (count - 1)
            labels.append(_NUMBERS[case_of(word), token[len(word) :][:1]])
        return labels[: self.model.text.longest - 1]

    def decode(self, tokens: Sequence[int]) -> str:
        """Return case and mark of each subword, as in `title, lower lower.`."""
        names = (
            "".join(LABELS[token - FIRST_LABEL]) if token >= FIRST_LABEL else _NONE
            for token in tokens
        )
        return " ".join(names)

    def metrics(
        self, references: Sequence[str], hypotheses: Sequence[str]
    ) -> dict[str, Any]:
        """Return F1 of marks, and of words that are not in lower case."""
        from asr.metrics.restoration import RestorationScore  # noqa: PLC0415 - restoring needs none

        score = RestorationScore()
        for reference, hypothesis in zip(references, hypotheses, strict=True):
            wanted = self.decode(self.encode_target(reference)).split()
            for one, other in zip(wanted, hypothesis.split(), strict=False):
                if one != _NONE:
                    score.add(_label(one), _label(other))
        return {"marks_f1": score.marks, "case_f1": score.capitals}

    def cost(self, scores: Mapping[str, float]) -> float:
        """Return the negative mean of both F1 scores."""
        return -0.5 * (scores["marks_f1"] + scores["case_f1"])

    def spellings(self, records: Iterable[Pair]) -> tuple[str, ...]:
        """Return the frequent spellings with capitals inside, each word in one."""
        counts = Counter(
            word
            for record in records
            for token in record.text.split()
            if case_of(word := token.rstrip(_MARKS)) == "mixed"
        )
        best: dict[str, str] = {}
        for word, count in counts.most_common(_MOST_SPELLINGS):
            if count >= _LEAST:
                best.setdefault(word.lower(), word)
        return tuple(sorted(best.values()))


class _Subwords(dict[str, tuple[int, ...]]):
    """Word -> its subwords; words are cut one by one, so each needs to be cut once."""

    def __init__(self, encode: Any) -> None:
        self._encode = encode

    def __missing__(self, word: str) -> tuple[int, ...]:
        pieces = tuple(self._encode(word)) or (_UNKNOWN,)
        if len(self) < _MOST_CACHED and len(word) <= _LONGEST_CACHED:
            self[word] = pieces
        return pieces


def _label(name: str) -> tuple[str, str]:
    """Return case and mark from what `Restoration.decode` writes."""
    case = name.rstrip(_MARKS)
    return ("lower" if case == _NONE else case), name[len(case) :]
