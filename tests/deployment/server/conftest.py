"""A server that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server_process import RunningServer, running_here

pytest.importorskip("starlette", reason="the server needs the extra serve")


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    """A server with the bundled models."""
    with running_here() as started:
        yield started
