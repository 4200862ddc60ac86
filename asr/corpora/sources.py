"""Texts of the data sources of a recipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from asr.config.schema import LINES, PARAGRAPHS, SourceConfig
from asr.corpora import corpus
from asr.corpora.text import TEXT_CORPORA, text_corpus
from asr.data.text_files import text_lines
from asr.files import data_directory
from asr.text.sentences import sentences


def read_texts(sources: Sequence[SourceConfig]) -> Iterator[str]:
    """Yield the texts of sources: lines, targets of pairs, or transcripts.

    Args:
        sources: Data sources; the corpus `lines` is a text file, and `paragraphs` a
            file or a folder of files `*.txt` whose paragraphs are divided into
            sentences.

    Raises:
        DataError: A source cannot be read.
    """
    for source in sources:
        for _ in range(source.repeat):
            texts = _read(data_directory() / source.path, source)
            yield from islice(texts, source.limit or None)


def _read(path: Path, source: SourceConfig) -> Iterator[str]:
    if source.corpus == LINES:
        yield from (line for _, line in text_lines(path))
    elif source.corpus == PARAGRAPHS:
        yield from _sentences(path)
    elif source.corpus in TEXT_CORPORA:
        for pair in text_corpus(source.corpus)(path, source.subset):
            yield pair.text
    else:
        for utterance in corpus(source.corpus).read(path, source.subset):
            if utterance.text:
                yield utterance.text


def _sentences(path: Path) -> Iterator[str]:
    """Read the sentences of a file of paragraphs, or of all `*.txt` of a folder."""
    for file in sorted(path.glob("*.txt")) if path.is_dir() else [path]:
        for _, line in text_lines(file):
            yield from sentences(line)
