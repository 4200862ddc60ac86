"""Write `log_mel.npz`: librosa's log-mel energies of synthetic sounds.

Run `python tests/golden/make_log_mel.py` where librosa is installed; the sounds are
made here, so that the file depends on nothing else.
"""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np

RATE = 16000


def sound() -> np.ndarray:
    """Return 0.4 s: a rising tone in noise, a click, silence, faint noise; (N,).

    There is noise under the tone, as in any recording: 100 dB below a pure tone the
    rounding of a float32 Fourier transform is louder than what it transforms.
    """
    time = np.arange(6400) / RATE
    noise = np.random.default_rng(0).uniform(-1.0, 1.0, 6400)
    samples = 0.4 * np.sin(2 * np.pi * (300 * time + 4000 * time**2)) + 0.01 * noise
    samples[2000] += 0.5
    samples[3000:4200] = 0.0
    samples[4200:] = 1e-3 * noise[4200:]
    return samples.astype("float32")


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Return librosa's log-mel energies in nepers, (T, F) float32."""
    power = librosa.feature.melspectrogram(
        y=samples,
        sr=RATE,
        n_fft=512,
        win_length=400,
        hop_length=160,
        window="hann",
        center=True,
        pad_mode="constant",
        power=2.0,
        n_mels=80,
    )
    return np.log(np.maximum(power, 1e-10)).T.astype("float32")


if __name__ == "__main__":
    samples = sound()
    np.savez_compressed(
        Path(__file__).with_name("log_mel.npz"),
        samples=samples,
        features=log_mel(samples),
    )
