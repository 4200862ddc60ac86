"""Mozilla Common Voice: sentences read by volunteers, one folder a language.

https://commonvoice.mozilla.org/; CC0.

The root is a language's folder (`validated.tsv`, `clips/`, ...) or one above it. The
subsets are the splits that are there and, cut from `validated` by a hash of the
speaker, `train-own` and `test-own` (about a fifth of the speakers).
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from asr.corpora.base import Clips, Corpus, check_subset, read_rows
from asr.data.manifest import Utterance
from asr.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SPLITS = ("validated", "train", "dev", "test")
_OWN = ("train-own", "test-own")


def _language(root: Path) -> Path:
    """Find the folder of the one language."""
    if not root.is_dir() or _splits(root):
        return root
    found = [path for path in sorted(root.iterdir()) if _splits(path)]
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise DataError(f"{root}: holds several languages ({names}); name one of them")
    return found[0] if found else root


def _splits(folder: Path) -> list[str]:
    if not (folder / "clips").is_dir():
        return []
    return [split for split in _SPLITS if (folder / f"{split}.tsv").is_file()]


def _subsets(root: Path) -> list[str]:
    splits = _splits(_language(root))
    return [*splits, *(_OWN if "validated" in splits else ())]


def _read(root: Path, subset: str) -> Iterator[Utterance]:
    check_subset("common_voice", root, subset, _subsets(root))
    folder = _language(root)
    split = "validated" if subset in _OWN else subset
    columns = ("client_id", "path", "sentence")
    clips = Clips()
    for _, row in read_rows(
        folder / f"{split}.tsv", columns=columns, delimiter="\t", quoted=False
    ):
        speaker, path = row["client_id"], row["path"]
        if subset in _OWN and _held_out(speaker) != (subset == "test-own"):
            continue
        yield Utterance(
            clips.find(folder / "clips" / path),
            _unquoted(row["sentence"]),
            speaker=speaker,
            lang=row.get("locale") or folder.resolve().name,
            id=path.rpartition(".")[0] or path,
        )


def _held_out(speaker: str) -> bool:
    """Tell by the speaker alone, so that a later release splits in the same way."""
    return zlib.crc32(speaker.encode()) % 5 == 0


def _unquoted(sentence: str) -> str:
    """Undo CSV quoting, which some releases have and others do not.

    Only a sentence with quotation marks in it was ever quoted, and these were doubled.
    """
    inner = sentence[1:-1]
    quoted = len(sentence) > 1 and sentence[0] == sentence[-1] == '"'
    if quoted and '""' in inner and '"' not in inner.replace('""', ""):
        return inner.replace('""', '"')
    return sentence


COMMON_VOICE = Corpus("common_voice", _subsets, _read, "common-voice/en")
