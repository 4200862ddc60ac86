"""F1 of restored marks and capitals, word by word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from asr.text.written import MARKS, case_of

Label = tuple[str, str]
"""Case of a word, one of `CASES`, and the mark behind it, one of `MARKS`."""

_MARKS = "".join(MARKS)


@dataclass
class RestorationScore:
    """Counts of marks and capitals in references and hypotheses.

    The capital of a word is its case if that is not `lower`; with another one than that
    of the reference it is wrong.
    """

    wanted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    words: int = 0

    def add(self, reference: Label, hypothesis: Label) -> None:
        """Count a word."""
        self.words += 1
        for one, other in (
            (reference[1], hypothesis[1]),
            (_capital(reference[0]), _capital(hypothesis[0])),
        ):
            self.wanted[one] += 1
            self.found[other] += 1
            self.right[one] += one == other

    def add_text(self, reference: str, hypothesis: str) -> None:
        """Count the words of a text, which are the same in both."""
        pairs = zip(labels_of(reference), labels_of(hypothesis), strict=True)
        for one, other in pairs:
            self.add(one, other)

    def f1(self, names: Iterable[str]) -> float:
        """Return the F1 score of marks, or of cases, together; 0 without any."""
        keys = [name for name in names if name]
        counts = [
            sum(count[key] for key in keys)
            for count in (self.right, self.wanted, self.found)
        ]
        return 2 * counts[0] / max(1, counts[1] + counts[2])

    @property
    def marks(self) -> float:
        """F1 score of all marks together."""
        return self.f1(MARKS)

    @property
    def capitals(self) -> float:
        """F1 score of words that are not in lower case."""
        return self.f1(("title", "upper", "mixed"))


def labels_of(text: str) -> Iterator[Label]:
    """Yield the case and the mark of each word of a text."""
    for token in text.split():
        word = token.rstrip(_MARKS)
        yield case_of(word), token[len(word) :][:1]


def _capital(case: str) -> str:
    return "" if case == "lower" else case
