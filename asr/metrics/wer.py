"""Word and character error rates, and the most frequent errors, on jiwer.

Words are separated by white space. The character error rate counts the single spaces
between words too. Texts are compared as they are: normalise them first, and report the
normaliser with the error rate.

An empty reference counts as insertions alone. Where the references have no words at
all, rates are errors over 1: 0.0 for empty hypotheses, else the number of insertions.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import NamedTuple, TypeVar

import jiwer
import numpy as np

from asr.errors import DataError, UsageError
from asr.formats.layout import one_line
from asr.metrics.alignment import Aligned, Aligner, align, check_lengths

Group = TypeVar("Group", bound=Hashable)

_QUOTED = 60  # characters of a name in a message


@dataclass(frozen=True)
class Score:
    """Error counts of a set of utterances, and the rates computed from them.

    Attributes:
        hits: Words recognised correctly.
        substitutions: Words recognised as another one.
        deletions: Reference words that were not recognised.
        insertions: Recognised words that the reference lacks.
        utterances: Pairs of texts compared.
        sentence_errors: Utterances with at least one word error.
        characters: Reference characters, single spaces between words included.
        character_errors: Characters substituted, deleted and inserted.
    """

    hits: int
    substitutions: int
    deletions: int
    insertions: int
    utterances: int
    sentence_errors: int
    characters: int
    character_errors: int

    @property
    def words(self) -> int:
        """Words in the references."""
        return self.hits + self.substitutions + self.deletions

    @property
    def errors(self) -> int:
        """Words substituted, deleted and inserted."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def wer(self) -> float:
        """Word error rate: errors over reference words, a fraction; may exceed 1."""
        return self.errors / max(self.words, 1)

    @property
    def cer(self) -> float:
        """Character error rate: errors over reference characters, a fraction."""
        return self.character_errors / max(self.characters, 1)

    @property
    def mer(self) -> float:
        """Match error rate, 0 to 1: errors over all words of the alignment."""
        return self.errors / max(self.hits + self.errors, 1)

    @property
    def wil(self) -> float:
        """Word information lost, from 0 to 1.

        Reference:
            Morris, Maier, Green: From WER and RIL to MER and WIL (Interspeech 2004).
        """
        recognised = self.hits + self.substitutions + self.insertions
        if self.words == recognised == 0:
            return 0.0
        return 1 - self.hits**2 / max(self.words * recognised, 1)

    @property
    def sentence_error_rate(self) -> float:
        """Share of utterances with at least one word error."""
        return self.sentence_errors / max(self.utterances, 1)

    def to_json(self) -> dict[str, float | int]:
        """Return rates (fractions) and counts for JSON."""
        rates = ("wer", "cer", "mer", "wil", "sentence_error_rate", "words")
        return {**{name: getattr(self, name) for name in rates}, **asdict(self)}

    def summary(self) -> str:
        """Return the summary for a terminal, rates in percent."""
        return (
            f"WER {self.wer:.2%}  CER {self.cer:.2%}  MER {self.mer:.2%}  "
            f"WIL {self.wil:.2%}  sentence errors {self.sentence_error_rate:.2%}\n"
            f"words      {self.words}: {self.hits} correct, "
            f"{self.substitutions} substituted, {self.deletions} deleted, "
            f"{self.insertions} inserted\n"
            f"characters {self.characters}: {self.character_errors} errors\n"
            f"utterances {self.utterances}: {self.sentence_errors} with errors"
        )


def score(references: Sequence[str], hypotheses: Sequence[str]) -> Score:
    """Count errors over all utterances together; arguments as for `count`."""
    return total(count(references, hypotheses))


def count(
    references: Sequence[str],
    hypotheses: Sequence[str],
    aligner: Aligner | None = None,
) -> np.ndarray:
    """Count the errors of each utterance.

    Args:
        references: Reference texts, one for each utterance.
        hypotheses: Recognised texts, in the same order.
        aligner: Alignment to count, such as `asr.metrics.sclite.align`; the one with
            the fewest errors if not given. Characters are then those of the aligned
            words, and a correct word has no character errors.

    Returns:
        A row for each utterance, (N, 8) int64, in the order of the fields of `Score`.

    Raises:
        UsageError: The two have different lengths.
    """
    check_lengths(references, hypotheses)
    rows = np.zeros((len(references), len(fields(Score))), np.int64)
    for row, reference, hypothesis in zip(rows, references, hypotheses, strict=True):
        if aligner:
            steps = aligner(reference, hypothesis)
            operations = Counter[str](step.operation for step in steps)
            counts = [operations[operation] for operation in "CSDI"]
            recognised = (s[1] if s.operation == "C" else s.hypothesis for s in steps)
            reference = " ".join(step.reference for step in steps if step.reference)
            hypothesis = " ".join(filter(None, recognised))
        else:
            # Layout is no error.
            reference, hypothesis = one_line(reference), one_line(hypothesis)
            words = jiwer.process_words(reference, hypothesis)
            counts = [
                words.hits,
                words.substitutions,
                words.deletions,
                words.insertions,
            ]
        output = jiwer.process_characters(reference, hypothesis)
        characters = output.substitutions + output.deletions + output.insertions
        row[:] = (*counts, 1, any(counts[1:]), len(reference), characters)
    return rows


def total(counts: np.ndarray) -> Score:
    """Add up rows of `count`."""
    return Score(*counts.sum(axis=0).tolist())


def total_by(counts: np.ndarray, groups: Sequence[Group]) -> dict[Group, Score]:
    """Score each group of utterances, in order of first occurrence.

    Args:
        counts: Rows of `count`.
        groups: Group of each row, such as its speaker; UsageError for another number.
    """
    if len(counts) != len(groups):
        raise UsageError(
            f"{len(counts)} utterances and {len(groups)} groups; give one for each"
        )
    members: defaultdict[Group, list[int]] = defaultdict(list)
    for position, group in enumerate(groups):
        members[group].append(position)
    return {group: total(counts[rows]) for group, rows in members.items()}


def confusions(
    references: Sequence[str],
    hypotheses: Sequence[str],
    *,
    top: int = 10,
    aligner: Aligner = align,
) -> list[tuple[Aligned, int]]:
    """Return the most frequent errors; arguments as for `count`.

    Returns:
        At most `top` pairs `(step, count)` of substitutions, deletions and insertions,
        most frequent first, then in order of their words.
    """
    check_lengths(references, hypotheses)
    counts = Counter(
        step
        for reference, hypothesis in zip(references, hypotheses, strict=True)
        if reference != hypothesis
        for step in aligner(reference, hypothesis)
        if step.operation != "C"
    )
    return sorted(counts.items(), key=lambda item: (-item[1], item[0][1:]))[:top]


def out_of_vocabulary(references: Sequence[str], vocabulary: Container[str]) -> float:
    """Return the share of reference words that are out of vocabulary, 0 to 1."""
    counts = Counter(word for text in references for word in text.split())
    unknown = sum(n for word, n in counts.items() if word not in vocabulary)
    return unknown / max(sum(counts.values()), 1)


class Pairs(NamedTuple):
    """References and hypotheses in the same order.

    Attributes:
        references: Reference texts, in the order of the reference file.
        hypotheses: Recognised texts, in the same order; `""` for a missing one.
        missing: Utterances without a hypothesis.
        extra: Utterances without a reference, which are not scored.
    """

    references: list[str]
    hypotheses: list[str]
    missing: list[str]
    extra: list[str]

    def mapped(self, function: Callable[[str], str]) -> Pairs:
        """Return pairs with a function, such as a normaliser, applied to each text."""
        return self._replace(
            references=[function(text) for text in self.references],
            hypotheses=[function(text) for text in self.hypotheses],
        )

    def policy(self) -> str:
        """Describe the treatment of missing, empty and extra hypotheses in one line."""
        empty = sum(not text.strip() for text in self.hypotheses) - len(self.missing)
        return (
            f"missing hypotheses scored as empty: {len(self.missing)}; "
            f"empty ones: {empty}; "
            f"hypotheses without a reference left out: {len(self.extra)}"
        )


def pair(
    references: Mapping[str, str],
    hypotheses: Mapping[str, str],
    *,
    allow_extra: bool = False,
) -> Pairs:
    """Pair references and hypotheses by utterance.

    A missing hypothesis counts as empty, so that leaving out hard utterances does not
    lower the error rate.

    Args:
        references: Utterance -> reference text.
        hypotheses: Utterance -> recognised text.
        allow_extra: Leave out hypotheses without a reference instead of failing.

    Raises:
        DataError: A hypothesis has no reference and `allow_extra` is not set, or
            references and hypotheses share no utterance.
    """
    missing = [utterance for utterance in references if utterance not in hypotheses]
    extra = [utterance for utterance in hypotheses if utterance not in references]
    if hypotheses and len(missing) == len(references):
        raise DataError(
            f"references and hypotheses share no utterance (such as "
            f"{_names(missing)} and {_names(extra)}); check files and forms"
        )
    if extra and not allow_extra:
        raise DataError(
            f"{len(extra)} hypotheses without a reference, such as {_names(extra)}; "
            "add the references or allow extra hypotheses"
        )
    recognised = [hypotheses.get(utterance, "") for utterance in references]
    return Pairs(list(references.values()), recognised, missing, extra)


def _names(utterances: Sequence[str]) -> str:
    return ", ".join(repr(name[:_QUOTED]) for name in utterances[:3]) or "none"
