"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

# Before any test module imports TensorFlow: quiet, and deterministic kernels.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import pytest

from tests.skips import fail_if_unexpected

ROOT = Path(__file__).resolve().parent.parent


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Fail tests that are skipped in CI without an allowed reason."""
    report = yield
    fail_if_unexpected(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    """Fail files that are skipped in CI without an allowed reason."""
    report = yield
    fail_if_unexpected(report)
    return report


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository root."""
    return ROOT


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of public data that `ASR_DATA` names; skips the test without it."""
    value = os.environ.get("ASR_DATA")
    if not value:
        pytest.skip("ASR_DATA does not name a folder of recorded speech")
    path = Path(value)
    if not path.is_dir():
        pytest.skip(f"ASR_DATA names {path}, which is not a folder")
    return path


@pytest.fixture(scope="session")
def speech_data(data_root: Path) -> Path:
    """`$ASR_DATA/speech`: corpora in their own layouts (see CONTRIBUTING.md)."""
    path = data_root / "speech"
    if not path.is_dir():
        pytest.skip(f"{path} is not a folder")
    return path


@pytest.fixture(scope="session")
def samples() -> Path:
    """The bundled sample recordings."""
    return ROOT / "data" / "samples"


TINY = """
name: tiny
data:
  train: [{path: clips.jsonl}]
  dev: [{path: clips.jsonl}]
  batch_length: 6
augment: {speeds: [1.0], frequency_masks: 0, time_masks: 0}
model:
  frontend: {mels: 24}
  encoder:
    {layers: 1, units: 64, filters: 48, memory_units: 48, memory_stride: 1, dropout: 0}
  decoder: {units: 64, embedding: 16, dropout: 0}
  attention: {units: 24, location_filters: 4, location_width: 7}
train:
  epochs: 36
  learning_rate: 1e-2
  warmup_steps: 10
  schedule: constant
  ema: 0
  label_smoothing: 0
decoding: {ctc_weight: 0.6}
"""
"""A recipe that learns to read `tones` by heart in half a minute."""


@pytest.fixture(scope="session")
def tones(tmp_path_factory) -> Path:
    """A folder of spoken letters, one tone each, with its manifest `clips.jsonl`."""
    import numpy as np
    import soundfile

    from asr.data.manifest import Utterance, write_manifest

    folder = tmp_path_factory.mktemp("tones")
    random = np.random.default_rng(5)
    time = np.arange(1600) / 16000
    clips = []
    for number in range(16):
        words = [
            "".join(random.choice(list("ABCDE"), random.integers(1, 4)))
            for _ in range(random.integers(2, 4))
        ]
        text = " ".join(words)
        letters = [
            0.3 * np.sin(2 * np.pi * 400 * 1.5 ** "ABCDE".index(letter) * time)
            if letter != " "
            else 0 * time
            for letter in text
        ]
        fade = np.sin(np.pi * 10 * time)
        samples = np.concatenate([letter * fade for letter in letters])
        samples += random.normal(0, 1e-3, len(samples))
        path = folder / f"clip{number:02}.wav"
        soundfile.write(path, samples, 16000)
        clips.append(Utterance(path, text, len(samples) / 16000, id=path.stem))
    write_manifest(folder / "clips.jsonl", clips)
    return folder


@pytest.fixture(scope="session")
def tiny_recipe(tones) -> Path:
    """The file of the recipe `TINY`; data are found with ASR_DATA=`tones`."""
    path = tones / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def tiny_run(tiny_recipe, tones, tmp_path_factory) -> Path:
    """The folder of `asr train` with `TINY`; its model is in `model`."""
    from asr.cli.main import main

    folder = tmp_path_factory.mktemp("tiny") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASR_DATA", str(tones))
        assert main(["train", str(tiny_recipe), "--output", str(folder)]) == 0
    return folder


TINY_TRAIN = """
train:
  epochs: 14
  learning_rate: 1e-2
  warmup_steps: 20
  ema: 0.9
  label_smoothing: 0
  tensorboard: false
"""
"""How recipes of texts train that must learn in seconds."""

TINY_TEXT = (
    """
base: {base}
name: tiny-text
data:
  train: [{{corpus: pairs, path: pairs, subset: train}}]
  dev: [{{corpus: pairs, path: pairs, subset: dev}}]
  tokenizer: characters
  batch_length: 300
model:
  text: {{embedding: 16, dropout: 0, longest: 12}}
  encoder: {{units: 32, memory_units: 32, dropout: 0}}
  decoder: {{units: 32, embedding: 16, dropout: 0, embedding_dropout: 0, copy: true}}
  attention: {{units: 16, location_filters: 2, location_width: 3}}
"""
    + TINY_TRAIN
    + "  coverage_weight: 0.01\n"
)
"""A recipe that learns to write `b a!` for `a b` in a quarter of a minute."""


@pytest.fixture(scope="session")
def tiny_texts(tmp_path_factory) -> Path:
    """A folder with pairs: letters, and the same backwards with a mark at the end."""
    import random

    folder = tmp_path_factory.mktemp("texts")
    (folder / "pairs").mkdir()
    draw = random.Random(1)
    for subset, count in (("train", 600), ("dev", 40)):
        sources = [
            " ".join(draw.choices("abcdefgh", k=draw.randint(1, 4)))
            for _ in range(count)
        ]
        lines = [f"{source}\t{source[::-1]}!\n" for source in sources]
        (folder / "pairs" / f"{subset}.tsv").write_text("".join(lines))
    base = ROOT / "recipes" / "base" / "text.yaml"
    (folder / "tiny-text.yaml").write_text(TINY_TEXT.format(base=base))
    return folder


@pytest.fixture(scope="session")
def tiny_text_run(tiny_texts, tmp_path_factory) -> Path:
    """The folder of `asr train` with `TINY_TEXT`; its model is in `model`."""
    from asr.cli.main import main

    folder = tmp_path_factory.mktemp("tiny-text") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASR_DATA", str(tiny_texts))
        recipe = str(tiny_texts / "tiny-text.yaml")
        assert main(["train", recipe, "--output", str(folder)]) == 0
    return folder


TINY_PRONOUNCE = (
    """
base: {base}
data:
  longest: 12
  batch_length: 300
  dev_utterances: 40
model:
  text: {{embedding: 24, dropout: 0, longest: 12}}
  encoder: {{layers: 1, units: 32, memory_units: 32, dropout: 0}}
  decoder: {{units: 32, embedding: 16, dropout: 0, embedding_dropout: 0}}
  attention: {{units: 16}}
"""
    + TINY_TRAIN
)


@pytest.fixture(scope="session")
def tiny_pronounce_run(tmp_path_factory) -> Path:
    """The folder of a training: letters are said as they are spelled, `hs` as SH."""
    import random

    from asr.cli.main import main

    folder = tmp_path_factory.mktemp("pronounce")
    (folder / "text" / "cmudict").mkdir(parents=True)
    draw, phones = random.Random(1), {"a": "AA1", "b": "B", "h": "HH", "s": "S"}
    words = {"".join(draw.choices("abhs", k=draw.randint(2, 6))) for _ in range(900)}
    lines = []
    for word in sorted(words):
        spoken = " ".join(phones[letter] for letter in word).replace("HH S", "SH")
        lines.append(f"{word} {spoken}\n")
    path = folder / "text" / "cmudict" / "cmudict.dict"
    path.write_text("".join(lines))
    recipe = folder / "tiny.yaml"
    recipe.write_text(TINY_PRONOUNCE.format(base=ROOT / "recipes" / "pronounce.yaml"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASR_DATA", str(folder))
        assert main(["train", str(recipe), "--output", str(folder / "run")]) == 0
    return folder / "run"


@pytest.fixture(scope="session")
def certificate_authority():
    import trustme

    return trustme.CA()


@pytest.fixture
def https_server(certificate_authority, tmp_path, monkeypatch):
    """A server that the program trusts, and no pause before it asks again."""
    from asr.corpora import download
    from tests.https_server import serving

    certificate = tmp_path / "authority.pem"
    certificate_authority.cert_pem.write_to_path(str(certificate))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr(download, "_PAUSE", 0.0)
    with serving(certificate_authority) as server:
        yield server


@pytest.fixture
def all_speech(monkeypatch) -> None:
    """Take everything for speech."""
    import numpy as np

    from asr.inference import sources

    class AllSpeech:
        def __init__(self):
            self.size = self.known = 0

        def stream(self):
            return AllSpeech()

        def push(self, block):
            self.size += len(block)
            return self.ones(self.size // 320)

        def finish(self):
            return self.ones(-(-self.size // 320))

        def ones(self, known):
            added, self.known = known - self.known, known
            return np.ones(added, "float32")

        def __call__(self, samples):
            return np.ones(-(-len(samples) // 320), "float32")

    monkeypatch.setattr(sources, "load_detector", AllSpeech)
