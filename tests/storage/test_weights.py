"""Archives of arrays, memory-mapped where they are not compressed."""

from __future__ import annotations

import numpy as np
import pytest

from asr.errors import ModelError
from asr.storage.weights import MappedArrays, write_arrays

ARRAYS = {
    "codes": np.arange(7, dtype=np.uint8),
    "packed": np.arange(12.0).reshape(3, 4),
    "large": np.arange(1000, dtype=np.uint32),
    "number": np.array(3),
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "arrays.npz"
    with path.open("wb") as file:
        write_arrays(file, ARRAYS, lambda name: name == "packed")
    return path


def test_arrays_are_those_of_numpy(path):
    found = MappedArrays(path)
    with np.load(path) as loaded:
        assert sorted(found) == sorted(loaded.files) == sorted(ARRAYS)
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(found[name], array)
            np.testing.assert_array_equal(loaded[name], array)
            assert found[name].flags.aligned
    assert not found["large"].flags.writeable  # it is the file
    assert len(found) == 4


def test_the_same_arrays_give_the_same_bytes(path, tmp_path):
    with (tmp_path / "again.npz").open("wb") as file:
        write_arrays(file, ARRAYS, lambda name: name == "packed")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:300],
        lambda data: data.replace(b"NUMPY", b"NIMPY"),
        lambda data: data.replace(b"'shape': (1000,)", b"'shape': (9999,)"),
        lambda data: data.replace(b"'descr': '<u4'", b"'descr': '|O' "),
        lambda _: b"",
    ],
)
def test_damaged_files(path, damage):
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelError, match="not a readable weights file"):
        MappedArrays(path)["large"]
