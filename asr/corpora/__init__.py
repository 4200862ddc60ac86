"""Readers of speech corpora, in the table `CORPORA`."""

from __future__ import annotations

from pathlib import Path

from asr.corpora.an4 import AN4
from asr.corpora.audiobooks import LIBRISPEECH, LIBRITTS, LJSPEECH
from asr.corpora.base import Corpus
from asr.corpora.common_voice import COMMON_VOICE
from asr.corpora.generic import AUDIO_FOLDER, JSONL
from asr.corpora.kaldi import KALDI, SPEECHOCEAN762
from asr.corpora.lhotse import LHOTSE
from asr.corpora.single_words import FREE_SPOKEN_DIGIT, SPEECH_COMMANDS
from asr.corpora.speeches import TEDLIUM, VOXPOPULI
from asr.corpora.tfds import PREFIX, tfds_corpus
from asr.corpora.vctk import VCTK
from asr.errors import DataError, UsageError, cannot_read, did_you_mean
from asr.files import is_there

__all__ = ["CORPORA", "Corpus", "corpus", "detect", "only_subset"]

CORPORA: dict[str, Corpus] = {
    corpus.name: corpus
    for corpus in (
        AN4,
        LIBRISPEECH,
        LIBRITTS,
        KALDI,
        SPEECHOCEAN762,
        LJSPEECH,
        COMMON_VOICE,
        FREE_SPOKEN_DIGIT,
        SPEECH_COMMANDS,
        VCTK,
        TEDLIUM,
        VOXPOPULI,
        AUDIO_FOLDER,
        LHOTSE,
        JSONL,
    )
}


def corpus(name: str) -> Corpus:
    """Look the reader of a corpus up.

    Args:
        name: A key of `CORPORA`, or `tfds:NAME`; see `asr.corpora.tfds`.

    Raises:
        UsageError: The name is unknown; the message suggests the nearest one.
    """
    if name in CORPORA:
        return CORPORA[name]
    if name.startswith(PREFIX):
        return tfds_corpus(name)
    raise UsageError(f"no corpus {name!r}{did_you_mean(name, list(CORPORA))}")


def detect(root: Path) -> str:
    """Return the key in `CORPORA` of the corpus in a folder, or of a manifest.

    Raises:
        DataError: The folder is missing, or holds no known corpus.
    """
    if not is_there(root):
        raise DataError(cannot_read(root, "no such file or folder"))
    for name, reader in CORPORA.items():
        if reader.subsets(root):
            return name
    raise DataError(f"{root}: no corpus of a known kind; known: {', '.join(CORPORA)}")


def only_subset(name: str, root: Path) -> str:
    """Return the only subset in the folder of a corpus; "" if there is none.

    Raises:
        UsageError: There are several.
    """
    subsets = corpus(name).subsets(root)
    if len(subsets) > 1:
        names = ", ".join(subsets)
        raise UsageError(f"{root}: name the part, --subset one of {names}")
    return "".join(subsets)  # the reader reports a folder without subsets
