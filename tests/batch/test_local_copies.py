"""Recordings at addresses are copied, and keep their names in results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from asr.audio.shard_clip import ShardClip
from asr.batch.local_copies import LocalCopies
from asr.data.manifest import Utterance
from asr.errors import address_in


def test_recordings_at_addresses_become_files(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.wav").write_bytes(b"sound")
    (tmp_path / "here").mkdir()
    address = f"file://{tmp_path}/there/a.wav"
    rows = [
        Utterance(Path(f"file://{tmp_path}/there/none.wav"), None),
        Utterance(Path(address), None, offset=1.0),
        Utterance(Path(address), None, offset=2.0),
        Utterance(Path("local.wav"), None),
        Utterance(ShardClip("shard", 0, 1, 2), None),
    ]
    copies = LocalCopies(rows, tmp_path / "here")
    assert copies.numbers == [1, 2, 3, 4]
    ((number, reason),) = copies.failed
    assert number == 0
    assert reason.startswith(f"cannot read file://{tmp_path}/there/none.wav: ")
    first, second, *others = copies.rows
    assert first.audio.read_bytes() == b"sound"
    assert second.audio == first.audio  # one copy for both
    assert second.offset == 2.0
    assert others == rows[3:]
    assert address_in(copies.original(first).audio) == address
    changed = replace(second, duration=3.0)
    assert copies.original(changed).duration == 3.0
    assert [copies.original(row) for row in others] == others
    assert copies.message(f"{first.audio}: no sound") == f"{address}: no sound"
