"""Tests of checksums that a thread begins."""

from __future__ import annotations

import hashlib

import pytest

from asr.storage import checksums


def test_a_begun_checksum_is_used_once(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(9_000_000))
    checksums.begin([path])
    first = hashlib.sha256(bytes(9_000_000)).hexdigest()
    assert checksums.checksum(path) == first
    path.write_bytes(b"other")
    assert checksums.checksum(path) == hashlib.sha256(b"other").hexdigest()


def test_a_file_that_is_gone_fails_when_it_is_asked_for(tmp_path):
    checksums.begin([tmp_path / "none"])
    with pytest.raises(FileNotFoundError):
        checksums.checksum(tmp_path / "none")
