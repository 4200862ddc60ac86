"""What `test_graph_audio.py` runs where TensorFlow 2.16 and tensorflow-io are.

Each function of CHECKS is one check; the program prints a line for each: its name, a
tab, and `ok` or what is wrong. One process does for all, since starting takes a while.
"""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import tensorflow as tf

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from asr.audio import io as audio_io  # noqa: E402 - the checkout is what is tested
from asr.audio import tensorflow_io  # noqa: E402 - as above

RATE = 16000
EXACT = [
    ("WAV", "PCM_U8"), ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"),
    ("WAVEX", "PCM_16"), ("FLAC", "PCM_S8"), ("FLAC", "PCM_16"), ("FLAC", "PCM_24"),
]  # fmt: skip
LOSSY = [("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")]


def encoded(kind, subtype, *, rate=RATE, channels=1, samples=None):
    """Return the bytes of a recording; by default a random walk of odd length."""
    if samples is None:
        walk = np.random.default_rng(1).normal(size=(30001, channels)).cumsum(axis=0)
        samples = 0.9 * walk / np.abs(walk).max()
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


def read(contents):
    return audio_io.read(io.BytesIO(contents), RATE)


decode = tf.function(
    tensorflow_io.decode_audio, input_signature=[tf.TensorSpec([], tf.string)]
)


def lossless_is_exact():
    for kind, subtype in EXACT:
        for channels in (1, 2):
            contents = encoded(kind, subtype, channels=channels)
            np.testing.assert_array_equal(decode(contents), read(contents), str(kind))


def lossy_is_equal_to_rounding():
    for kind, subtype in LOSSY:
        for channels in (1, 2):
            contents = encoded(kind, subtype, channels=channels)
            np.testing.assert_allclose(decode(contents), read(contents), atol=1e-5)


def resampling_is_in_place_and_clean():
    """A chirp within the passband of both resamplers: same length, place and shape."""
    for rate in (8000, 11025, 22050, 32000, 44100, 48000, 96000):
        times = np.arange(2 * rate) / rate
        sweep = np.sin(
            2 * np.pi * (200 * times + 0.19 * min(rate, RATE) * times**2 / 2)
        )
        samples = 0.5 * sweep * np.hanning(len(times))
        contents = encoded("WAV", "FLOAT", rate=rate, samples=samples)
        found, expected = decode(contents).numpy(), read(contents)
        assert found.shape == expected.shape, (rate, found.shape, expected.shape)
        noise = np.mean((found - expected) ** 2) / np.mean(expected**2)
        assert noise < 1e-7, (rate, noise)  # 70 dB


def frequencies_above_the_new_half_rate_go():
    times = np.arange(96000) / 48000
    samples = 0.5 * np.sin(2 * np.pi * 9000 * times)
    found = decode(encoded("WAV", "FLOAT", rate=48000, samples=samples)).numpy()
    assert np.abs(found[1000:-1000]).max() < 1e-3


def odd_lengths_agree():
    for count in (1, 2, 3, 99, 777):
        for rate in (RATE, 8000, 44100):
            samples = np.full(count, 0.25)
            contents = encoded("WAV", "PCM_16", rate=rate, samples=samples)
            assert decode(contents).shape == read(contents).shape, (count, rate)


def headers_with_more_in_them():
    plain = encoded("WAV", "PCM_16")
    junk = b"JUNK" + (5).to_bytes(4, "little") + bytes(6)  # odd, so padded
    size = int.from_bytes(plain[4:8], "little") + len(junk)
    padded = plain[:4] + size.to_bytes(4, "little") + plain[8:12] + junk + plain[12:]
    np.testing.assert_array_equal(decode(padded), read(plain))
    mp3 = encoded("MP3", "MPEG_LAYER_III")
    tagged = b"ID3\x04\x00\x00\x00\x00\x02\x00" + bytes(256) + mp3
    np.testing.assert_allclose(decode(tagged), read(tagged), atol=1e-5)


def loud_recordings_are_clipped():
    contents = encoded("WAV", "FLOAT", samples=np.array([2.0, -2.0, 0.5]))
    np.testing.assert_array_equal(decode(contents), [1.0, -1.0, 0.5])


def eager_is_the_graph():
    contents = encoded("FLAC", "PCM_16", rate=8000)
    found = tensorflow_io.decode_audio(tf.constant(contents))
    np.testing.assert_array_equal(found, decode(contents))


def unfit_recordings_are_named():
    opus = encoded("OGG", "OPUS")
    cases = {
        "no Opus": opus,
        "8, 16, 24 bits or 32-bit floats; bits:] [32]": encoded("WAV", "PCM_32"),
        "without a format": encoded("WAV", "PCM_16")[:20],
        "not WAV, FLAC, Ogg Vorbis or MP3": b"no recording at all",
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "clip.bin")
        for message, contents in cases.items():
            path.write_bytes(contents)
            said = ""
            try:
                list(tensorflow_io.files_dataset([path]))
            except tf.errors.InvalidArgumentError as error:
                said = str(error)
            assert message in said, (message, said)
            assert str(path) in said, said


def broken_recordings_are_refused():
    for kind, subtype in (("FLAC", "PCM_16"), ("OGG", "VORBIS")):
        contents = encoded(kind, subtype)
        for broken in (b"", contents[:4], contents[:40]):
            try:
                decode(broken)
            except (tf.errors.InvalidArgumentError, tf.errors.OutOfRangeError):
                continue
            raise AssertionError((kind, len(broken)))


LOAD = """
import sys
import tensorflow as tf
sys.path.insert(0, {root!r})
from asr.audio.tensorflow_io import register_operations
register_operations()
pipeline = tf.saved_model.load({folder!r})
print(*pipeline.sizes(tf.constant({paths!r})).numpy())
"""


def pipelines_can_be_sent_elsewhere():
    """Saved with its tf.data pipeline here, loaded and run in another process."""

    class Pipeline(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def sizes(self, paths):
            sizes = tensorflow_io.files_dataset(paths, RATE).map(tf.size)
            start = tf.zeros([0], tf.int32)
            return sizes.reduce(
                start, lambda found, size: tf.concat([found, [size]], 0)
            )

    with tempfile.TemporaryDirectory() as folder:
        clips = [Path(folder, name) for name in ("a.flac", "b.ogg", "c.mp3", "d.wav")]
        for number, clip in enumerate(clips, start=1):
            kind = {".ogg": "OGG"}.get(clip.suffix)
            samples = np.zeros(1000 * number)
            soundfile.write(clip, samples, RATE, format=kind)
        paths = [str(clip) for clip in clips]
        spec = tensorflow_io.files_dataset(paths).element_spec
        assert spec == tf.TensorSpec([None], tf.float32), spec
        saved = f"{folder}/pipeline"
        tf.saved_model.save(Pipeline(), saved)
        program = LOAD.format(root=str(ROOT), folder=saved, paths=paths)
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["1000", "2000", "3000", "4000"], done.stdout


CHECKS = [
    lossless_is_exact,
    lossy_is_equal_to_rounding,
    resampling_is_in_place_and_clean,
    frequencies_above_the_new_half_rate_go,
    odd_lengths_agree,
    headers_with_more_in_them,
    loud_recordings_are_clipped,
    eager_is_the_graph,
    unfit_recordings_are_named,
    broken_recordings_are_refused,
    pipelines_can_be_sent_elsewhere,
]


if __name__ == "__main__":
    import traceback

    for check in CHECKS:
        try:
            check()
        except Exception as error:
            traceback.print_exc()
            reason = " ".join(str(error).split())
            sys.stdout.write(
                f"{check.__name__}\t{type(error).__name__}: {reason[:500]}\n"
            )
        else:
            sys.stdout.write(f"{check.__name__}\tok\n")
