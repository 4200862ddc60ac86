"""Recordings at addresses, copied to the machine that works on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from asr.audio.shard_clip import ShardClip
from asr.batch.storage import copy_from
from asr.data.manifest import Utterance
from asr.errors import DataError, address_in


class LocalCopies:
    """Rows whose recordings are files of this machine.

    Args:
        rows: Rows with recordings on disk, in shards or at addresses.
        folder: Folder for copies of recordings at addresses.

    Attributes:
        given: All rows, as they were given.
        rows: The rows that could be read, with copies in the place of addresses.
        numbers: The place of each of them in the given rows.
        failed: Place and reason of the other rows.
    """

    def __init__(self, rows: Sequence[Utterance], folder: Path) -> None:
        self.given, self.rows = rows, list[Utterance]()
        self.numbers: list[int] = []
        self.failed: list[tuple[int, str]] = []
        self._addresses: dict[Path, str] = {}
        copies: dict[str, Path] = {}  # segments often share a recording
        for number, row in enumerate(rows):
            try:
                local = self._local(row, folder, copies)
            except DataError as error:
                self.failed.append((number, str(error)))
                continue
            self.rows.append(local)
            self.numbers.append(number)

    def _local(
        self, row: Utterance, folder: Path, copies: dict[str, Path]
    ) -> Utterance:
        audio = row.audio
        if isinstance(audio, ShardClip) or not (address := address_in(audio)):
            return row
        if address not in copies:
            path = folder / f"{len(copies)}{audio.suffix}"
            copy_from(address, path)
            copies[address], self._addresses[path] = path, address
        return replace(row, audio=copies[address])

    def original(self, row: Utterance) -> Utterance:
        """Return a row with the address of its recording in the place of the copy."""
        if isinstance(row.audio, ShardClip) or row.audio not in self._addresses:
            return row
        return replace(row, audio=Path(self._addresses[row.audio]))

    def message(self, text: str) -> str:
        """Return a message with addresses in the place of copies."""
        for path, address in self._addresses.items():
            text = text.replace(str(path), address)
        return text
