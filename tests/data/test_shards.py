"""Shards: content equals the recordings, damage is detected."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.audio import io as audio_io
from asr.audio.shard_clip import ShardClip
from asr.cli.main import main
from asr.corpora.prepare import Preparation
from asr.data.manifest import Utterance, read_manifest, write_manifest
from asr.data.shards import write_shards
from asr.errors import AudioError, DataError, OutputError

RATE = 16000


@pytest.fixture(scope="module")
def utterances(tmp_path_factory) -> list[Utterance]:
    """Clips of many kinds: whole and cut, mono and stereo, packed and not."""
    folder = tmp_path_factory.mktemp("clips")
    random = np.random.default_rng(3)
    made = []
    kinds = [
        ("a.wav", "PCM_16", 1),
        ("b.wav", "PCM_24", 2),
        ("c.flac", "PCM_16", 1),
        ("d.ogg", "OPUS", 1),
        ("e.mp3", None, 1),
        ("f.ogg", "VORBIS", 2),
    ]
    for name, subtype, channels in kinds:
        samples = random.normal(0, 0.2, (RATE + 7, channels))
        samples[0] = 1.0
        soundfile.write(folder / name, samples, RATE, subtype)
        path = folder / name
        seconds = audio_io.inspect(path).duration
        made.append(
            Utterance(path, f"text of {name} ä", seconds, id=name, speaker="s1")
        )
    made.append(Utterance(folder / "a.wav", "cut", 0.5, offset=0.25, id="cut"))
    made.append(Utterance(folder / "b.wav", None, None, offset=0.5, lang="en"))
    return made


def never(utterance):
    raise AssertionError(utterance)


def packed(utterances, folder, count=3) -> list[Utterance]:
    stored = write_shards(utterances, str(folder), "set", count, on_unreadable=never)
    write_manifest(folder / "set.jsonl", stored)
    return list(read_manifest(folder / "set.jsonl"))


def test_samples_and_metadata_are_equal(utterances, tmp_path):
    found = packed(utterances, tmp_path)
    assert [replace(u, audio=Path(), offset=0.0) for u in found] == [
        replace(u, audio=Path(), offset=0.0) for u in utterances
    ]
    for utterance, stored in zip(utterances, found, strict=True):
        assert isinstance(stored.audio, ShardClip)
        expected = audio_io.read(
            utterance.audio,
            RATE,
            offset=utterance.offset,
            duration=utterance.duration,
        )
        samples = audio_io.read(stored.audio, RATE, duration=stored.duration)
        # A mean of two channels of 24 bits has half a step more.
        off = 2.0**-24 if utterance.id in ("", "b.wav") else 0.0
        np.testing.assert_allclose(samples, expected, rtol=0, atol=off)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [*(f"set-0000{i}-of-00003.tfrecord" for i in range(3)), "set.jsonl"]


def test_one_channel_of_a_recording(utterances, tmp_path):
    (clip,) = [u for u in utterances if u.id == "f.ogg"]
    (stored,) = packed([replace(clip, channel=2)], tmp_path, 1)
    assert stored.channel is None  # the shard holds this channel alone
    expected = audio_io.read(clip.audio, RATE, channel=2)
    np.testing.assert_allclose(audio_io.read(stored.audio, RATE), expected, atol=1e-6)


def test_compressed_recordings_are_stored_unchanged(utterances, tmp_path):
    for utterance, stored in zip(utterances, packed(utterances, tmp_path), strict=True):
        if utterance.id in ("c.flac", "d.ogg", "e.mp3", "f.ogg"):
            assert stored.audio.read() == utterance.audio.read_bytes()


def test_tensorflow_reads_them_in_order(utterances, tmp_path):
    import tensorflow as tf

    found = packed(utterances, tmp_path, 2)
    for shard in range(2):
        path = tmp_path / f"set-0000{shard}-of-00002.tfrecord"
        records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
        assert len(records) == 4
        for record, utterance in zip(records, found[shard::2], strict=True):
            feature = tf.train.Example.FromString(record).features.feature
            assert feature["audio"].bytes_list.value[0] == utterance.audio.read()
            text = b"".join(feature["text"].bytes_list.value).decode()
            assert text == (utterance.text or "")


def test_shards_can_be_moved_and_packed_again(utterances, tmp_path):
    first = tmp_path / "first"
    first.mkdir()
    packed(utterances, first)
    moved = first.rename(tmp_path / "moved")
    again = list(read_manifest(moved / "set.jsonl"))
    second = tmp_path / "second"
    second.mkdir()
    for one, other in zip(again, packed(again, second, 1), strict=True):
        assert one.audio.read() == other.audio.read()


def test_an_address_is_read_through_tensorflow(utterances, tmp_path):
    folder = f"file://{tmp_path}"
    stored = write_shards(utterances[:2], folder, "set", 1, on_unreadable=never)
    write_manifest(tmp_path / "set.jsonl", stored)
    first, _ = read_manifest(tmp_path / "set.jsonl")
    assert first.audio.remote
    assert first.audio.shard.startswith("file://")
    assert len(audio_io.read(first.audio, RATE)) == RATE + 7
    with pytest.raises(AudioError, match="gone"):
        replace(first.audio, shard=f"{folder}/gone").read()


@pytest.mark.parametrize("harm", ["flipped", "cut", "gone"])
def test_damage_is_detected(utterances, tmp_path, harm):
    clip = packed(utterances, tmp_path, 1)[2].audio
    path = Path(clip.shard)
    content = bytearray(path.read_bytes())
    if harm == "flipped":
        content[clip.position + 100] ^= 1
        path.write_bytes(content)
    elif harm == "cut":
        path.write_bytes(content[: clip.position + 100])
    else:
        path.unlink()
    with pytest.raises(AudioError, match="set-00000-of-00001"):
        audio_io.read(clip, RATE)


def test_undecodable_recordings_are_left_out(utterances, tmp_path):
    path = tmp_path / "bad.wav"
    soundfile.write(path, np.full(800, np.nan, "float32"), RATE, "FLOAT")
    bad = Utterance(path, "bad")
    left_out = []
    found = list(
        write_shards(
            [utterances[0], bad, utterances[1]],
            str(tmp_path),
            "set",
            2,
            on_unreadable=left_out.append,
        )
    )
    assert left_out == [bad]
    assert [Path(clip.audio.shard).name[4:9] for clip in found] == ["00000", "00001"]


def test_a_failure_keeps_the_old_index(utterances, tmp_path, monkeypatch):
    import tensorflow as tf

    index = tmp_path / "set.jsonl"
    index.write_text("old")

    def fail(*_, **__):
        raise tf.errors.UnavailableError(None, None, "gone away")

    monkeypatch.setattr(tf.io.gfile, "rename", fail)
    with pytest.raises(OutputError, match="gone away"):
        packed(utterances, tmp_path)
    assert index.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["set.jsonl"]


def test_shards_are_not_replaced(utterances, tmp_path):
    packed(utterances[:2], tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(OutputError, match="exists already"):
        packed(utterances, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("where", ["file", "s3://bucket/x"])
def test_unwritable_folders(utterances, tmp_path, where, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write shards"):
        list(write_shards(utterances, where, "set", 1, on_unreadable=never))


@pytest.mark.parametrize(
    "shard",
    [{}, {"position": -1, "size": 2, "crc32": 3}, {"position": True, "size": 1}],
)
def test_malformed_shard_keys(tmp_path, shard):
    line = {"audio_filepath": "a.tfrecord", "shard": shard}
    (tmp_path / "set.jsonl").write_text(json.dumps(line))
    with pytest.raises(
        DataError, match="position, size and crc32 must be whole numbers"
    ):
        list(read_manifest(tmp_path / "set.jsonl"))


SHORT = ["train.epochs=2", "train.tensorboard=false", "decoding.beam_size=1"]


def train(folder: Path, recipe: Path, *changes: str) -> Path:
    options = [part for change in (*SHORT, *changes) for part in ("--set", change)]
    assert main(["train", str(recipe), *options, "--output", str(folder)]) == 0
    return folder


def test_training_on_shards_gives_equal_weights(
    tones, tiny_recipe, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("ASR_DATA", str(tones))
    packing = ["--shards", "2", "--output", str(tmp_path)]
    assert main(["prepare", "jsonl", str(tones / "clips.jsonl"), *packing]) == 0
    assert "16 utterances" in capsys.readouterr().out
    source = f"data.train=[{{path: {tmp_path / 'all.jsonl'}}}]"
    files = train(tmp_path / "files", tiny_recipe)
    packed = train(tmp_path / "packed", tiny_recipe, source)
    one, other = (
        np.load(run / "model" / "model.weights.npz") for run in (files, packed)
    )
    assert one.files == other.files
    for name in one.files:
        np.testing.assert_array_equal(one[name], other[name])
    # A damaged record is left out and counted; more than a few stop the training.
    shard = tmp_path / "all-00001-of-00002.tfrecord"
    content = bytearray(shard.read_bytes())
    clips = [u.audio for u in read_manifest(tmp_path / "all.jsonl")]
    content[clips[1].position + 50] ^= 1
    shard.write_bytes(content)
    harmed = train(tmp_path / "harmed", tiny_recipe, source)
    last = (harmed / "history.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["unreadable"] == 1
    for clip in clips[3::2]:
        content[clip.position + 50] ^= 1
    shard.write_bytes(content)
    changes = [part for change in (*SHORT, source) for part in ("--set", change)]
    arguments = [str(tiny_recipe), *changes, "--output", str(tmp_path / "stopped")]
    assert main(["train", *arguments]) == 5
    assert "cannot be read" in capsys.readouterr().err


def test_a_segment_of_a_shard_clip(utterances, tmp_path):
    first, *_ = packed(utterances, tmp_path)
    cut = replace(first, offset=0.6, duration=0.3)
    write_manifest(tmp_path / "cut.jsonl", [cut])
    (found,) = Preparation("jsonl", tmp_path / "cut.jsonl", "all")
    assert (found.offset, found.duration) == (0.6, pytest.approx(0.3))


def test_a_foreign_shard_key_is_ignored(tmp_path):
    line = {"audio_filepath": "a.wav", "shard": 3}
    (tmp_path / "set.jsonl").write_text(json.dumps(line))
    (found,) = read_manifest(tmp_path / "set.jsonl")
    assert found.audio == tmp_path / "a.wav"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["jsonl", "--shards-to", "x"], "--shards-to needs --shards N"),
        (["pairs", "--shards", "2"], "--shards N packs recordings"),
    ],
)
def test_options_that_do_not_fit(tmp_path, options, message, capsys):
    assert main(["prepare", options[0], str(tmp_path), *options[1:]]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("shard", "place", "message"),
    [
        ("/dev/zero", {}, "no plain file"),
        ("a\0b", {}, "null"),
        ("", {"size": 10**13}, "damaged there"),
        ("", {"position": 10**30}, "damaged there"),
    ],
)
def test_positions_outside_of_a_shard(utterances, tmp_path, shard, place, message):
    clip = packed(utterances, tmp_path, 1)[0].audio
    with pytest.raises(AudioError, match=message):
        replace(clip, shard=shard or clip.shard, **place).read()
