"""Optimisers, schedules and averages against numbers worked out by hand."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

from asr.config.schema import TrainConfig
from asr.training.optimizers import WarmupSchedule, WeightAverage, build_optimizer

CONFIG = TrainConfig(learning_rate=0.5, warmup_steps=4)


def rates(config: TrainConfig, total: int, *steps: int) -> list[float]:
    schedule = WarmupSchedule(config, total)
    return [float(schedule(step)) for step in steps]


def test_warm_up_and_cosine():
    # 4 of 12 updates rise to 0.5; half way through the other 8 the wave is at 1/2:
    # 0.01 + 0.99 / 2 = 0.505 of the peak.
    found = rates(CONFIG, 12, 0, 1, 3, 4, 8, 12, 40)
    expected = [0.125, 0.25, 0.5, 0.5, 0.2525, 0.005, 0.005]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_warm_up_and_a_constant():
    config = dataclasses.replace(CONFIG, schedule="constant")
    np.testing.assert_allclose(rates(config, 12, 0, 2, 4, 99), [0.125, 0.375, 0.5, 0.5])


def test_batches_that_are_added_up_are_one_update():
    """Keras asks for the rate at each batch, and counts these."""
    twice = dataclasses.replace(CONFIG, accumulate=2)
    assert rates(twice, 12, 0, 1, 2, 9, 16, 17) == rates(CONFIG, 12, 0, 0, 1, 4, 8, 8)


def test_warm_up_is_at_most_half():
    np.testing.assert_allclose(rates(CONFIG, 4, 0, 1, 2), [0.25, 0.5, 0.5], rtol=1e-6)


def test_no_warm_up_and_no_steps():
    config = dataclasses.replace(CONFIG, warmup_steps=0)
    assert rates(config, 0, 0) == [0.5]


def updated(
    config: TrainConfig, *gradients: list[float], devices: int = 1
) -> np.ndarray:
    weight = keras.Variable([1.0, -2.0])
    optimizer = build_optimizer(config, 100, devices=devices)
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weight])
    return weight.numpy()


PLAIN = TrainConfig(
    learning_rate=0.1, warmup_steps=1, schedule="constant", clip_norm=1e6
)


def test_adam():
    # The first update of Adam is the rate, in the gradient's direction.
    found = updated(PLAIN, [3.0, -4.0])
    np.testing.assert_allclose(found, [0.9, -1.9], rtol=1e-5)


def test_adamw_decays_weights_too():
    config = dataclasses.replace(PLAIN, optimizer="adamw", weight_decay=0.5)
    # 5 % off before the update.
    np.testing.assert_allclose(updated(config, [3.0, -4.0]), [0.85, -1.8], rtol=1e-5)


def test_biases_and_gains_do_not_decay():
    config = dataclasses.replace(PLAIN, optimizer="adamw", weight_decay=0.5)
    weights = [
        keras.Variable([1.0, -2.0], name=name) for name in ("bias", "gamma", "kernel")
    ]
    optimizer = build_optimizer(config, 100)
    optimizer.build(weights)
    optimizer.apply([keras.ops.convert_to_tensor([3.0, -4.0])] * 3)
    for weight, first in zip(weights, (0.9, 0.9, 0.85), strict=True):
        assert float(weight[0]) == pytest.approx(first, rel=1e-5)


def test_gradients_are_clipped_by_their_global_norm():
    config = dataclasses.replace(PLAIN, clip_norm=1.0)
    small = dataclasses.replace(config, clip_norm=1e6)
    # Adam's first update has the same size whatever the gradient's; the second has not.
    clipped = updated(config, [30.0, -40.0], [0.3, 0.1])
    expected = updated(small, [0.6, -0.8], [0.3, 0.1])
    np.testing.assert_allclose(clipped, expected, rtol=1e-6)
    assert not np.allclose(clipped, updated(small, [30.0, -40.0], [0.3, 0.1]))


def test_the_norm_is_that_of_all_weights_together():
    # 30, 40 and 120 have the norm 130. Clipped one by one, both would have the norm 1.
    gradients = [[30.0, -40.0], [0.0, 120.0]]
    small = [[0.3, 0.1], [0.2, -0.1]]

    def moved(clip_norm: float, first: list[list[float]]) -> list[np.ndarray]:
        weights = [keras.Variable([1.0, -2.0]) for _ in first]
        config = dataclasses.replace(PLAIN, clip_norm=clip_norm)
        optimizer = build_optimizer(config, 100)
        for step in (first, small):
            optimizer.apply([keras.ops.convert_to_tensor(x) for x in step], weights)
        return [weight.numpy() for weight in weights]

    scaled = [[x / 130 for x in gradient] for gradient in gradients]
    np.testing.assert_allclose(moved(1.0, gradients), moved(1e6, scaled), rtol=1e-5)
    one_by_one = [[0.6, -0.8], [0.0, 1.0]]
    assert not np.allclose(moved(1.0, gradients), moved(1e6, one_by_one), rtol=1e-3)


def test_the_bound_is_divided_among_devices():
    config = dataclasses.replace(PLAIN, clip_norm=1.0)
    small = dataclasses.replace(config, clip_norm=1e6)
    # Two such gradients together have the norm of 1.
    np.testing.assert_allclose(
        updated(config, [30.0, -40.0], [0.3, 0.1], devices=2),
        updated(small, [0.3, -0.4], [0.3, 0.1]),
        rtol=1e-6,
    )


def test_accumulation_is_the_mean_of_batches_and_not_of_labels():
    config = dataclasses.replace(PLAIN, accumulate=3)
    parts = [[3.0, -1.0], [0.5, 2.0], [1.0, 5.0]]
    whole = np.mean(parts, axis=0).tolist()
    once = updated(PLAIN, whole, whole)
    np.testing.assert_allclose(updated(config, *parts, *parts), once, rtol=1e-6)
    # Nothing moves before the third.
    np.testing.assert_array_equal(updated(config, *parts[:2]), [1.0, -2.0])


def test_average_forgets_the_beginning():
    average = WeightAverage(0.9)
    for updates, value in ((1, 0.0), (2, 10.0), (4, 20.0)):
        average.sample([np.array([value])], updates)
    # Momenta 0, (1 / 2) ** 9 and (2 / 4) ** 9, all below 0.9 ** 2.
    expected = (1 - 0.5**9) * 10.0
    expected = 0.5**9 * expected + (1 - 0.5**9) * 20.0
    np.testing.assert_allclose(average.values[0], [expected], rtol=1e-6)
    assert average.updates == 4


@pytest.mark.parametrize("updates", [1, 7, 20, 45, 99, 100])
def test_average_of_a_short_training_has_all_its_updates(updates):
    """With 1 for the initial weights, and the number of an update after it."""
    first, mean = WeightAverage(0.999), WeightAverage(0.999)
    for n in range(1, updates + 1):
        assert first.is_due(n)
        first.sample([np.array([float(n == 1)])], n)
        mean.sample([np.array([float(n)])], n)
    assert first.values[0][0] == pytest.approx(1 / updates**9)
    # The weight of update n grows with n ** 8: a mean of nine tenths of them all.
    assert mean.values[0][0] == pytest.approx(0.9 * updates + 0.5, abs=0.5)


def test_average_grows_alike_with_rarer_samples():
    each, rare = WeightAverage(0.999), WeightAverage(0.999)
    for n in range(1, 1001):
        each.sample([np.array([float(n)])], n)
        if rare.is_due(n):
            rare.sample([np.array([float(n)])], n)
    assert each.values[0][0] == pytest.approx(900, abs=2)
    assert rare.values[0][0] == pytest.approx(each.values[0][0], abs=6)
    assert [n for n in range(95, 125) if rare.is_due(n)] == [*range(95, 101), 110, 120]


def test_average_settles_on_its_momentum():
    average = WeightAverage(0.9)
    average.updates, average.values = 1000, [np.array([0.0], "float32")]
    average.sample([np.array([1.0])], 1010)
    np.testing.assert_allclose(average.values[0], [1 - 0.9**10], rtol=1e-6)


def test_average_keeps_nothing_of_the_weights_themselves():
    weight = np.array([1.0], "float32")
    average = WeightAverage(0.9)
    average.sample([weight], 1)
    weight += 5
    np.testing.assert_array_equal(average.values[0], [1.0])
