"""Reading recordings: formats, rates, stretches and resampling."""

from __future__ import annotations

import errno
import io
import os
import socket
import subprocess
import sys
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from asr.audio import io as audio_io
from asr.errors import AudioError, UsageError

RATE = 16000
FORMATS = {
    "wav": {},
    "flac": {},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "opus": {"format": "OGG", "subtype": "OPUS"},
    "mp3": {},
}


def tone(seconds: float, rate: int = RATE, hertz: float = 440.0) -> np.ndarray:
    times = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def pitch(samples: np.ndarray, rate: int = RATE) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return spectrum.argmax() * rate / len(samples)


@pytest.fixture(params=FORMATS)
def recording(request, tmp_path) -> Path:
    """Two seconds of a tone in every format."""
    path = tmp_path / f"tone.{request.param}"
    soundfile.write(path, tone(2.0), RATE, **FORMATS[request.param])
    return path


def test_every_format_gives_the_same_samples(recording):
    samples = audio_io.read(recording)
    assert samples.dtype == np.float32
    assert samples.shape == (2 * RATE,)
    middle = slice(2000, -2000)
    assert np.abs(samples - tone(2.0))[middle].max() < 0.1  # lossy ones are coarse
    assert audio_io.inspect(recording).duration == 2.0


def test_file_object_gives_the_samples_of_the_file(recording):
    expected = audio_io.read(recording)
    file = io.BytesIO(recording.read_bytes())
    file.seek(0, io.SEEK_END)  # as after writing
    np.testing.assert_array_equal(audio_io.read(file), expected)
    assert not file.closed
    with recording.open("rb") as file:
        np.testing.assert_array_equal(audio_io.read(file), expected)
    np.testing.assert_array_equal(audio_io.read(str(recording)), expected)


def test_stretch_is_the_slice_of_the_whole(recording):
    whole = audio_io.read(recording)
    part = audio_io.read(recording, offset=0.5, duration=0.75)
    np.testing.assert_allclose(part, whole[8000:20000], atol=1e-6)
    rest = audio_io.read(recording, offset=1.5, duration=9.0)
    np.testing.assert_allclose(rest, whole[24000:], atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 12000, 16000, 24000, 48000])
def test_opus_keeps_time_and_pitch_at_every_rate_of_its_header(tmp_path, rate):
    path = tmp_path / "tone.opus"
    soundfile.write(path, tone(2.0, rate), rate, **FORMATS["opus"])
    info = audio_io.inspect(path)
    # libsndfile decodes at the header's rate, not always at 48 kHz.
    assert (info.rate, info.format, info.subtype) == (rate, "OGG", "OPUS")
    samples = audio_io.read(path)
    assert len(samples) == 2 * RATE
    assert pitch(samples) == pytest.approx(440, abs=1)


@pytest.mark.parametrize(
    ("subtype", "accuracy"),
    [("PCM_U8", 0.01), ("PCM_16", 1e-4), ("PCM_24", 1e-6), ("FLOAT", 0), ("DOUBLE", 0)],
)
def test_every_bit_depth(tmp_path, subtype, accuracy):
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(1.0), RATE, subtype=subtype)
    assert np.abs(audio_io.read(path) - tone(1.0)).max() <= accuracy


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000])
def test_every_rate_is_resampled_as_librosa_does(tmp_path, rate):
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(1.7, rate), rate, subtype="FLOAT")
    samples = audio_io.read(path)
    expected = librosa.resample(
        tone(1.7, rate), orig_sr=rate, target_sr=RATE, res_type="soxr_hq"
    )
    assert abs(len(samples) - len(expected)) <= 1
    count = min(len(samples), len(expected))
    np.testing.assert_allclose(samples[:count], expected[:count], atol=1e-6)
    np.testing.assert_array_equal(
        audio_io.resample(tone(1.7, rate), rate, RATE), samples
    )


def test_resampling_to_the_same_rate_changes_nothing():
    np.testing.assert_array_equal(audio_io.resample(tone(0.1), RATE, RATE), tone(0.1))


@pytest.mark.parametrize("channels", [2, 3, 6])
def test_channels_are_averaged(tmp_path, channels):
    path = tmp_path / "many.wav"
    many = np.random.default_rng(0).uniform(-0.9, 0.9, (1000, channels))
    soundfile.write(path, many, RATE, subtype="DOUBLE")
    np.testing.assert_allclose(audio_io.read(path), many.mean(axis=1), atol=1e-6)
    assert audio_io.inspect(path).channels == channels


@pytest.mark.parametrize("rate", [RATE, 44100])
@pytest.mark.parametrize("seconds", [0.37, 5.0, 30.0, 60.0])
def test_blocks_join_to_the_whole(tmp_path, rate, seconds):
    path = tmp_path / "long.wav"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (rate * 40, 2))
    soundfile.write(path, noise, rate)
    whole = audio_io.read(path, offset=1.0, duration=37.5)
    blocks = list(audio_io.blocks(path, seconds=seconds, offset=1.0, duration=37.5))
    size = round(seconds * RATE)
    assert all(len(block) == size for block in blocks[:-1])
    assert 0 < len(blocks[-1]) <= size
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    assert len(whole) == 37.5 * RATE


def test_blocks_do_not_decode_ahead(tmp_path, monkeypatch):
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(RATE * 120), RATE)
    sizes = []
    read = soundfile.SoundFile.read

    def counted(self, *args, **kwargs):
        block = read(self, *args, **kwargs)
        sizes.append(len(block))
        return block

    monkeypatch.setattr(soundfile.SoundFile, "read", counted)
    stream = audio_io.blocks(path, seconds=10.0)
    next(stream)
    assert sum(sizes) < 30 * RATE
    stream.close()


def test_clipped_recording_is_read_and_overshoot_is_limited(tmp_path):
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.clip(4 * tone(1.0, 44100), -1, 1), 44100)
    samples = audio_io.read(path)
    assert np.abs(samples).max() == 1.0  # the resampler alone would pass it
    soundfile.write(path, 4 * tone(1.0), RATE, subtype="FLOAT")
    assert np.abs(audio_io.read(path)).max() == 1.0


def test_silence_is_zero(tmp_path):
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(44100), 44100)
    assert not audio_io.read(path).any()
    assert len(audio_io.read(path)) == RATE


def test_zero_and_one_sample(tmp_path):
    path = tmp_path / "tiny.wav"
    soundfile.write(path, np.zeros(0), RATE)
    assert audio_io.read(path).shape == (0,)
    assert list(audio_io.blocks(path)) == []
    assert audio_io.inspect(path).duration == 0.0
    soundfile.write(path, np.full(1, 0.5), RATE)
    np.testing.assert_array_equal(audio_io.read(path), [0.5])
    soundfile.write(path, np.full(1, 0.5), 96000)
    assert len(audio_io.read(path)) <= 1
    assert audio_io.read(path).dtype == np.float32


@pytest.mark.parametrize(
    "span",
    [
        {"offset": -1.0},
        {"offset": float("nan")},
        {"duration": -0.1},
        {"duration": float("inf")},
        {"rate": 0},
    ],
)
def test_senseless_arguments_are_refused(span):
    with pytest.raises(UsageError):
        audio_io.read("any.wav", **span)
    with pytest.raises(UsageError):
        audio_io.blocks("any.wav", **span)


def test_blocks_without_length_are_refused():
    with pytest.raises(UsageError, match="seconds must be a sample or more"):
        audio_io.blocks("any.wav", seconds=0.0)


def test_stretches_at_the_end(tmp_path):
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(1.0), RATE)
    assert audio_io.read(path, offset=1.0).shape == (0,)
    assert audio_io.read(path, duration=0.0).shape == (0,)
    with pytest.raises(AudioError, match=r"tone\.wav: offset 1\.5 s is past its 1\.00"):
        audio_io.read(path, offset=1.5)


def test_find_audio_walks_folders(tmp_path):
    names = ["b.WAV", "a.opus", "sub/deep/c.m4a", "notes.txt", ".hidden.wav", "d.wav/x"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [p.relative_to(tmp_path).as_posix() for p in audio_io.find_audio(tmp_path)]
    assert found == ["a.opus", "b.WAV", "sub/deep/c.m4a"]
    text = tmp_path / "notes.txt"
    assert audio_io.find_audio(str(text)) == [
        text
    ]  # named outright: the decoder decides


def test_find_audio_tells_of_folders_that_it_may_not_read(
    tmp_path, monkeypatch, caplog
):
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.wav").touch()
    scan = os.scandir

    def scandir(path):
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert audio_io.find_audio(tmp_path) == [tmp_path / "a.wav"]
    assert f"{tmp_path}/closed: left out: Permission denied" in caplog.text


def test_find_audio_names_and_counts_what_is_no_file(tmp_path, caplog):
    (tmp_path / "a.wav").touch()
    (tmp_path / "b.wav").symlink_to(tmp_path / "gone.wav")
    os.mkfifo(tmp_path / "c.mp3")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "d.ogg"))
        (tmp_path / "e.flac").symlink_to("e.flac")
        (tmp_path / "f.wav").symlink_to(tmp_path / "a.wav")
        found = audio_io.find_audio(tmp_path)
    assert found == [tmp_path / "a.wav", tmp_path / "f.wav"]
    assert caplog.messages == [
        f"{tmp_path}: left out 4 that are no plain files: "
        f"{tmp_path}/b.wav (a link to nothing), {tmp_path}/c.mp3 (a named pipe), "
        f"{tmp_path}/d.ogg (a socket), {tmp_path}/e.flac (a link to itself)"
    ]
    for number in range(9):
        (tmp_path / f"{number}.wav").symlink_to(tmp_path / "gone.wav")
    caplog.clear()
    audio_io.find_audio(tmp_path)
    assert "left out 13" in caplog.text
    assert "4.wav (a link to nothing), ..." in caplog.text


def test_a_dead_link_is_named(tmp_path):
    link = tmp_path / "a.wav"
    link.symlink_to(tmp_path / "gone.wav")
    with pytest.raises(AudioError, match=r"a\.wav: a link to nothing"):
        audio_io.find_audio(link)
    with pytest.raises(AudioError, match="no recordings in this folder"):
        audio_io.find_audio(tmp_path)


@pytest.mark.parametrize(
    "address", ["https://example.org/a/b.mp3", "s3://bucket/a.wav", "file:///tmp/a.wav"]
)
def test_addresses_are_not_read(tmp_path, address):
    """`Path` drops slashes; the message has all."""
    text = f"{address}: addresses are not read; download it, and name the file"
    for name in (address, Path(address)):
        for action in (audio_io.find_audio, audio_io.read, audio_io.inspect):
            with pytest.raises(AudioError) as caught:
                action(name)
            assert str(caught.value) == text
    with pytest.raises(AudioError) as caught:
        audio_io.read(tmp_path / address)  # as in a manifest
    assert str(caught.value) == text


def test_find_audio_says_what_is_missing(tmp_path):
    with pytest.raises(AudioError, match="no such file or folder"):
        audio_io.find_audio(tmp_path / "gone")
    with pytest.raises(AudioError, match="no recordings"):
        audio_io.find_audio(tmp_path)


def test_real_recordings(speech_data):
    names = {
        "an4/wav/an4test_clstk/fcaw/an408-fcaw-b.flac": (16000, "FLAC", 3.3),
        "free-spoken-digit/recordings/5_jackson_43.opus": (8000, "OGG", 0.435375),
        "common-voice/en/clips/common_voice_en_35.mp3": (48000, "MP3", 153839 / 48000),
    }
    for name, (rate, kind, seconds) in names.items():
        info = audio_io.inspect(speech_data / name)
        assert (info.rate, info.format, info.duration) == (rate, kind, seconds)
        samples = audio_io.read(speech_data / name)
        # The MP3's header counts a frame that is not there.
        assert len(samples) / RATE == pytest.approx(seconds, abs=1e-4)
        assert 0.05 < np.abs(samples).max() <= 1.0


def test_import_is_light():
    code = (
        "import sys, asr.audio; print({'librosa', 'av', 'tensorflow'} & {*sys.modules})"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(audio_io.__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "set()"
