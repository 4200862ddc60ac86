"""Running text without hints of its sentences, for the task `restoration`.

Paragraphs, or turns of speakers, are joined and cut to windows of 4 to 200 words. Half
of the windows end with a sentence.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import chain, count, islice
from pathlib import Path

from asr.data.pairs import Pair
from asr.data.text_files import DamagedRow, is_utf8, lenient_lines
from asr.errors import DataError
from asr.text.written import SENTENCE_ENDS, heard, is_running_text

Row = Pair | DamagedRow
Words = list[tuple[str, str]]

_BLOCK = 200  # lines
_LONGEST = 200  # words of a window
_SHORT = 0.2  # share of windows of up to half that length
_SHORTEST = 4  # words
_REACH = 30  # words in which the end of a sentence is sought


def running_text(root: Path, subset: str, *, shuffled: bool = False) -> Iterator[Row]:
    """Read windows of a text file, or of the files `*.txt` and `*.txt.gz` of a folder.

    Args:
        root: Files with a paragraph or a turn a line. Of a `.tsv` file, the first
            column is read. Lines that are no sentences, such as headings, are left out.
        subset: `all`, or `K/N`: of the blocks of 200 lines, every N-th from number K.
        shuffled: Whether to shuffle the lines first, which must fit into memory: sorted
            sentences tell where they begin.

    Yields:
        Pairs of the words as they are heard and as they are written.

    Raises:
        DataError: A file cannot be read, or `subset` is something else.
    """
    first, step = _share(root, subset)
    random_ = random.Random(f"{root.name} {subset}")
    files = [root]
    if root.is_dir():
        files = sorted([*root.glob("*.txt"), *root.glob("*.txt.gz")])
    lines: Iterable[str] = chain.from_iterable(map(_lines, files))
    if shuffled:
        lines = list(lines)
        random_.shuffle(lines)
    lines, at = iter(lines), 0
    for number in count():
        block = list(islice(lines, _BLOCK))
        if not block:
            break
        if number % step == first:
            texts = filter(is_running_text, block)
            words = [word for text in texts for word in heard(text)]
            for heard_, written in _windows(words, random_):
                at += 1
                yield Pair(heard_, written, f"{root.name}-{at}")


def _lines(path: Path) -> Iterator[str]:
    """Read the lines of a file, or the first column of a table."""
    for _, line in lenient_lines(path):
        if is_utf8(line):
            yield line.partition("\t")[0] if ".tsv" in path.name else line


def _share(root: Path, subset: str) -> tuple[int, int]:
    """Return K and N of a subset."""
    if subset == "all":
        return 0, 1
    first, _, step = subset.partition("/")
    if first.isdecimal() and step.isdecimal() and int(first) < int(step):
        return int(first), int(step)
    raise DataError(f"{root}: subset {subset!r} must be all, or K/N such as 0/10")


def _windows(words: Words, random_: random.Random) -> Iterator[tuple[str, str]]:
    """Cut words to windows, heard and written."""
    at = 0
    while len(words) - at >= _SHORTEST:
        short = random_.random() < _SHORT
        low, high = (_SHORTEST, _LONGEST // 2) if short else (_LONGEST // 2, _LONGEST)
        end = min(len(words), at + random_.randint(low, high))
        if random_.random() < 0.5:
            near = range(end, max(at + _SHORTEST, end - _REACH), -1)
            end = next((i for i in near if words[i - 1][1] in SENTENCE_ENDS), end)
        window, at = words[at:end], end
        yield (
            " ".join(word.lower() for word, _ in window),
            " ".join(word + mark for word, mark in window),
        )
