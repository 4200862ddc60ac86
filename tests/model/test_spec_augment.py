"""SpecAugment: in training only, ramped in, bounded, inside each utterance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from asr.config.schema import AugmentConfig
from asr.model.spec_augment import SpecAugment
from tests.layer_checks import LayerChecks

FRAMES, BANDS = 100, 40
CONFIG = AugmentConfig(
    frequency_masks=2, frequency_width=5, time_masks=2, time_share=0.1, ramp_steps=10
)
LENGTHS = np.array([100, 55, 20, 1] * 8, "int32")


def masked(layer, times=1):
    """Which values a call in training hides, (times, B, T, F) bool."""
    ones = np.ones((len(LENGTHS), FRAMES, BANDS), "float32")
    calls = [np.asarray(layer(ones, LENGTHS, training=True)) for _ in range(times)]
    assert np.isin(np.stack(calls), (0.0, 1.0)).all()
    return np.stack(calls) == 0.0


def full_width(config=CONFIG, seed=0):
    layer = SpecAugment(replace(config, ramp_steps=0), seed=seed)
    masked(layer)  # the first batch is never masked
    return layer


def longest_run(hidden):
    """The longest stretch of consecutive True."""
    best = run = 0
    for value in hidden:
        run = run + 1 if value else 0
        best = max(best, run)
    return best


def test_only_in_training():
    layer = full_width()
    features = np.random.default_rng(0).normal(size=(2, 30, BANDS)).astype("float32")
    lengths = np.array([30, 20], "int32")
    for options in ({}, {"training": False}):
        np.testing.assert_array_equal(layer(features, lengths, **options), features)
    assert int(layer.batches) == 1  # nor do such batches count


def test_what_is_not_hidden_stays():
    layer = full_width()
    features = (
        np.random.default_rng(1).normal(size=(4, FRAMES, BANDS)).astype("float32")
    )
    found = np.asarray(layer(features, LENGTHS[:4], training=True))
    assert (found == 0).any()
    np.testing.assert_array_equal(found[found != 0], features[found != 0])


def test_the_ramp_starts_at_nothing_and_grows():
    layer = SpecAugment(CONFIG, seed=1)
    shares = masked(layer, times=12).mean((1, 2, 3))
    assert shares[0] == 0.0
    assert shares[1] < shares[-1]
    assert shares[1:6].mean() < shares[6:].mean()
    assert int(layer.batches) == 12


def test_widths_are_bounded():
    hidden = masked(full_width(), times=20)
    bands = hidden.all(axis=2)  # (times, B, F)
    counts = bands.sum(-1)
    assert counts.max() <= CONFIG.frequency_masks * CONFIG.frequency_width
    assert counts.max() > CONFIG.frequency_width  # two masks are at work
    for row, length in enumerate(LENGTHS):
        frames = hidden[:, row].all(axis=-1)  # (times, T)
        assert frames.sum(-1).max() <= 2 * int(CONFIG.time_share * length)


def test_a_frequency_mask_leaves_two_thirds():
    config = replace(CONFIG, frequency_masks=1, frequency_width=27)
    hidden = masked(full_width(config), times=20).all(axis=2).sum(-1)
    assert hidden.max() == 14  # of 40 bands


@pytest.mark.parametrize("length", [59, 100])
def test_one_time_mask_is_no_wider_than_its_share(length):
    config = replace(CONFIG, frequency_masks=0, time_masks=1)
    layer = full_width(config)
    lengths = np.full(64, length, "int32")
    ones = np.ones((64, FRAMES, BANDS), "float32")
    widest = 0
    for _ in range(10):
        hidden = np.asarray(layer(ones, lengths, training=True))[..., 0] == 0
        widest = max(widest, *(longest_run(row) for row in hidden))
    assert widest == int(config.time_share * length)


def test_masks_stay_inside_each_utterance():
    hidden = masked(full_width(replace(CONFIG, frequency_masks=0)), times=20)
    for row, length in enumerate(LENGTHS):
        assert not hidden[:, row, length:].any()
    # The last real frame is reached.
    assert hidden[:, LENGTHS == 20, 19].any()


def test_masks_are_everywhere():
    hidden = masked(full_width(), times=40)
    assert hidden.all(axis=2).any(axis=(0, 1)).all()  # every band at some time
    assert hidden.all(axis=3).any(axis=(0, 1)).all()  # every frame at some time


def test_no_masks():
    layer = full_width(replace(CONFIG, frequency_masks=0, time_masks=0))
    assert not masked(layer).any()


def test_the_seed_decides():
    one, same, other = (masked(full_width(seed=seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


class TestSpecAugment(LayerChecks):
    """The harness of all layers."""

    config = CONFIG
    lengths = (9, 4)

    def make(self, config):
        return SpecAugment(config)

    def example(self, random, length):
        return random.normal(size=(length, BANDS))

    def call(self, layer, padded, lengths, **options):
        return (layer(padded, lengths, **options),), (lengths,)
