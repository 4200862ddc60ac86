"""The recipes of corpora too large for a test, run dry over copies of their layouts."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.config.loading import load_recipe
from asr.files import recipe_path
from asr.training import run

SMALL = (
    "model.encoder.layers=1",
    "model.encoder.units=8",
    "model.encoder.filters=8",
    "model.encoder.memory_units=8",
    "model.decoder.units=8",
    "model.attention.units=8",
    "train.epochs=1",
    "train.tensorboard=false",
    "data.dev_utterances=2",
    "data.batch_length=60",
    "decoding.beam_size=1",
    "decoding.length_ratio=0.1",
)
LIBRISPEECH = {"train-clean-100": 40, "dev-clean": 2, "test-clean": 2, "test-other": 2}
PARTS = {
    "librispeech/clean-100": LIBRISPEECH,
    "librispeech/clean-460": {**LIBRISPEECH, "train-clean-360": 60},
    "librispeech/full-960": {
        **LIBRISPEECH,
        "train-clean-360": 60,
        "train-other-500": 80,
        "dev-other": 3,
    },
    "common_voice": {"train": 60, "dev": 2, "test": 2},
    "ljspeech": {"": 50},
}
TRAINED_ON = {
    "librispeech/clean-100": 40,
    "librispeech/clean-460": 100,
    "librispeech/full-960": 180,
    "common_voice": 60,
    "ljspeech": 48,
}


class Writer:
    """Writes clips of noise with sentences of invented words."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(7)
        ends = [a + b for a, b in itertools.product("bcdfglmnprst", "aeiou")]
        self.words = ["".join(self.random.choice(ends, 2)) for _ in range(900)]

    def clip(self, path: Path, rate: int = 16000) -> str:
        """Write three seconds; return its text."""
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, self.random.normal(0, 0.05, 3 * rate), rate)
        return " ".join(self.random.choice(self.words, 4))


def librispeech(root: Path, parts: dict[str, int], write: Writer) -> None:
    for subset, count in parts.items():
        chapter = root / "speech/LibriSpeech" / subset / "84" / "121123"
        lines = []
        for number in range(count):
            name = f"84-121123-{number:04}"
            text = write.clip(chapter / f"{name}.flac")
            lines.append(f"{name} {text.upper()}\n")
        (chapter / "84-121123.trans.txt").write_text("".join(lines))


def common_voice(root: Path, parts: dict[str, int], write: Writer) -> None:
    folder = root / "speech/common-voice/en"
    for subset, count in parts.items():
        rows = ["client_id\tpath\tsentence\tlocale\n"]
        for number in range(count):
            name = f"common_voice_en_{subset}{number}"
            text = write.clip(folder / "clips" / f"{name}.mp3", 48000)
            rows.append(f"speaker{number}\t{name}.mp3\t{text.capitalize()}.\ten\n")
        (folder / f"{subset}.tsv").write_text("".join(rows))


def ljspeech(root: Path, parts: dict[str, int], write: Writer) -> None:
    folder = root / "speech/LJSpeech-1.1"
    lines = []
    for number in range(1, parts[""] + 1):
        text = write.clip(folder / "wavs" / f"LJ001-{number:04}.wav", 22050)
        lines.append(f"LJ001-{number:04}|{text}|{text.capitalize()}.\n")
    (folder / "metadata.csv").write_text("".join(lines))


@pytest.mark.parametrize("name", PARTS)
def test_dry_run(name, tmp_path, monkeypatch):
    layout = {"common_voice": common_voice, "ljspeech": ljspeech}
    layout.get(name, librispeech)(tmp_path, PARTS[name], Writer())
    monkeypatch.setenv("ASR_DATA", str(tmp_path))
    recipe = load_recipe(recipe_path(name), SMALL)
    results = run.run(recipe, tmp_path / "run")
    assert len(results) == len(recipe.data.test)
    for scores in results.values():
        assert scores["utterances"] == 2
        assert scores["words"] == 8
        assert scores["unreadable"] == 0
    manifest = (tmp_path / "run" / "train.jsonl").read_text().splitlines()
    assert len(manifest) == TRAINED_ON[name]
    assert (tmp_path / "run" / "report.html").is_file()
