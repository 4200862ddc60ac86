"""`asr serve` in this process and in one of its own, for tests and benchmarks."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "data" / "samples"
RIVER = "The old man walked slowly down to the river."
"""What `river.wav` says."""


@dataclass
class RunningServer:
    """A server that answers.

    Args:
        url: Its address, without a slash at the end.
    """

    url: str

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.url.rpartition(":")[2])

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of a GET request."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def transcribe(self, path: Path, **fields: str) -> tuple[int, Any]:
        """Send a recording; return status and the response as JSON."""
        boundary, body = "boundary", b""
        for name, value in fields.items():
            body += f"--{boundary}\r\nContent-Disposition: form-data; ".encode()
            body += f'name="{name}"\r\n\r\n{value}\r\n'.encode()
        body += f"--{boundary}\r\nContent-Disposition: form-data; ".encode()
        body += f'name="file"; filename="{path.name}"\r\n\r\n'.encode()
        body += path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        request = urllib.request.Request(
            f"{self.url}/v1/audio/transcriptions",
            body,
            {"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=600) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def wait_until_ready(self, seconds: float = 60.0) -> None:
        """Wait until the model is loaded."""
        end = time.monotonic() + seconds
        while self.get("/healthz")[0] != 200:
            assert time.monotonic() < end, "not ready"
            time.sleep(0.02)


@dataclass
class ServerProcess(RunningServer):
    """A server in a process of its own.

    Args:
        url: See `RunningServer`.
        process: The process.
        log: File of its standard error.
    """

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def megabytes(self) -> float:
        """Resident memory of it and its helpers; pages that they share count twice."""
        pages = (int(it.split()[1]) for it in self._each("statm"))
        return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6

    @property
    def processor(self) -> float:
        """Processor seconds of all threads of it and its helpers."""
        ticks = 0
        for text in self._each("stat"):
            user, system = text.rpartition(")")[2].split()[11:13]
            ticks += int(user) + int(system)
        return ticks / os.sysconf("SC_CLK_TCK")

    def _each(self, name: str) -> Iterator[str]:
        """Yield a file of `/proc` of the process, and of its children."""
        own = self.process.pid
        threads = Path(f"/proc/{own}/task").iterdir()
        children = [it for path in threads for it in _read(path / "children").split()]
        texts = (_read(Path(f"/proc/{it}/{name}")) for it in (own, *children))
        yield from filter(None, texts)

    @property
    def files(self) -> list[str]:
        """Targets of its open files."""
        found = []
        for link in Path(f"/proc/{self.process.pid}/fd").iterdir():
            try:
                found.append(str(link.readlink()))
            except OSError:
                continue
        return found

    def end(self, number: int = signal.SIGINT, seconds: float = 40.0) -> int:
        """Send a signal; return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(seconds)


def _read(path: Path) -> str:
    """Read a file of `/proc`; nothing if its process or thread has ended."""
    try:
        return path.read_text()
    except OSError:
        return ""


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[ServerProcess]:
    """Start a server on a free port; end it with the block."""
    log = folder / "server.log"
    command = [sys.executable, str(ROOT / "cli.py"), "serve", "--port", "0"]
    environment = {**os.environ, "TMPDIR": str(folder)}
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=ROOT,
            env=environment,
        )
    try:
        end = time.monotonic() + 60
        while not (found := re.search(r"serving (http://\S+)/;", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.01)
        yield ServerProcess(found[1], process, log)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


@contextmanager
def running_here(limits: Any = None) -> Iterator[RunningServer]:
    """Start a server in a thread, so that its coverage is measured."""
    from asr.deployment.server.app import application
    from asr.deployment.server.limits import Limits
    from asr.deployment.server.models import Models
    from asr.deployment.server.run import Address, http_server, listen_on

    models, limits = Models(), limits or Limits()
    app, state = application(models, limits)
    server, listener = http_server(app, limits), listen_on(Address(port=0))
    thread = threading.Thread(target=server.run, args=[[listener]])
    thread.start()
    try:
        models.get("english")
        state.is_ready = True
        yield RunningServer(f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join()
        state.close()
