"""Counters of a server in the text format of Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from pathlib import Path

_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)  # seconds
_PAGE_BYTES = 4096


class Metrics:
    """Counts requests and their time; gauges are asked for when somebody reads.

    Reference:
        Prometheus, Exposition formats, text-based format 0.0.4.
    """

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._seconds: dict[str, list[int]] = {}
        self._sums: Counter[str] = Counter()
        self._counters: Counter[str] = Counter()
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}

    def request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count a request; `path` is that of its route."""
        self._requests[method, path, status] += 1
        counts = self._seconds.setdefault(path, [0] * (len(_BUCKETS) + 1))
        counts[bisect_left(_BUCKETS, seconds)] += 1
        self._sums[path] += seconds  # type: ignore[assignment]  # a sum of floats

    def add(self, name: str, value: float) -> None:
        """Add to a counter."""
        self._counters[name] += value  # type: ignore[assignment]  # a sum of floats

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Add a value that is read when somebody asks."""
        self._gauges[name] = (text, value)

    def text(self) -> str:
        """Return all values."""
        lines = ["# TYPE asr_requests_total counter"]
        for (method, path, status), count in sorted(self._requests.items()):
            labels = f'method="{method}",path="{path}",status="{status}"'
            lines.append(f"asr_requests_total{{{labels}}} {count}")
        lines.append("# TYPE asr_request_seconds histogram")
        for path, counts in sorted(self._seconds.items()):
            total = 0
            for edge, count in zip((*_BUCKETS, "+Inf"), counts, strict=True):
                total += count
                labels = f'path="{path}",le="{edge}"'
                lines.append(f"asr_request_seconds_bucket{{{labels}}} {total}")
            name = f'{{path="{path}"}}'
            lines.append(f"asr_request_seconds_sum{name} {self._sums[path]:.6f}")
            lines.append(f"asr_request_seconds_count{name} {total}")
        for name, value in sorted(self._counters.items()):
            lines += [f"# TYPE asr_{name} counter", f"asr_{name} {value:.6g}"]
        for name, (text, read) in self._gauges.items():
            lines += [f"# HELP asr_{name} {text}", f"# TYPE asr_{name} gauge"]
            lines.append(f"asr_{name} {read():g}")
        return "\n".join([*lines, *_memory()]) + "\n"


def _memory() -> list[str]:
    """Return the line of the memory of the process, where the system tells it."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return []
    name = "process_resident_memory_bytes"
    return [f"# TYPE {name} gauge", f"{name} {pages * _PAGE_BYTES}"]
