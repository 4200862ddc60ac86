"""Threads for requests: how many run and wait, for how long, and how they end."""

from __future__ import annotations

import asyncio
import threading

import pytest

from asr.deployment.server.http_errors import HTTPError
from asr.deployment.server.pool import JobCancelledError, Pool


def test_results_and_errors():
    async def main():
        pool = Pool(1, 1, 5.0, "test")
        finished = []
        assert await pool.run(lambda _: 3, lambda: finished.append(1)) == 3
        with pytest.raises(ZeroDivisionError):
            await pool.run(lambda _: 1 / 0, lambda: finished.append(2))
        assert finished == [1, 2]
        assert pool.running == pool.waiting == 0

    asyncio.run(main())


def test_what_does_not_fit_the_queue_is_refused():
    async def main():
        pool, go = Pool(1, 1, 5.0, "test"), threading.Event()
        first = await pool.start(lambda _: go.wait(10))
        second = asyncio.create_task(pool.run(lambda _: "second"))
        await asyncio.sleep(0)
        assert (pool.running, pool.waiting) == (1, 1)
        refused = []
        with pytest.raises(HTTPError) as busy:
            await pool.run(lambda _: "third", lambda: refused.append(3))
        assert (busy.value.status, busy.value.retry_after) == (503, 1)
        assert refused == [3]
        go.set()
        assert await first.result()
        assert await second == "second"

    asyncio.run(main())


def test_work_that_takes_too_long_is_cancelled():
    async def main():
        pool, ended = Pool(1, 1, 0.05, "test"), threading.Event()

        def work(job):
            try:
                while True:
                    job.check()
            except JobCancelledError:
                ended.set()
                raise

        with pytest.raises(HTTPError) as late:
            await pool.run(work)
        assert (late.value.status, late.value.code) == (504, "timeout")
        assert await asyncio.to_thread(ended.wait, 10)

    asyncio.run(main())


def test_a_wait_that_is_cancelled_cancels_the_work():
    async def main():
        pool, begun, ended = Pool(1, 1, 5.0, "test"), threading.Event(), []

        def work(job):
            begun.set()
            while not job.is_cancelled:
                pass
            ended.append(1)

        task = asyncio.create_task(pool.run(work))
        assert await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # The thread is free again: the next work runs.
        assert await pool.run(lambda _: "next") == "next"
        assert ended == [1]

    asyncio.run(main())


def test_the_end_cancels_what_runs():
    async def main():
        pool = Pool(1, 1, 5.0, "test")
        running = await pool.start(lambda job: job.check() or _spin(job))
        pool.close()
        with pytest.raises(JobCancelledError):
            await running.result()

    asyncio.run(main())


def _spin(job):
    while True:
        job.check()
