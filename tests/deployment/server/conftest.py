"""A server that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server_process import ServerProcess, running

pytest.importorskip("starlette", reason="the server needs the extra serve")


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[ServerProcess]:
    """`asr serve` with the bundled models."""
    with running(tmp_path_factory.mktemp("server")) as started:
        started.wait_until_ready()
        yield started
