"""Model folders: round trip, damaged and malformed files."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import shutil
import tracemalloc
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from asr.config.schema import (
    AttentionConfig,
    Calibration,
    DecoderConfig,
    DecodingConfig,
    EncoderConfig,
    FrontendConfig,
    ModelConfig,
)
from asr.errors import ModelError
from asr.files import CONFIG, WEIGHTS
from asr.storage import keras_model, model_folder, weights
from asr.storage.keras_model import network_of, weights_of
from asr.storage.model_folder import (
    CARD,
    SUMS,
    TOKENIZER,
    FolderConfig,
    describe,
    read_card,
    read_config,
    read_model,
    verify,
    write_calibration,
    write_model,
)
from asr.tasks import TASKS
from asr.text.tokenizers import CharacterTokenizer

MODEL = ModelConfig(
    frontend=FrontendConfig(mels=8),
    encoder=EncoderConfig(filters=4, kernel=3, layers=1, units=4, memory_units=4),
    decoder=DecoderConfig(units=4, embedding=3),
    attention=AttentionConfig(units=4, location_filters=2, location_width=3),
)
TOKENS = CharacterTokenizer(("A", "B", " "))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A model folder and the model that it was written from."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    config = FolderConfig(
        model=MODEL,
        decoding=DecodingConfig(beam_size=3),
        training={"name": "tiny", "hours": 0.1},
    )
    task = TASKS[config.task](TOKENS, config.model, config.normalizer)
    model = keras_model.build(task)
    random = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(random.normal(size=weight.shape) * 0.2)
    write_model(
        folder,
        config,
        tokenizer=TOKENS.to_json(),
        weights=weights_of(model),
        card="# tiny\n",
    )
    return folder, config, model


@pytest.fixture
def folder(written, tmp_path):
    """A copy of the folder, to be damaged."""
    return shutil.copytree(written[0], tmp_path / "model")


def test_an_edited_card_is_no_damage(folder):
    (folder / CARD).write_text("# mine\n")
    verify(folder)
    assert read_card(folder) == "# mine\n"
    (folder / CARD).unlink()
    verify(folder)
    assert read_card(folder) == ""


def seal(folder):
    """Write the right sums of what is now in a folder."""
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in (CONFIG, TOKENIZER, WEIGHTS, CARD)
    ]
    (folder / SUMS).write_text("".join(lines))


def edit(folder, change, name=CONFIG):
    """Change a JSON file in place and put the sums right."""
    tree = json.loads((folder / name).read_text())
    tree = change(tree) or tree
    (folder / name).write_text(json.dumps(tree))
    seal(folder)


def rewrite(folder, **changes):
    """Replace arrays of the weights (None removes one) and put the sums right."""
    with np.load(folder / WEIGHTS) as stored:
        arrays = dict(stored)
    arrays.update(changes)
    arrays = {name: array for name, array in arrays.items() if array is not None}
    np.savez(folder / WEIGHTS, **arrays)
    seal(folder)


def refused(folder, *words):
    """Read a folder that must be refused in one line that holds these words."""
    with pytest.raises(ModelError) as caught:
        read_model(folder)
    message = str(caught.value)
    assert "\n" not in message
    for word in (str(folder), *words):
        assert word in message


def test_round_trip(written):
    folder, config, model = written
    loaded = read_model(folder)
    assert loaded.config == config
    assert loaded.task.tokenizer == TOKENS
    assert loaded.task.rate == 16000
    network, expected = loaded.network, network_of(model, loaded.task)
    assert network.weights.keys() == expected.weights.keys()
    for name, array in expected.weights.items():
        np.testing.assert_array_equal(network.weights[name], array)
    random = np.random.default_rng(1)
    sources = [random.normal(size=size).astype("float32") for size in (6000, 4000)]
    tokens = np.array([[[1, 3, 4]], [[1, 5, 0]]])
    one, two = network.encode(sources), expected.encode(sources)
    np.testing.assert_array_equal(one.ctc, two.ctc)
    found = network.rescore(tokens, tokens, one)
    wanted = expected.rescore(tokens, tokens, two)
    np.testing.assert_array_equal(found.scores, wanted.scores)
    np.testing.assert_array_equal(found.weights, wanted.weights)


def test_the_folder_is_complete(written):
    folder, *_ = written
    names = {path.name for path in folder.iterdir()}
    assert names == {CONFIG, TOKENIZER, WEIGHTS, CARD, SUMS}
    verify(folder)
    lines = (folder / SUMS).read_text().splitlines()
    for line in lines:  # what `sha256sum --check` reads
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    with zipfile.ZipFile(folder / WEIGHTS) as archive:
        assert all(name.endswith(".npy") for name in archive.namelist())


def test_writing_again_replaces_it(written, tmp_path):
    _, config, model = written
    for name in ("one", "two"):
        write_model(
            tmp_path / "again",
            replace(config, training={"name": name}),
            tokenizer=TOKENS.to_json(),
            weights=weights_of(model),
            card="",
        )
    assert describe(tmp_path / "again")["name"] == "two"


def test_describe(written):
    facts = describe(written[0])
    assert facts["name"] == "tiny"
    assert facts["task"] == "speech_recognition"
    assert facts["decoding"]["beam_size"] == 3
    assert facts["megabytes"] >= 0


def test_no_folder(tmp_path):
    refused(tmp_path / "absent", "no such model folder")
    refused(tmp_path, f"has no {SUMS}")


@pytest.mark.parametrize("name", [CONFIG, TOKENIZER, WEIGHTS])
def test_a_missing_file(folder, name):
    (folder / name).unlink()
    refused(folder, name, "missing")


@pytest.mark.parametrize("name", [CONFIG, TOKENIZER, WEIGHTS])
def test_an_altered_file(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    refused(folder, name, "damaged")


def test_a_truncated_file(folder):
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])
    refused(folder, WEIGHTS, "damaged")


@pytest.mark.parametrize("text", ["", "nonsense\n", "\0\xff", "  config.json\n"])
def test_damaged_sums(folder, text):
    (folder / SUMS).write_text(text)
    refused(folder, CONFIG, "damaged")


def test_a_file_too_large(folder, monkeypatch):
    monkeypatch.setattr(model_folder, "LARGEST_TEXT", 10)
    refused(folder, CONFIG, "larger")


def test_weights_that_unpack_to_too_much(folder, monkeypatch):
    size = (folder / WEIGHTS).stat().st_size
    monkeypatch.setattr(weights, "LARGEST_WEIGHTS", size + 1000)
    with zipfile.ZipFile(folder / WEIGHTS, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.npy", bytes(size + 2000))
    seal(folder)
    refused(folder, WEIGHTS, "unpacks to more")


def test_weights_that_unpack_to_many_times_their_size(folder):
    with np.load(folder / WEIGHTS) as stored:
        arrays = dict(stored)
    arrays["ctc/kernel"] = np.zeros((1000, 16_000), "float32")
    np.savez_compressed(folder / WEIGHTS, **arrays)
    assert (folder / WEIGHTS).stat().st_size < 200_000
    seal(folder)
    tracemalloc.start()
    refused(folder, WEIGHTS, "unpacks to more than 50,000,000 bytes")
    assert tracemalloc.get_traced_memory()[1] < 30_000_000
    tracemalloc.stop()


def test_many_sums(folder):
    with (folder / SUMS).open("r+b") as file:
        file.truncate(5_000_000_000)
    refused(folder, SUMS, "larger than 10,000 bytes")


def test_a_member_without_a_name(folder):
    with zipfile.ZipFile(folder / WEIGHTS, "a") as archive:
        archive.writestr(".npy", npy(np.zeros(3)))
    seal(folder)
    refused(folder, WEIGHTS, "a member has no name")


def test_a_model_of_more_units_than_its_weights(folder):
    """Shapes are compared before anything of that size is made."""
    tree = json.loads((folder / CONFIG).read_text())
    for section in ("encoder", "decoder", "attention"):
        tree["model"][section]["units"] = 8192
    (folder / CONFIG).write_text(json.dumps(tree))
    seal(folder)
    tracemalloc.start()
    refused(folder, WEIGHTS, "has shape", "but the model needs")
    assert tracemalloc.get_traced_memory()[1] < 30_000_000
    tracemalloc.stop()


class Bomb:
    """Unpickling it runs code."""

    def __reduce__(self):
        return (pytest.fail, ("code from a model folder was run",))


def test_pickles_are_not_opened(folder):
    (folder / WEIGHTS).write_bytes(pickle.dumps(Bomb()))
    seal(folder)
    refused(folder, WEIGHTS, "not a readable weights file")


def test_pickled_arrays_are_not_opened(folder):
    with np.load(folder / WEIGHTS) as stored:
        arrays = dict(stored)
    name = next(iter(arrays))
    arrays[name] = np.array([Bomb()], dtype=object)
    np.savez(folder / WEIGHTS, **arrays)
    seal(folder)
    refused(folder, WEIGHTS, "not a readable weights file")


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def packed(content, method=zipfile.ZIP_STORED):
    """An archive of one member that calls itself compressed in some way."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", content)
    stored = zipfile.ZIP_STORED.to_bytes(2, "little")
    data = bytearray(file.getvalue())
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = data.index(mark) + place
        assert data[at : at + 2] == stored
        data[at : at + 2] = method.to_bytes(2, "little")
    return bytes(data)


def header(text):
    """A file of NumPy whose header is any text."""
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x05\x06" + bytes(18),
        b"PK nonsense",
        npy(np.zeros(3)),
        packed(b"\x09\x04\x05\x00" + bytes(60), zipfile.ZIP_LZMA),
        packed(header("{'descr': (")),
        packed(
            header(
                "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}"
            )
        ),
    ],
)
def test_malformed_weight_archives(folder, content):
    (folder / WEIGHTS).write_bytes(content)
    seal(folder)
    refused(folder, WEIGHTS)


def test_an_archive_of_something_else(folder):
    with np.load(folder / WEIGHTS) as stored:
        names = list(stored)
    with zipfile.ZipFile(folder / WEIGHTS, "w") as archive:
        for name in names:
            archive.writestr(f"{name}.npy", "not an array")
    seal(folder)
    refused(folder, WEIGHTS)
    with zipfile.ZipFile(folder / WEIGHTS, "w") as archive:
        for name in names:
            archive.writestr(name, "not even called one")
    seal(folder)
    refused(folder, WEIGHTS)


def test_a_damaged_member(folder):
    """A member that is no array, under sums that are right."""
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[content.index(b"NUMPY")] ^= 0xFF
    (folder / WEIGHTS).write_bytes(content)
    seal(folder)
    refused(folder, WEIGHTS, "not a readable weights file")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(folder, value):
    with np.load(folder / WEIGHTS) as stored:
        array = stored["ctc/kernel"]
    array[0, 0] = value
    rewrite(folder, **{"ctc/kernel": array})
    refused(folder, WEIGHTS, "ctc/kernel", "not finite numbers")


def test_weights_that_overflow_in_single_precision(folder):
    with np.load(folder / WEIGHTS) as stored:
        array = stored["ctc/kernel"].astype("float64")
    array[0, 0] = -1e300
    rewrite(folder, **{"ctc/kernel": array})
    refused(folder, WEIGHTS, "ctc/kernel", "not finite numbers")


@pytest.mark.parametrize("kind", ["U3", "complex64", "S3", "bool"])
def test_weights_of_another_kind(folder, kind):
    with np.load(folder / WEIGHTS) as stored:
        shape = stored["ctc/kernel"].shape
    rewrite(folder, **{"ctc/kernel": np.zeros(shape, kind)})
    refused(folder, WEIGHTS, "ctc/kernel", "must hold numbers")


def test_weights_of_another_shape(folder):
    rewrite(folder, **{"ctc/kernel": np.zeros((2, 2), "float32")})
    refused(folder, WEIGHTS, "ctc/kernel", "(2, 2)")


def test_weights_that_lack_one_or_have_one_more(folder):
    rewrite(folder, **{"ctc/kernel": None})
    refused(folder, WEIGHTS, "ctc/kernel")
    rewrite(folder, **{"ctc/kernel": np.zeros((8, 6), "float32"), "attic": np.zeros(1)})
    refused(folder, WEIGHTS, "attic")


def test_a_tokenizer_of_another_size(folder):
    edit(folder, lambda tree: tree["characters"].append("C"), TOKENIZER)
    refused(folder, WEIGHTS, "shape")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tree: tree.update(format=2), ["format 1", "newer release"]),
        (lambda tree: tree.pop("format") and None, ["format 1"]),
        (lambda tree: [tree], ["format 1"]),
        (lambda tree: tree.update(task="singing"), ["unknown task 'singing'"]),
        (lambda tree: tree.update(modle={}), ["unknown key 'modle'", "'model'"]),
        (lambda tree: tree.update(training=[1]), ["training"]),
        (lambda tree: tree.update(normalizer="librispech-1"), ["librispeech-1"]),
        (
            lambda tree: tree["model"]["encoder"].update(layer=3),
            ["unknown key 'model.encoder.layer'", "'layers'"],
        ),
        (
            lambda tree: tree["model"]["encoder"].update(units="many"),
            ["model.encoder.units", "a whole number"],
        ),
        (
            lambda tree: tree["model"]["encoder"].update(units=10**6),
            ["model.encoder.units", "must be between"],
        ),
        (
            lambda tree: tree["model"]["encoder"].update(dropout=float("nan")),
            ["model.encoder.dropout"],
        ),
        (
            lambda tree: tree.update(calibration={"scale": float("inf")}),
            ["calibration.scale"],
        ),
        (
            lambda tree: tree["model"]["attention"].update(kind="bahdanu"),
            ["model.attention.kind", "'bahdanau'"],
        ),
    ],
)  # fmt: skip
def test_an_invalid_config(folder, change, words):
    edit(folder, change)
    refused(folder, CONFIG, *words)


@pytest.mark.parametrize("name", [CONFIG, TOKENIZER])
@pytest.mark.parametrize("text", ["", "{", "\udcff", "[" * 100_000])
def test_malformed_json(folder, name, text):
    (folder / name).write_text(text, errors="surrogateescape")
    seal(folder)
    refused(folder, name, "not a readable JSON file")


@pytest.mark.parametrize("tree", [[], {}, {"kind": "words", "characters": []}])
def test_a_tokenizer_of_no_known_kind(folder, tree):
    edit(folder, lambda _: tree or {"other": 1}, TOKENIZER)
    refused(folder, TOKENIZER)


def test_yaml_and_code_beside_it_are_ignored(folder):
    (folder / "hook.py").write_text("raise SystemExit('code was run')")
    read_model(folder)


def test_reading_the_config_alone(written):
    assert read_config(written[0]).training == {"name": "tiny", "hours": 0.1}


def test_calibration_is_stored_in_the_folder(tiny_run, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_run / "model", folder)
    before = read_config(folder)
    write_calibration(folder, Calibration(0.5, -1.0))
    verify(folder)
    after = read_config(folder)
    assert after.calibration == Calibration(0.5, -1.0)
    assert replace(after, calibration=before.calibration) == before


def test_a_card_in_another_encoding(folder):
    (folder / CARD).write_bytes(b"caf\xe9")
    assert read_card(folder) == "caf\ufffd"
