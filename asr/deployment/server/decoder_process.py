"""A process that decodes beside the server's own: searches hold Python's lock."""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

from asr.config.schema import DecodingConfig
from asr.inference.beam_search_decoder import DecodedBatch
from asr.inference.loading import load

_SPAWN = multiprocessing.get_context("spawn")  # threads of this process do not survive
_JOIN_SECONDS = 5.0


class DecoderProcess:
    """Decodes in another process, which begins with the first batch.

    Args:
        name: Model, as in `asr.load`.
        threads: Processor threads of its network; 1 by default.
    """

    def __init__(self, name: str | Path, threads: int | None = None) -> None:
        self._name, self._threads = str(name), threads or 1
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    def decode(
        self,
        config: DecodingConfig,
        sources: Sequence[np.ndarray],
        is_first: Sequence[bool],
    ) -> DecodedBatch:
        """Decode a batch, as the decoder with this configuration does.

        Raises:
            OSError: The process ended, killed for its memory perhaps. Another one
                begins with the next batch.
            AsrError: What the decoder raised.
        """
        if self._connection is None:
            self._connection = self._start()
        try:
            self._connection.send((config, list(sources), list(is_first)))
            result: Any = self._connection.recv()
        except (EOFError, OSError) as error:
            self.close()
            raise ConnectionError("the process that decoded has ended") from error
        if isinstance(result, Exception):
            raise result
        decoded: DecodedBatch = result
        return decoded

    def _start(self) -> Connection:
        own, other = _SPAWN.Pipe()
        process = _SPAWN.Process(
            target=_work, args=(other, self._name, self._threads), daemon=True
        )
        process.start()
        other.close()  # so that the end of either process ends the connection
        self._process = process
        return own

    def close(self) -> None:
        """End the process; `decode` starts another one."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.join(_JOIN_SECONDS)
            self._process.kill()
        self._connection = self._process = None


def _work(connection: Connection, name: str, threads: int) -> None:
    """Decode until the connection ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server
    recognizer = load(name, threads=threads)
    with contextlib.suppress(EOFError, OSError):
        while True:
            config, sources, is_first = connection.recv()
            result: object
            try:
                result = recognizer.search(config).decode(sources, is_first)
            except Exception as error:
                result = _portable(error)
            connection.send(result)


def _portable(error: Exception) -> Exception:
    """Return an error that can be sent."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
