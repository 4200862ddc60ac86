r"""Count pauses behind words by the marks there, for `asr/inference/pauses.py`.

    python recipes/restore_pauses.py "$ASR_DATA"/speech/common-voice-more/train.jsonl \
        --books "$ASR_DATA"/text/books --bare runs/base/train.jsonl \
        --unmarked speechocean.jsonl

`english` aligns the words of manifests with written texts. Where transcripts have no
marks, as those of LibriSpeech, their books do. Sentences of learners, without marks
inside, show how people pause who search for words. The table in `pauses.py` is from
Common Voice, both readers of LJ Speech, speechocean762, and train-clean-5 without
reader 19, who is one of those in `benchmarks/pauses.py`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

import asr
from asr.inference.pauses import EDGES, GROUP_OF, GROUPS
from asr.text.written import heard

WORD = re.compile(r"[A-Za-z0-9']+")
KEY = 6  # words by which a transcript is looked up
SMOOTHING = 0.5  # observations of each class
Written = list[tuple[str, str]]  # words with the mark behind each


def in_books(manifests: tuple[Path, ...], books: Path) -> Iterator[tuple[str, Written]]:
    """Yield recordings whose transcripts stand in books, with what stands there."""
    clips: dict[str, list[tuple[str, list[str]]]] = {}
    for utterance in itertools.chain(*map(asr.read_manifest, manifests)):
        words = utterance.text.lower().split()
        if len(words) >= KEY:
            key = " ".join(words[:KEY])
            clips.setdefault(key, []).append((str(utterance.audio), words))
    for book in sorted(books.glob("*.txt")):
        text = book.read_text(encoding="utf-8", errors="ignore").replace("\u2019", "'")
        places = [match.span() for match in WORD.finditer(text)]
        words = [text[first:last].strip("'").lower() for first, last in places]
        for start in range(len(words) - KEY):
            key = " ".join(words[start : start + KEY])
            for audio, wanted in clips.get(key, ()):
                end = start + len(wanted)
                found = words[start:end] == [it.strip("'") for it in wanted]
                if found and end < len(places):
                    yield audio, heard(text[places[start][0] : places[end][0]])


def pauses(audio: str, written: Written, aligner: asr.Recognizer) -> Iterator[float]:
    """Yield the pause behind each word but the last, in seconds."""
    words = " ".join(word for word, _ in written)
    try:
        times = aligner.align(audio, words).segments[0].words or ()
    except asr.AsrError as error:
        click.echo(f"{audio}: {error}", err=True)
        return
    if len(times) == len(written):
        for word, following in itertools.pairwise(times):
            yield following.start - word.end


@click.command(help=__doc__)
@click.argument("manifests", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--books",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of books, with the marks of --bare transcripts.",
)
@click.option(
    "--bare",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Manifest of transcripts without marks, read from --books.",
)
@click.option(
    "--unmarked",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Manifest of short sentences that have no marks inside.",
)
def main(
    manifests: tuple[Path, ...],
    books: Path | None,
    bare: tuple[Path, ...],
    unmarked: tuple[Path, ...],
) -> None:
    """Print the shares of all classes of pauses."""
    recordings = [
        (str(it.audio), heard(it.text))
        for it in itertools.chain(*map(asr.read_manifest, (*manifests, *unmarked)))
    ]
    if books:
        recordings += in_books(bare, books)
    aligner = asr.load("english")
    counts = np.full((len(EDGES) + 1, len(GROUPS)), SMOOTHING)
    for audio, written in recordings:
        for (_, mark), pause in zip(
            written, pauses(audio, written, aligner), strict=False
        ):
            counts[np.searchsorted(EDGES, pause, side="right"), GROUP_OF[mark]] += 1
    click.echo(f"{counts.sum(axis=0)} words with the marks {GROUPS}")
    click.echo(np.array2string(100 * counts / counts.sum(axis=0), precision=1))


if __name__ == "__main__":
    main()
