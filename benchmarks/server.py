"""`asr serve`: start, latency, load, live audio, live translation, hostile clients.

Each part starts a server of its own. The texts under load are compared with those of
`asr transcribe` on the same files, whose speed is the baseline of the throughput.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import harness
import httpx
import numpy as np
import soundfile
from websockets.sync.client import connect

from asr.audio import io as audio_io
from asr.audio.io import find_audio
from tests import hostile_clients
from tests.server_process import RIVER, SAMPLES, ServerProcess, running

CLIENTS = 16
RATE = 16000
LENGTHS = (3, 3, 3, 3, 3, 10, 10, 18, 40, 120)  # seconds of the files under load
SENTENCES = (
    "A man is walking.",
    "Where is the station?",
    "I would like to take the train to Paris tomorrow morning.",
    "The old man walked slowly down to the river to look for his boat.",
)


def served(*arguments: str) -> ExitStack:
    """Start a server; its `ServerProcess` is the attribute `server`."""
    stack = ExitStack()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    stack.server = stack.enter_context(running(folder, *arguments))  # type: ignore[attr-defined]
    return stack


def start(rounds: int) -> None:
    """Measure the time to the first answer, memory, and one client."""
    times, memory, answers = [], [], []
    for _ in range(rounds):
        began = time.perf_counter()
        with served() as stack:
            server = stack.server
            server.transcribe(SAMPLES / "river.wav")
            times.append(time.perf_counter() - began)
            memory.append(server.megabytes)
            for _ in range(20):
                began = time.perf_counter()
                server.transcribe(SAMPLES / "river.wav")
                answers.append(time.perf_counter() - began)
    seconds = statistics.median(times)
    harness.verdict("start to first answer, s", seconds, 1.0, below=True)
    harness.verdict("idle memory, MB", statistics.median(memory), 200, below=True)
    seconds = statistics.median(answers)
    harness.verdict("3 s clip, one client, s", seconds, 0.15, below=True)


def recordings(folder: Path, count: int) -> list[Path]:
    """Write clips of LibriSpeech dev-clean as files of mixed lengths and formats."""
    clips = find_audio(harness.speech("LibriSpeech", "dev-clean"))
    draw, kinds = random.Random(1), ("wav", "flac", "ogg", "mp3")
    files = []
    for number in range(count):
        seconds, samples = LENGTHS[number % len(LENGTHS)], np.zeros(0, "float32")
        while samples.size < seconds * RATE:
            clip = audio_io.read(draw.choice(clips), RATE)
            samples = np.concatenate([samples, clip, np.zeros(RATE, "float32")])
        files.append(folder / f"{number:03}.{kinds[number % 7 % 4]}")
        soundfile.write(files[-1], samples[: seconds * RATE], RATE)
    return files


def batch(files: list[Path]) -> tuple[dict[Path, str], float, float]:
    """Transcribe files with the command; return texts, seconds, processor seconds."""
    command = [sys.executable, harness.ROOT / "cli.py", "transcribe", "-f", "json"]
    begin = harness.whole_process([*command, files[0]])  # start-up
    done = harness.whole_process([*command, *files])
    seconds, work = (done[name] - begin[name] for name in ("all", "processor"))
    texts = [json.loads(line)["text"] for line in done["output"].splitlines()]
    return dict(zip(files, texts, strict=True)), seconds, work


@dataclass
class Load:
    """Clients that ask for the texts of files in turn until the time is over.

    Args:
        server: The server.
        files: The files.
        expected: Their texts.
        end: When they stop, in seconds of `time.perf_counter`.
    """

    server: ServerProcess
    files: list[Path]
    expected: dict[Path, str]
    end: float
    done: list[tuple[Path, float]] = field(default_factory=list)
    failed: list[tuple[str, object]] = field(default_factory=list)
    wrong: list[tuple[str, str, str]] = field(default_factory=list)

    def run(self) -> list[float]:
        """Let the clients work; return the memory of the server at each second."""
        memory, lock, queue = [], threading.Lock(), _rounds(self.files)
        with ThreadPoolExecutor(CLIENTS) as executor:
            results = [
                executor.submit(self._client, lock, queue) for _ in range(CLIENTS)
            ]
            while not all(result.done() for result in results):
                memory.append(self.server.megabytes)
                time.sleep(1)
            for result in results:
                result.result()
        return memory

    def _client(self, lock: threading.Lock, queue: Iterator[Path]) -> None:
        while time.perf_counter() < self.end:
            with lock:
                file = next(queue)
            asked = time.perf_counter()
            status, values = self.server.transcribe(file)
            self.done.append((file, time.perf_counter() - asked))
            if status != 200:
                self.failed.append((file.name, values))
            elif values["text"] != self.expected[file]:
                self.wrong.append((file.name, self.expected[file], values["text"]))


def load(minutes: float, count: int) -> None:
    """Measure many clients at once."""
    with tempfile.TemporaryDirectory() as name, served() as stack:
        files = recordings(Path(name), count)
        lengths = {file: soundfile.info(file).duration for file in files}
        audio = sum(lengths.values())
        expected, seconds, work = batch(files)
        baseline, least = audio / seconds, work / audio
        print(f"asr transcribe: {baseline:.1f} s of audio a second, {audio:.0f} s")
        stack.server.wait_until_ready()
        began, used = time.perf_counter(), stack.server.processor
        found = Load(stack.server, files, expected, began + 60 * minutes)
        memory = found.run()
        seconds = time.perf_counter() - began
        used = stack.server.processor - used
    print(f"{len(found.done)} requests of {CLIENTS} clients in {seconds:.0f} s")
    for example in (*found.failed[:3], *found.wrong[:3]):
        print(" ", example)
    harness.verdict("errors", len(found.failed), 0, below=True)
    harness.verdict("wrong texts", len(found.wrong), 0, below=True)
    short = [taken for file, taken in found.done if lengths[file] < 3.2]
    harness.verdict("p95 of 3 s clips, s", _percentile(short, 95), 1.5, below=True)
    settled = memory[len(memory) // 5 :]
    growth = statistics.mean(settled[-5:]) - statistics.mean(settled[:5])
    print(f"memory: {memory[0]:.0f} MB at first, {max(memory):.0f} MB at most")
    harness.verdict("memory growth after a fifth, MB", growth, 50, below=True)
    audio = sum(lengths[file] for file, _ in found.done)
    print(
        f"processor seconds of the server, of the command: {used / audio / least:.2f}"
    )
    rate = audio / seconds
    print(f"throughput: {rate:.1f} s of audio a second")
    harness.verdict("throughput, share", rate / baseline, 0.9, below=False)


def _rounds(files: list[Path]) -> Iterator[Path]:
    """Yield all files again and again, each time in another order."""
    draw = random.Random(2)
    while True:
        yield from draw.sample(files, len(files))


def _percentile(values: list[float], share: float) -> float:
    return float(np.percentile(values, share)) if values else float("nan")


def live(rounds: int) -> None:
    """Measure the time from the end of a sentence to its text, in real time."""
    samples, _ = soundfile.read(SAMPLES / "river.wav", dtype="int16")
    spoken = len(samples) / RATE
    data = np.concatenate([samples, np.zeros(3 * RATE, "int16")]).tobytes()
    texts, segments = [], []
    with served() as stack:
        server = stack.server
        server.wait_until_ready()
        for _ in range(rounds):
            with connect(f"{server.url.replace('http', 'ws')}/v1/listen") as socket:
                socket.recv()
                began = time.perf_counter()
                threading.Thread(target=_speak, args=(socket, data, began)).start()
                text, at, final = "", 0.0, 0.0
                for message in socket:
                    event, now = json.loads(message), time.perf_counter() - began
                    if event["type"] == "partial" and event["text"] != text:
                        text, at = event["text"], now
                    if event["type"] == "segment":
                        final = now
            texts.append(at - spoken)
            segments.append(final - spoken)
    name = "end of a sentence to its (partial) text, s"
    harness.verdict(name, statistics.median(texts), 1.0, below=True)
    print(f"end of a sentence to its segment: {statistics.median(segments):.2f} s")


def _speak(socket: object, data: bytes, began: float) -> None:
    for at in range(0, len(data), 3200):  # 0.1 s
        time.sleep(max(0.0, began + (at + 3200) / 2 / RATE - time.perf_counter()))
        socket.send(data[at : at + 3200])  # type: ignore[attr-defined]
    socket.send('{"type": "end"}')  # type: ignore[attr-defined]


def translation(rounds: int) -> None:
    """Measure a translation with its attention weights."""
    times = []
    with served() as stack, httpx.Client(base_url=stack.server.url) as client:
        stack.server.wait_until_ready()
        for text in SENTENCES * rounds:
            began = time.perf_counter()
            body = {"text": text, "attention": True}
            client.post("/v1/translations", json=body).raise_for_status()
            times.append(time.perf_counter() - began)
    seconds = statistics.median(times[len(SENTENCES) :])  # without loading
    harness.verdict("translation with attention, s", seconds, 0.15, below=True)


@dataclass
class Siege:
    """A server under attack.

    Args:
        server: The server.
        requests: Malformed requests.
        held: Connections that are held.
        size: Bytes of a large body.
    """

    server: ServerProcess
    requests: int
    held: int
    size: int
    draw: random.Random = field(default_factory=lambda: random.Random(7))
    waits: list[float] = field(default_factory=list)

    def after(self, name: str, attack: Callable[[], object] = lambda: None) -> None:
        """Attack, and measure the next good request."""
        attack()
        began = time.perf_counter()
        status, values = self.server.transcribe(SAMPLES / "river.wav")
        self.waits.append(time.perf_counter() - began)
        right = status == 200 and values["text"] == RIVER
        print(f"after {name}: {'right' if right else values}, {self.waits[-1]:.2f} s")

    def malformed(self) -> None:
        """Send requests that are wrong in many ways."""
        sent = [hostile_clients.malformed(self.draw) for _ in range(self.requests)]
        ask = partial(hostile_clients.ask, self.server.port)
        with ThreadPoolExecutor(4) as executor:
            statuses = sorted(set(executor.map(ask, sent)))
        print(f"statuses: {statuses}")
        harness.verdict("answers of 5xx", max(statuses) // 500, 0, below=True)

    def large(self, *, chunked: bool) -> None:
        """Send a large body."""
        status, sent = hostile_clients.large_body(
            self.server.port, self.size, chunked=chunked
        )
        print(f"status {status} after {sent / 1e6:.0f} MB")

    def cuts(self) -> None:
        """Reset connections in the middle."""
        for _ in range(self.held // 4):
            request = hostile_clients.good_upload()
            hostile_clients.cut(self.server.port, request, self.draw.random() / 20)
            hostile_clients.cut_socket(self.server.port, self.draw)

    def heads(self) -> None:
        """Send heads of requests that are too large."""
        for bomb in (b"X: " + b"a" * 50_000_000, b"X: 1\r\n" * 5_000_000):
            head = b"GET / HTTP/1.1\r\nHost: a\r\n" + bomb
            hostile_clients.ask(self.server.port, head)


def hostile(requests: int, held: int, gigabytes: float) -> None:
    """Measure how a server stands what is sent to harm it."""
    with served() as stack:
        server: ServerProcess = stack.server
        server.wait_until_ready()
        siege = Siege(server, requests, held, round(gigabytes * 1e9))
        server.transcribe(SAMPLES / "river.wav")
        memory = server.megabytes
        siege.after(f"{requests} malformed requests", siege.malformed)
        with hostile_clients.slow_heads(server.port, held):
            siege.after(f"{held} slow heads, which are held")
        with hostile_clients.half_uploads(server.port, held):
            siege.after(f"{held} half uploads, which are held")
        siege.after("resets", siege.cuts)
        size = f"{gigabytes:g} GB"
        siege.after(f"{size} with a length", partial(siege.large, chunked=False))
        siege.after(f"{size} in chunks", partial(siege.large, chunked=True))
        siege.after("large heads", siege.heads)
        time.sleep(2)
        harness.verdict("next good request, s", max(siege.waits), 1.0, below=True)
        uploads = [it for it in server.files if it.endswith("(deleted)")]
        names = [it.name for it in server.log.parent.iterdir() if it != server.log]
        harness.verdict("files left", len(uploads) + len(names), 0, below=True)
        print(f"memory: {memory:.0f} MB before, {server.megabytes:.0f} MB after")
        harness.verdict("exit status of Ctrl-C", server.end(), 0, below=True)
        faults = server.log.read_text().count("Traceback")
        harness.verdict("tracebacks", faults, 0, below=True)


PARTS = ("start", "translation", "live", "hostile", "load")


def main() -> None:
    """Run the parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="coarse figures")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this one")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the load")
    options = parser.parse_args()
    harness.announce()
    few = options.quick
    work: dict[str, Callable[[], None]] = {
        "start": lambda: start(1 if few else 5),
        "translation": lambda: translation(3 if few else 20),
        "live": lambda: live(1 if few else 5),
        "hostile": lambda: hostile(*((50, 20, 0.3) if few else (500, 200, 2.0))),
        "load": lambda: load(0.2 if few else options.minutes, 10 if few else 60),
    }
    for part in options.part or PARTS:
        print(f"-- {part}")
        work[part]()


if __name__ == "__main__":
    main()
