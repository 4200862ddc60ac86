"""Times decoding in a TensorFlow graph; run by `audio_decoding.py` in its own venv.

Reads a job from standard input and prints figures, both as JSON.
"""

from __future__ import annotations

import json
import sys

import harness
import tensorflow as tf

from asr.audio.tensorflow_io import decode_audio


def main(files: list[str], rate: int, rounds: int, threads: int) -> None:
    """Decode all files in several rounds; print the times."""
    tf.config.threading.set_intra_op_parallelism_threads(1)

    data = tf.data.Dataset.from_tensor_slices(files).repeat()
    data = data.map(
        lambda path: tf.size(decode_audio(tf.io.read_file(path), rate)),
        num_parallel_calls=threads,
    )
    # One iterator for all rounds: its creation optimises the pipeline, which takes
    # longer than decoding a few clips.
    sizes = iter(data)
    figures = harness.timed(rounds, lambda: sum(int(next(sizes)) for _ in files))
    print(json.dumps(figures | {"version": tf.__version__}))


if __name__ == "__main__":
    main(**json.load(sys.stdin))
