"""Batches: each example once, bounded padding, the same order for the same seed."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.arrays import round_up_length
from asr.audio.augmentation import WaveformAugmentation
from asr.config.schema import AugmentConfig
from asr.data.batching import (
    Example,
    augmented_lengths,
    batches,
    collate,
    plan_epoch,
)
from asr.data.loader import SourceLoader
from asr.data.manifest import Utterance
from asr.data.workers import ALONE, Workers
from asr.errors import AudioError, DataError

RATE = 1000
START, END = 1, 2
# No test asserts a time.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

SECONDS = st.lists(st.floats(0.1, 30.0), max_size=60)
PLAN = {
    "batch_length": st.floats(0.1, 100.0),
    "seed": st.integers(0, 2**31 - 1),
    "epoch": st.integers(0, 1000),
    "ascending": st.booleans(),
}


@given(seconds=SECONDS, **PLAN)
def test_every_example_is_in_exactly_one_batch(seconds, **options):
    plan = plan_epoch(seconds, **options)
    assert all(len(batch) for batch in plan)
    found = Counter(index for batch in plan for index in batch.tolist())
    assert found == Counter(range(len(seconds)))


@given(seconds=SECONDS, **PLAN)
def test_the_padded_size_is_bounded(seconds, **options):
    for batch in plan_epoch(seconds, **options):
        padded = max(seconds[index] for index in batch) * len(batch)
        assert len(batch) == 1 or padded <= options["batch_length"]


@given(seconds=SECONDS, **PLAN)
def test_seed_and_epoch_decide(seconds, **options):
    first, second = (plan_epoch(seconds, **options) for _ in range(2))
    assert [b.tolist() for b in first] == [b.tolist() for b in second]


def flat(plan):
    return np.concatenate(plan).tolist()


def test_epochs_and_seeds_differ():
    seconds = np.random.default_rng(0).uniform(1, 10, 200)
    orders = [
        flat(plan_epoch(seconds, batch_length=40, seed=s, epoch=e, ascending=False))
        for s, e in ((0, 0), (0, 1), (1, 0))
    ]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    sets = [
        {frozenset(batch.tolist()) for batch in plan}
        for plan in (
            plan_epoch(seconds, batch_length=40, seed=0, epoch=e, ascending=False)
            for e in (0, 1)
        )
    ]
    assert sets[0] != sets[1]  # neighbours change, not only the order of batches


def test_later_epochs_mix_short_and_long():
    seconds = np.random.default_rng(0).uniform(1, 10, 200)
    plan = plan_epoch(seconds, batch_length=40, seed=0, epoch=1, ascending=False)
    longest = [seconds[batch].max() for batch in plan]
    assert abs(np.corrcoef(range(len(plan)), longest)[0, 1]) < 0.5


def test_ascending():
    seconds = np.random.default_rng(0).uniform(1, 10, 50)
    plan = plan_epoch(seconds, batch_length=30, seed=3, epoch=0, ascending=True)
    assert flat(plan) == np.argsort(seconds).tolist()


def test_padding_is_small():
    seconds = np.random.default_rng(0).uniform(1, 10, 500)
    plan = plan_epoch(seconds, batch_length=100, seed=0, epoch=1, ascending=False)
    padded = sum(seconds[batch].max() * len(batch) for batch in plan)
    assert seconds.sum() / padded > 0.85


def example(number, length=50):
    utterance = Utterance(Path(f"{number}.wav"), "text", length / RATE, id=str(number))
    return Example(utterance, (3 + number % 5, END), length / RATE)


def samples_of(utterance):
    """As many samples as the utterance lasts, all of a value that identifies it."""
    count = round(utterance.duration * RATE)
    return np.full(count, (int(utterance.id) + 1) / 1000, "float32")


def with_phones(examples):
    """As many phones as the example has in its number, and one more."""
    return [
        replace(example, phones=(number + 1,) * (number + 1))
        for number, example in enumerate(examples)
    ]


AT_SOME_SPEED = WaveformAugmentation(AugmentConfig(speeds=(0.9, 1.0, 1.1)), RATE)


def make(count=12, **options):
    examples = [example(number, 30 + 5 * number) for number in range(count)]
    plan = plan_epoch(
        [e.length for e in examples],
        batch_length=0.2,
        seed=1,
        epoch=2,
        ascending=False,
    )
    options = {"start_token": START, "seed": 1, "epoch": 2, **options}
    return examples, plan, options


def run(examples, plan, options, read=samples_of, **loader):
    loader = SourceLoader(read, **loader)
    found = batches(examples, plan, loader, **options)
    return [(batch.inputs, batch.targets) for batch in found], loader


def assert_same(found, expected):
    assert len(found) == len(expected)
    for (inputs, targets), (others, other_targets) in zip(found, expected, strict=True):
        for mine, theirs in ((inputs, others), (targets, other_targets)):
            assert mine.keys() == theirs.keys()
            for name, array in mine.items():
                np.testing.assert_array_equal(array, theirs[name])


def test_batches_follow_the_plan():
    examples, plan, options = make()
    found, _ = run(examples, plan, options)
    assert len(found) == len(plan)
    for (inputs, targets), indices in zip(found, plan, strict=True):
        for row, index in enumerate(indices):
            samples = samples_of(examples[index].record)
            assert inputs["source_lengths"][row] == len(samples)
            padded = inputs["source"][row]
            np.testing.assert_allclose(padded[: len(samples)], samples, atol=1e-4)
            assert not padded[len(samples) :].any()
            assert targets["labels"][row].tolist() == list(examples[index].labels)


def test_clips_have_the_speeds_of_their_epoch():
    examples, plan, options = make(distort=AT_SOME_SPEED)
    found, _ = run(examples, plan, options)
    lengths = augmented_lengths(examples, AT_SOME_SPEED, seed=1, epoch=2) * RATE
    plain = augmented_lengths(examples, None, seed=1, epoch=2) * RATE
    assert set(np.round(plain / lengths, 6)) == {0.9, 1.0, 1.1}
    for (inputs, _), indices in zip(found, plan, strict=True):
        expected = pytest.approx(lengths[indices], abs=2)
        assert inputs["source_lengths"] == expected


class FixedShapes(Workers):
    fixed_shapes = True


@pytest.mark.parametrize("workers", [ALONE, FixedShapes()])
def test_phones_come_with_their_clips(workers):
    examples, plan, options = make(workers=workers)
    fixed_shapes = workers.fixed_shapes
    examples = with_phones(examples)
    found, _ = run(examples, plan, options)
    for (_, targets), indices in zip(found, plan, strict=True):
        assert targets["phone_lengths"].tolist() == [index + 1 for index in indices]
        width = targets["phones"].shape[1]
        longest = int(max(indices)) + 1
        assert width == (round_up_length(longest, bits=3) if fixed_shapes else longest)
        for row, index in zip(targets["phones"], indices, strict=True):
            assert row.tolist() == [index + 1] * (index + 1) + [0] * (width - index - 1)
        assert targets["phones"].dtype == targets["phone_lengths"].dtype == "int32"


@settings(max_examples=10)
@given(ahead=st.integers(0, 5), workers=st.integers(1, 3), skip=st.integers(0, 12))
def test_a_resumed_epoch_is_the_tail(ahead, workers, skip):
    """Neither threads nor what ran before has any influence on the draws."""
    examples, plan, options = make(distort=AT_SOME_SPEED)
    whole, _ = run(examples, plan, options)
    skip = min(skip, len(plan))
    loader = {"ahead": ahead, "workers": workers, "cache_mb": 1}
    tail, _ = run(examples, plan[skip:], options, **loader)
    assert_same(tail, whole[skip:])


def test_the_cache_changes_no_sample():
    noise = np.random.default_rng(0).normal(size=500).astype("float32")
    reads = []

    def read(utterance):
        reads.append(utterance)
        return noise

    cached, plain = SourceLoader(read, cache_mb=1), SourceLoader(read)
    utterance = example(0).record
    first, again = cached.load(utterance), cached.load(utterance)
    assert len(reads) == 1
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, plain.load(utterance))
    plain.load(utterance)
    assert len(reads) == 3
    np.testing.assert_allclose(first, np.clip(noise, -1, 1), atol=2e-5)


def test_the_cache_is_bounded():
    loader = SourceLoader(lambda _: np.zeros(300_000, "float32"), cache_mb=1)
    for number in range(3):
        loader.load(example(number).record)
    assert loader._cached_bytes == 600_000


def test_an_unreadable_clip_is_left_out_and_counted(caplog):
    def read(utterance):
        if utterance.id == "7":
            raise AudioError(f"{utterance.audio}: damaged")
        return samples_of(utterance)

    examples, plan, options = make(count=40)
    with caplog.at_level(logging.WARNING):
        found, loader = run(examples, plan, options, read=read)
    assert sum(len(inputs["source"]) for inputs, _ in found) == 39
    assert list(loader.unreadable.values()) == ["7.wav: damaged"]
    assert caplog.text.count("left out: 7.wav: damaged") == 1
    # It is counted once, however often it is met.
    list(batches(examples, plan, loader, **options))
    assert len(loader.unreadable) == 1


def test_a_clip_that_can_be_read_again_is_no_longer_counted():
    broken = True

    def read(utterance):
        if broken:
            raise AudioError("away")
        return samples_of(utterance)

    loader, clip = SourceLoader(read), example(1).record
    assert loader.load(clip) is None
    assert clip in loader.unreadable
    broken = False
    assert loader.load(clip) is not None
    assert not loader.unreadable


def test_clips_that_are_repeated_count_once():
    def read(utterance):
        raise AudioError(f"{utterance.audio}: damaged")

    examples, _, options = make(count=2)
    examples = examples * 30  # two of 60 would be few
    plan = [np.arange(60)]
    with pytest.raises(DataError, match="2 of 2 clips cannot be read"):
        run(examples, plan, options, read=read)


def test_a_clip_without_samples_is_unreadable():
    loader = SourceLoader(lambda _: np.zeros(0, "float32"))
    assert loader.load(example(3).record) is None
    assert "3 (3.wav): no samples or tokens in it" in next(
        iter(loader.unreadable.values())
    )


@pytest.mark.parametrize(("bad", "stops"), [(2, False), (3, True), (40, True)])
def test_more_than_one_in_twenty_unreadable_is_an_error(bad, stops):
    def read(utterance):
        if int(utterance.id) < bad:
            raise AudioError(f"{utterance.audio}: damaged")
        return samples_of(utterance)

    examples, plan, options = make(count=40)
    if not stops:
        run(examples, plan, options, read=read)
        return
    with pytest.raises(DataError, match=r"of 40 clips cannot be read.*\.wav: damaged"):
        run(examples, plan, options, read=read)


def test_segments_of_one_damaged_recording_are_counted_each():
    def read(utterance):
        raise AudioError(f"{utterance.audio}: damaged")

    utterances = [
        Utterance(Path("long.wav"), "text", 0.05, offset=0.05 * n) for n in range(5)
    ]
    examples = [Example(utterance, (3, END), 0.05) for utterance in utterances]
    with pytest.raises(DataError, match="cannot be read"):
        run(examples, [np.arange(5)], {"start_token": START}, read=read)


def test_the_only_clip_is_unreadable():
    def read(utterance):
        raise AudioError("damaged")

    with pytest.raises(DataError, match="1 of 1 clips cannot be read"):
        run([example(0)], [np.array([0])], {"start_token": START}, read=read)


def test_other_errors_are_not_hidden():
    def read(utterance):
        raise ZeroDivisionError

    examples, plan, options = make()
    with pytest.raises(ZeroDivisionError):
        run(examples, plan, options, read=read)


def test_leaving_early_stops_the_threads():
    examples, plan, options = make()
    before = threading.active_count()
    iterator = batches(examples, plan, SourceLoader(samples_of, workers=2), **options)
    next(iterator)
    iterator.close()
    assert threading.active_count() == before


def test_collate_by_hand():
    pairs = [
        (np.array([0.1, 0.2, 0.3], "float32"), (5, 6, END)),
        (np.array([0.4], "float32"), (7, END)),
    ]
    inputs, targets = collate(pairs, START)
    np.testing.assert_array_equal(
        inputs["source"], np.array([[0.1, 0.2, 0.3], [0.4, 0, 0]], "float32")
    )
    assert inputs["source_lengths"].tolist() == [3, 1]
    assert inputs["tokens"].tolist() == [[START, 5, 6], [START, 7, END]]
    assert targets["labels"].tolist() == [[5, 6, END], [7, END, 0]]
    assert targets["label_lengths"].tolist() == [3, 2]
    types = {array.dtype.name for array in (*inputs.values(), *targets.values())}
    assert types == {"float32", "int32"}


@given(length=st.integers(1, 2**40), bits=st.integers(1, 8))
def test_round_up_length(length, bits):
    found = round_up_length(length, bits=bits)
    assert length <= found <= length * (1 + 2 ** (1 - bits))
    assert round_up_length(found, bits=bits) == found
    # No more bits than that: all others below the highest are zero.
    assert found % 2 ** max(0, found.bit_length() - bits) == 0


@given(samples=st.integers(1, 5000), labels=st.integers(1, 300))
def test_fixed_shapes_are_few_and_not_much_larger(samples, labels):
    utterance = Utterance(Path("0.wav"), "text", samples / RATE, id="0")
    examples = [Example(utterance, (3,) * labels, samples / RATE)]
    options = {"start_token": START, "workers": FixedShapes()}
    ((inputs, targets),), _ = run(examples, [np.array([0])], options)
    for length, size in (
        (samples, inputs["source"].shape[1]),
        (labels, targets["labels"].shape[1]),
    ):
        assert length <= size <= max(1.25 * length, 1)
        assert size % (1 << max(size.bit_length() - 3, 0)) == 0


class Several(Workers):
    """Workers that run one after the other: each tells what the others would."""

    def __init__(self, rank, count, equal_rows, facts):
        self.rank, self.count, self.equal_rows = rank, count, equal_rows
        self.facts, self.told = facts, []

    def all_gather(self, numbers):
        self.told.append(numbers)
        return (
            self.facts[len(self.told) - 1] if self.facts else np.tile(numbers, (9, 1))
        )


def shares(count, equal_rows, examples, plan, options):
    """Return the batches of each worker."""

    def share(rank, facts):
        workers = Several(rank, count, equal_rows, facts)
        loader = SourceLoader(samples_of)
        found = batches(examples, plan, loader, workers=workers, **options)
        return list(found), workers.told

    told = [share(rank, [])[1] for rank in range(count)]
    facts = [np.stack(row) for row in zip(*told, strict=True)]
    return [share(rank, facts)[0] for rank in range(count)]


@pytest.mark.parametrize("equal_rows", [False, True])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_workers_share_each_batch(count, equal_rows):
    examples, plan, options = make(distort=AT_SOME_SPEED)
    examples = with_phones(examples)
    whole = list(batches(examples, plan, SourceLoader(samples_of), **options))
    parts = shares(count, equal_rows, examples, plan, options)
    assert {len(part) for part in parts} == {len(whole)}
    for expected, *found in zip(whole, *parts, strict=True):
        rows = [int((part.targets["label_lengths"] > 0).sum()) for part in found]
        assert sum(rows) == expected.total == len(expected.inputs["source"])
        assert [part.first for part in found] == [sum(rows[:i]) for i in range(count)]
        for part, real in zip(found, rows, strict=True):
            size = max(rows) if equal_rows else max(real, 1)
            assert (part.number, part.total) == (expected.number, expected.total)
            for mine, all_rows in zip(part[:2], expected[:2], strict=True):
                assert mine.keys() == all_rows.keys()
                for name, array in mine.items():
                    assert len(array) == size
                    theirs = all_rows[name][part.first :][:real]
                    np.testing.assert_array_equal(array[:real], theirs)
            # A row that fills up a share has neither labels nor phones.
            assert not part.targets["label_lengths"][real:].any()
            assert (part.targets["phone_lengths"][real:] == -1).all()
