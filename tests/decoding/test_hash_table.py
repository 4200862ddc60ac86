"""The hash table against a dict."""

from __future__ import annotations

import numpy as np

from asr.decoding.hash_table import HashTable


def test_numbers_are_those_of_a_dict():
    random = np.random.default_rng(3)
    table, expected = HashTable(), {}
    # Few different keys, then many: the table grows and keys meet in one slot.
    for high in (50, 10**4, 2**62):
        for size in (0, 1, 300, 5000):
            keys = random.integers(0, high, size)
            before = set(expected)
            numbers, new = table.numbers(keys)
            want = [expected.setdefault(int(key), len(expected)) for key in keys]
            assert numbers.tolist() == want
            first = {
                int(key): int(place) for place, key in reversed([*enumerate(keys)])
            }
            assert new.tolist() == sorted(
                place for key, place in first.items() if key not in before
            )
            assert table.count == len(expected)
