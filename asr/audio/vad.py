"""Voice activity detection (VAD): a small convolutional network on log-mel energies.

The network runs on NumPy, without TensorFlow. `recipes/voice_activity.py` trains it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from zipfile import BadZipFile

import numpy as np

from asr.errors import ModelError
from asr.files import share

RATE = 16000
"""Sample rate of the network in hertz."""
HOP = 320
"""Samples from one probability to the next: 20 ms."""

FILE = "voice_activity.npz"
"""File of the bundled network, below `data`."""

FFT_SIZE = 512
"""Length of the Fourier transform in samples."""
DILATIONS = (1, 2, 4, 8)
"""Dilations of the convolutions after the first."""

_WINDOW = 400
_FLOOR = 1e-8
_FRAME = HOP // 2  # two frames of energies make one probability
_CONTEXT = 40  # receptive field of a probability on each side, rounded up
_SMALLEST_CHUNK, _LARGEST_CHUNK = 25, 1500


def log_energies(samples: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Return log energies of frames of 25 ms, 10 ms apart.

    Args:
        samples: (N,) float32 at `RATE`; frame t is centred at sample 160 t.
        filters: Weights of the power spectrum, (257, F).

    Returns:
        (N // 160 + 1, F) float32, in nepers.
    """
    padded = np.pad(samples, _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_FRAME]
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    spectrum = np.fft.rfft(frames * window, FFT_SIZE).astype(np.complex64)
    power = spectrum.real**2 + spectrum.imag**2
    return np.log(power @ filters + _FLOOR)


class VoiceActivityDetector:
    """Computes the probability of speech for each 20 ms.

    Args:
        weights: Arrays of the network by name, as `recipes/voice_activity.py` stores
            them.

    Raises:
        KeyError: An array is missing.
    """

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        names = ["filters", "mean", "deviation"]
        for layer in ("first", *(f"dilated_{d}" for d in DILATIONS), "last"):
            names += [f"{layer}_kernel", f"{layer}_bias"]
        self._weights = {name: weights[name].astype(np.float32) for name in names}

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Return the probabilities of a recording.

        Args:
            samples: (N,) float32 at `RATE`.

        Returns:
            Probability of speech within each `HOP` samples, (ceil(N / 320),) float32.
        """
        stream = self.stream()
        return np.concatenate([stream.push(samples), stream.finish()])

    def stream(self) -> ProbabilityStream:
        """Start a recording that arrives block by block."""
        return ProbabilityStream(self.probabilities)

    def probabilities(self, samples: np.ndarray) -> np.ndarray:
        """Run the network on a chunk, with silence around it."""
        weights = self._weights
        whole = np.pad(samples, (0, -len(samples) % HOP))
        features = log_energies(whole, weights["filters"])
        features = (features - weights["mean"]) / weights["deviation"]
        states = _convolve(np.pad(features, ((2, 2), (0, 0))), weights, "first", 1, 2)
        states = np.maximum(states, 0.0)
        for dilation in DILATIONS:
            padded = np.pad(states, ((2 * dilation, 2 * dilation), (0, 0)))
            change = _convolve(padded, weights, f"dilated_{dilation}", dilation, 1)
            states = states + np.maximum(change, 0.0)
        logits = _convolve(states, weights, "last", 1, 1)[:, 0]
        return (0.5 + 0.5 * np.tanh(0.5 * logits)).astype(np.float32)


class ProbabilityStream:
    """Probabilities of a recording block by block; they are those of the whole.

    Args:
        probabilities: Probabilities of a chunk with silence around it.
    """

    def __init__(self, probabilities: Callable[[np.ndarray], np.ndarray]) -> None:
        self._probabilities = probabilities
        self._held = np.zeros(0, np.float32)
        self._before = 0  # probabilities of `_held` that were returned already

    def push(self, block: np.ndarray) -> np.ndarray:
        """Add samples, (N,) float32 of any length.

        Returns:
            New probabilities, (T,) float32, 0.8 s behind the samples; T is often 0.
        """
        self._held = np.concatenate([self._held, block])
        parts = [np.zeros(0, np.float32)]
        while True:
            ahead = len(self._held) // HOP - self._before - _CONTEXT
            if ahead < _SMALLEST_CHUNK:
                return np.concatenate(parts)
            size = self._before + min(ahead, _LARGEST_CHUNK)
            chunk = self._held[: (size + _CONTEXT) * HOP]
            parts.append(self._probabilities(chunk)[self._before : size])
            drop = max(0, size - _CONTEXT)
            self._held, self._before = self._held[drop * HOP :], size - drop

    def finish(self) -> np.ndarray:
        """Return the probabilities of the last samples, (T,) float32."""
        if len(self._held) <= self._before * HOP:
            return np.zeros(0, np.float32)
        return self._probabilities(self._held)[self._before :]


def _convolve(
    inputs: np.ndarray,
    weights: dict[str, np.ndarray],
    name: str,
    dilation: int,
    stride: int,
) -> np.ndarray:
    """Convolve (T, C) with a kernel (width, C, D), without padding."""
    kernel = weights[f"{name}_kernel"]
    reach = dilation * (len(kernel) - 1)
    count = (len(inputs) - reach - 1) // stride + 1
    outputs = np.zeros((count, kernel.shape[-1]), np.float32) + weights[f"{name}_bias"]
    for index, matrix in enumerate(kernel):
        first = index * dilation
        outputs += inputs[first : first + stride * (count - 1) + 1 : stride] @ matrix
    return outputs


@cache
def load_detector() -> VoiceActivityDetector:
    """Load the bundled network, once.

    Raises:
        ModelError: The file is missing or damaged.
    """
    path = share() / "data" / FILE
    try:
        with np.load(path, allow_pickle=False) as stored:
            return VoiceActivityDetector(dict(stored))
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise ModelError(
            f"{path}: cannot be read ({error}); install asr again"
        ) from error
