"""Requests that threads work on: so many at once, so many waiting, for so long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from typing import Generic, TypeVar

from asr.deployment.server.http_errors import HTTPError

T = TypeVar("T")

_RETRY = 1  # seconds


class JobCancelledError(Exception):
    """Nobody waits for the result of a job."""


class Job:
    """The work of a thread, which ends early once it is cancelled."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()

    @property
    def is_cancelled(self) -> bool:
        """Nobody waits for the result."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Ask the work to end."""
        self._cancelled.set()

    def check(self, *_: object) -> None:
        """End the work if it is cancelled.

        Raises:
            JobCancelledError: It is.
        """
        if self.is_cancelled:
            raise JobCancelledError


_current: ContextVar[Job | None] = ContextVar("job", default=None)


def current_job() -> Job | None:
    """Return the job of this thread, if it has one."""
    return _current.get()


def _run(work: Callable[[Job], T], job: Job) -> T:
    _current.set(job)
    return work(job)


class Running(Generic[T]):
    """Work that a thread has begun.

    Args:
        future: Its result.
        job: What cancels it.
        seconds: Its longest time.
    """

    def __init__(self, future: asyncio.Future[T], job: Job, seconds: float) -> None:
        self._future, self._job, self._seconds = future, job, seconds
        self._deadline = asyncio.get_running_loop().time() + seconds

    async def result(self) -> T:
        """Wait for the result; cancel the work if nobody does any more.

        Raises:
            HTTPError: The time is up.
        """
        try:
            async with asyncio.timeout_at(self._deadline):
                return await asyncio.shield(self._future)
        except TimeoutError:
            self.cancel()
            text = (
                f"the request took longer than {self._seconds:g} s; send less at once"
            )
            raise HTTPError(504, text, code="timeout") from None
        except asyncio.CancelledError:
            self.cancel()
            raise

    def cancel(self) -> None:
        """Ask the work to end."""
        self._job.cancel()


class Pool:
    """Threads for one kind of requests.

    Args:
        threads: Requests at once.
        queue: Requests that wait.
        seconds: Longest time of a request, and of its wait.
        name: Name of the threads.
    """

    def __init__(self, threads: int, queue: int, seconds: float, name: str) -> None:
        self._executor = ThreadPoolExecutor(threads, name)
        self._free = asyncio.Semaphore(threads)
        self._queue, self._seconds = queue, seconds
        self._jobs: set[Job] = set()
        self.waiting = 0

    @property
    def running(self) -> int:
        """Number of requests that threads work on."""
        return len(self._jobs)

    async def start(
        self, work: Callable[[Job], T], finish: Callable[[], object] = lambda: None
    ) -> Running[T]:
        """Wait for a thread, and let it work.

        Args:
            work: What it does.
            finish: Called at the end of the work, or if it never begins.

        Raises:
            HTTPError: Too many requests wait, or this one did for too long.
        """
        try:
            await self._admit()
        except BaseException:
            finish()
            raise
        job = Job()
        self._jobs.add(job)
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._executor, _run, work, job)

        def ended(future: asyncio.Future[T]) -> None:
            self._jobs.discard(job)
            self._free.release()
            finish()
            with suppress(asyncio.CancelledError):
                future.exception()  # perhaps nobody asks for it

        future.add_done_callback(ended)
        return Running(future, job, self._seconds)

    async def run(
        self, work: Callable[[Job], T], finish: Callable[[], object] = lambda: None
    ) -> T:
        """Start work, and wait for its result; see `start` and `Running.result`."""
        running = await self.start(work, finish)
        return await running.result()

    async def _admit(self) -> None:
        if self._free.locked() and self.waiting >= self._queue:
            text = f"{self.waiting} requests wait already; try again later"
            raise HTTPError(503, text, code="busy", retry_after=_RETRY)
        self.waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._free.acquire()
        except TimeoutError:
            text = f"no thread was free for {self._seconds:g} s; try again later"
            raise HTTPError(503, text, code="busy", retry_after=_RETRY) from None
        finally:
            self.waiting -= 1

    def close(self) -> None:
        """Cancel what still runs; threads end on their own."""
        for job in list(self._jobs):
            job.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)
