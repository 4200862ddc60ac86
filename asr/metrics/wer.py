"""Compare texts: word and character error rates, frequent errors.

Words are what white space separates; the character error rate counts the single spaces
between words too. Texts are compared as they are: normalise them first, and name the
normaliser beside the figure.

An empty reference is scored as pure insertions and never shifts its neighbours. Where
the references have no words at all, rates are errors over 1: 0.0 if nothing was
recognised either, else the number of insertions.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import NamedTuple, TypeVar

import numpy as np
from rapidfuzz.distance import Levenshtein

from asr.errors import DataError, UsageError
from asr.formats.readers import name_some
from asr.metrics.alignment import OPERATIONS, Aligned, Aligner, Symbols, align, tally

Group = TypeVar("Group", bound=Hashable)


@dataclass(frozen=True)
class Score:
    """Counts over a set of utterances, and the rates they give.

    Args:
        hits: Words recognised correctly.
        substitutions: Words recognised as another one.
        deletions: Reference words that were not recognised.
        insertions: Recognised words that the reference lacks.
        utterances: Pairs of texts compared.
        sentence_errors: Utterances with at least one wrong word.
        characters: Characters in the references, spaces between words included.
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
        """Word error rate, a fraction: errors over reference words. May pass 1."""
        return self.errors / max(self.words, 1)

    @property
    def cer(self) -> float:
        """Character error rate, a fraction: errors over reference characters."""
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
        """Share of utterances with at least one wrong word."""
        return self.sentence_errors / max(self.utterances, 1)

    def to_json(self) -> dict[str, float | int]:
        """Return rates (as fractions) and counts, ready for JSON."""
        rates = ("wer", "cer", "mer", "wil", "sentence_error_rate", "words")
        return {**{name: getattr(self, name) for name in rates}, **asdict(self)}

    def summary(self) -> str:
        """Return a few lines for a terminal, rates in per cent."""
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
    """Score recognised texts against what was said.

    Args:
        references: What was said, one text for each utterance.
        hypotheses: What was recognised, in the same order.

    Returns:
        Counts and rates over all utterances together.

    Raises:
        UsageError: The two have different lengths.
    """
    return total(count(references, hypotheses))


def count(
    references: Sequence[str],
    hypotheses: Sequence[str],
    aligner: Aligner | None = None,
) -> np.ndarray:
    """Count each utterance by itself.

    Args:
        references: What was said, one text for each utterance.
        hypotheses: What was recognised, in the same order.
        aligner: From reference and hypothesis to steps, such as
            `asr.metrics.sclite.align`; the fewest errors if not given. Characters are
            then those of the words in steps, correct words being equal whatever their
            letters.

    Returns:
        A row for each utterance, (N, 8) int64, in the order of the fields of `Score`.

    Raises:
        UsageError: The two have different lengths.
    """
    _check(references, hypotheses)
    symbols = Symbols()
    rows = np.zeros((len(references), len(fields(Score))), np.int64)
    for row, reference, hypothesis in zip(rows, references, hypotheses, strict=True):
        words: Sequence[int]
        if aligner:
            steps = aligner(reference, hypothesis)
            operations = [step.operation for step in steps]
            words = [operations.count(operation) for operation in OPERATIONS]
            said = [step.reference for step in steps if step.reference]
            recognised = [
                step.reference if step.operation == "C" else step.hypothesis
                for step in steps
                if step.hypothesis or step.operation == "C"
            ]
        else:
            said, recognised = reference.split(), hypothesis.split()
            words = tally(symbols(said), symbols(recognised))
        # Single spaces between words: layout is no error, in words or characters.
        one, other = " ".join(said), " ".join(recognised)
        wrong = any(words[1:])
        row[:] = (*words, 1, wrong, len(one), Levenshtein.distance(one, other))
    return rows


def total(counts: np.ndarray) -> Score:
    """Add up what `count` returned, or some of its rows."""
    return Score(*counts.sum(axis=0).tolist())


def total_by(counts: np.ndarray, groups: Sequence[Group]) -> dict[Group, Score]:
    """Add up each group of utterances by itself, for a table by speaker or length.

    Args:
        counts: What `count` returned.
        groups: What each utterance belongs to, in the same order.

    Returns:
        Group -> score, in the order in which the groups first occur.

    Raises:
        UsageError: The two have different lengths.
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
    """Find the errors made most often.

    Args:
        references: What was said, one text for each utterance.
        hypotheses: What was recognised, in the same order.
        top: How many to return at most.
        aligner: From reference and hypothesis to steps.

    Returns:
        `(step, count)` of substitutions, deletions and insertions together, most
        frequent first and then by their words.

    Raises:
        UsageError: The two have different lengths.
    """
    _check(references, hypotheses)
    counts = Counter(
        step
        for reference, hypothesis in zip(references, hypotheses, strict=True)
        if reference != hypothesis
        for step in aligner(reference, hypothesis)
        if step.operation != "C"
    )
    return sorted(counts.items(), key=lambda item: (-item[1], item[0][1:]))[:top]


def out_of_vocabulary(references: Sequence[str], vocabulary: Container[str]) -> float:
    """Return the share of reference words that a vocabulary lacks, 0 to 1.

    Args:
        references: What was said, one text for each utterance.
        vocabulary: Words that are known, written as the references write them.
    """
    counts = Counter(word for text in references for word in text.split())
    unknown = sum(n for word, n in counts.items() if word not in vocabulary)
    return unknown / max(sum(counts.values()), 1)


def _check(references: Sequence[str], hypotheses: Sequence[str]) -> None:
    if len(references) != len(hypotheses):
        raise UsageError(
            f"{len(references)} references but {len(hypotheses)} hypotheses; "
            "give one hypothesis for each reference"
        )


class Pairs(NamedTuple):
    """References and hypotheses in step, and what was on one side only.

    Args:
        references: What was said, in the order of the reference file.
        hypotheses: What was recognised, in the same order; `""` for a missing one.
        missing: Utterances without a hypothesis, scored as if nothing was recognised.
        extra: Hypotheses without a reference, left out of the score.
    """

    references: list[str]
    hypotheses: list[str]
    missing: list[str]
    extra: list[str]

    def mapped(self, function: Callable[[str], str]) -> Pairs:
        """Return pairs whose texts went through a function, such as a normaliser."""
        return self._replace(
            references=[function(text) for text in self.references],
            hypotheses=[function(text) for text in self.hypotheses],
        )

    def policy(self) -> str:
        """Say in one line, to stand beside the figure, what was done with them."""
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
    """Bring references and hypotheses together by utterance.

    A missing hypothesis counts as empty, so that a recogniser cannot gain by leaving
    out what is hard. A hypothesis without a reference is an error unless allowed, and
    then left out. `Pairs.policy` says what was done.

    Args:
        references: Utterance -> what was said.
        hypotheses: Utterance -> what was recognised.
        allow_extra: Whether hypotheses without a reference are left out in silence.

    Returns:
        Both sides in step, and the utterances that only one of them has.

    Raises:
        DataError: There are extra hypotheses and they are not allowed, or no utterance
            is on both sides.
    """
    missing = [utterance for utterance in references if utterance not in hypotheses]
    extra = [utterance for utterance in hypotheses if utterance not in references]
    if hypotheses and len(missing) == len(references):
        raise DataError(
            f"references and hypotheses share no utterance (such as "
            f"{name_some(missing)} and {name_some(extra)}); check files and forms"
        )
    if extra and not allow_extra:
        raise DataError(
            f"{len(extra)} hypotheses without a reference, such as {name_some(extra)}; "
            "add the references or allow extra hypotheses"
        )
    recognised = [hypotheses.get(utterance, "") for utterance in references]
    return Pairs(list(references.values()), recognised, missing, extra)
