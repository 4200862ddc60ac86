"""Download of a corpus: what a failure leaves."""

from __future__ import annotations

import pytest

from asr.corpora import obtain as module
from asr.corpora.obtain import obtain, sources
from asr.errors import DataError


@pytest.mark.parametrize("before", [False, True])
def test_a_failed_download_leaves_no_empty_folder(tmp_path, monkeypatch, before):
    root = tmp_path / "an4"

    def fail(archives, folder, **_):
        folder.mkdir(parents=True)
        raise DataError("no network")

    monkeypatch.setattr(module, "fetch_all", fail)
    if before:
        root.mkdir()
        (root / "notes.txt").touch()
    with pytest.raises(DataError, match="no network"):
        obtain([sources("an4")["-"]], root)
    left = [path.name for path in tmp_path.rglob("*")]
    assert left == (["an4", "notes.txt"] if before else [])
