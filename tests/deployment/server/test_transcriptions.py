"""POST /v1/audio/transcriptions: formats, fields, streams and errors."""

from __future__ import annotations

import io
import json
import wave

import httpx
import numpy as np
import pytest
import srt

import asr
from tests.server_process import RIVER, SAMPLES

PATH = "/v1/audio/transcriptions"


@pytest.fixture(scope="module")
def client(server):
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def sent(client, sample="river.wav", **fields):
    content = (SAMPLES / sample).read_bytes()
    return client.post(PATH, files={"file": (sample, content)}, data=fields)


def message(response) -> str:
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error["message"]


def events(response) -> list[dict]:
    lines = response.text.split("\n\n")
    assert lines[-1] == ""
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


def wav(samples, rate=16000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, rate, 0, "NONE", ""))
        writer.writeframes(np.asarray(samples, "<i2").tobytes())
    return file.getvalue()


def test_json(client):
    response = sent(client, model="english")
    assert response.status_code == 200
    usage = {"type": "duration", "seconds": 3}
    assert response.json() == {"text": RIVER, "usage": usage}


@pytest.mark.parametrize(
    "sample",
    ["friends.mp3", "house.opus", "letter.ogg", "morning.flac", "river.wav"],
)
def test_the_text_is_that_of_the_command(client, sample):
    # Other requests may be in the same batch: that must not change a text.
    recognizer = asr.load("english")
    restorer = asr.load_text("restore")
    expected = restorer.transcript(recognizer.transcribe(SAMPLES / sample)).text
    assert sent(client, sample).json()["text"] == expected


def test_text(client):
    response = sent(client, response_format="text")
    assert response.text == f"{RIVER}\n"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_subtitles(client):
    (cue,) = srt.parse(sent(client, response_format="srt").text)
    assert cue.content.replace("\n", " ") == RIVER
    assert 0 <= cue.start.total_seconds() < cue.end.total_seconds() <= 3
    text = sent(client, response_format="vtt").text
    assert text.startswith("WEBVTT\n\n00:00:0")


def test_verbose_json(client):
    values = sent(client, response_format="verbose_json").json()
    assert values["task"] == "transcribe"
    assert values["language"] == "english"
    assert values["duration"] == pytest.approx(2.99, abs=0.01)
    (segment,) = values["segments"]
    assert segment["text"] == values["text"] == RIVER
    assert 0 <= segment["start"] < segment["end"] <= values["duration"]
    assert 0 < segment["confidence"] <= 1
    assert "words" not in values
    assert "words" not in segment


def test_words(client):
    fields = {"timestamp_granularities[]": ["word", "segment"]}
    values = sent(client, response_format="verbose_json", **fields).json()
    assert " ".join(word["word"] for word in values["words"]) == RIVER
    starts = [word["start"] for word in values["words"]]
    assert starts == sorted(starts)
    assert all(0 < word["probability"] <= 1 for word in values["words"])
    assert len(values["segments"]) == 1


def test_attention(client):
    values = sent(client, response_format="verbose_json", attention="true").json()
    shown = values["segments"][0]["attention"]
    assert "".join(shown["tokens"][:-1]) == RIVER.upper().strip(".")
    weights = np.array(shown["weights"])
    assert len(weights) == len(shown["tokens"])
    assert weights.sum(1) == pytest.approx(np.ones(len(weights)), abs=0.1)
    # The decoder reads from left to right.
    middles = weights @ np.arange(weights.shape[1]) / weights.sum(1)
    assert np.corrcoef(middles, np.arange(len(middles)))[0, 1] > 0.95
    levels = shown["spectrogram"]["levels"]
    seconds = len(levels) * shown["spectrogram"]["hop_seconds"]
    assert seconds == pytest.approx(weights.shape[1] * shown["frame_seconds"], abs=0.1)
    assert set("".join(levels)) <= set("0123456789")


def test_hotwords(client):
    plain = sent(client, prompt="").json()["text"]
    assert plain == RIVER
    text = sent(client, prompt="slow, , the rivers").json()["text"]
    assert text.endswith("down to the rivers.")


def test_stream(client):
    whole = sent(client, "morning.flac").json()["text"]
    response = sent(client, "morning.flac", stream="true")
    assert response.headers["content-type"].startswith("text/event-stream")
    *deltas, done = events(response)
    assert {it["type"] for it in deltas} == {"transcript.text.delta"}
    assert done["type"] == "transcript.text.done"
    assert "".join(it["delta"] for it in deltas) == done["text"] == whole


def test_stream_of_segments(client):
    fields = {"timestamp_granularities[]": "word", "attention": "true"}
    response = sent(client, stream="true", response_format="verbose_json", **fields)
    segment, delta, _ = events(response)
    assert segment["type"] == "transcript.text.segment"
    assert segment["text"] == delta["delta"] == RIVER
    assert segment["words"][0]["word"] == "The"
    assert segment["attention"]["tokens"][:3] == ["T", "H", "E"]


def test_silence_has_a_reason(client):
    files = {"file": ("silence.wav", wav(np.zeros(32000)))}
    response = client.post(PATH, files=files, data={"response_format": "verbose_json"})
    assert response.status_code == 200
    assert response.json()["text"] == ""
    assert response.json()["reason"] == "the recording is silent"


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"model": "whisper-1"}, 404, "no model for speech recognition is named"),
        ({"model": "en-fr"}, 404, "no model for speech recognition is named"),
        ({"model": "../english"}, 404, "no model for speech recognition is named"),
        ({"language": "fr"}, 400, "the model knows english (en), not 'fr'"),
        ({"response_format": "xml"}, 400, "response_format must be one of json, text"),
        ({"respons_format": "srt"}, 400, "did you mean 'response_format'?"),
        ({"stream": "true", "response_format": "srt"}, 400, "stream sends json or"),
        ({"stream": "maybe"}, 400, "stream must be true or false, got 'maybe'"),
        ({"attention": "true"}, 400, "attention is part of verbose_json alone"),
        ({"temperature": "warm"}, 400, "temperature must be a number, got 'warm'"),
        ({"prompt": ",".join(map(str, range(101)))}, 400, "prompt has 101 phrases"),
        ({"prompt": "1984"}, 400, "hotword '1984': nothing that the model can write"),
        ({"timestamp_granularities[]": "word"}, 400, "need response_format verbose_js"),
    ],
)
def test_fields_that_are_not_valid(client, fields, status, text):
    response = sent(client, **fields)
    assert (response.status_code, text in message(response)) == (status, True)


def test_language_by_code_or_name(client):
    assert sent(client, language="en").status_code == 200
    assert sent(client, language="English").status_code == 200


@pytest.mark.parametrize("stream", ["false", "true"])
def test_what_is_no_recording(client, stream):
    files = {"file": ("../../etc/passwd\n", b"root:x:0:0:" * 100)}
    response = client.post(PATH, files=files, data={"stream": stream})
    assert response.status_code == 400
    assert message(response).startswith("passwd")
    assert "\n" not in message(response)
    assert response.json()["error"]["code"] == "invalid_audio"


def test_no_file(client):
    response = client.post(PATH, files={"other": b""})
    assert response.status_code == 400
    response = client.post(PATH, data={"model": "english"})
    assert response.status_code == 415
    files = {"file": (None, b"text")}
    assert "file is missing" in message(client.post(PATH, files=files))


def test_an_empty_file(client):
    response = client.post(PATH, files={"file": ("empty.wav", b"")})
    assert response.status_code == 400
    assert "the file is empty" in message(response)
