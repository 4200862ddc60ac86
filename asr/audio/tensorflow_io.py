"""Audio decoding inside a TensorFlow graph, for pipelines that are saved.

A pipeline with `asr.audio.io.read` needs its Python process; TensorFlow operations can
be saved. tensorflow-io (the extra `tfio`) decodes WAV, FLAC, Ogg Vorbis and MP3, not
Opus, and needs TensorFlow 2.16. Everything else uses libsndfile, which is faster and
decodes more formats.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.errors import UsageError, install_hint

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import tensorflow as tf

    _Decoded = tuple[tf.Tensor, tf.Tensor]  # samples (N, channels), their rate

_TENSORFLOW = "2.16."
_INSTALL = f"{install_hint('tfio')} in an environment of its own"
# Half the filter of tensorflow-io's resampler (Speex, quality 4), in samples of the
# lower rate: the delay of its output.
_HALF_FILTER = 32
_MP3_RATES = (
    (11025, 12000, 8000),  # MPEG 2.5
    (0, 0, 0),
    (22050, 24000, 16000),  # MPEG 2
    (44100, 48000, 32000),  # MPEG 1
)


def decode_audio(
    contents: tf.Tensor, rate: int = 16000, *, name: tf.Tensor | str = "the recording"
) -> tf.Tensor:
    """Decode a whole recording as part of a graph.

    Channels are averaged and the resampler's delay is removed. The samples equal those
    of `asr.audio.io.read` for WAV and FLAC, within rounding for Vorbis and MP3.
    Resampled ones differ in the last tenth below half the lower rate.

    Args:
        contents: Bytes of a WAV (8, 16, 24 bits or float), FLAC, Ogg Vorbis or MP3
            file, () string.
        rate: Samples per second to return.
        name: Name for messages.

    Returns:
        Samples in [-1, 1], (N,) float32.

    Raises:
        UsageError: tensorflow-io is not installed or needs another TensorFlow.
        tf.errors.InvalidArgumentError: When the graph runs: the recording cannot be
            decoded.
    """
    tf, _ = _libraries()
    recording = _Recording(contents, name)
    readers = {
        b"RIFF": recording.wav,
        b"fLaC": recording.flac,
        b"OggS": recording.vorbis,
    }
    start = tf.strings.substr(contents, 0, 4)
    samples, from_rate = tf.case(
        [(tf.equal(start, magic), reader) for magic, reader in readers.items()],
        default=recording.mp3,
    )
    mono = tf.ensure_shape(tf.reduce_mean(samples, axis=1), [None])
    mono = tf.cond(
        from_rate == rate, lambda: mono, lambda: _resample(mono, from_rate, rate)
    )
    # Lossy codecs and resampling overshoot full scale.
    return tf.clip_by_value(mono, -1.0, 1.0)


def files_dataset(paths: Sequence[str | Path] | tf.Tensor, rate: int = 16000) -> Any:
    """Decode recordings in parallel, in order.

    Args:
        paths: Files, as names or as a tensor (M,) string.
        rate: Samples per second to return.

    Returns:
        A `tf.data.Dataset` of samples, (N,) float32 each.

    Raises:
        UsageError: As `decode_audio`.
    """
    import tensorflow as tf

    if not isinstance(paths, tf.Tensor):
        paths = tf.constant([str(path) for path in paths], tf.string)
    return tf.data.Dataset.from_tensor_slices(paths).map(
        lambda path: decode_audio(tf.io.read_file(path), rate, name=path),
        num_parallel_calls=tf.data.AUTOTUNE,
    )


def register_operations() -> None:
    """Register the operations in TensorFlow before a saved pipeline is loaded.

    Raises:
        UsageError: As `decode_audio`.
    """
    tf, audio = _libraries()
    with tf.Graph().as_default():  # tensorflow-io loads them on first use
        audio.decode_mp3(tf.constant(b""))


def _libraries() -> tuple[Any, Any]:
    """Return TensorFlow and the audio operations of tensorflow-io."""
    try:
        import tensorflow as tf
        import tensorflow_io as tfio  # noqa: PLC0415 - only where it is installed
    except ImportError as error:
        raise UsageError(f"decoding in a graph needs the extra: {_INSTALL}") from error
    if not tf.__version__.startswith(_TENSORFLOW):
        raise UsageError(
            f"decoding in a graph: tensorflow-io needs TensorFlow {_TENSORFLOW}*, this "
            f"is {tf.__version__}; {_INSTALL}"
        )
    return tf, tfio.audio


class _Recording:
    """Bytes of a recording, () string; the readers return samples and their rate."""

    def __init__(self, contents: tf.Tensor, name: tf.Tensor | str) -> None:
        self.tf, self.audio = _libraries()
        self.contents, self.name = contents, name

    def require(
        self, condition: tf.Tensor, problem: str, *values: tf.Tensor
    ) -> AbstractContextManager[None]:
        """Return a context in which operations fail unless the condition holds."""
        check = self.tf.debugging.Assert(condition, [self.name, problem, *values])
        return self.tf.control_dependencies([check] if check is not None else [])

    def number(
        self, offset: int | tf.Tensor, size: int, *, big_endian: bool = False
    ) -> tf.Tensor:
        """Return an unsigned number of `size` bytes, () int64; 0 beyond the end."""
        tf = self.tf
        offset = tf.cast(offset, tf.int32)
        offset = tf.minimum(offset, tf.strings.length(self.contents))
        field = tf.strings.substr(self.contents, offset, size)
        field = tf.io.decode_raw(field, tf.uint8)
        field = tf.cast(tf.pad(field, [[0, size - tf.size(field)]]), tf.int64)
        order = range(size - 1, -1, -1) if big_endian else range(size)
        return tf.reduce_sum(field * tf.constant([256**i for i in order], tf.int64))

    def has(self, offset: int | tf.Tensor, mark: bytes) -> tf.Tensor:
        return self.number(offset, len(mark)) == int.from_bytes(mark, "little")

    def integers(self, decode: Any, bits: tf.Tensor) -> tf.Tensor:
        """Decode 8, 16 or 24 bits to [-1, 1]; the operation needs its output type."""
        tf = self.tf

        def scaled(kind: Any, zero: float, full: float) -> Any:
            values = tf.cast(decode(self.contents, dtype=kind), tf.float32)
            return (values - zero) / full

        return tf.case(
            [
                (tf.equal(bits, 8), lambda: scaled(tf.uint8, 128.0, 128.0)),
                (tf.equal(bits, 16), lambda: scaled(tf.int16, 0.0, 32768.0)),
            ],
            default=lambda: scaled(tf.int32, 0.0, 2147483648.0),
        )

    def wav(self) -> _Decoded:
        # The operation reads past a last chunk of odd length.
        longer = _Recording(self.contents + b"\0" * 8, self.name)
        tf, decode, number = self.tf, self.audio.decode_wav, longer.number
        length = tf.cast(tf.strings.length(longer.contents), tf.int64)

        def following(chunk: Any) -> tuple[Any]:
            size = number(chunk + 4, 4)
            return (chunk + 8 + size + size % 2,)

        (chunk,) = tf.while_loop(
            lambda chunk: (chunk + 24 <= length) & ~longer.has(chunk, b"fmt "),
            following,
            [tf.constant(12, tf.int64)],
        )
        with self.require(chunk + 24 <= length, "a WAV file without a format"):
            kind, bits = number(chunk + 8, 2), number(chunk + 22, 2)
        extensible = tf.equal(kind, 0xFFFE)
        kind = tf.where(extensible, number(chunk + 32, 2), kind)
        is_float = tf.equal(kind, 3) & tf.equal(bits, 32)
        is_integer = tf.equal(kind, 1) & tf.reduce_any(tf.equal(bits, [8, 16, 24]))
        problem = "tensorflow-io decodes WAV of 8, 16, 24 bits or 32-bit floats; bits:"
        with self.require(is_float | is_integer, problem, bits):
            samples = tf.cond(
                is_float,
                lambda: decode(longer.contents, dtype=tf.float32),
                lambda: longer.integers(decode, bits),
            )
        return samples, number(chunk + 12, 4)

    def flac(self) -> _Decoded:
        # STREAMINFO: 20 bits of rate, 3 of channels, 5 of sample size.
        packed = self.number(18, 4, big_endian=True)
        bits = packed // 16 % 32 + 1
        fits = self.tf.reduce_any(self.tf.equal(bits, [8, 16, 24]))
        problem = "tensorflow-io decodes FLAC of 8, 16 or 24 bits; bits:"
        with self.require(fits, problem, bits):
            samples = self.integers(self.audio.decode_flac, bits)
        return samples, packed // 4096

    def vorbis(self) -> _Decoded:
        # The identification header is the first packet of the first page.
        packet = 27 + self.tf.cast(self.number(26, 1), self.tf.int32)
        problem = "tensorflow-io decodes no Ogg but Vorbis: no Opus"
        with self.require(self.has(packet, b"\x01vorbis"), problem):
            samples = self.audio.decode_vorbis(self.contents)
        return samples, self.number(packet + 12, 4)

    def mp3(self) -> _Decoded:
        tf = self.tf
        size = sum(self.number(9 - i, 1) * 128**i for i in range(4))
        frame = tf.where(self.has(0, b"ID3"), 10 + size, 0)
        header = self.number(frame, 4, big_endian=True)
        rates = tf.constant(_MP3_RATES, tf.int64)
        version, index = header // 2**19 % 4, tf.minimum(header // 2**10 % 4, 2)
        from_rate = rates[version, index]
        known = tf.equal(header // 2**21, 2**11 - 1) & (from_rate > 0)
        with self.require(known, "not WAV, FLAC, Ogg Vorbis or MP3"):
            samples = self.audio.decode_mp3(self.contents)
        return samples, from_rate


def _resample(samples: tf.Tensor, from_rate: tf.Tensor, rate: int) -> tf.Tensor:
    """Resample, and remove the resampler's delay."""
    tf, audio = _libraries()
    _, divisor = tf.while_loop(
        lambda rest, _: rest > 0,
        lambda rest, last: (last % rest, rest),
        [from_rate % rate, tf.constant(rate, tf.int64)],
    )
    period = from_rate // divisor
    longer = _HALF_FILTER * 2 * from_rate // rate  # Speex rounds down, then up
    late = tf.where(from_rate > rate, (longer + 7) // 8 * 4, _HALF_FILTER)
    # This much silence makes the delay a whole number of output samples.
    before = -late % period
    count = tf.cast(tf.size(samples, tf.int64), tf.float64)
    count = tf.cast(tf.round(count * rate / tf.cast(from_rate, tf.float64)), tf.int64)
    padded = tf.pad(samples, [[before, late + period]])
    output = audio.resample(padded[:, None], from_rate, rate)[:, 0]
    first = (late + before) * rate // from_rate
    return tf.ensure_shape(output[first : first + count], [None])
