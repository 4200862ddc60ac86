"""Clients that are slow, broken or hostile: the server goes on, and keeps nothing."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests import hostile_clients
from tests.server_process import RIVER, SAMPLES, running


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with little patience and small bounds."""
    folder = tmp_path_factory.mktemp("hostile")
    bounds = ["--workers", "2", "--max-queue", "2", "--max-megabytes", "5"]
    with running(folder, *bounds, "--max-sockets", "2") as started:
        started.wait_until_ready()
        yield started


@pytest.fixture(autouse=True)
def unharmed(server):
    """After each test the server answers, and no upload is left."""
    yield
    end = time.monotonic() + 10
    while server.transcribe(SAMPLES / "river.wav")[0] == 503:  # what ran before ends
        assert time.monotonic() < end
        time.sleep(0.1)
    status, values = server.transcribe(SAMPLES / "river.wav")
    assert (status, values["text"]) == (200, RIVER)
    assert server.process.poll() is None
    assert "Traceback" not in server.log.read_text()
    while uploads := [it for it in server.files if it.endswith("(deleted)")]:
        assert time.monotonic() < end, uploads
        time.sleep(0.1)
    assert [path.name for path in server.log.parent.iterdir()] == ["server.log"]


def test_malformed_requests(server):
    draw = random.Random(3)
    for _ in range(100):
        request = hostile_clients.malformed(draw)
        end = time.monotonic() + 30
        # Busy: what clients that went away asked for is still being cancelled.
        while (status := hostile_clients.ask(server.port, request)) == 503:
            assert time.monotonic() < end
            time.sleep(0.1)
        # No answer: the client closed its side within the head. 101: live sockets.
        # 200: noise after a RIFF header of a WAV file can be read as such.
        assert status in (0, 101, 200) or 400 <= status < 500, (status, request[:200])


def test_slow_heads_and_half_uploads(server):
    port = server.port
    with ExitStack() as stack:
        stack.enter_context(hostile_clients.slow_heads(port, 40))
        stack.enter_context(hostile_clients.half_uploads(port, 40))
        assert server.transcribe(SAMPLES / "river.wav")[0] == 200
        assert server.get("/healthz")[0] == 200


def test_a_head_that_takes_too_long_is_ended(server):
    with hostile_clients.slow_heads(server.port, 1) as (client,):
        client.settimeout(20)
        assert client.recv(100) == b""


def test_clients_that_go_away(server):
    draw = random.Random(5)
    request = hostile_clients.good_upload()
    for _ in range(8):
        hostile_clients.cut(server.port, request, draw.random() / 10)
        hostile_clients.cut(server.port, request[: draw.randrange(len(request))], 0)
        hostile_clients.cut_socket(server.port, draw)


def test_readers_that_do_not_read(server):
    with hostile_clients.deaf_readers(server.port, 4):
        end = time.monotonic() + 10
        while server.transcribe(SAMPLES / "river.wav")[0] != 200:  # 503: the queue
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body(server, chunked):
    # A body that says its length is refused at once; the other after 5 MB.
    size = 60_000_000
    status, _ = hostile_clients.large_body(server.port, size, chunked=chunked)
    assert status == 413


def test_large_heads(server):
    head = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    for bomb in (b"X: " + b"a" * 5_000_000, b"X: 1\r\n" * 500_000):
        assert hostile_clients.ask(server.port, head + bomb + b"\r\n\r\n") in (0, 431)


def test_more_requests_than_the_queue_takes(server):
    with ThreadPoolExecutor(12) as executor:
        path = SAMPLES / "friends.mp3"
        results = list(executor.map(lambda _: server.transcribe(path), range(12)))
    statuses = [status for status, _ in results]
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) >= 4  # two threads and two that wait
    texts = {values["text"] for status, values in results if status == 200}
    assert len(texts) == 1
    refused = [values["error"] for status, values in results if status == 503]
    assert all(error["code"] == "busy" for error in refused)


def test_ctrl_c_ends_what_runs(tmp_path):
    with running(tmp_path) as server:
        server.wait_until_ready()
        found = []

        def ask() -> None:
            found.append(server.transcribe(SAMPLES / "friends.mp3"))

        thread = threading.Thread(target=ask)
        thread.start()
        while '"/v1/audio' not in server.get("/metrics")[1] and not found:
            if "asr_recordings_running 1" in server.get("/metrics")[1]:
                break
        assert server.end() == 0
        thread.join()
        assert found[0][0] == 200
    assert server.log.read_text().count("\n") == 1  # its address, and no traceback


@pytest.mark.parametrize("number", [2, 15])
def test_signals_while_it_loads(tmp_path, number):
    with running(tmp_path) as server:
        assert server.end(number) == 0
    assert "Traceback" not in server.log.read_text()
