"""Units: every row once, of similar length, named by content, in bounded memory."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

from asr.audio.shard_clip import ShardClip
from asr.batch.units import LARGEST, Unit, length, unit_seconds, units
from asr.data.manifest import Utterance


def rows(count: int, seed: int = 1) -> list[Utterance]:
    draw = random.Random(seed)
    return [
        Utterance(Path(f"{number}.wav"), None, duration=draw.uniform(0.3, 30))
        for number in range(count)
    ]


def test_each_row_is_in_one_unit_with_its_position():
    given = rows(500)
    found = [
        (position, row)
        for unit in units(given, 60.0)
        for position, row in zip(unit.positions, unit.rows, strict=True)
    ]
    assert sorted(found, key=lambda pair: pair[0]) == list(enumerate(given))


def test_units_have_similar_lengths_and_their_size():
    given = list(units(rows(5000), 60.0))
    for unit in given:
        assert unit.seconds == sum(row.duration for row in unit.rows)
        assert unit.seconds < 60.0 + 30.0  # one row more than fits
    # Only what is left at the end is mixed.
    mixed = [
        unit
        for unit in given
        if max(x.duration for x in unit.rows) > 1.6 * min(x.duration for x in unit.rows)
        and min(x.duration for x in unit.rows) > 0.6
    ]
    assert len(mixed) < 0.03 * len(given)


def test_few_rows_are_waiting_at_any_time():
    taken, given, most = 0, 0, 0

    def counted():
        nonlocal taken
        for row in rows(20_000):
            taken += 1
            yield row

    for unit in units(counted(), 60.0):
        given += len(unit.rows)
        most = max(most, taken - given)
    # A bucket of a length waits for at most a unit.
    assert most < 600
    assert given == 20_000


def test_many_short_rows_fill_a_unit():
    short = [replace(row, duration=0.01) for row in rows(2500)]
    assert [len(unit.rows) for unit in units(short, 60.0)] == [1000, 1000, 500]


def test_names_are_those_of_the_content():
    names = [unit.name for unit in units(rows(300), 60.0)]
    assert names == [unit.name for unit in units(rows(300), 60.0)]
    assert len(set(names)) == len(names)
    assert all(len(name) == 20 and name.isalnum() for name in names)
    other = [*rows(300)[:-1], Utterance(Path("other.wav"), None, duration=5.0)]
    kept = Counter(names) & Counter(unit.name for unit in units(other, 60.0))
    assert 0.8 * len(names) < kept.total() < len(names)
    # Of the same recording with another text, there is another unit.
    first, second = (Unit((Utterance(Path("a"), t),), (0,), 1.0) for t in ("a", "b"))
    assert first.name != second.name


def test_halves():
    row = rows(3)
    unit = Unit(tuple(row), (7, 8, 9), 10.0)
    first, second = unit.halves()
    assert (first.rows, first.positions) == ((row[0],), (7,))
    assert (second.rows, second.positions) == ((row[1], row[2]), (8, 9))
    assert first.seconds + second.seconds == 10.0


def test_lengths_are_guessed_without_decoding(tmp_path):
    for name in ("a.wav", "a.flac", "a.mp3"):
        (tmp_path / name).write_bytes(bytes(32_000))
    guessed = [length(Utterance(path, None)) for path in sorted(tmp_path.iterdir())]
    assert guessed == [2.0, 8.0, 1.0]
    assert length(Utterance(tmp_path / "a.wav", None, duration=7.0)) == 7.0
    assert length(Utterance(tmp_path / "missing.wav", None)) == 10.0
    assert length(Utterance(Path("gs:/bucket/a.wav"), None)) == 10.0
    assert length(Utterance(ShardClip("s", 0, 32_000, 0), None)) == 2.0


def test_the_size_of_units_is_that_of_the_corpus_up_to_a_limit():
    assert unit_seconds(10.0) == 60.0
    assert unit_seconds(64 * 300.0) == 300.0
    assert unit_seconds(1e9) == LARGEST
