"""All that is to be said of what was recognised: rates, bounds, tables, errors."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from asr.errors import UsageError
from asr.metrics.alignment import Aligned, Aligner, align
from asr.metrics.significance import LEVEL, Interval, interval
from asr.metrics.wer import Score, confusions, count, out_of_vocabulary, total, total_by

LENGTH = "length"
"""Group of utterances by the number of reference words."""

_LENGTHS = (0, 1, 6, 11, 21, 41)  # where groups of lengths begin
_ERRORS = 10  # most frequent ones that are shown


def check_groups(keys: Iterable[str], facts: Sequence[Mapping[str, str]]) -> None:
    """Refuse groups that no utterance is in.

    Args:
        keys: `length`, or a fact.
        facts: What is known of each utterance.

    Raises:
        UsageError: No utterance has one of these facts.
    """
    known = {LENGTH}.union(*facts)
    for key in keys:
        if key not in known:
            there = ", ".join(sorted(known))
            raise UsageError(f"no {key!r} is known; there is {there}")


@dataclass(frozen=True)
class ScoreReport:
    """What a system recognised, compared with what was said.

    Args:
        references: What was said, one text for each utterance.
        hypotheses: What was recognised, in the same order.
        facts: What is known of each utterance, such as its `speaker`.
        aligner: From reference and hypothesis to steps; the fewest errors if not given.
        vocabulary: Words that the system knows, if that is known; beside an aligner,
            which is sclite's, case-folded.

    Raises:
        UsageError: They have different lengths.
    """

    references: Sequence[str]
    hypotheses: Sequence[str]
    facts: Sequence[Mapping[str, str]]
    aligner: Aligner | None = None
    vocabulary: Container[str] | None = None

    @cached_property
    def counts(self) -> np.ndarray:
        """Counts of each utterance; see `asr.metrics.wer.count`."""
        return count(self.references, self.hypotheses, self.aligner)

    @cached_property
    def score(self) -> Score:
        """Counts and rates of all."""
        return total(self.counts)

    @cached_property
    def intervals(self) -> dict[str, Interval]:
        """Bounds of the WER, by what is drawn: `utterance`, and `speaker` if known."""
        errors = self.counts[:, 1:4].sum(axis=1)
        words = self.counts[:, :3].sum(axis=1)
        found = {"utterance": interval(errors, words)}
        if all("speaker" in facts for facts in self.facts):
            found["speaker"] = interval(errors, words, self.groups("speaker"))
        return {unit: bounds for unit, bounds in found.items() if bounds}

    def groups(self, key: str) -> list[str]:
        """Return what each utterance belongs to.

        Args:
            key: `length` (reference words), or a fact.

        Raises:
            UsageError: No utterance has that fact.
        """
        if key == LENGTH:
            return [_length(words) for words in self.counts[:, :3].sum(axis=1)]
        check_groups([key], self.facts)
        return [facts.get(key, "") for facts in self.facts]

    def by(self, key: str) -> dict[str, Score]:
        """Return the score of each group of utterances, in the order of their names."""
        found = total_by(self.counts, self.groups(key))
        return dict(sorted(found.items(), key=lambda item: _natural(item[0])))

    def errors(self, top: int = _ERRORS) -> list[tuple[Aligned, int]]:
        """Return the most frequent errors; see `asr.metrics.wer.confusions`."""
        return confusions(
            self.references, self.hypotheses, top=top, aligner=self.aligner or align
        )

    @cached_property
    def out_of_vocabulary(self) -> float | None:
        """Share of reference words that the vocabulary lacks, if there is one."""
        if self.vocabulary is None:
            return None
        texts = self.references
        if self.aligner:  # of alternatives, those that were taken
            pairs = zip(self.references, self.hypotheses, strict=True)
            steps = (self.aligner(*pair) for pair in pairs)
            texts = [
                " ".join(step.reference for step in found).casefold() for found in steps
            ]
        return out_of_vocabulary(texts, self.vocabulary)

    def to_json(self, by: Sequence[str] = (), top: int = 0) -> dict[str, Any]:
        """Return figures as plain data.

        Args:
            by: Keys of groups that are scored by themselves, too.
            top: Most frequent errors to name.
        """
        found: dict[str, Any] = {
            **self.score.to_json(),
            "wer_intervals": {unit: list(x) for unit, x in self.intervals.items()},
            "empty": sum(not text.strip() for text in self.hypotheses),
        }
        if self.out_of_vocabulary is not None:
            found["out_of_vocabulary"] = self.out_of_vocabulary
        if by:
            found["by"] = {
                key: {name: part.to_json() for name, part in self.by(key).items()}
                for key in by
            }
        if top:
            found["errors"] = [[*step, times] for step, times in self.errors(top)]
        return found

    def summary(self, by: Sequence[str] = (), top: int = 0) -> str:
        """Return figures for people; arguments as for `to_json`."""
        lines = [self.score.summary()]
        for unit, (low, high) in self.intervals.items():
            lines.append(
                f"interval   {LEVEL:.0%} between {low:.2%} and {high:.2%} WER, "
                f"drawn by {unit}"
            )
        if self.out_of_vocabulary is not None:
            lines.append(f"unknown    {self.out_of_vocabulary:.2%} of words")
        for key in by:
            lines += ["", *_table(key, self.by(key))]
        if top:
            lines += ["", *_list(self.errors(top))]
        return "\n".join(lines)


def _length(words: int) -> str:
    place = int(np.searchsorted(_LENGTHS, words, side="right")) - 1
    first = _LENGTHS[place]
    if place + 1 == len(_LENGTHS):
        return f"{first} or more"
    last = _LENGTHS[place + 1] - 1
    return f"{first}" if first == last else f"{first}-{last}"


def _natural(name: str) -> tuple[int, str]:
    """Order names that begin with numbers by these."""
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


def _list(errors: Sequence[tuple[Aligned, int]]) -> list[str]:
    lines = ["times  said -> recognised"]
    for (_, said, recognised), times in errors:
        lines.append(f"{times:5}  {said or '-'} -> {recognised or '-'}")
    return lines
