"""Ray on this machine, and jobs that its workers do in tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from asr.batch.jobs import Outcome, Work
from asr.batch.local_copies import LocalCopies
from asr.batch.pool import Pool
from asr.errors import ModelError


@contextmanager
def two_cores() -> Iterator[None]:
    """Start Ray with two cores; the pools of this process use it meanwhile."""
    pool = Pool(NamesJob(), "", workers=2)
    pool.start()
    with pool:
        yield


@dataclass(frozen=True)
class NamesJob:
    """Writes the name of each recording; some names are orders to the worker."""

    suffix: str = "txt"
    missing: bool = False

    def open(self) -> Work:
        if self.missing:
            raise ModelError("no such model")
        return self._work

    def _work(self, copies: LocalCopies, _: str) -> Outcome:
        outcome = Outcome()
        for number, row in zip(copies.numbers, copies.rows, strict=True):
            if row.id == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if row.id == "raise":
                raise RuntimeError("a fault")
            if row.id == "bad":
                outcome.failed.append((number, f"{row.audio}: no sound"))
                continue
            outcome.lines.append(f"{row.id}\n")
            outcome.audio_seconds += row.duration or 0.0
        return outcome
