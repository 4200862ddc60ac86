"""Score report: error rates, confidence intervals, groups, frequent errors."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from asr.errors import UsageError
from asr.metrics.alignment import Aligned, Aligner, align
from asr.metrics.hints import Hint, normalization_hint
from asr.metrics.significance import LEVEL, Interval, interval
from asr.metrics.wer import Score, confusions, count, out_of_vocabulary, total, total_by

LENGTH = "length"
"""Key that groups utterances by the number of reference words."""

_LENGTHS = {0: "0", 1: "1-5", 6: "6-10", 11: "11-20", 21: "21-40", 41: "41 or more"}
"""First length of each group in words -> its name."""

_TOO_HIGH = (
    "hint       a rate above 100 % has more errors than words; check that both files "
    "hold the same recordings in one language"
)


def check_groups(keys: Iterable[str], facts: Sequence[Mapping[str, str]]) -> None:
    """Check that each key is `length` or a fact of some utterance.

    Raises:
        UsageError: No utterance has one of the facts.
    """
    known = {LENGTH}.union(*facts)
    for key in keys:
        if key not in known:
            names = ", ".join(sorted(known))
            raise UsageError(f"group must be one of {names}, got {key!r}")


class _Rates:
    """Error rates, confidence intervals and groups from the counts of utterances."""

    counts: Any
    facts: Any
    empty: Any

    @cached_property
    def score(self) -> Score:
        """Error counts and rates of all utterances."""
        return total(self.counts)

    @cached_property
    def intervals(self) -> dict[str, Interval]:
        """WER intervals by resampling unit: `utterance`, and `speaker` if known."""
        errors = self.counts[:, 1:4].sum(axis=1)
        words = self.counts[:, :3].sum(axis=1)
        intervals = {"utterance": interval(errors, words)}
        if all("speaker" in facts for facts in self.facts):
            intervals["speaker"] = interval(errors, words, self.groups("speaker"))
        return {unit: bounds for unit, bounds in intervals.items() if bounds}

    def groups(self, key: str) -> list[str]:
        """Return the group of each utterance by a key: `length` or a fact.

        Raises:
            UsageError: No utterance has that fact.
        """
        if key == LENGTH:
            words = self.counts[:, :3].sum(axis=1)
            groups = np.searchsorted([*_LENGTHS], words, side="right") - 1
            return [[*_LENGTHS.values()][group] for group in groups]
        check_groups([key], self.facts)
        return [facts.get(key, "") for facts in self.facts]

    def by(self, key: str) -> dict[str, Score]:
        """Return the score of each group of utterances, sorted by name."""
        scores = total_by(self.counts, self.groups(key))
        return dict(sorted(scores.items(), key=lambda item: _natural(item[0])))

    def to_json(self, by: Sequence[str] = ()) -> dict[str, Any]:
        """Return all scores as JSON data.

        Args:
            by: Keys of groups to score.
        """
        result: dict[str, Any] = {
            **self.score.to_json(),
            "wer_intervals": {unit: list(x) for unit, x in self.intervals.items()},
            "empty": self.empty,
        }
        if by:
            result["by"] = {
                key: {name: part.to_json() for name, part in self.by(key).items()}
                for key in by
            }
        return result

    def summary(self, by: Sequence[str] = ()) -> str:
        """Return all scores as text; arguments as for `to_json`."""
        lines = [self.score.summary()]
        for unit, (low, high) in self.intervals.items():
            lines.append(
                f"interval   {LEVEL:.0%} between {low:.2%} and {high:.2%} WER, "
                f"drawn by {unit}"
            )
        lines += self._notes()
        for key in by:
            lines += ["", *_table(key, self.by(key))]
        return "\n".join(lines)

    def _notes(self) -> list[str]:
        """Return the lines between the intervals and the tables of groups."""
        return [_TOO_HIGH] if self.score.wer > 1 else []


@dataclass(frozen=True)
class CountReport(_Rates):
    """Error rates of utterances that were counted elsewhere, without their texts.

    Args:
        counts: Error counts of each utterance, (N, 8); see `asr.metrics.wer.count`.
        facts: Facts of each utterance, such as its `speaker`.
        empty: Number of hypotheses without a word.
    """

    counts: np.ndarray
    facts: Sequence[Mapping[str, str]]
    empty: int


@dataclass(frozen=True)
class ScoreReport(_Rates):
    """Hypotheses of a system, compared with references.

    Args:
        references: Reference texts, one for each utterance.
        hypotheses: Recognised texts, in the same order.
        facts: Facts of each utterance, such as its `speaker`.
        aligner: Function from reference and hypothesis to steps, which is sclite's; by
            default the alignment with the fewest errors.
        vocabulary: Words of the system, if known; casefolded if an aligner is given.
        normalizer: Name of the normaliser of the texts; without it there is no `hint`.

    Raises:
        UsageError: They have different lengths.
    """

    references: Sequence[str]
    hypotheses: Sequence[str]
    facts: Sequence[Mapping[str, str]]
    aligner: Aligner | None = None
    vocabulary: Container[str] | None = None
    normalizer: str | None = None

    @cached_property
    def counts(self) -> np.ndarray:
        """Error counts of each utterance, (N, 8); see `asr.metrics.wer.count`."""
        return count(self.references, self.hypotheses, self.aligner)

    @property
    def empty(self) -> int:
        """Number of hypotheses without a word."""
        return sum(not text.strip() for text in self.hypotheses)

    def errors(self, top: int = 10) -> list[tuple[Aligned, int]]:
        """Return the most frequent errors; see `asr.metrics.wer.confusions`."""
        return confusions(
            self.references, self.hypotheses, top=top, aligner=self.aligner or align
        )

    @cached_property
    def out_of_vocabulary(self) -> float | None:
        """Share of reference words that are not in the vocabulary, if there is one."""
        if self.vocabulary is None:
            return None
        texts = self.references
        if self.aligner:  # only the alternatives that the alignment takes
            alignments = map(self.aligner, self.references, self.hypotheses)
            texts = [
                " ".join(step.reference for step in steps).casefold()
                for steps in alignments
            ]
        return out_of_vocabulary(texts, self.vocabulary)

    @cached_property
    def hint(self) -> Hint | None:
        """Normaliser with which the WER would be much lower, or None."""
        if self.normalizer is None:
            return None
        texts = self.references, self.hypotheses
        return normalization_hint(*texts, self.score.wer, self.normalizer)

    def to_json(self, by: Sequence[str] = (), top: int = 0) -> dict[str, Any]:
        """Return all scores as JSON data.

        Args:
            by: Keys of groups to score.
            top: Number of most frequent errors.
        """
        result = super().to_json(by)
        if self.out_of_vocabulary is not None:
            result["out_of_vocabulary"] = self.out_of_vocabulary
        if self.hint:
            result["hint"] = self.hint._asdict()
        if top:
            result["errors"] = [[*step, times] for step, times in self.errors(top)]
        return result

    def summary(self, by: Sequence[str] = (), top: int = 0) -> str:
        """Return all scores as text; arguments as for `to_json`."""
        lines = [super().summary(by)]
        if top:
            lines += ["", "times  reference -> recognised"]
            for (_, reference, hypothesis), times in self.errors(top):
                lines.append(f"{times:5}  {reference or '-'} -> {hypothesis or '-'}")
        return "\n".join(lines)

    def _notes(self) -> list[str]:
        lines = []
        if self.out_of_vocabulary is not None:
            lines.append(f"unknown    {self.out_of_vocabulary:.2%} of words")
        return lines + ([f"hint       {self.hint}"] if self.hint else super()._notes())


def _natural(name: str) -> tuple[int, str]:
    """Return a sort key that orders leading numbers by value."""
    digits = name[: len(name) - len(name.lstrip("0123456789"))]
    return int(digits or -1), name


def _table(key: str, scores: Mapping[str, Score]) -> list[str]:
    width = max(len(key), *map(len, scores))
    lines = [f"{key:<{width}}  utterances   words     WER     CER     sub   del   ins"]
    for name, part in scores.items():
        lines.append(
            f"{name:<{width}}  {part.utterances:10} {part.words:7} {part.wer:7.2%} "
            f"{part.cer:7.2%} {part.substitutions:7} {part.deletions:5} "
            f"{part.insertions:5}"
        )
    return lines
