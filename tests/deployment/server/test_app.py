"""Routes, health, metrics, tokens, hosts and texts."""

from __future__ import annotations

import asyncio
import json
import re

import httpx
import pytest

from asr.deployment.server.app import application
from asr.deployment.server.limits import Limits
from asr.deployment.server.models import Models
from tests.server_process import RIVER, SAMPLES, running, running_here


@pytest.fixture(scope="module")
def client(server):
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def test_health_and_models(client):
    assert client.get("/healthz").json()["status"] == "ok"
    models = {it["id"]: it["task"] for it in client.get("/v1/models").json()["data"]}
    assert models["english"] == "speech_recognition"
    assert models["en-fr"] == "translation"
    assert client.get("/v1/models/english").json()["object"] == "model"
    assert client.get("/v1/models/nothing").status_code == 404


def test_metrics(client, server):
    assert server.transcribe(SAMPLES / "river.wav")[0] == 200
    text = client.get("/metrics").text
    pattern = r'asr_requests_total\{method="POST",path="/v1/audio/transcriptions",'
    assert int(re.search(pattern + r'status="200"\} (\d+)', text)[1]) >= 1
    assert re.search(r"asr_recordings_running 0\n", text)
    assert float(re.search(r"asr_audio_seconds_total (\d\S*)", text)[1]) > 2.9
    # Each line is a comment, or a name with labels and a number.
    line = r"(# (TYPE|HELP) .*|[a-z_]+(\{[^}]*\})? [-+.\de]+)"
    assert all(re.fullmatch(line, it) for it in text.splitlines())


def test_the_openai_client(server):
    import openai

    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none")
    assert "english" in [model.id for model in client.models.list()]
    path = SAMPLES / "river.wav"
    create = client.audio.transcriptions.create
    assert create(file=path, model="english").text == RIVER
    assert create(file=path, model="english", response_format="text") == f"{RIVER}\n"
    verbose = create(
        file=path,
        model="english",
        language="en",
        prompt="river",
        temperature=0,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert verbose.text == verbose.segments[0].text == RIVER
    assert verbose.words[-1].word == "river."
    with path.open("rb") as file:
        events = list(create(file=file, model="english", stream=True))
    assert [event.type for event in events] == [
        "transcript.text.delta",
        "transcript.text.done",
    ]
    assert events[-1].text == RIVER
    with pytest.raises(openai.NotFoundError, match="whisper-1"):
        create(file=path, model="whisper-1")


def test_translation(client):
    body = {"text": "A man is walking.\n\nThank you.", "attention": True}
    values = client.post("/v1/translations", json=body).json()
    assert values["text"] == "Un homme marche.\n\nMerci."
    shown = values["parts"][0]["attention"]
    assert shown["tokens"][:2] == ["▁Un", "▁homme"]
    assert shown["source"][:2] == ["▁A", "▁man"]
    assert len(shown["weights"]) == len(shown["tokens"])
    row = shown["weights"][1]
    assert max(row) == row[1] > 0.5  # `homme` looked at `man`
    plain = client.post("/v1/translations", json={"text": "Thank you."}).json()
    assert "attention" not in plain["parts"][0]


def test_summary(client, root):
    abstract = (root / "data" / "samples" / "abstract.txt").read_text()
    body = {"text": abstract, "attention": True}
    values = client.post("/v1/summaries", json=body).json()
    assert values["model"] == "title"
    (part,) = values["parts"]
    assert part["text"] == values["text"] != ""
    assert len(part["attention"]["weights"]) == len(part["attention"]["tokens"])


def test_punctuation(client):
    body = {"text": "HOW ARE YOU I AM FINE THANKS"}
    values = client.post("/v1/punctuation", json=body).json()
    assert values["text"].startswith("How are you?")
    response = client.post("/v1/punctuation", json={**body, "attention": True})
    assert response.status_code == 400
    assert "has no attention" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("content", "status", "text"),
    [
        (b"", 400, "must be JSON"),
        (b"\xff", 400, "must be JSON"),
        (b"[" * 100_000, 400, "must be JSON"),
        (b"[1]", 400, "must be a JSON object"),
        (b"{}", 400, "the field text is missing"),
        (b'{"text": 1}', 400, "text must be a text, got 1"),
        (b'{"text": "a", "attention": 1}', 400, "attention must be true or false"),
        (b'{"text": "a", "txt": 1}', 400, "unknown field 'txt'; did you mean 'text'?"),
        (b'{"text": "a", "model": "english"}', 404, "no model for translation is"),
        (json.dumps({"text": "a" * 20_001}).encode(), 413, "text has 20,001 charact"),
        (b'{"text": "' + b"a" * 1_000_001 + b'"}', 413, "larger than 1,000,000 bytes"),
    ],
)
def test_bodies_that_are_not_valid(client, content, status, text):
    response = client.post("/v1/translations", content=content)
    found = response.json()["error"]["message"]
    assert (response.status_code, text in found) == (status, True), found


@pytest.mark.parametrize(
    "path",
    [
        "/../etc/passwd", "/..%2f..%2fetc/passwd", "//etc/passwd", "/page.js/",
        "/%00", "/page/index.html", "/v1/models/..%2f..%2fetc%2fpasswd", "/static/",
        "/index.html", "/v1/audio/transcriptions/",
    ],
)  # fmt: skip
def test_no_other_file_is_reachable(client, path):
    response = client.get(path)
    assert response.status_code == 404
    assert "root:" not in response.text
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_the_page_says_what_it_may_load(client):
    response = client.get("/")
    assert response.status_code == 200
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"


def test_other_methods(client):
    response = client.get("/v1/translations")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert response.json()["error"]["message"] == "this address has no such method"


def test_pages_of_other_sites_are_refused(client):
    post = client.post
    for origin in (
        "https://example.com",
        "null",
        "http://localhost.example.com",
        "http://[",
    ):
        response = post("/v1/summaries", json={}, headers={"Origin": origin})
        assert response.status_code == 403
        assert "access-control-allow-origin" not in response.headers
    own = {"Origin": str(client.base_url).rstrip("/")}
    assert post("/v1/summaries", json={}, headers=own).status_code == 400
    # A name that an attacker lets point to this machine.
    response = client.get("/v1/models", headers={"Host": "rebound.example.com"})
    assert response.status_code == 403
    assert client.get("/healthz", headers={"Host": "localhost:1"}).status_code == 200


def test_a_token(tmp_path):
    token = "0123456789abcdef"
    path = tmp_path / "token"
    path.write_text(f"{token}\n")
    with running(tmp_path, "--token", str(path), "--models", "english") as server:
        assert server.get("/")[0] == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            response = httpx.get(f"{server.url}/v1/models", headers=headers)
            assert response.status_code == 401
            assert response.headers["www-authenticate"] == "Bearer"
        headers = {"Authorization": f"Bearer {token}", "Host": "any.example.com"}
        response = httpx.get(f"{server.url}/v1/models", headers=headers)
        assert [it["id"] for it in response.json()["data"]] == ["english"]
        assert server.end() == 0


def test_a_fault_is_told_to_the_log_alone(caplog):
    class Broken(Models):
        def get(self, name):
            raise RuntimeError(f"the secret of {name}")

    async def main():
        transport = httpx.ASGITransport(application(Broken(), Limits())[0])
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1"
        ) as client:
            return await client.post("/v1/translations", json={"text": "a"})

    response = asyncio.run(main())
    assert response.status_code == 500
    assert response.json()["error"] == {
        "message": "an error of the server; its log has more",
        "type": "server_error",
        "param": None,
        "code": "fault",
    }
    assert "the secret of en-fr" in caplog.text


@pytest.mark.parametrize(
    ("bound", "fields", "status", "code"),
    [
        ({"audio_seconds": 2.0}, {}, 413, "audio_too_long"),
        (
            {"attention_seconds": 2.0},
            {"attention": "true", "response_format": "verbose_json"},
            413,
            "audio_too_long",
        ),
        ({"request_seconds": 0.001}, {}, 504, "timeout"),
        ({"request_seconds": 0.001}, {"stream": "true"}, 504, "timeout"),
        ({"disk_bytes": 1000}, {}, 503, "busy"),
    ],
)
def test_bounds(bound, fields, status, code):
    with running_here(Limits(**bound)) as server:
        found, values = server.transcribe(SAMPLES / "river.wav", **fields)
        assert (found, values["error"]["code"]) == (status, code)
        assert server.get("/healthz")[0] == 200
