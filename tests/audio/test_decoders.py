"""Ill-formed recordings, streams, and what only PyAV can open."""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.audio import io as audio_io
from asr.audio.decoders import RawSamples
from asr.errors import AudioError, UsageError

RATE = 16000


def noise(seconds: float, rate: int = RATE) -> np.ndarray:
    random = np.random.default_rng(0)
    return random.uniform(-0.5, 0.5, round(seconds * rate)).astype(np.float32)


def refused(source: object) -> str:
    """Return the one line that both ways of reading a source fail with."""
    with pytest.raises(AudioError) as caught:
        audio_io.read(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class Pipe(io.RawIOBase):
    """A stream that gives a few bytes at a time and cannot seek."""

    name = "<stdin>"

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        return self._file.readinto(memoryview(buffer)[:1000])


@pytest.fixture
def without_av(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)


@pytest.fixture(params=["with PyAV", "without PyAV"])
def either(request, monkeypatch):
    """Run the test where PyAV is installed, and where it is not."""
    if request.param == "without PyAV":
        monkeypatch.setitem(sys.modules, "av", None)
    else:
        pytest.importorskip("av", reason="PyAV (extra: video) is not installed")


@pytest.mark.parametrize(("rate", "shown"), [(1, "1"), (3999, "3,999")])
def test_a_rate_that_no_recorder_has_is_refused(tmp_path, rate, shown):
    """At 1 Hz, 10 kB of FLAC are days of audio."""
    path = tmp_path / "damaged.flac"
    soundfile.write(path, noise(500, 1), rate)
    expected = f"{path}: the sampling rate must be 4,000 to 768,000 Hz, got {shown}"
    assert refused(path) == expected
    with pytest.raises(AudioError, match="the sampling rate must be"):
        audio_io.inspect(path)


def test_the_highest_rates(tmp_path):
    path = tmp_path / "high.wav"
    soundfile.write(path, noise(0.01, 768_000), 768_000)
    assert len(audio_io.read(path)) == 160
    soundfile.write(path, noise(0.01, 768_000), 768_001)
    assert refused(path).endswith("must be 4,000 to 768,000 Hz, got 768,001")


def test_missing_file_and_folder(tmp_path):
    assert refused(tmp_path / "gone.wav").endswith(
        "gone.wav: No such file or directory"
    )
    assert refused(str(tmp_path)) == f"{tmp_path}: this is a folder; name a recording"
    assert "null" in refused("a\0b.wav")
    assert refused("/dev/null") == "/dev/null: this is no plain file; name a recording"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path):
    path = tmp_path / "secret.wav"
    path.write_bytes(b"RIFF")
    path.chmod(0)
    assert refused(path).endswith("secret.wav: Permission denied")


def test_empty_file(tmp_path):
    path = tmp_path / "empty.wav"
    path.touch()
    assert refused(path) == f"{path}: the file is empty (0 bytes)"
    assert refused(io.BytesIO()) == "the audio stream: the file is empty (0 bytes)"
    assert refused(Pipe(b"")) == "<stdin>: the file is empty (0 bytes)"


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("name", ["text.wav", "text.m4a", "text.raw", "text"])
def test_what_is_no_recording(tmp_path, name):
    path = tmp_path / name
    path.write_text("it was a dark and stormy night " * 100)
    assert refused(path).startswith(f"{path}: ")
    with pytest.raises(AudioError, match=name):
        audio_io.inspect(path)
    assert refused(io.BytesIO(path.read_bytes())).startswith("the audio stream: ")


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_recording_cut_in_its_header(tmp_path, suffix):
    path = tmp_path / f"cut.{suffix}"
    soundfile.write(path, noise(1.0), RATE)
    path.write_bytes(path.read_bytes()[:40])
    assert refused(path).startswith(f"{path}: ")


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("seconds", [3.0, 30.0])
def test_truncated_recording_gives_what_is_left(tmp_path, suffix, seconds):
    path = tmp_path / f"cut.{suffix}"
    soundfile.write(path, noise(seconds), RATE)
    whole = audio_io.read(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    samples = audio_io.read(path)
    count = len(samples)
    assert 0.25 * seconds < count / RATE < 0.65 * seconds
    margin = 0 if suffix in ("wav", "flac") else 2000  # lossy: the last frame suffers
    np.testing.assert_allclose(
        samples[: count - margin], whole[: count - margin], atol=1e-6
    )


def test_truncation_that_the_decoder_notices_is_logged(tmp_path, caplog):
    path = tmp_path / "cut.flac"
    soundfile.write(path, noise(3.0), RATE)
    path.write_bytes(path.read_bytes()[:50_000])
    with caplog.at_level(logging.WARNING):
        count = len(audio_io.read(path))
    assert caplog.messages == [
        f"{path}: truncated or damaged after {count / RATE:.2f} s"
    ]
    # Past the damage there is nothing to return.
    with pytest.raises(AudioError, match=r"cut\.flac: cannot decode it"):
        audio_io.read(path, offset=2.5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channels", [1, 2])
def test_numbers_that_are_none_are_refused(tmp_path, value, channels):
    path = tmp_path / "nan.wav"
    samples = np.zeros((400_000, channels), np.float32)
    samples[-1, -1] = value
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    assert refused(path) == f"{path}: holds NaN or infinity; export it again"


def test_integers_stored_as_floats_are_refused(tmp_path):
    path = tmp_path / "scale.wav"
    soundfile.write(path, 2000 * noise(0.1), RATE, subtype="FLOAT")
    audio_io.read(path)  # far too loud, yet perhaps meant
    soundfile.write(path, np.full((99, 2), -3e38, np.float32), RATE, subtype="FLOAT")
    assert "samples reach 3e+38; scale them to [-1, 1]" in refused(path)


@pytest.mark.parametrize("inside", ["flac", "mp3", "ogg", "wav"])
@pytest.mark.parametrize("suffix", ["wav", "mp3", "txt"])
def test_mislabelled_recording_is_read_by_its_content(tmp_path, inside, suffix):
    right = tmp_path / f"right.{inside}"
    soundfile.write(right, noise(0.5), RATE)
    wrong = right.rename(tmp_path / f"wrong.{suffix}")
    again = tmp_path / f"right.{inside}"
    soundfile.write(again, noise(0.5), RATE)
    np.testing.assert_array_equal(audio_io.read(wrong), audio_io.read(again))


def test_file_name_that_is_not_utf8(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    soundfile.write(os.fsencode(path), noise(0.1), RATE)
    assert len(audio_io.read(path)) == 0.1 * RATE


def test_stream_that_breaks_is_named():
    class Broken(Pipe):
        def readinto(self, buffer):
            raise OSError(5, "Input/output error")

    assert refused(Broken(b"")) == "<stdin>: Input/output error"


@pytest.mark.parametrize("chunk", [1000, 8000])
def test_joints_of_an_mp3_are_seamless(tmp_path, monkeypatch, chunk):
    # A steady tone: frames borrow most of their bits from the ones before.
    path = tmp_path / "tone.mp3"
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(4 * RATE) / RATE)
    soundfile.write(path, tone, RATE)
    whole, _ = soundfile.read(path, dtype="float32")
    monkeypatch.setattr("asr.audio.sound_file.BLOCK", chunk)
    np.testing.assert_allclose(audio_io.read(path), whole, atol=1e-6)
    part = audio_io.read(path, offset=2.5, duration=1.0)
    np.testing.assert_allclose(part, whole[40000:56000], atol=1e-6)


def test_pipes_are_buffered(tmp_path):
    path = tmp_path / "noise.flac"
    soundfile.write(path, noise(1.0), RATE)
    np.testing.assert_array_equal(
        audio_io.read(Pipe(path.read_bytes())), audio_io.read(path)
    )


def test_named_pipe(tmp_path):
    path, fifo = tmp_path / "noise.wav", tmp_path / "fifo"
    soundfile.write(path, noise(1.0), RATE)
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=[path.read_bytes()])
    writer.start()
    samples = audio_io.read(fifo)
    writer.join()
    np.testing.assert_array_equal(samples, audio_io.read(path))


def test_named_pipe_without_a_writer_does_not_hang(tmp_path, monkeypatch):
    monkeypatch.setattr("asr.audio.decoders._PATIENCE", 0.1)
    fifo = tmp_path / "a.wav"
    os.mkfifo(fifo)
    assert refused(fifo) == f"{fifo}: no program writes to this named pipe"


def test_named_pipe_with_a_slow_writer(tmp_path, monkeypatch):
    monkeypatch.setattr("asr.audio.decoders._PATIENCE", 0.1)
    path, fifo = tmp_path / "noise.wav", tmp_path / "fifo"
    soundfile.write(path, noise(1.0), RATE)
    os.mkfifo(fifo)
    # Opened for both, so that it waits for no reader.
    writer = os.fdopen(os.open(fifo, os.O_RDWR), "wb")
    late = threading.Timer(
        0.5, lambda: (writer.write(path.read_bytes()), writer.close())
    )
    late.start()
    samples = audio_io.read(fifo)
    late.join()
    np.testing.assert_array_equal(samples, audio_io.read(path))


def test_text_stream_is_refused():
    with pytest.raises(UsageError, match="open it in binary mode"):
        audio_io.read(io.StringIO("RIFF"))


def test_header_without_a_length(tmp_path):
    path = tmp_path / "stream.flac"
    soundfile.write(path, noise(1.5), RATE)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # STREAMINFO's 36 bits of total samples: 0 is unknown
    content[22:26] = bytes(4)
    path.write_bytes(content)
    assert len(audio_io.read(path)) == 1.5 * RATE
    assert audio_io.inspect(path).duration == 1.5


@pytest.mark.usefixtures("without_av")
def test_the_extra_is_named_where_it_would_help(tmp_path):
    path = tmp_path / "talk.m4a"
    path.write_bytes(b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(100))
    assert refused(path).endswith("pip install 'asr-attention[video]'")


@pytest.fixture(
    params=[("m4a", "aac"), ("mp4", "aac"), ("webm", "libopus"), ("aac", "aac")],
    ids=lambda pair: pair[0],
)
def video(request, tmp_path) -> Path:
    """Two seconds of a 440 Hz tone on the left, silence on the right, at 48 kHz."""
    av = pytest.importorskip("av", reason="PyAV (extra: video) is not installed")
    suffix, codec = request.param
    path = tmp_path / f"tone.{suffix}"
    times = np.arange(2 * 48000) / 48000
    left = (0.5 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=48000, layout="stereo")
        resampler = av.AudioResampler(
            format="s16" if codec == "libopus" else "fltp",
            layout="stereo",
            rate=48000,
            frame_size=960 if codec == "libopus" else 1024,
        )
        frame = av.AudioFrame.from_ndarray(
            np.stack([left, np.zeros_like(left)]), format="fltp", layout="stereo"
        )
        frame.sample_rate, frame.pts = 48000, 0
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def test_video_containers(video):
    info = audio_io.inspect(video)
    assert (info.rate, info.channels) == (48000, 2)
    assert info.duration == pytest.approx(2.0, abs=0.1)
    samples = audio_io.read(video)
    assert samples.dtype == np.float32
    assert len(samples) / RATE == pytest.approx(2.0, abs=0.06)  # whole codec frames
    middle = samples[RATE // 2 : -RATE // 2]
    assert np.abs(middle).max() == pytest.approx(0.25, abs=0.02)  # the mean of two
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert spectrum.argmax() * RATE / len(middle) == pytest.approx(440, abs=1)


def test_stretch_of_a_video(video):
    whole = audio_io.read(video, rate=48000)
    part = audio_io.read(video, rate=48000, offset=0.7, duration=0.6)
    np.testing.assert_array_equal(part, whole[33600:62400])
    assert len(audio_io.read(video, duration=0.0)) == 0
    with video.open("rb") as file:
        np.testing.assert_array_equal(audio_io.read(file, rate=48000), whole)


def test_truncated_video_is_read_or_refused(video):
    content = video.read_bytes()
    video.write_bytes(content[: len(content) // 2])
    if video.suffix in (".m4a", ".mp4"):  # their index is at the end
        assert refused(video).startswith(f"{video}: no decoder can read it")
    else:
        assert 0.5 * RATE < len(audio_io.read(video)) < 1.5 * RATE


def test_video_without_sound(tmp_path):
    av = pytest.importorskip("av", reason="PyAV (extra: video) is not installed")
    path = tmp_path / "mute.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert refused(path) == f"{path}: holds no sound that can be decoded"


def test_sound_that_begins_after_the_video(tmp_path):
    """Times are those of players, which count from where the video begins."""
    av = pytest.importorskip("av", reason="PyAV (extra: video) is not installed")
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as container:
        late, early = (
            container.add_stream("pcm_s16le", rate=RATE, layout="mono")
            for _ in range(2)
        )
        for stream, start in ((early, 0), (late, RATE // 2)):
            sound = np.full((1, RATE), 8000, np.int16)
            frame = av.AudioFrame.from_ndarray(sound, format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, start
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    samples = audio_io.read(path)
    assert audio_io.inspect(path).duration == pytest.approx(1.5, abs=0.01)
    assert len(samples) == pytest.approx(1.5 * RATE, abs=RATE // 100)
    assert np.flatnonzero(samples)[0] == pytest.approx(RATE // 2, abs=RATE // 100)


def test_titles_that_are_not_utf_8(tmp_path):
    av = pytest.importorskip("av", reason="PyAV (extra: video) is not installed")
    path = tmp_path / "titled.avi"
    with av.open(str(path), "w", metadata_encoding="latin-1") as container:
        container.metadata["title"] = "caf\u00e9"
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        sound = np.full((1, RATE), 8000, np.int16)
        frame = av.AudioFrame.from_ndarray(sound, format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert b"caf\xe9" in path.read_bytes()
    assert len(audio_io.read(path)) == RATE


def test_playlists_are_not_followed(tmp_path):
    pytest.importorskip("av", reason="PyAV (extra: video) is not installed")
    soundfile.write(tmp_path / "noise.wav", noise(1.0), RATE)
    playlist = tmp_path / "list.m4a"
    playlist.write_text(f"#EXTM3U\n#EXTINF:1,\n{tmp_path}/noise.wav\n#EXT-X-ENDLIST\n")
    assert refused(playlist).startswith(f"{playlist}: no decoder can read it")


def test_one_channel(tmp_path):
    left, right = np.full(800, 0.25, "float32"), np.full(800, -0.5, "float32")
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([left, right], axis=1), 8000)
    np.testing.assert_allclose(audio_io.read(path, 8000, channel=1), left, atol=1e-4)
    np.testing.assert_allclose(audio_io.read(path, 8000, channel=2), right, atol=1e-4)
    with pytest.raises(AudioError, match="no channel 3; it has 2"):
        audio_io.read(path, 8000, channel=3)


def test_one_channel_of_a_video(video):
    with pytest.raises(AudioError, match="no channel 9"):
        audio_io.read(video, 8000, channel=9)


def test_raw_samples():
    numbers = np.arange(-12000, 12000, 3, dtype="<i2")
    raw = numbers.tobytes() + b"x"  # half a sample at the end
    whole = audio_io.read(RawSamples(io.BytesIO(raw), 4000), 4000)
    np.testing.assert_array_equal(whole, numbers / np.float32(32768))
    part = audio_io.read(
        RawSamples(io.BytesIO(raw), 4000), 4000, offset=0.25, duration=0.625
    )
    np.testing.assert_array_equal(part, whole[1000:3500])
    np.testing.assert_array_equal(
        audio_io.read(RawSamples(Pipe(raw), 4000), 4000), whole
    )
    twice = audio_io.read(RawSamples(io.BytesIO(raw), 4000), 8000)
    assert len(twice) == 2 * len(whole)
    assert audio_io.read(RawSamples(io.BytesIO(b""), 4000), 4000).size == 0
    with pytest.raises(UsageError, match="binary mode"):
        audio_io.read(RawSamples(io.StringIO("text"), 4000), 4000)
    with pytest.raises(UsageError, match="rate must be positive, got 0"):
        audio_io.read(RawSamples(io.BytesIO(raw), 0), 1000)
    with pytest.raises(AudioError, match="no channel 2"):
        audio_io.read(RawSamples(io.BytesIO(raw), 4000), 4000, channel=2)
