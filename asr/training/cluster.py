"""Addresses of the workers of a distributed training."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asr.errors import UsageError

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):(\d{1,5})")


@dataclass(frozen=True)
class Cluster:
    """Workers of a distributed training, and which of them this process is.

    Args:
        kind: `tensorflow` or `jax`.
        hosts: Address of each worker, `HOST:PORT`.
        rank: Position of this process in `hosts`.

    Raises:
        UsageError: An address or the rank is not valid.
    """

    kind: str
    hosts: Sequence[str]
    rank: int

    def __post_init__(self) -> None:
        for host in self.hosts:
            found = _ADDRESS.fullmatch(host)
            if not found or not 0 < int(found[2]) < 65536:
                raise UsageError(f"an address must be HOST:PORT, got {host!r}")
        if len(set(self.hosts)) < len(self.hosts):
            raise UsageError(f"addresses must differ, got {','.join(self.hosts)}")
        if not 0 <= self.rank < len(self.hosts):
            last = len(self.hosts) - 1
            raise UsageError(f"the rank must be from 0 to {last}, got {self.rank}")


def from_environment(kind: str) -> Cluster:
    """Return the workers that the variable `TF_CONFIG` names, the chief first.

    Raises:
        UsageError: It is missing, or not as TensorFlow defines it.
    """
    text = os.environ.get("TF_CONFIG")
    if not text:
        raise UsageError(
            "--distribute needs --hosts and --rank, or the variable TF_CONFIG; on one "
            "machine start `asr launch --workers 2 -- train ...`"
        )
    try:
        config: dict[str, Any] = json.loads(text)
        chiefs, workers = (
            list(config["cluster"].get(job, ())) for job in ("chief", "worker")
        )
        own, index = config["task"]["type"], int(config["task"]["index"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            "TF_CONFIG must be {'cluster': {'worker': ['HOST:PORT', ...]}, 'task': "
            f"{{'type': 'worker', 'index': 0}}}}, got {text!r}"
        ) from error
    if own not in ("chief", "worker"):
        raise UsageError(f"the task of TF_CONFIG must be chief or worker, got {own!r}")
    rank = index + (len(chiefs) if own == "worker" else 0)
    return Cluster(kind, (*chiefs, *workers), rank)
