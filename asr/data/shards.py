"""Shards: many recordings in a few large files, for network and cloud storage.

A shard is a TFRecord file of `tf.train.Example`s with the features `audio` (the bytes
of a recording), `text`, `id`, `speaker`, `lang` and `duration` (seconds). Its index is
a manifest: each line has the shard, position, size and CRC-32 of a recording, so that
training can read single recordings.
"""

from __future__ import annotations

import contextlib
import io
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import soundfile

from asr.audio import io as audio_io
from asr.audio.shard_clip import ShardClip
from asr.data.manifest import Utterance
from asr.errors import AudioError, OutputError

_COMPRESSED = ("FLAC", "OGG", "MP3", "MPEG")  # stored unchanged
# TFRecord: length (8 bytes), CRC of the length (4), content, CRC of the content (4).
_HEADER, _FOOTER = 12, 4


def write_shards(
    utterances: Iterable[Utterance],
    folder: str,
    name: str,
    count: int,
    *,
    on_unreadable: Callable[[Utterance], None],
    rate: int | None = None,
) -> Iterator[Utterance]:
    """Write utterances to shards in turn.

    Compressed recordings are stored unchanged. All others, segments of longer
    recordings, and what is resampled are stored as FLAC of 24 bits. The shards get
    their final names when all utterances are written, before the iterator ends.

    Args:
        utterances: The utterances to store.
        folder: A folder, or an address of `tf.io.gfile`, such as `gs://bucket/folder`.
        name: Name of the set; shards are named `NAME-00000-of-00008.tfrecord`.
        count: Number of shards.
        on_unreadable: Called for each utterance that cannot be decoded; it is left out.
        rate: Sample rate to store in hertz; None keeps that of each recording.

    Yields:
        The utterances, with `ShardClip`s as audio.

    Raises:
        OutputError: Shards cannot be written, or exist already.
    """
    import tensorflow as tf

    names = [f"{name}-{i:05}-of-{count:05}.tfrecord" for i in range(count)]
    paths = [os.path.join(folder, name) for name in names]  # noqa: PTH118 - an address
    parts = [f"{path}.part" for path in paths]
    try:
        tf.io.gfile.makedirs(folder)
        for path in filter(tf.io.gfile.exists, paths):
            raise OutputError(
                f"{path}: exists already, and other manifests may refer to it; remove "
                "it, or choose another folder"
            )
        with contextlib.ExitStack() as stack:
            writers = [
                stack.enter_context(tf.io.TFRecordWriter(part)) for part in parts
            ]
            stored = _decoded(utterances, rate, on_unreadable)
            yield from _store(stored, writers, paths)
        for part, path in zip(parts, paths, strict=True):
            _flush(part)
            tf.io.gfile.rename(part, path)
    except tf.errors.OpError as error:
        raise OutputError(
            f"cannot write shards to {folder}: {error.message}"
        ) from error
    finally:
        with contextlib.suppress(tf.errors.OpError):
            for part in filter(tf.io.gfile.exists, parts):
                tf.io.gfile.remove(part)


def _flush(path: str) -> None:
    """Write a local file to the disk; other file systems do that when it is closed."""
    if "://" not in path:
        with open(path, "rb") as file:  # noqa: PTH123 - paths are addresses here
            os.fsync(file.fileno())


def _store(
    contents: Iterable[tuple[Utterance, bytes]],
    writers: list[Any],
    paths: list[str],
) -> Iterator[Utterance]:
    import tensorflow as tf

    def feature(value: bytes | str | None) -> tf.train.Feature:
        if isinstance(value, str):
            value = value.encode(errors="replace")
        content = [] if value is None else [value]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=content))

    ends = [0] * len(paths)
    turn = -1
    for utterance, content in contents:
        turn = (turn + 1) % len(paths)
        duration = tf.train.FloatList(value=[utterance.duration or 0.0])
        texts = ("text", "id", "speaker", "lang")
        features = {
            "audio": feature(content),
            **{key: feature(getattr(utterance, key)) for key in texts},
            "duration": tf.train.Feature(float_list=duration),
        }
        example = tf.train.Example(features=tf.train.Features(feature=features))
        record = example.SerializeToString()
        writers[turn].write(record)
        position = ends[turn] + _HEADER + record.index(content)
        clip = ShardClip(paths[turn], position, len(content), zlib.crc32(content))
        ends[turn] += _HEADER + len(record) + _FOOTER
        yield replace(utterance, audio=clip, offset=0.0, channel=None)


def _decoded(
    utterances: Iterable[Utterance],
    rate: int | None,
    on_unreadable: Callable[[Utterance], None],
) -> Iterator[tuple[Utterance, bytes]]:
    """Yield each utterance that can be decoded with the content of its audio file."""
    for utterance in utterances:
        try:
            content = _bytes(utterance, rate)
        except AudioError:
            on_unreadable(utterance)
        else:
            yield utterance, content


def _bytes(utterance: Utterance, rate: int | None) -> bytes:
    """Return the content of an audio file with the utterance alone."""
    info = audio_io.inspect(utterance.audio)
    rate = rate or info.rate
    whole = (
        rate == info.rate
        and not (utterance.offset or utterance.channel)
        and (utterance.duration is None or utterance.duration >= info.duration)
    )
    if whole and info.format in _COMPRESSED:
        audio = utterance.audio
        return audio.read() if isinstance(audio, ShardClip) else audio.read_bytes()
    offset, duration = utterance.offset, utterance.duration
    samples = audio_io.read(
        utterance.audio,
        rate,
        offset=offset,
        duration=duration,
        channel=utterance.channel,
    )
    # libsndfile would scale floats by one less than full scale. 32 bits round the
    # largest integer up, and full scale would turn into its negative.
    integers = np.clip(np.round(samples * np.float64(2**31)), -(2.0**31), 2.0**31 - 1)
    file = io.BytesIO()
    soundfile.write(file, integers.astype("int32"), rate, "PCM_24", format="FLAC")
    return file.getvalue()
