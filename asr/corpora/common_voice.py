"""Mozilla Common Voice: read sentences of volunteers, one folder a language.

Shape: `LANGUAGE/SPLIT.tsv` and `LANGUAGE/clips/`; the root is a language's folder or
its parent. Subsets are the splits. `validated` is also split by a hash of the speaker:
about a fifth of the speakers are in `test-own`, the others are in `train-own`.
Licence: CC0. Source: https://commonvoice.mozilla.org/
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from asr.corpora.base import Clips, Row, corpus_of, read_rows
from asr.data.manifest import Utterance
from asr.data.text_files import DamagedRow
from asr.errors import DataError
from asr.files import is_folder

_SPLITS = ("validated", "train", "dev", "test")


def _language(root: Path) -> Path:
    """Find the folder of the only language."""
    if not is_folder(root) or _splits(root):
        return root
    languages = [path for path in sorted(root.iterdir()) if _splits(path)]
    if len(languages) > 1:
        names = ", ".join(path.name for path in languages)
        raise DataError(f"{root}: holds several languages ({names}); name one of them")
    return languages[0] if languages else root


def _splits(folder: Path) -> dict[str, Path]:
    if not is_folder(folder):
        return {}
    tables = {split: folder / f"{split}.tsv" for split in _SPLITS}
    has_clips = (folder / "clips").is_dir()
    return {k: path for k, path in tables.items() if has_clips and path.is_file()}


def _parts(root: Path) -> dict[str, tuple[Path, bool | None]]:
    parts: dict[str, tuple[Path, bool | None]] = {}
    for name, table in _splits(_language(root)).items():
        parts[name] = table, None
    if "validated" in parts:
        table, _ = parts["validated"]
        parts |= {"train-own": (table, False), "test-own": (table, True)}
    return parts


def _read(part: tuple[Path, bool | None]) -> Iterator[Row]:
    table, test = part
    clips = Clips()
    for entry in read_rows(table, ("client_id", "path", "sentence")):
        if isinstance(entry, DamagedRow):
            yield entry
            continue
        _, row = entry
        speaker, path = row["client_id"], row["path"]
        # By the speaker alone, so that later releases are split in the same way.
        if test is not None and (zlib.crc32(speaker.encode()) % 5 == 0) != test:
            continue
        yield Utterance(
            clips.find(table.parent / "clips" / path),
            _unquoted(row["sentence"]),
            speaker=speaker,
            lang=row.get("locale") or table.parent.resolve().name,
            id=path.rpartition(".")[0] or path,
        )


def _unquoted(sentence: str) -> str:
    """Undo CSV quoting, which only some releases have.

    Such releases quote sentences with quotation marks only, and double these marks.
    """
    inner = sentence[1:-1]
    quoted = len(sentence) > 1 and sentence[0] == sentence[-1] == '"'
    if quoted and '""' in inner and '"' not in inner.replace('""', ""):
        return inner.replace('""', '"')
    return sentence


COMMON_VOICE = corpus_of("common_voice", _parts, _read, "common-voice/en")
