"""WS /v1/listen: live audio in, text out."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

import numpy as np
import pytest
import soundfile
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

import asr
from asr.inference.recognizer import Recognizer
from tests.server_process import RIVER, SAMPLES, running


def speech(rate: int = 16000) -> bytes:
    """`river.wav` with two seconds of silence, as 16-bit samples."""
    samples, own = soundfile.read(SAMPLES / "river.wav", dtype="int16")
    assert own == rate == 16000
    return np.concatenate([samples, np.zeros(2 * rate, "int16")]).tobytes()


def url(server, query: str = "") -> str:
    return f"{server.url.replace('http', 'ws')}/v1/listen{query}"


def frames(data: bytes, size: int = 3200) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def talk(socket, data: bytes) -> list[dict]:
    """Send audio and its end; return all messages."""
    for frame in frames(data):
        socket.send(frame)
    socket.send('{"type": "end"}')
    return [json.loads(message) for message in socket]


def test_two_sentences(server):
    with connect(url(server, "?words=true")) as socket:
        ready, *messages = talk(socket, speech() * 2)
    assert ready == {"type": "ready", "rate": 16000}
    assert messages[-1] == {"type": "done", "duration": pytest.approx(9.98, abs=0.01)}
    segments = [it for it in messages if it["type"] == "segment"]
    assert [it["id"] for it in segments] == [0, 1]
    for segment, start in zip(segments, (0, 4.99), strict=True):
        assert segment["text"].startswith("The old man walked slowly down to the")
        assert start <= segment["start"] < segment["end"] <= start + 3
        assert " ".join(it["word"] for it in segment["words"]) == segment["text"]
    partial = [it["text"] for it in messages if it["type"] == "partial"]
    assert any(text.startswith("The old man") for text in partial)


def test_segments_are_those_of_a_stream(server):
    samples, rate = soundfile.read(SAMPLES / "letter.ogg", dtype="int16")
    data = samples.tobytes()
    stream = asr.load("english").stream(rate=rate)
    found = [it for frame in frames(data) for it in stream.feed(frame).finished]
    expected = [(it.start, it.end) for it in [*found, *stream.finish()]]
    with connect(url(server, f"?rate={rate}")) as socket:
        messages = talk(socket, data)
    got = [(it["start"], it["end"]) for it in messages if it["type"] == "segment"]
    assert got == [pytest.approx(it, abs=1e-3) for it in expected]


def test_the_protocol_is_named(server):
    with connect(url(server), subprotocols=["asr.v1"]) as socket:
        assert socket.subprotocol == "asr.v1"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("?rate=1", "rate must be 4000 to 192000 Hz, got '1'"),
        ("?rate=fast", "got 'fast'"),
        ("?rat=16000", "did you mean 'rate'?"),
        ("?model=large", "is named 'large'"),
        ("?language=fr", "the model knows english"),
        ("?words=1", "words must be true or false"),
        ("?prompt=1984", "nothing that the model can write"),
    ],
)
def test_parameters_that_are_not_valid(server, query, text):
    with connect(url(server, query)) as socket:
        message = json.loads(socket.recv())
        assert message["type"] == "error"
        assert text in message["error"]["message"]
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
    assert closed.value.rcvd.code == 1008


@pytest.mark.parametrize("sent", ["hello", '{"type": "stop"}', "[" * 9999, ""])
def test_messages_that_are_not_valid(server, sent):
    with connect(url(server)) as socket:
        assert json.loads(socket.recv())["type"] == "ready"
        socket.send(sent)
        assert "send binary frames" in json.loads(socket.recv())["error"]["message"]


def test_a_refusal_with_a_long_text(server):
    language = quote("\u8a9e" * 60)
    with connect(url(server, f"?language={language}")) as socket:
        assert json.loads(socket.recv())["type"] == "error"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
    assert closed.value.rcvd.code == 1008


def test_a_model_without_times_of_words(server, monkeypatch):
    monkeypatch.setattr(Recognizer, "times_words", False)
    with connect(url(server, "?words=true")) as socket:
        *_, segment, done = talk(socket, speech())
    assert (segment["text"], done["type"]) == (RIVER, "done")
    assert not segment.get("words")


def test_half_samples_and_empty_frames(server):
    data = speech()
    with connect(url(server)) as socket:
        for frame in (b"", data[:3], *frames(data[3:], 32001)):
            socket.send(frame)
        socket.send('{"type": "end"}')
        messages = [json.loads(message) for message in socket]
    assert [it["text"] for it in messages if it["type"] == "segment"] == [RIVER]


def test_pages_of_other_sites_are_refused(server):
    with pytest.raises(InvalidStatus) as refused:
        connect(url(server), origin="https://example.com").__enter__()
    assert refused.value.response.status_code == 403


def test_bounds(tmp_path):
    token = "0123456789abcdef"
    path = tmp_path / "token"
    path.write_text(token)
    bounds = ["--max-sockets", "1", "--max-minutes", "0.05", "--token", str(path)]
    with running(tmp_path, *bounds) as server:
        with pytest.raises(InvalidStatus) as refused:
            connect(url(server)).__enter__()
        assert refused.value.response.status_code == 401
        protocols = ["asr.v1", f"asr-token.{token}"]
        with connect(url(server), subprotocols=protocols) as socket:
            assert json.loads(socket.recv())["type"] == "ready"
            with connect(url(server), subprotocols=protocols) as other:
                assert json.loads(other.recv())["error"]["code"] == "busy"
            for frame in frames(bytes(32000 * 4)):  # 4 s; 3 s are the most
                socket.send(frame)
            code = json.loads(socket.recv())["error"]["code"]
            assert code == "audio_too_long"
        # The place is free again.
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with connect(url(server), subprotocols=protocols) as socket:
                if json.loads(socket.recv())["type"] == "ready":
                    break
        else:
            pytest.fail("the place of a socket that is closed is not free")


def test_ctrl_c_closes_sockets(tmp_path):
    with running(tmp_path) as server:
        server.wait_until_ready()
        with connect(url(server)) as socket:
            assert json.loads(socket.recv())["type"] == "ready"
            assert server.end() == 0
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv()
        assert closed.value.rcvd.code == 1012
    assert "Traceback" not in server.log.read_text()
