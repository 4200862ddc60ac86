"""Waveform augmentation: speed, reverberation, noise, telephone band."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from asr.audio.augmentation import (
    WaveformAugmentation,
    add_noise,
    add_reverberation,
    telephone_band,
)
from asr.config.schema import AugmentConfig

RATE = 16000


def random(seed=1):
    return np.random.default_rng(seed)


def tone(*hertz, seconds=1.0):
    times = np.arange(round(seconds * RATE)) / RATE
    return np.sum([0.3 * np.sin(2 * np.pi * f * times) for f in hertz], 0, "float32")


def power(samples, low, high):
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    return float(spectrum[(frequencies >= low) & (frequencies < high)].sum())


def test_no_augmentation_by_default_settings():
    sound = tone(440)
    assert (
        WaveformAugmentation(AugmentConfig(speeds=(1.0,)), RATE)(sound, random())
        is sound
    )


def test_augmentation_depends_on_the_seed():
    augment = WaveformAugmentation(AugmentConfig(rooms=1, noise=1, telephone=1), RATE)
    one, same, other = (augment(tone(440), random(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert one.shape != other.shape or not np.array_equal(one, other)
    assert one.dtype == np.float32
    assert np.isfinite(one).all()


@pytest.mark.parametrize("kind", ["rooms", "noise", "telephone"])
def test_shares_are_shares_of_clips(kind):
    augment = WaveformAugmentation(AugmentConfig(speeds=(1.0,), **{kind: 0.3}), RATE)
    sound = tone(440, seconds=0.1)
    changed = [augment(sound, random(seed)) is not sound for seed in range(300)]
    assert 0.2 < np.mean(changed) < 0.4


def test_each_does_what_it_is_called():
    sound, alone = tone(440, seconds=0.1), AugmentConfig(speeds=(1.0,))
    for kind, function in (
        ("rooms", add_reverberation),
        ("noise", add_noise),
        ("telephone", telephone_band),
    ):
        drawn = random()
        drawn.choice((1.0,))
        drawn.random()
        found = WaveformAugmentation(replace(alone, **{kind: 1.0}), RATE)(
            sound, random()
        )
        np.testing.assert_array_equal(found, function(sound, RATE, drawn))


def test_speed_changes_length_and_pitch():
    fast = WaveformAugmentation(AugmentConfig(speeds=(1.25,)), RATE)(
        tone(400), random()
    )
    assert len(fast) == pytest.approx(RATE / 1.25, abs=2)
    loudest = np.argmax(np.abs(np.fft.rfft(fast))) * RATE / len(fast)
    assert loudest == pytest.approx(500, abs=2)


def test_speeds_are_drawn_anew():
    augment = WaveformAugmentation(AugmentConfig(speeds=(0.5, 1.0, 2.0)), RATE)
    sizes = {len(augment(tone(400), random(seed))) for seed in range(20)}
    assert sizes == {RATE // 2, RATE, 2 * RATE}


def test_noise_has_the_level_and_the_colours_that_it_says():
    sound = tone(1000)
    added = [add_noise(sound, RATE, random(seed)) - sound for seed in range(60)]
    ratios = [20 * np.log10(sound.std() / noise.std()) for noise in added]
    assert -0.1 < min(ratios) < 5
    assert 20 < max(ratios) < 25.1
    # White noise has three times the power in a band three times as wide.
    slopes = [power(noise, 4000, 7000) / power(noise, 100, 1100) for noise in added]
    assert min(slopes) < 0.1
    assert max(slopes) > 1.5


def test_silence_stays_silent():
    silence = np.zeros(RATE, "float32")
    assert not add_noise(silence, RATE, random()).any()
    assert not add_reverberation(silence, RATE, random()).any()
    assert not telephone_band(silence, RATE, random()).any()


def test_reverberation_decays():
    click = np.zeros(2 * RATE, "float32")
    click[1000] = 1.0
    for seed in range(10):
        echo = add_reverberation(click, RATE, random(seed))
        assert echo[1000] == pytest.approx(1.0, abs=1e-4)
        assert np.abs(echo[:1000]).max() < 1e-4
        assert np.abs(echo[1001:1040]).max() < 1e-4
        assert 0.05 < np.square(echo[1040:]).sum() < 1.1
        assert np.square(echo[1000 + int(0.85 * RATE) :]).sum() < 1e-6
        early, late = echo[1048:1848], echo[1848:2648]
        assert np.square(early).sum() > 1.2 * np.square(late).sum()


def test_the_end_does_not_echo_at_the_beginning():
    click = np.zeros(RATE, "float32")
    click[-1000] = 1.0
    assert np.abs(add_reverberation(click, RATE, random())[:-1000]).max() < 1e-4


def test_telephone_band_and_quantisation():
    sound = tone(100, 1000, 6000)
    for seed in range(5):
        narrow = telephone_band(sound, RATE, random(seed))
        before, after = (power(it, 950, 1050) for it in (sound, narrow))
        assert after == pytest.approx(before, rel=0.1)
        assert power(narrow, 0, 150) < 0.01 * before
        assert power(narrow, 5900, 6100) < 0.01 * before
        assert len(np.unique(narrow)) <= 255
