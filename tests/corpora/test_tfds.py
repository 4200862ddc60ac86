"""Speech of TensorFlow Datasets, with a builder that works offline."""

from __future__ import annotations

import json
import os
import shutil
import sys

import numpy as np
import pytest

from asr.audio import io as audio_io
from asr.cli.main import main
from asr.corpora import corpus
from asr.errors import DataError, UsageError

tfds = pytest.importorskip("tensorflow_datasets")

RATE = 8000


def _samples(number: int) -> np.ndarray:
    random = np.random.default_rng(number)
    return random.integers(-32768, 32768, RATE + number).astype("int64")


class TinySpeech(tfds.core.GeneratorBasedBuilder):
    """Noise with texts."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "speech": tfds.features.Audio(sample_rate=RATE),
                    "text": tfds.features.Text(),
                    "speaker_id": np.int64,
                    "id": np.str_,
                }
            )
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(0), "test": self._generate_examples(9)}

    def _generate_examples(self, first):
        for number in range(first, first + 3):
            yield (
                number,
                {
                    "speech": _samples(number),
                    "text": f"clip {number} ä",
                    "speaker_id": number % 2,
                    "id": f"id{number}",
                },
            )


class TinyPictures(tfds.core.GeneratorBasedBuilder):
    """Nothing to be heard."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({"text": tfds.features.Text()})
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        yield 0, {"text": "silence"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A data directory with both builders prepared, by the command line."""
    folder = tmp_path_factory.mktemp("tfds")
    for name in ("tiny_speech", "tiny_pictures"):
        main(["prepare", f"tfds:{name}", str(folder), "--download", "-o", str(folder)])
    return folder


def test_prepared_by_the_command(root):
    lines = (root / "train.jsonl").read_text().splitlines()
    found = {line["id"]: line for line in map(json.loads, lines)}
    assert sorted(found) == ["id0", "id1", "id2"]
    assert found["id1"]["speaker"] == "1"
    assert found["id1"]["duration"] == pytest.approx((RATE + 1) / RATE)
    assert not list(root.rglob(".asr-*"))


def test_samples_are_the_same(root):
    found = list(corpus("tfds:tiny_speech").read(root, "test"))
    texts = {f"clip {number} ä" for number in (9, 10, 11)}
    assert {utterance.text for utterance in found} == texts
    for utterance in found:
        expected = _samples(int(utterance.id.removeprefix("id"))) / 32768
        np.testing.assert_array_equal(
            audio_io.read(utterance.audio, RATE), expected.astype("float32")
        )


def test_written_once(root, monkeypatch):
    first = list(corpus("tfds:tiny_speech").read(root, "train"))
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    assert list(corpus("tfds:tiny_speech").read(root, "train")) == first
    with pytest.raises(UsageError, match=r"pip install 'asr-attention\[tfds\]'"):
        list(corpus("tfds:tiny_speech").read(root, "dev"))


def test_missing_builders_and_subsets(root, tmp_path):
    reader = corpus("tfds:tiny_speech")
    with pytest.raises(DataError, match="no subset 'dev' here; it has train, test"):
        list(reader.read(root, "dev"))
    with pytest.raises(DataError, match="nothing; give --download"):
        list(reader.read(tmp_path, "train"))
    with pytest.raises(UsageError, match="tfds:no_such_thing"):
        corpus("tfds:no_such_thing").subsets(root)
    with pytest.raises(DataError, match="must have one recording and a text"):
        list(corpus("tfds:tiny_pictures").read(root, "train"))
    assert not os.listdir(root / "flac" / "tiny_pictures" / "train")  # noqa: PTH208


def test_foreign_modules_are_not_imported(root, tmp_path):
    with pytest.raises(UsageError, match="write NAME"):
        corpus("tfds:strangers:tiny_speech").subsets(root)
    folder = tmp_path / "mine" / "1.0.0"
    folder.mkdir(parents=True)
    shutil.copy(next(root.rglob("dataset_info.json")), folder)
    (folder / "features.json").write_text('{"\\u0074ype": "payload.F", "content": {}}')
    with pytest.raises(DataError, match=r"payload\.F is not in"):
        corpus("tfds:mine").subsets(tmp_path)
