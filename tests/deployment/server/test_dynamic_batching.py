"""Segments of several threads make one batch, and each thread gets its own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from asr.decoding.beam_search import Hypotheses
from asr.deployment.server import dynamic_batching
from asr.deployment.server.dynamic_batching import BatchingDecoder
from asr.deployment.server.pool import JobCancelledError, Pool
from asr.inference.beam_search_decoder import DecodedBatch

RATE = 100


class Helper:
    """A process that helps, in this one."""

    def __init__(self, fails=False) -> None:
        self.fails, self.batches, self.closed = fails, [], threading.Event()

    def decode(self, config, sources, is_first):
        self.batches.append((config, [int(it[0]) for it in sources]))
        if self.fails:
            raise ConnectionError
        return batch_of([int(it[0]) for it in sources])

    def close(self):
        self.closed.set()


def batch_of(values):
    tokens = np.array(values)[:, None, None]
    ones = np.ones((len(values), 1), np.int32)
    ctc = [np.full((1, 1), value) for value in values]
    return DecodedBatch(Hypotheses(tokens, ones, -1.0 * ones), ctc)


class Recorder:
    """Decodes a source to its first sample; waits until it may go on."""

    config = "options"

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun, self.may_go = threading.Event(), threading.Event()

    def decode(self, sources, is_first):
        self.begun.set()
        assert self.may_go.wait(10)
        values = [int(source[0]) for source in sources]
        self.batches.append(values)
        if 13 in values:
            raise ValueError("an unlucky number")
        return batch_of(values)


@pytest.fixture
def recorder():
    return Recorder()


def source(value: int, seconds: float = 1.0) -> np.ndarray:
    return np.full(round(seconds * RATE), value, np.float32)


def decoded(joint, recorder, *sources) -> list[tuple[int, int]]:
    batch = joint.decode(recorder, list(sources))
    assert batch.hypotheses.lengths.shape == (len(sources), 1)
    tokens = batch.hypotheses.tokens[:, 0, 0].tolist()
    return list(zip(tokens, (int(it[0, 0]) for it in batch.ctc), strict=True))


def gathered(joint, recorder, *calls):
    """Decode calls that gather while the decoder is busy with another."""
    with ThreadPoolExecutor(len(calls) + 1) as executor:
        executor.submit(decoded, joint, recorder, source(0))
        assert recorder.begun.wait(10)
        found = []
        for count, call in enumerate(calls, 1):
            found.append(executor.submit(decoded, joint, recorder, *call))
            while len(joint._calls) < count:
                pass
        recorder.may_go.set()
        return found


def test_calls_that_gather_make_a_batch(recorder):
    joint = BatchingDecoder(RATE)
    calls = [(source(1), source(2)), (source(3),), (source(4),)]
    found = gathered(joint, recorder, *calls)
    assert [it.result() for it in found] == [[(1, 1), (2, 2)], [(3, 3)], [(4, 4)]]
    assert recorder.batches == [[0], [1, 2, 3, 4]]
    assert (joint.batches, joint.segments) == (2, 5)


def test_a_batch_is_bounded_with_its_padding(recorder):
    found = gathered(
        BatchingDecoder(RATE),
        recorder,
        (source(1, 20),),
        (source(2, 9),),
        (source(3, 1),),
    )
    assert [it.result()[0][0] for it in found] == [1, 2, 3]
    # The oldest is first, then the shortest; twice 20 s would be more than 20 s.
    assert recorder.batches == [[0], [1], [3, 2]]


def test_a_call_behind_one_that_does_not_fit_is_taken(recorder):
    joint = BatchingDecoder(RATE)
    with ThreadPoolExecutor(4) as executor:
        executor.submit(decoded, joint, recorder, source(0))
        assert recorder.begun.wait(10)
        found = []
        for value, seconds in ((1, 1), (2, 30), (3, 10)):
            call = source(value, seconds)
            found.append(executor.submit(decoded, joint, recorder, call))
            while len(joint._calls) < value:
                pass
            joint._calls[-1].began = float(100 * value)  # in this order
        recorder.may_go.set()
        assert [it.result(10)[0][0] for it in found] == [1, 2, 3]
    assert recorder.batches == [[0], [1, 3], [2]]


def test_one_that_fails_does_not_fail_the_others(recorder):
    found = gathered(BatchingDecoder(RATE), recorder, (source(1),), (source(13),))
    assert found[0].result() == [(1, 1)]
    with pytest.raises(ValueError, match="unlucky"):
        found[1].result()
    assert recorder.batches == [[0], [1, 13], [1], [13]]


def test_a_cancelled_call_is_not_decoded(recorder):
    async def main():
        joint, pool = BatchingDecoder(RATE), Pool(3, 0, 10.0, "test")
        await pool.start(lambda _: decoded(joint, recorder, source(0)))
        assert await asyncio.to_thread(recorder.begun.wait, 10)
        first = await pool.start(lambda _: decoded(joint, recorder, source(1)))
        second = await pool.start(lambda _: decoded(joint, recorder, source(2)))
        while len(joint._calls) < 2:
            await asyncio.sleep(0.001)
        first.cancel()
        recorder.may_go.set()
        assert await second.result() == [(2, 2)]
        with pytest.raises(JobCancelledError):
            await first.result()
        assert recorder.batches == [[0], [2]]

    asyncio.run(main())


def test_decoders_are_not_mixed(recorder):
    other = Recorder()
    other.may_go.set()
    joint = BatchingDecoder(RATE)
    with ThreadPoolExecutor(3) as executor:
        first = executor.submit(decoded, joint, recorder, source(0))
        assert recorder.begun.wait(10)
        second = executor.submit(decoded, joint, other, source(1))
        third = executor.submit(decoded, joint, recorder, source(2))
        while len(joint._calls) < 2:
            pass
        recorder.may_go.set()
        assert [it.result() for it in (first, second, third)] == [
            [(0, 0)], [(1, 1)], [(2, 2)],
        ]  # fmt: skip
    assert other.batches == [[1]]


def test_a_helper_takes_what_waits(recorder):
    helper = Helper()
    joint = BatchingDecoder(RATE, [helper])
    with ThreadPoolExecutor(2) as executor:
        first = executor.submit(decoded, joint, recorder, source(0))
        assert recorder.begun.wait(10)  # and does not end before the other
        second = executor.submit(decoded, joint, recorder, source(1))
        assert second.result(10) == [(1, 1)]
        recorder.may_go.set()
        assert first.result(10) == [(0, 0)]
    assert helper.batches == [("options", [1])]
    assert recorder.batches == [[0]]


def test_a_lone_call_is_decoded_here(recorder):
    helper = Helper()
    joint = BatchingDecoder(RATE, [helper])
    recorder.may_go.set()
    for value in range(10):
        assert decoded(joint, recorder, source(value)) == [(value, value)]
    assert not helper.batches


def test_a_helper_that_ends_costs_nothing_but_its_help(recorder, caplog):
    helper = Helper(fails=True)
    joint = BatchingDecoder(RATE, [helper])
    with ThreadPoolExecutor(2) as executor:
        first = executor.submit(decoded, joint, recorder, source(0))
        assert recorder.begun.wait(10)
        second = executor.submit(decoded, joint, recorder, source(1))
        while not helper.batches:
            pass
        recorder.may_go.set()
        assert (first.result(10), second.result(10)) == ([(0, 0)], [(1, 1)])
    assert "has ended" in caplog.text


def test_an_idle_helper_ends(recorder, monkeypatch):
    monkeypatch.setattr(dynamic_batching, "_IDLE_SECONDS", 0.01)
    helper = Helper()
    BatchingDecoder(RATE, [helper])
    assert helper.closed.wait(10)
