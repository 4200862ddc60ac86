"""All that the documents tell, measured in one sitting; writes `docs/results.md`.

    python benchmarks/all.py --output docs/results.md

Each measurement is a command, shown with what it prints. What lacks its data, a program
or a baseline is left out, and named. On two idle cores all takes about forty minutes.
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import harness

from asr.training import environment

SPEECH, TEXT = "$ASR_DATA/speech", "$ASR_DATA/text"
LIBRISPEECH = f"{SPEECH}/LibriSpeech"
PROGRESS = re.compile(r"^(\$ |hardware:|WARNING|I0000|W0000|E0000)")


class Measurement(NamedTuple):
    """A command, and what it needs: programs, and folders of `ASR_DATA` in it."""

    title: str
    command: str
    needs: tuple[str, ...] = ()


GROUPS = {
    "Recognition: the bundled english": [
        Measurement(title, f"asr evaluate english {data}")
        for title, data in (
            ("LibriSpeech test-clean", f"{LIBRISPEECH} --subset test-clean"),
            ("LibriSpeech dev-clean", f"{LIBRISPEECH} --subset dev-clean"),
            ("CMU AN4, official test", f"{SPEECH}/an4 --subset test"),
            ("speechocean762, dev speakers", f"{SPEECH}/speechocean762 --subset dev"),
            ("Kathleen, dev prompts", f"{SPEECH}/kathleen --subset dev"),
            ("Common Voice, dev", f"{SPEECH}/common-voice-dev/dev.jsonl"),
            ("Common Voice, test", f"{SPEECH}/common-voice/en --subset test-own"),
        )
    ],
    "Recognition: distortions, names, other programs": [
        Measurement(
            "Distorted recordings",
            f"benchmarks/robustness.py english {LIBRISPEECH} --subset test-clean "
            "--limit 50",
        ),
        Measurement(
            "Names outside the vocabulary",
            "benchmarks/hotwords.py english",
            ("espeak-ng",),
        ),
        Measurement(
            "Fine-tuning on 20 recordings",
            "benchmarks/fine_tuning.py",
            ("espeak-ng", f"{TEXT}/tatoeba-eng-fra"),
        ),
        Measurement(
            "Beside faster-whisper's tiny.en",
            f"benchmarks/beside_whisper.py english {LIBRISPEECH} --subset test-clean "
            "--limit 60",
        ),
        Measurement(
            "Beside PocketSphinx, with our words and n-grams",
            f"benchmarks/beside_pocketsphinx.py english {LIBRISPEECH} "
            "--subset test-clean --limit 200 --same-language-model",
        ),
    ],
    "Texts": [
        Measurement(
            "en-fr on Tatoeba",
            f"asr evaluate en-fr {TEXT}/tatoeba-eng-fra --corpus tatoeba --subset test",
        ),
        Measurement(
            "title on ACL abstracts",
            f"asr evaluate title {TEXT}/acl-titles --corpus acl_titles --subset test",
        ),
        Measurement(
            "pronounce on CMUdict",
            f"asr evaluate pronounce {TEXT}/cmudict --corpus cmudict --subset test",
        ),
        Measurement(
            "english-lm and en-fr on texts that no training had",
            "benchmarks/held_out_texts.py",
            (f"{TEXT}/lm", f"{TEXT}/tatoeba-eng-fra"),
        ),
        Measurement(
            "restore on held-out texts", "benchmarks/punctuation.py", (f"{TEXT}/today",)
        ),
    ],
    "Speed and memory": [
        Measurement("Whole commands", "benchmarks/startup.py"),
        Measurement(
            "A first training",
            "benchmarks/digits.py",
            (f"{SPEECH}/free-spoken-digit",),
        ),
        Measurement("Multi-head attention", "benchmarks/multi_head.py"),
        Measurement(
            "A corpus in batches, and one clip",
            f"benchmarks/transcription.py english {LIBRISPEECH} --subset dev-clean "
            "--limit 150",
        ),
        Measurement(
            "Ten hours",
            "benchmarks/long_recordings.py english --joined 0",
            (LIBRISPEECH,),
        ),
        Measurement("The server", "benchmarks/server.py --minutes 2"),
        Measurement(
            "An hour of clips joined with pauses, and segment boundaries",
            "benchmarks/long_recordings.py english --hours 0",
            (LIBRISPEECH,),
        ),
    ],
    "Times of words and speech": [
        Measurement(
            "Times of words", "benchmarks/word_times.py english", (LIBRISPEECH,)
        ),
        Measurement(
            "Voice activity", "benchmarks/voice_activity.py", (LIBRISPEECH,)
        ),
    ],
}  # fmt: skip

HEAD = """\
# Results

Measured in one sitting by `python benchmarks/all.py`, with code and models of this revision.

| | |
| --- | --- |
| date | {date} |
| version | {asr}, revision {revision} |
| hardware | {processor}, {cores} cores; Python {python} |
| load | {load} |

`$ASR_DATA` is the folder of public corpora. English recordings are copies in Opus at about 20 kbit/s (dev-clean MP3, AN4
FLAC), and test-clean has 20 of the 40 speakers. dev-clean and Common Voice's dev part chose the decoding of `english`, so their figures
are a little too good. [The cards](../data/models/english/README.md) tell what each model was trained on, and
[recipes/README.md](../recipes/README.md) has the results of recipes, which were trained once each, with seed 1.
"""


def lacking(measurement: Measurement) -> str:
    """Return what a measurement lacks, or an empty text."""
    for need in measurement.needs:
        if not need.startswith("$") and shutil.which(need) is None:
            return need
    words = [*measurement.needs, *measurement.command.split()]
    for word in words:
        if word.startswith("$ASR_DATA") and not Path(os.path.expandvars(word)).exists():
            return word
    return ""


def measured(measurement: Measurement, seconds: float) -> str:
    """Run a measurement; return what it prints, or what is wrong."""
    program, *arguments = os.path.expandvars(measurement.command).split()
    start = ["-m", "asr"] if program == "asr" else [str(harness.ROOT / program)]
    try:
        done = subprocess.run(
            [sys.executable, *start, *arguments],
            cwd=harness.ROOT,
            env={**os.environ, "PYTHONPATH": str(harness.ROOT)},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"not finished in {seconds:g} s\n"
    lines = [x for x in done.stdout.splitlines() if not PROGRESS.match(x)]
    if done.returncode:
        lines.append(f"failed: {done.stderr.strip().splitlines()[-1:]}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="page to write")
    parser.add_argument("--only", default="", help="regular expression of titles")
    parser.add_argument("--seconds", type=float, default=1200, help="of a measurement")
    options = parser.parse_args()
    if "ASR_DATA" not in os.environ:
        parser.error("set ASR_DATA to the folder of public corpora")
    facts = environment.system()
    parts = [
        HEAD.format(
            date=datetime.datetime.now(datetime.UTC).date(),
            load=f"{os.getloadavg()[0]:.1f} before the first measurement",
            **facts,
        )
    ]
    left_out = []
    for group, measurements in GROUPS.items():
        parts.append(f"## {group}\n")
        for measurement in measurements:
            if not re.search(options.only, measurement.title):
                continue
            if missing := lacking(measurement):
                left_out.append(f"- {measurement.title}: no `{missing}`")
                continue
            start = time.monotonic()
            printed = measured(measurement, options.seconds)
            command = measurement.command
            shown = command if command.startswith("asr") else f"python {command}"
            blocks = f"```sh\n{shown}\n```\n\n```text\n{printed}```\n"
            parts.append(f"### {measurement.title}\n\n{blocks}")
            print(f"{measurement.title} ({time.monotonic() - start:.0f} s)\n{printed}")
            if options.output:  # a sitting that is stopped has what it measured
                options.output.write_text("\n".join(parts), encoding="utf-8")
    if left_out and options.output:
        parts += ["## Left out\n", "\n".join(left_out) + "\n"]
        options.output.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
