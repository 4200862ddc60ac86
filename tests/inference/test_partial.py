"""Partial text: when speech is recognised again, and which of its words stay."""

from __future__ import annotations

import numpy as np
import pytest

from asr.inference import partial
from asr.inference.partial import PartialText, StableText

RATE = 16000


def test_words_shown_twice_stay():
    stable = StableText()
    assert stable.update("THE OLD") == "THE OLD"
    assert stable.update("THE COLD MAN") == "THE COLD MAN"  # only THE agreed
    assert stable.update("THE COLD MAN WALKED") == "THE COLD MAN WALKED"
    # COLD MAN was shown twice.
    assert stable.update("THE OLD WOMAN WALKED ON") == "THE COLD MAN WALKED ON"
    assert stable.update("") == "THE COLD MAN WALKED"
    assert stable.update("THE COLD MAN WALKED OFF") == "THE COLD MAN WALKED OFF"


def test_words_that_were_split_are_not_repeated():
    stable = StableText()
    for _ in range(2):
        assert stable.update("ANYONE CAN SEE") == "ANYONE CAN SEE"
    assert stable.update("ANY ONE CAN SEE IT") == "ANYONE CAN SEE IT"
    assert stable.update("CAN SEE IT") == "ANYONE CAN SEE IT"


class Detector:
    """Hears speech where samples are not zero."""

    def __call__(self, samples):
        frames = np.pad(samples, (0, -len(samples) % 320)).reshape(-1, 320)
        return np.any(frames, axis=1).astype("float32")


@pytest.fixture
def clock(monkeypatch):
    """Seconds that recognising takes."""
    now, cost = [0.0], [0.0]

    def monotonic():
        now[0] += cost[0] / 2  # asked before and after
        return now[0]

    monkeypatch.setattr(partial.time, "monotonic", monotonic)
    return cost


def times(samples, detector=None, step=1600):
    """Seconds after which there was a new text, and whether it began the recording."""
    seen = []

    def recognize(rest, is_first):
        seen.append((len(rest) / RATE, is_first))
        return "A"

    text = PartialText(recognize, RATE, detector)
    for end in range(step, len(samples) + 1, step):
        before = len(seen)
        assert text.update(samples[:end], step / RATE) == (len(seen) > before)
    return [seconds for seconds, _ in seen]


def test_speech_is_recognised_twice_a_second(clock):
    assert times(np.ones(2 * RATE)) == [0.5, 1.0, 1.5, 2.0]


def test_a_third_of_the_time_is_spent(clock):
    clock[0] = 2.0  # recognition takes one second of the clock
    assert times(np.ones(9 * RATE)) == [0.5, 3.5, 6.5]


def test_a_pause_is_read_once_and_at_once(clock):
    speech = np.ones(int(1.1 * RATE))
    samples = np.concatenate([speech, np.zeros(2 * RATE), np.ones(RATE)])
    assert times(samples, Detector()) == pytest.approx([0.5, 1.0, 1.4, 3.2, 3.7])


def test_a_segment_that_ends_takes_its_text_with_it(clock):
    told = []

    def recognize(rest, is_first):
        told.append(is_first)
        return f"{len(told)} B"

    text = PartialText(recognize, RATE, None)
    for _ in range(2):
        text.update(np.ones(RATE), 1.0)
    assert text.text == "2 B"
    text.segment_ended()
    assert text.text == ""
    text.update(np.ones(RATE), 1.0)
    assert (text.text, told) == ("3 B", [True, True, False])
