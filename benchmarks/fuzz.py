"""Mutated inputs through the command line: no crash, no hang, bounded memory.

Each kind of input is mutated in a process of its own: bytes are flipped, cut, repeated
and replaced by what has broken parsers before. An input may be read or be refused, in
one line that names a file. The seed makes each input again.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import harness
import numpy as np
import soundfile

from asr.cli import terminal
from asr.cli.main import main as run_asr
from asr.config.loading import load_recipe
from asr.errors import AsrError
from asr.files import model_path

SECONDS, MEGABYTES = 20, 500  # of a processor and of memory, for an input
FAULT = "a fault in asr"  # in the message of an error that nobody expected
READ_RECIPE = "(read)"
SPECIAL = (
    b"", b"\0", b"\xff\xfe", b"\n", b"\t", b'"', b"[" * 3000, b"{", b"-1", b"1e999",
    b"NaN", b"\xf0\x9f\x98\x80", b"../../x", b"9" * 400, b"<s>", b";;", b"&a [*a, *a]",
)  # fmt: skip


def mutated(content: bytes, draw: random.Random) -> bytes:
    """Return a copy of some content with one to four changes."""
    data = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        first = draw.randrange(len(data) + 1)
        last = min(len(data), first + draw.choice((1, 4, 30, 1000)))
        change = draw.randrange(5)
        if change == 0 and data:
            data[min(first, len(data) - 1)] ^= 1 << draw.randrange(8)
        elif change == 1:
            data[first:last] = draw.choice(SPECIAL)
        elif change == 2:
            del data[first:last]
        elif change == 3:
            data[first:first] = data[first:last] * draw.randint(1, 3)
        else:
            del data[draw.randrange(len(data) + 1) :]
    return bytes(data)


def recordings(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield files to mutate, with the command that reads each."""
    sound = 0.1 * np.random.default_rng(0).standard_normal(8000)
    for ending, subtype in (
        ("wav", "PCM_16"), ("wav", "GSM610"), ("flac", None), ("ogg", None),
        ("mp3", None), ("aiff", None), ("au", None), ("caf", None),
    ):  # fmt: skip
        path = folder / f"{subtype or 'sound'}.{ending}"
        soundfile.write(path, sound, 8000, subtype=subtype)
        yield path, ["info", str(path)]


def scores(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield transcripts in several formats, each beside a sound one."""
    lines = {
        "trn": "the cat sat (a-1)\nit is {late / too late} (a-2)\n",
        "stm": "a 1 x 0.0 2.0 the cat sat\na 1 x 2.0 4.0 it is late\n",
        "ctm": "a 1 0.1 0.3 the 0.9\na 1 0.5 0.3 cat 0.8\na 1 0.9 0.3 sat 0.7\n",
        "jsonl": '{"id": "a", "text": "the cat"}\n{"id": 7, "text": "sat"}\n',
        "txt": "the cat sat\nit is late\n",
    }
    for ending, text in lines.items():
        path, other = folder / f"ref.{ending}", folder / f"hyp.{ending}"
        path.write_text(text)
        other.write_text(text)
        yield path, ["score", str(path), str(other)]
        yield other, ["score", "--json", str(path), str(other)]


def recipes(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield a recipe; it is read alone, since training loads TensorFlow."""
    path = folder / "recipe.yaml"
    path.write_text(
        "name: a\ndata:\n  train: [{corpus: jsonl, path: gone.jsonl}]\n"
        "  batch_length: 40\nmodel: {encoder: {units: 8, layers: 1}}\n"
        "train: {epochs: 1, learning_rate: 1e-3}\naugment: {speeds: [0.9, 1.0]}\n"
    )
    yield path, [READ_RECIPE, str(path)]


def manifests(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield a manifest of one recording."""
    soundfile.write(folder / "a.wav", np.zeros(8000), 8000)
    path = folder / "clips.jsonl"
    entry = {"audio_filepath": "a.wav", "text": "the cat", "duration": 0.5, "offset": 0}
    path.write_text(f"{json.dumps(entry)}\n" * 3)
    yield path, ["prepare", "jsonl", str(path), "--output", str(folder / "out")]


def models(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield the small files of a model folder, whose sums are right again."""
    model = shutil.copytree(model_path("english"), folder / "model")
    for name in ("config.json", "tokenizer.json", "SHA256SUMS"):
        sample = str(harness.ROOT / "data" / "samples" / "river.wav")
        command = ["transcribe", sample, "--model", str(model)]
        yield model / name, [*command, "--language-model", "none"]


KINDS: dict[str, Callable[[Path], Iterator[tuple[Path, list[str]]]]] = {
    "recordings": recordings,
    "scores": scores,
    "recipes": recipes,
    "manifests": manifests,
    "models": models,
}


def seal(path: Path) -> None:
    """Write the sums of a model folder anew, so that its content is looked at."""
    sums = path.with_name("SHA256SUMS")
    if not sums.exists() or path == sums:
        return
    names = [line.split("  ")[1] for line in sums.read_text().splitlines()]
    digests = (hashlib.sha256(path.with_name(name).read_bytes()) for name in names)
    pairs = zip(digests, names, strict=True)
    sums.write_text("".join(f"{it.hexdigest()}  {name}\n" for it, name in pairs))


def _run(command: list[str]) -> int:
    """Run a command of `asr`, or read a recipe as a command does."""
    if command[0] != READ_RECIPE:
        return run_asr(command)
    try:
        load_recipe(command[1])
    except AsrError as error:
        return terminal.report(error)
    return 0


def problem(command: list[str]) -> str:
    """Run a command; return what is wrong with how it ended, or nothing."""
    errors = io.StringIO()
    start = time.process_time()  # other work on the machine does not count
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        try:
            status = _run(command)
        except BaseException as error:
            return f"raised {error!r}"
    lines = [it for it in errors.getvalue().splitlines() if it.startswith("error: ")]
    if FAULT in errors.getvalue() or "Traceback" in errors.getvalue():
        return f"crashed: {errors.getvalue()[-300:]}"
    if status and len(lines) != 1:
        return f"status {status} with {len(lines)} lines: {errors.getvalue()[:300]}"
    if time.process_time() - start > SECONDS:
        return f"took {time.process_time() - start:.0f} s"
    return ""


def peak_memory() -> float:
    """Return the peak memory of this process in MiB."""
    # Not `resource`: its peak is at least that of the process which started this one.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def fuzz(kind: str, seed: int, count: int) -> int:
    """Try mutated inputs of one kind; print and count the problems."""
    draw, problems = random.Random(seed), 0
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends a process that hangs
    with tempfile.TemporaryDirectory() as name:
        files = list(KINDS[kind](Path(name)))
        originals = {path: path.read_bytes() for path, _ in files}
        sums = {
            path.with_name("SHA256SUMS"): path.with_name("SHA256SUMS").read_bytes()
            for path, _ in files
            if path.with_name("SHA256SUMS").exists()
        }
        for number in range(count):
            path, command = draw.choice(files)
            path.write_bytes(mutated(originals[path], draw))
            seal(path)
            signal.alarm(3 * SECONDS)
            if text := problem(command):
                problems += 1
                print(f"{kind} {number} {' '.join(command[:2])}: {text}", flush=True)
            signal.alarm(0)
            path.write_bytes(originals[path])
            for place, content in sums.items():
                place.write_bytes(content)
    megabytes = peak_memory()
    if megabytes > MEGABYTES:
        problems += 1
        print(f"{kind}: {megabytes:.0f} MB")
    print(f"{kind}: {count} inputs, {problems} problems, {megabytes:.0f} MB at most")
    return problems


def main() -> None:
    """Run the fuzzer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="inputs of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=[*KINDS], help="one kind alone")
    options = parser.parse_args()
    if options.kind:
        sys.exit(bool(fuzz(options.kind, options.seed, options.count)))
    harness.announce()
    command = [sys.executable, __file__, "--seed", str(options.seed)]
    command += ["--count", str(options.count), "--kind"]
    failed = [
        kind
        for kind in KINDS
        if subprocess.run([*command, kind], check=False).returncode
    ]
    sys.exit(f"problems with {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
