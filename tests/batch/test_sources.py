"""Rows of manifests, folders and corpora, at paths and addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.audio.shard_clip import ShardClip
from asr.batch.sources import corpus_rows, manifest, measure, recordings, usable
from asr.batch.units import length
from asr.data.manifest import Utterance
from asr.data.text_files import DamagedRow
from asr.errors import DataError, UsageError, address_in

SHARD = '"shard": {"position": 4, "size": 5, "crc32": 6}'
LINES = f"""\
{{"audio_filepath": "a.wav", "duration": 2.5}}
nonsense
{{"audio_filepath": "set.tfrecord", {SHARD}, "duration": 1.5}}
"""


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text(LINES)
    return file


def test_a_manifest_is_read_again_each_time(path):
    rows = recordings(str(path))
    first, damaged, second = rows()
    assert first == Utterance(path.parent / "a.wav", None, duration=2.5)
    assert isinstance(damaged, DamagedRow)
    assert second.audio == ShardClip(str(path.parent / "set.tfrecord"), 4, 5, 6)
    assert len(list(rows())) == 3
    found = []
    assert list(usable(rows(), found.append)) == [first, second]
    assert found == [damaged]
    assert measure(rows(), length) == 4.0


def test_paths_of_a_manifest_at_an_address_are_below_it(path):
    address = f"file://{path.parent}"
    first, _, second = manifest(f"{address}/rows.jsonl")()
    assert address_in(first.audio) == f"{address}/a.wav"
    assert second.audio == ShardClip(f"{address}/set.tfrecord", 4, 5, 6)


def test_recordings_of_a_folder(tmp_path, samples):
    names = ["b.opus", "sub/a.opus", "sub/.hidden.opus", "c.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((samples / "hold.opus").read_bytes())
    here = list(recordings(str(tmp_path))())
    assert [row.audio for row in here] == [tmp_path / name for name in names[:2]]
    there = recordings(f"file://{tmp_path}")()
    expected = [f"file://{tmp_path}/{name}" for name in names[:2]]
    assert [address_in(row.audio) for row in there] == expected


def test_a_corpus_needs_a_subset_if_there_are_several(tmp_path):
    for name in ("dev", "test"):
        (tmp_path / f"{name}.jsonl").write_text('{"audio_filepath": "a.wav"}\n')
    with pytest.raises(UsageError, match="--subset one of dev, test"):
        corpus_rows(str(tmp_path), None, None)
    (row,) = corpus_rows(str(tmp_path), None, "dev")()
    assert row.audio == tmp_path / "a.wav"


def test_a_corpus_without_rows_is_an_error():
    with pytest.raises(DataError, match="no recordings here"):
        measure([], length)
    with pytest.raises(DataError, match="line 1: not JSON"):
        measure([DamagedRow("line 1", "not JSON")], length)
    assert measure([Utterance(Path("a"), None, duration=3.0)], length) == 3.0
