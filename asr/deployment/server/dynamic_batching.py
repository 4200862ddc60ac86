"""Decodes segments of several requests in one batch."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from asr.config.schema import DecodingConfig
from asr.decoding.beam_search import Hypotheses
from asr.deployment.server.decoder_process import DecoderProcess
from asr.deployment.server.pool import Job, JobCancelledError, current_job
from asr.files import model_path
from asr.formats.attention import AttentionMap
from asr.formats.transcript import Segment
from asr.inference.beam_search_decoder import DecodedBatch
from asr.inference.decoders import AnyDecoder
from asr.inference.recognizer import Recognizer
from asr.runtime.network import thread_count
from asr.storage.model_folder import read_card, read_model

_BATCH_SECONDS = 20.0  # of padded audio
_IDLE_SECONDS = 60.0  # after which a helper ends
_PADDING = 0.2  # seconds around a segment that its attention map shows

_Decode = Callable[[AnyDecoder, list[np.ndarray], list[bool]], DecodedBatch]

log = logging.getLogger(__name__)


@dataclass(eq=False)  # arrays have no truth value
class _Call:
    """Sources that a thread waits for."""

    decoder: AnyDecoder
    sources: Sequence[np.ndarray]
    is_first: Sequence[bool]
    result: Future[DecodedBatch] = field(default_factory=Future)
    began: float = field(default_factory=time.monotonic)
    job: Job | None = field(default_factory=current_job)

    @property
    def longest(self) -> int:
        return max(source.size for source in self.sources)


class BatchingDecoder:
    """A decoder whose calls from several threads make one batch.

    Its network runs in one thread. While that decodes, calls gather, so that batches
    grow with the load. They begin with the shortest call and with the oldest one in
    turn: short ones wait for at most two batches, and long ones not for ever. Other
    processes help with calls that wait; they begin when they are needed, and end when
    they were not for a while.

    Args:
        rate: Samples per second.
        helpers: Processes that help.
    """

    def __init__(self, rate: int, helpers: Sequence[DecoderProcess] = ()) -> None:
        self._budget = _BATCH_SECONDS * rate
        self._calls: list[_Call] = []
        self._changed = threading.Condition()
        self._is_turn_of_shortest = self._is_busy = False
        self.batches = self.segments = 0
        threading.Thread(target=self._run, name="decoder", daemon=True).start()
        for helper in helpers:
            threading.Thread(target=self._help, args=[helper], daemon=True).start()

    def decode(
        self,
        decoder: AnyDecoder,
        sources: Sequence[np.ndarray],
        is_first: Sequence[bool] | None = None,
    ) -> DecodedBatch:
        """Decode sources with a decoder, perhaps together with those of others."""
        if not sources:
            return decoder.decode(sources, is_first)
        call = _Call(decoder, sources, is_first or [True] * len(sources))
        with self._changed:
            self._calls.append(call)
            self._changed.notify_all()
        return call.result.result()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._calls)
                calls = self._take()
                self._is_busy = bool(calls)
                self._changed.notify_all()  # a helper may take what is left
            self._decode(calls, self._decode_here)

    def _decode_here(
        self, decoder: AnyDecoder, sources: list[np.ndarray], is_first: list[bool]
    ) -> DecodedBatch:
        try:
            return decoder.decode(sources, is_first)
        finally:
            self._is_busy = False  # before the next call of a client comes

    def _help(self, helper: DecoderProcess) -> None:
        """Decode in another process what waits while this one decodes."""

        def decode(
            decoder: AnyDecoder, sources: list[np.ndarray], is_first: list[bool]
        ) -> DecodedBatch:
            try:
                return helper.decode(decoder.config, sources, is_first)
            except ConnectionError:
                log.warning("a process that decoded has ended; the server goes on")
                return decoder.decode(sources, is_first)

        while True:
            with self._changed:
                is_needed = self._changed.wait_for(
                    lambda: self._is_busy and self._calls, _IDLE_SECONDS
                )
                calls = self._take() if is_needed else []
            if not is_needed:
                helper.close()
            self._decode(calls, decode)

    def _drop_cancelled(self) -> None:
        """Take calls from the queue that nobody waits for."""
        for call in list(self._calls):
            if call.job is not None and call.job.is_cancelled:
                self._calls.remove(call)
                call.result.set_exception(JobCancelledError())

    def _take(self) -> list[_Call]:
        """Take the calls of the next batch from the queue, if any are wanted."""
        self._drop_cancelled()
        if not self._calls:
            return []
        self._is_turn_of_shortest = not self._is_turn_of_shortest
        if self._is_turn_of_shortest:
            self._calls.sort(key=lambda it: it.longest)
        else:
            self._calls.sort(key=lambda it: it.began)
        taken = [self._calls.pop(0)]
        count, longest = len(taken[0].sources), taken[0].longest
        for call in list(self._calls):
            most = max(longest, call.longest)
            size = most * (count + len(call.sources))
            if call.decoder is taken[0].decoder and size <= self._budget:
                self._calls.remove(call)
                taken.append(call)
                count, longest = count + len(call.sources), most
        return taken

    def _decode(self, calls: list[_Call], decode: _Decode) -> None:
        if not calls:
            return
        sources = [source for call in calls for source in call.sources]
        first = [is_first for call in calls for is_first in call.is_first]
        self.batches, self.segments = self.batches + 1, self.segments + len(sources)
        try:
            decoded = decode(calls[0].decoder, sources, first)
        except BaseException as error:  # this thread must not end
            if len(calls) > 1:  # one of them must not fail the others
                for call in calls:
                    self._decode([call], decode)
            else:
                calls[0].result.set_exception(error)
            return
        row = 0
        for call in calls:
            rows = slice(row, row + len(call.sources))
            call.result.set_result(_rows(decoded, rows))
            row = rows.stop


def _rows(decoded: DecodedBatch, rows: slice) -> DecodedBatch:
    """Return some sources of a batch."""
    hypotheses = Hypotheses(*(value[rows] for value in decoded.hypotheses))
    return DecodedBatch(hypotheses, decoded.ctc[rows])


class _Shared:
    """A decoder as the methods of `Recognizer` use it."""

    def __init__(self, decoder: AnyDecoder, joint: BatchingDecoder) -> None:
        self._decoder, self._joint, self.config = decoder, joint, decoder.config

    def decode(
        self, sources: Sequence[np.ndarray], is_first: Sequence[bool] | None = None
    ) -> DecodedBatch:
        return self._joint.decode(self._decoder, sources, is_first)

    def hypotheses(self, sources: Sequence[np.ndarray]) -> Hypotheses:
        return self.decode(sources).hypotheses


class BatchingRecognizer(Recognizer):
    """A recogniser whose segments are decoded together with those of other threads.

    Args:
        name: As in `asr.load`.
        threads: As in `asr.load`.
        processes: Processes that decode, this one among them.
    """

    def __init__(
        self, name: str | Path, threads: int | None = None, processes: int = 1
    ) -> None:
        folder = model_path(name)
        loaded = read_model(folder, thread_count(threads))
        super().__init__(loaded, read_card(folder), str(name))
        helpers = [DecoderProcess(name, threads) for _ in range(1, processes)]
        self.joint = BatchingDecoder(self.rate, helpers)

    def segment_attention(
        self, samples: np.ndarray, segment: Segment
    ) -> tuple[AttentionMap, float]:
        """Return the attention weights of a segment, and the second they begin at.

        Args:
            samples: The recording, (N,) float32.
            segment: One of its segments, as it was recognised.
        """
        first = max(0, round((segment.start - _PADDING) * self.rate))
        part = samples[first : round((segment.end + _PADDING) * self.rate)]
        return self._attention(part, segment.tokens), first / self.rate

    def search(self, decoding: DecodingConfig | None = None) -> AnyDecoder:
        """Return the decoder for some options; see `Predictor.search`."""
        shared: Any = _Shared(super().search(decoding), self.joint)
        return cast("AnyDecoder", shared)
