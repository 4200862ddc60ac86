"""Compare texts: word and character error rates, alignments, frequent errors.

Alignments are jiwer's. Words are what white space separates; the character error rate
counts the single spaces between words too. Texts are compared as they are: normalise
them first, and name the normaliser beside the figure.

An empty reference is scored as pure insertions and never shifts its neighbours. Where
the references have no words at all, rates are errors over 1: 0.0 if nothing was
recognised either, else the number of insertions.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any, Literal, NamedTuple, TypeVar

import jiwer

from asr.errors import UsageError
from asr.text_scores import Bleu, Rouge, bleu, rouge

Group = TypeVar("Group", bound=Hashable)
Operation = Literal["C", "S", "D", "I"]
"""Correct, substituted, deleted (only in the reference) or inserted word."""


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


class Aligned(NamedTuple):
    """One step of an alignment; the side that has no word there holds `""`."""

    operation: Operation
    reference: str
    hypothesis: str


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
    references, hypotheses = _tidied(references, hypotheses)
    words = _count(references, hypotheses, jiwer.process_words, str.split)
    characters = _count(references, hypotheses, jiwer.process_characters, list)
    return Score(
        **words,
        utterances=len(references),
        sentence_errors=sum(map(str.__ne__, references, hypotheses)),
        characters=sum(map(len, references)),
        character_errors=sum(characters.values()) - characters["hits"],
    )


def score_by(
    references: Sequence[str], hypotheses: Sequence[str], groups: Sequence[Group]
) -> dict[Group, Score]:
    """Score each group of utterances by itself, for a table by speaker or corpus.

    Args:
        references: What was said, one text for each utterance.
        hypotheses: What was recognised, in the same order.
        groups: What each utterance belongs to, in the same order.

    Returns:
        Group -> score, in the order in which the groups first occur.

    Raises:
        UsageError: The three have different lengths.
    """
    if not len(references) == len(hypotheses) == len(groups):
        raise UsageError(
            f"{len(references)} references, {len(hypotheses)} hypotheses and "
            f"{len(groups)} groups; give one of each for every utterance"
        )
    members: defaultdict[Group, list[int]] = defaultdict(list)
    for position, group in enumerate(groups):
        members[group].append(position)
    return {
        group: score([references[i] for i in rows], [hypotheses[i] for i in rows])
        for group, rows in members.items()
    }


def align(reference: str, hypothesis: str) -> list[Aligned]:
    """Align two texts word by word with the fewest errors.

    Args:
        reference: What was said.
        hypothesis: What was recognised.

    Returns:
        Steps `(operation, reference word, hypothesis word)` in order; operation is `C`
        (correct), `S` (substituted), `D` (deleted) or `I` (inserted), and the missing
        word of a deletion or insertion is `""`.
    """
    said, recognised = reference.split(), hypothesis.split()
    if not said:
        return [Aligned("I", "", word) for word in recognised]
    output = jiwer.process_words(" ".join(said), " ".join(recognised))
    return [step for chunk in output.alignments[0] for step in _steps(chunk, output)]


def alignment_text(reference: str, hypothesis: str) -> str:
    """Show two texts word under word.

    Args:
        reference: What was said.
        hypothesis: What was recognised.

    Returns:
        Three lines: `REF:` and `HYP:` with stars where a word is missing, and `OPS:`
        with S, D or I below each error.
    """
    lines = [["REF:"], ["HYP:"], ["OPS:"]]
    for operation, said, recognised in align(reference, hypothesis):
        width = max(_width(said), _width(recognised))
        mark = "" if operation == "C" else operation
        for line, word in zip(lines, (said, recognised, mark), strict=True):
            gap = word if word or line is lines[2] else "*" * width
            line.append(gap + " " * (width - _width(gap)))
    return "\n".join(" ".join(line).rstrip() for line in lines)


def confusions(
    references: Sequence[str], hypotheses: Sequence[str], *, top: int = 10
) -> list[tuple[Aligned, int]]:
    """Find the errors made most often.

    Args:
        references: What was said, one text for each utterance.
        hypotheses: What was recognised, in the same order.
        top: How many to return at most.

    Returns:
        `(step, count)` of substitutions, deletions and insertions together, most
        frequent first and then by their words.

    Raises:
        UsageError: The two have different lengths.
    """
    references, hypotheses = _tidied(references, hypotheses)
    counts = Counter(
        step
        for reference, hypothesis in zip(references, hypotheses, strict=True)
        for step in align(reference, hypothesis)
        if step.operation != "C"
    )
    return sorted(counts.items(), key=lambda item: (-item[1], item[0][1:]))[:top]


def _rate(name: str) -> Callable[[Sequence[str], Sequence[str]], float]:
    return lambda references, hypotheses: getattr(score(references, hypotheses), name)


METRICS: dict[str, Callable[[Sequence[str], Sequence[str]], float]] = {
    name: _rate(name) for name in ("wer", "cer", "mer", "wil", "sentence_error_rate")
}
"""Name -> function from references and hypotheses to a figure over all of them."""


def _tidied(
    references: Sequence[str], hypotheses: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Put single spaces between words: layout is no error, in words or characters."""
    if len(references) != len(hypotheses):
        raise UsageError(
            f"{len(references)} references but {len(hypotheses)} hypotheses; "
            "give one hypothesis for each reference"
        )
    tidy = [[" ".join(t.split()) for t in texts] for texts in (references, hypotheses)]
    return tidy[0], tidy[1]


def _count(
    references: list[str],
    hypotheses: list[str],
    process: Callable[[list[str], list[str]], Any],
    units: Callable[[str], list[str]],
) -> dict[str, int]:
    """Count hits and errors with jiwer, which may refuse empty references."""
    pairs = list(zip(references, hypotheses, strict=True))
    spoken = [pair for pair in pairs if pair[0]]
    invented = sum(len(units(hypothesis)) for said, hypothesis in pairs if not said)
    names = ("hits", "substitutions", "deletions", "insertions")
    counts = dict.fromkeys(names, 0)
    if spoken:
        output = process(*map(list, zip(*spoken, strict=True)))
        counts = {name: getattr(output, name) for name in names}
    counts["insertions"] += invented
    return counts


_OPERATIONS: dict[str, Operation] = {
    "equal": "C",
    "substitute": "S",
    "delete": "D",
    "insert": "I",
}


def _steps(chunk: jiwer.AlignmentChunk, output: jiwer.WordOutput) -> Iterator[Aligned]:
    """Give the words of one run of equal operations."""
    said = output.references[0][chunk.ref_start_idx : chunk.ref_end_idx]
    recognised = output.hypotheses[0][chunk.hyp_start_idx : chunk.hyp_end_idx]
    for pair in zip_longest(said, recognised, fillvalue=""):
        yield Aligned(_OPERATIONS[chunk.type], *pair)


def _width(text: str) -> int:
    """Terminal columns: wide characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


SCORERS: dict[str, Callable[[Sequence[str], Sequence[str]], Score | Bleu | Rouge]] = {
    "wer": score,
    "bleu": bleu,
    "rouge": rouge,
}
"""Name -> function of references and hypotheses; results have to_json and summary."""
