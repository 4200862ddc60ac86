"""Waveform -> log-mel energies as a Keras layer; the values are those of librosa."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from asr.arrays import Tensor
from asr.audio.mel import mel_filters
from asr.config.schema import FrontendConfig
from asr.model.ops import sequence_mask

# Lowest energy of a band, about -100 dB of full scale.
FLOOR = 1e-10
_EPSILON = 1e-5
# In float32, bands 90 dB below the loudest of a frame, as in MP3, are off by 1e-3
# nepers. JAX has float64 only behind a switch for the whole process.
_TRANSFORM = "float32" if keras.backend.backend() == "jax" else "float64"


class LogMel(keras.layers.Layer):
    """Normalised log-mel energies; padding and neighbours in a batch change nothing.

    Frame t is centred on sample t * hop, with silence before and after the recording,
    as in `librosa.feature.melspectrogram(center=True)`.

    Args:
        config: Rates and sizes.

    Call arguments:
        samples: Waveforms in [-1, 1], padded at the end, (B, N) float32.
        lengths: Samples of each, (B,) int32.

    Returns:
        Features, (B, T, F) float32, and their lengths, (B,) int32; T = 1 + N // hop.
        Each band has mean 0 and variance 1 over the utterance; the padding is zero.
    """

    def __init__(self, config: FrontendConfig, **kwargs: Any) -> None:
        super().__init__(dtype="float32", trainable=False, **kwargs)
        self.config = config
        self.hop, self.fft_size = config.hop, config.fft_size
        self.window = config.window
        periodic = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.window) / self.window)
        before = (self.fft_size - self.window) // 2
        after = self.fft_size - self.window - before
        self._window = np.pad(periodic, (before, after)).astype(_TRANSFORM)
        self._filters = mel_filters(config.rate, self.fft_size, config.mels)

    def compute_output_spec(self, samples: Any, lengths: Any) -> Any:
        """Return symbolic outputs without tracing; JAX cannot with open lengths."""
        return (
            keras.KerasTensor((samples.shape[0], None, self.config.mels)),
            keras.KerasTensor(lengths.shape, "int32"),
        )

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Return the number of frames for so many samples."""
        return lengths // self.hop + 1

    def energies(self, samples: Tensor, lengths: Tensor) -> Tensor:
        """Return log-mel energies before normalisation, (B, T, F) float32 nepers."""
        samples = ops.cast(samples, _TRANSFORM)
        valid = sequence_mask(lengths, ops.shape(samples)[1])
        samples = ops.where(valid, samples, 0.0)
        half = self.fft_size // 2
        real, imaginary = ops.stft(
            ops.pad(samples, ((0, 0), (half, half))),
            sequence_length=self.fft_size,
            sequence_stride=self.hop,
            fft_length=self.fft_size,
            window=self._window,
            center=False,
        )
        real, imaginary = ops.cast(real, "float32"), ops.cast(imaginary, "float32")
        power = real * real + imaginary * imaginary  # (B, T, bins)
        return ops.log(ops.maximum(ops.matmul(power, self._filters), FLOOR))

    def call(self, samples: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        features = self.energies(samples, lengths)
        lengths = self.output_lengths(lengths)
        mask = sequence_mask(lengths, ops.shape(features)[1])[..., None]  # (B, T, 1)
        count = ops.cast(lengths, "float32")[:, None, None]
        # Around the first frame: the mean of a silent band, all at the floor, would be
        # off by the rounding of its sum, of which the division below makes 0.1.
        features = features - features[:, :1]
        mean = ops.sum(ops.where(mask, features, 0.0), 1, keepdims=True) / count
        centred = ops.where(mask, features - mean, 0.0)
        variance = ops.sum(centred * centred, 1, keepdims=True) / count
        return centred / ops.sqrt(variance + _EPSILON), lengths
