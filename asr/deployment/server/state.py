"""What the endpoints of one server share."""

from __future__ import annotations

from dataclasses import dataclass, field

from asr.deployment.server.bodies import Uploads
from asr.deployment.server.limits import Limits
from asr.deployment.server.metrics import Metrics
from asr.deployment.server.models import Models
from asr.deployment.server.pool import Pool

_TEXT_THREADS = 2


@dataclass
class State:
    """Models, threads, bounds and counters.

    Args:
        models: The models.
        limits: The bounds.
    """

    models: Models
    limits: Limits
    metrics: Metrics = field(default_factory=Metrics)
    is_ready: bool = False
    sockets: int = 0

    def __post_init__(self) -> None:
        """Make the threads, and the values that `/metrics` shows."""
        limits = self.limits
        self.uploads = Uploads(limits)
        queue, seconds = limits.queue, limits.request_seconds
        self.speech = Pool(limits.workers, queue, seconds, "speech")
        # Others than those of recordings, which a text of 0.1 s must not wait for.
        self.texts = Pool(_TEXT_THREADS, queue, seconds, "text")
        self.live = Pool(limits.sockets, 0, limits.audio_seconds, "live")
        for name, pool in {"recordings": self.speech, "texts": self.texts}.items():
            self._show(f"{name}_running", "Requests in a thread.", pool, "running")
            self._show(f"{name}_waiting", "Requests in the queue.", pool, "waiting")
        self._show("sockets", "Open live sockets.", self, "sockets")
        self._show(
            "upload_bytes", "Bytes of bodies that are kept.", self.uploads, "bytes"
        )

    def _show(self, name: str, text: str, owner: object, attribute: str) -> None:
        self.metrics.gauge(name, text, lambda: float(getattr(owner, attribute)))

    def close(self) -> None:
        """Cancel what still runs."""
        for pool in (self.speech, self.texts, self.live):
            pool.close()
