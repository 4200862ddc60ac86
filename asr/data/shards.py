"""Recordings packed into a few large files, for disks and stores that like these best.

A shard is a TFRecord file of `tf.train.Example`s with `audio` (the bytes of a
recording), `text`, `id`, `speaker`, `lang` and `duration` (seconds), so that any
TensorFlow pipeline reads it from its start to its end. The index is a manifest: each
line names the shard and where in it the recording lies, so that training, which puts
clips of one length together, reads single clips, checked by a CRC-32. Shards may lie
wherever `tf.io.gfile` reaches, such as `gs://bucket/folder`.
"""

from __future__ import annotations

import contextlib
import io
import os
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from asr.audio import io as audio_io
from asr.audio.shard_clip import ShardClip
from asr.errors import AudioError, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from asr.data.manifest import Utterance

# What takes no room worth saving stays as it is; all else becomes FLAC.
_PACKED = ("FLAC", "OGG", "MP3", "MPEG")
_FRAME = 12  # bytes of a record before its content: length, and a CRC of that
_TAIL = 4  # and after it: a CRC of the content


def packed(
    utterances: Iterable[Utterance],
    folder: str,
    name: str,
    count: int,
    *,
    unreadable: Callable[[Utterance], None],
) -> Iterator[Utterance]:
    """Store utterances, one in each shard in turn.

    Compressed recordings are stored as they are, all others, and stretches of longer
    ones, as FLAC of 24 bits. The shards appear under their names when all are stored,
    before the iterator ends.

    Args:
        utterances: What to store.
        folder: A folder, or an address that `tf.io.gfile` knows.
        name: Of the set; shards are called `NAME-00000-of-00008.tfrecord`.
        count: How many.
        unreadable: Told of utterances that are left out since they cannot be decoded.

    Yields:
        The utterances as they are then found.

    Raises:
        OutputError: Shards cannot be written, or are there already.
    """
    import tensorflow as tf

    names = [f"{name}-{i:05}-of-{count:05}.tfrecord" for i in range(count)]
    paths = [os.path.join(folder, name) for name in names]  # noqa: PTH118 - an address
    parts = [f"{path}.part" for path in paths]
    try:
        tf.io.gfile.makedirs(folder)
        for path in filter(tf.io.gfile.exists, paths):
            raise OutputError(
                f"{path}: there already, and other manifests may point into it; remove "
                "it, or choose another folder"
            )
        writers = [tf.io.TFRecordWriter(part) for part in parts]
        try:
            yield from _store(utterances, writers, paths, unreadable)
        finally:
            for writer in writers:
                writer.close()
        for part, path in zip(parts, paths, strict=True):
            tf.io.gfile.rename(part, path)
    except tf.errors.OpError as error:
        reason = error.message
        raise OutputError(f"cannot write shards to {folder}: {reason}") from error
    finally:
        with contextlib.suppress(tf.errors.OpError):
            for part in filter(tf.io.gfile.exists, parts):
                tf.io.gfile.remove(part)


def _store(
    utterances: Iterable[Utterance],
    writers: list[Any],
    paths: list[str],
    unreadable: Callable[[Utterance], None],
) -> Iterator[Utterance]:
    import tensorflow as tf

    def text(value: str | None) -> tf.train.Feature:
        content = [] if value is None else [value.encode(errors="replace")]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=content))

    ends = [0] * len(paths)
    turn = -1
    for utterance in utterances:
        try:
            content = _bytes(utterance)
        except AudioError:
            unreadable(utterance)
            continue
        turn = (turn + 1) % len(paths)
        bytes_list = tf.train.BytesList(value=[content])
        duration = tf.train.FloatList(value=[utterance.duration or 0.0])
        features = {
            "audio": tf.train.Feature(bytes_list=bytes_list),
            "text": text(utterance.text),
            "id": text(utterance.id),
            "speaker": text(utterance.speaker),
            "lang": text(utterance.lang),
            "duration": tf.train.Feature(float_list=duration),
        }
        example = tf.train.Example(features=tf.train.Features(feature=features))
        record = example.SerializeToString()
        writers[turn].write(record)
        clip = ShardClip(
            paths[turn],
            ends[turn] + _FRAME + record.index(content),
            len(content),
            zlib.crc32(content),
        )
        ends[turn] += _FRAME + len(record) + _TAIL
        yield replace(utterance, audio=clip, offset=0.0)


def _bytes(utterance: Utterance) -> bytes:
    """Return an utterance's recording as a file of its own."""
    info = audio_io.inspect(utterance.audio)
    whole = not utterance.offset and (
        utterance.duration is None or utterance.duration >= info.duration
    )
    if whole and info.format in _PACKED:
        if isinstance(utterance.audio, ShardClip):
            return utterance.audio.read()
        return utterance.audio.read_bytes()
    samples = audio_io.read(
        utterance.audio,
        info.rate,
        offset=utterance.offset,
        duration=utterance.duration,
    )
    # libsndfile would scale floats by one less than full scale.
    whole_numbers = np.clip(np.round(samples * 2.0**31), -(2.0**31), 2.0**31 - 1)
    file = io.BytesIO()
    soundfile.write(
        file, whole_numbers.astype("int32"), info.rate, "PCM_24", format="FLAC"
    )
    return file.getvalue()
