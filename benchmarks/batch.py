"""`asr batch` on this machine: kills, overhead, and memory of the driver.

    python benchmarks/batch.py                  all parts
    python benchmarks/batch.py --part memory    one of kills, overhead, memory

kills: clips of LibriSpeech dev-clean on two workers; workers are killed at random
moments, the driver is killed once and started again. Every row must be there once, and
equal to that of `asr transcribe`; nothing may be done twice but units in flight.
overhead: the same clips, against two shells with half of them each. The start, which is
measured with one clip, does not count.
memory: a manifest without recordings; the workers do nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import harness

from asr.audio.io import inspect
from asr.batch.jobs import Outcome, Work
from asr.batch.pool import Pool
from asr.batch.run import Batch, run
from asr.batch.sources import manifest
from asr.data.manifest import Utterance, write_manifest

ASR = [sys.executable, "-m", "asr"]
ROOT = Path(__file__).resolve().parent.parent
MANIFEST = "clips.jsonl"
WORKERS = 2
KILLS = 5
OVERHEAD = 0.15
MEMORY = 50.0  # MB more for the largest manifest than for the smallest


@dataclass(frozen=True)
class Nothing:
    """A job that does nothing."""

    suffix: str = "txt"

    def open(self) -> Work:
        """Return the work."""
        return lambda copies, _: Outcome(
            audio_seconds=sum(row.duration or 0.0 for row in copies.rows)
        )


def clips(folder: Path, count: int) -> list[Path]:
    """Put clips of LibriSpeech into a folder, as links, with their manifest."""
    files = sorted(
        file
        for part in ("dev-clean", "dev-clean-rest")
        for file in harness.speech("LibriSpeech", part).rglob("*")
        if file.suffix in (".flac", ".mp3")
    )
    folder.mkdir(parents=True)
    chosen = random.Random(1).sample(files, count)
    links = sorted(folder / file.name for file in chosen)
    for file in chosen:
        (folder / file.name).symlink_to(file)
    rows = [Utterance(link, None, duration=inspect(link).duration) for link in links]
    write_manifest(folder / MANIFEST, rows)
    return links


def start(*arguments: object, output: Path) -> subprocess.Popen[str]:
    """Start a command; its messages go to files."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with output.open("w") as out, output.with_suffix(".err").open("w") as err:
        return subprocess.Popen(
            [*ASR, *map(str, arguments)], stdout=out, stderr=err, env=environment
        )


def batch(folder: Path, output: Path, *more: object) -> subprocess.Popen[str]:
    """Start `asr batch transcribe` with two workers."""
    arguments = ("batch", "transcribe", folder / MANIFEST, "--output", output, "--json")
    log = output.with_suffix(".log")
    return start(*arguments, "--workers", WORKERS, *more, output=log)


def workers_of(driver: int) -> list[int]:
    """Return the processes of workers that a driver started, directly or not."""
    parents, titles = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            number = int(stat.parent.name)
            parents[number] = int(stat.read_text().rpartition(")")[2].split()[1])
            titles[number] = (stat.parent / "cmdline").read_bytes()
        except (OSError, ValueError):  # it has ended
            continue

    def below(number: int) -> bool:
        while number > 1:
            if number == driver:
                return True
            number = parents.get(number, 0)
        return False

    names = (b"ray::Worker.do", b"ray::Worker.open", b"ray::Worker")
    return [x for x, title in titles.items() if title.startswith(names) and below(x)]


def rows(output: Path) -> dict[str, list[str]]:
    """Return the texts of a batch: name of the recording -> its texts."""
    found: dict[str, list[str]] = {}
    for file in (output / "rows").glob("*.json"):
        for entry in map(json.loads, file.read_text().splitlines()):
            name = Path(entry["audio_filepath"]).name
            found.setdefault(name, []).append(entry["text"])
    return found


def records(output: Path) -> dict[str, int]:
    """Return the records of a batch with their times."""
    files = (output / "units").glob("*.json")
    return {file.name: file.stat().st_mtime_ns for file in files}


def kills(folder: Path, count: int, seed: int) -> bool:
    """Kill workers and the driver; compare with `asr transcribe`."""
    links, draw = clips(folder / "clips", count), random.Random(seed)
    one = start("transcribe", folder / "clips", "-f", "json", output=folder / "one.txt")
    one.wait()
    entries = map(json.loads, (folder / "one.txt").read_text().splitlines())
    expected = {Path(x["audio_filepath"]).name: [x["text"]] for x in entries}
    output, killed, before = folder / "killed", 0, {}
    driver, started = batch(folder / "clips", output), time.perf_counter()
    expected_units = count // 10  # of about a minute
    while driver.poll() is None:
        time.sleep(draw.uniform(0.5, 2.0))
        done = len(records(output))
        if not before and done >= expected_units // 3:
            driver.kill()
            driver.wait()
            time.sleep(5)  # its processes end
            before = records(output)
            driver = batch(folder / "clips", output, "--resume")
        elif killed < min(KILLS, 10 * done / expected_units) and (
            alive := workers_of(driver.pid)
        ):
            os.kill(draw.choice(alive), signal.SIGKILL)
            killed += 1
    seconds, found = time.perf_counter() - started, rows(output)
    report = json.loads((output / "report.json").read_text())
    after = records(output)
    again = sum(after[name] != moment for name, moment in before.items())
    print(
        f"kills: {len(links)} clips in {report['units']} units; {killed} workers and "
        f"{int(bool(before))} driver killed; {seconds:.0f} s, load "
        f"{os.getloadavg()[0]:.1f}; rows {sum(map(len, found.values()))} of "
        f"{len(found)} clips; all equal to asr transcribe: {found == expected}; units "
        f"done before the driver was killed {len(before)}, done again {again}"
    )
    return found == expected and not again and killed == KILLS and bool(before)


def timed(*processes: subprocess.Popen[str]) -> None:
    """Wait for processes."""
    for process in processes:
        process.wait()


def shells(parts: list[list[Path]], folder: Path) -> float:
    """Return the time of a shell for each part of the files."""
    started = time.perf_counter()
    timed(
        *(
            start(
                *("transcribe", *part, "-f", "json", "--threads", 1),
                output=folder / f"shell{number}.txt",
            )
            for number, part in enumerate(parts)
        )
    )
    return time.perf_counter() - started


def batched(folder: Path, output: Path) -> float:
    """Return the time of a batch."""
    shutil.rmtree(output, ignore_errors=True)
    started = time.perf_counter()
    timed(batch(folder, output))
    return time.perf_counter() - started


def overhead(folder: Path, count: int) -> bool:
    """Compare with two shells, after the start."""
    links = clips(folder / "clips", count)
    (single,) = clips(folder / "single", 1)
    ratios = []
    for _ in range(2):
        times = [
            shells([[single], [single]], folder),
            shells([links[::2], links[1::2]], folder),
            batched(folder / "single", folder / "out"),
            batched(folder / "clips", folder / "out"),
        ]
        by_hand, own = times[1] - times[0], times[3] - times[2]
        ratios.append(own / by_hand)
        print(
            f"overhead: {count} clips; two shells {times[1]:.1f} s, of which start "
            f"{times[0]:.1f}; batch {times[3]:.1f} s, of which start {times[2]:.1f}; "
            f"ratio after the start {ratios[-1]:.3f}; load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
    return min(ratios) <= 1 + OVERHEAD


def memory_of_driver(count: int) -> float:
    """Return the peak memory in MB of a driver for a manifest of some lines."""
    command = [sys.executable, __file__, "--driver", str(count)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(ended.stdout.strip(), flush=True)
    return float(re.findall(r"([\d.]+) MB", ended.stdout)[-1])


def drive(count: int) -> None:
    """Be a driver for a manifest of some lines."""
    with tempfile.TemporaryDirectory() as temporary:
        path, draw = Path(temporary, "rows.jsonl"), random.Random(1)
        with path.open("w") as file:
            for number in range(count):
                file.write(
                    f'{{"audio_filepath": "archive/{number:09}.flac", "duration": '
                    f'{draw.uniform(1, 30):.2f}, "speaker": "s{number % 1000}"}}\n'
                )
        started = time.perf_counter()
        source, output = manifest(str(path)), str(Path(temporary, "out"))
        work = Batch("nothing", source, Nothing(), output, resume=False)
        plan = work.plan()
        planned = time.perf_counter() - started
        pool = Pool(Nothing(), output, workers=WORKERS)
        pool.start()
        with pool:
            report = run(work, plan, pool, lambda *_: None)
        seconds = time.perf_counter() - started
    status = Path("/proc/self/status").read_text()
    peak = int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1000
    print(
        f"memory: {report.total.rows:,} lines, {report.total.units:,} units, measured "
        f"in {planned:.0f} s, all in {seconds:.0f} s; peak of the driver {peak:.0f} MB"
    )


def memory(sizes: list[int]) -> bool:
    """Compare the memory of drivers for manifests of different sizes."""
    peaks = [memory_of_driver(size) for size in sizes]
    return peaks[-1] - peaks[0] <= MEMORY


def main() -> int:
    """Measure; return 0 if all targets are met."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parts = ("kills", "overhead", "memory")
    parser.add_argument("--part", choices=parts, action="append")
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="fewer clips and lines")
    parser.add_argument("--driver", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.driver:
        drive(given.driver)
        return 0
    harness.announce()
    count, lines = (40, 100_000) if given.quick else (given.clips, given.lines)
    met = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for part in given.part or parts:
            if part == "kills":
                met.append(kills(folder / part, count, given.seed))
            elif part == "overhead":
                met.append(overhead(folder / part, count))
            else:
                met.append(memory([lines // 100, lines // 10, lines]))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
