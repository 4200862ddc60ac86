"""Workers on a Ray cluster: units out, records in the order of the units back."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import threading
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from asr.batch.jobs import Job
from asr.batch.storage import Folder
from asr.batch.units import Unit
from asr.batch.worker import Record, Worker, write_record
from asr.errors import AsrError, OutputError, UsageError

LOCAL = "local"
"""Address that stands for this machine, without a cluster."""

_TRIES = 3
_AHEAD = 16  # units of each worker that may be done before the oldest one is
_OBJECT_STORE = 256 * 2**20  # bytes; units are small, and Ray would take 30 % of memory

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Task:
    """A unit that is being done."""

    unit: Unit
    tries: int = 0
    record: Record | None = None


class _Messages(io.TextIOBase):
    """Takes what Ray prints about workers that died: it is in our own report."""

    def write(self, text: str) -> int:
        if text.strip():
            _log.debug("%s", text.strip())
        return len(text)


@dataclass
class Pool:
    """Workers that do the units of a job; a context manager.

    Args:
        job: What to do.
        output: Path or address of the output.
        address: `local`, `auto` for the cluster of this machine, or `ray://...`.
        workers: Number of workers; None for all cores of the cluster.
        threads: Cores of each worker.

    Attributes:
        deaths: Number of workers that died and were replaced.
    """

    job: Job
    output: str
    address: str = LOCAL
    workers: int | None = None
    threads: int = 1
    deaths: int = 0
    _ray: Any = None
    _actor: Any = None
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _busy: dict[Any, tuple[Any, _Task | None]] = field(default_factory=dict)
    _idle: list[Any] = field(default_factory=list)
    _again: deque[_Task] = field(default_factory=deque)
    _order: deque[_Task] = field(default_factory=deque)
    _failed_starts: int = 0
    _exhausted: bool = False

    def start(self) -> None:
        """Connect to the cluster, or start one on this machine.

        Raises:
            UsageError: There is no cluster at the address.
        """
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # reports to nobody
        # Workers started here give way to other processes no more than a shell does.
        os.environ.setdefault("RAY_worker_niceness", "0")
        # What will be the default of Ray one day; unset, it warns.
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        import ray  # noqa: PLC0415 - starts when it is imported; an extra

        self._ray = ray
        self._stack.enter_context(contextlib.redirect_stdout(_Messages()))
        if not ray.is_initialized():
            self._connect()
        if self.workers is None:
            cores = int(ray.cluster_resources().get("CPU", 1))
            self.workers = max(1, cores // self.threads)
        self._actor = ray.remote(num_cpus=self.threads, max_restarts=0)(Worker)

    def _connect(self) -> None:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if self.address == LOCAL:
            self.workers = self.workers or max(1, _cores() // self.threads)
            options |= {
                "num_cpus": self.workers * self.threads,
                "include_dashboard": False,
                "object_store_memory": _OBJECT_STORE,
            }
        try:
            with _kept_sigterm(), warnings.catch_warnings(action="ignore"):
                self._ray.init(address=self.address, **options)
        except (ConnectionError, ValueError) as error:
            self._stack.close()
            first = str(error).partition("\n")[0]
            hint = "if it asks for a token, set RAY_AUTH_MODE=token"
            raise UsageError(
                f"no Ray cluster at {self.address}: {first}; {hint}"
            ) from error
        self._stack.callback(self._ray.shutdown)

    def __enter__(self) -> Pool:
        """Return the pool, which was started."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers, and the cluster if it was started here."""
        for worker in [*self._idle, *(worker for worker, _ in self._busy.values())]:
            self._end(worker)
        self._stack.close()

    def records(self, units: Iterable[Unit]) -> Iterator[tuple[Unit, Record]]:
        """Do units; yield each with its record, in the order of the units.

        A unit whose worker dies is tried again. After three times it is cut in halves,
        down to the recording that kills the workers, which alone fails.

        Raises:
            AsrError: The work cannot go on: no model, no space for the output, or no
                worker starts.
        """
        source = iter(units)
        for _ in range(self.workers or 1):
            self._start()
        while True:
            while self._idle and (task := self._next(source)):
                worker = self._idle.pop()
                self._busy[worker.do.remote(task.unit)] = worker, task
            while self._order and (record := self._order[0].record):
                yield self._order.popleft().unit, record
            if self._exhausted and not self._order:
                return
            ready, _ = self._ray.wait(list(self._busy), num_returns=1)
            self._ended(ready[0])

    def _start(self) -> None:
        """Start a worker."""
        try:
            worker = self._actor.remote(self.job, self.output)
        except ModuleNotFoundError as error:  # by way of ray://
            raise UsageError(
                f"the cluster lacks the package {error.name}; install this release of "
                "asr on all its machines"
            ) from error
        self._busy[worker.open.remote()] = worker, None

    def _next(self, source: Iterator[Unit]) -> _Task | None:
        """Return what an idle worker may do; None if it has to wait."""
        if self._again:
            return self._again.popleft()
        if len(self._order) >= _AHEAD * (self.workers or 1):
            return None
        unit = next(source, None)
        if unit is None:
            self._exhausted = True
            return None
        self._order.append(_Task(unit))
        return self._order[-1]

    def _ended(self, reference: Any) -> None:
        """Take the result of a worker, or what became of it."""
        worker, task = self._busy.pop(reference)
        try:
            result = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, AsrError) and not isinstance(cause, OutputError):
                raise cause from error
            _log.debug("a worker failed", exc_info=error)
            self._failed(worker, task, cause)
        except self._ray.exceptions.RayError as error:
            _log.debug("a worker died", exc_info=error)
            self.deaths += 1
            self._failed(worker, task, None)
        else:
            self._failed_starts = 0
            self._idle.append(worker)
            if task:
                self._finish(task, result)

    def _finish(self, task: _Task, record: Record) -> None:
        if not record.split:
            task.record = record
            return
        halves = [_Task(half, _TRIES - 1) for half in task.unit.halves()]
        place = self._order.index(task)
        del self._order[place]
        for half in reversed(halves):
            self._order.insert(place, half)
            self._again.appendleft(half)

    def _failed(self, worker: Any, task: _Task | None, cause: Any) -> None:
        """Replace a worker, and try its unit again, cut it, or give it up."""
        self._end(worker)
        reason = (
            "the worker died" if cause is None else f"{type(cause).__name__}: {cause}"
        )
        if task is None:
            self._failed_starts += 1
            if self._failed_starts > _TRIES * (self.workers or 1):
                raise AsrError(
                    f"workers do not start: {reason}; is asr installed on all machines?"
                )
        else:
            task.tries += 1
            if task.tries < _TRIES:
                self._again.appendleft(task)
            elif isinstance(cause, OutputError):
                raise cause
            else:
                self._give_up(task, reason)
        self._start()

    def _end(self, worker: Any) -> None:
        with contextlib.suppress(Exception):  # it may be dead
            self._ray.kill(worker)

    def _give_up(self, task: _Task, reason: str) -> None:
        record = Record(split=True)
        if len(task.unit.rows) == 1:
            record = Record(failed=[(0, f"{reason}, {_TRIES} times")])
        write_record(Folder(self.output), task.unit, record)
        self._finish(task, record)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def _kept_sigterm() -> Iterator[None]:
    """Put back the handler of SIGTERM that Ray replaces."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
