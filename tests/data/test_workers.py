"""What workers tell each other."""

from __future__ import annotations

import numpy as np

from asr.data.workers import ALONE, Workers


def test_one_worker_hears_itself():
    assert ALONE.writes
    assert ALONE.gather({"text": "naïve", "numbers": [1, 2.5]}) == [
        {"text": "naïve", "numbers": [1, 2.5]}
    ]
    np.testing.assert_array_equal(ALONE.all_gather(np.arange(3)), [[0, 1, 2]])


def test_values_of_different_sizes():
    values = ["a", "", "a much longer text", [1] * 50]

    class Together(Workers):
        """Runs all workers at once: each tells what it has for this turn."""

        turns: list[list[np.ndarray]]

        def all_gather(self, numbers):
            self.turns.append(numbers)
            width = max(len(row[len(self.turns) - 1]) for row in told)
            rows = [row[len(self.turns) - 1] for row in told]
            return np.stack([np.resize(row, width) for row in rows])

    def spoken(value):
        heard = []

        class Recorder(Workers):
            def all_gather(self, numbers):
                heard.append(numbers)
                return numbers[None]

        Recorder().gather(value)
        return heard

    told = [spoken(value) for value in values]
    together = Together()
    together.turns = []
    assert together.gather(values[1]) == values
