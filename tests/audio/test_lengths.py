"""Lengths that headers get wrong: all that is there is read, and told."""

from __future__ import annotations

import io
import logging
import shutil
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.audio import io as audio_io
from asr.audio import mp3_frames
from asr.audio.decoders import open_audio
from asr.audio.flac_frames import is_intact
from asr.audio.pieces import Part
from asr.errors import AudioError

RATE = 16000
OGG = [("OGG", "VORBIS"), ("OGG", "OPUS")]


def tone(seconds: float, rate: int = RATE, hertz: float = 440.0) -> np.ndarray:
    times = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def content(samples: np.ndarray, kind: str, coding: str, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, coding, format=kind)
    return file.getvalue()


def film(path: Path, coding: str, samples: np.ndarray, rate: int = RATE) -> None:
    """Write a file with PyAV: its name tells the container."""
    av = pytest.importorskip("av", reason="PyAV (extra: video) is not installed")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(coding, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.astype("f4")[None], "fltp", "mono")
        frame.sample_rate, frame.pts = rate, 0
        stream.codec_context.open()
        size = stream.codec_context.frame_size or len(samples)
        form = stream.codec_context.format.name
        resampler = av.AudioResampler(form, "mono", rate, frame_size=size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))


def pitches(samples: np.ndarray, rate: int, *spans: tuple[float, float]) -> list[float]:
    """Return the loudest frequency of spans in seconds."""
    found = []
    for start, end in spans:
        part = samples[round(start * rate) : round(end * rate)]
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))))
        found.append(spectrum.argmax() * rate / len(part))
    return found


def check(path: Path, frames: int, caplog, warning: str | None) -> np.ndarray:
    """Check what `inspect` and `read` tell, and that one warning names the file."""
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        info = audio_io.inspect(path)
        samples = audio_io.read(path, info.rate)
    assert round(info.duration * info.rate) == frames
    assert len(samples) == frames
    assert caplog.messages == ([] if warning is None else [f"{path}: {warning}"])
    # A stretch is the slice of the whole, whichever part it lies in.
    for first in (0, frames // 3, 2 * frames // 3):
        offset, duration = first / info.rate, frames // 5 / info.rate
        part = audio_io.read(path, info.rate, offset=offset, duration=duration)
        assert len(part) == frames // 5
        np.testing.assert_allclose(part, samples[first:][: len(part)], atol=2e-3)
    with pytest.raises(AudioError, match="is past its"):
        audio_io.read(path, offset=frames / info.rate + 1)
    return samples


@pytest.mark.parametrize(("kind", "coding"), OGG)
@pytest.mark.parametrize("count", [2, 3])
def test_joined_ogg(tmp_path, caplog, kind, coding, count):
    path = tmp_path / "joined.ogg"
    parts = [tone(1.0 + n, hertz=440 + 100 * n) for n in range(count)]
    path.write_bytes(b"".join(content(part, kind, coding) for part in parts))
    frames = sum(map(len, parts))
    text = f"{count} recordings joined end to end: {frames / RATE:.2f} s"
    samples = check(path, frames, caplog, text)
    assert pitches(samples, RATE, (0.1, 0.9), (1.1, 2.9)) == pytest.approx(
        [440, 540], abs=2
    )
    file = io.BytesIO(path.read_bytes())
    np.testing.assert_array_equal(audio_io.read(file), samples)


def test_joined_ogg_of_other_rates_and_channels(tmp_path, caplog):
    path = tmp_path / "joined.ogg"
    right = np.repeat(tone(2.0, 48000, 600)[:, None], 2, axis=1)
    path.write_bytes(
        content(tone(1.0), "OGG", "VORBIS") + content(right, "OGG", "VORBIS", 48000)
    )
    text = "2 recordings joined end to end: 3.00 s"
    samples = check(path, 3 * RATE, caplog, text)
    assert pitches(samples, RATE, (0.1, 0.9), (1.1, 2.9)) == pytest.approx(
        [440, 600], abs=2
    )


def test_the_same_recording_twice(tmp_path, caplog):
    for kind, coding in [*OGG, ("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("AU", "PCM_16")]:
        path = tmp_path / f"{coding}.{kind}"
        path.write_bytes(2 * content(tone(1.5), kind, coding))
        with caplog.at_level(logging.WARNING):
            assert audio_io.inspect(path).duration == 3.0
        assert len(audio_io.read(path)) == 3 * RATE
    path = tmp_path / "twice.mp3"
    path.write_bytes(2 * content(tone(1.5), "MP3", "MPEG_LAYER_III"))
    assert audio_io.inspect(path).duration == 3.0
    assert len(audio_io.read(path)) == 3 * RATE
    assert f"{path}: its header says" in caplog.text


def test_joined_mp3_with_tags_between(tmp_path, caplog):
    """The Xing frame of the first file counts the first file alone."""
    path = tmp_path / "joined.mp3"
    first, second = tone(1.0), tone(2.0, hertz=600)
    tag = b"ID3\x04\0\0" + bytes([0, 0, 7, 104]) + 1000 * b"x"
    end = b"TAG" + bytes(125)
    parts = [content(x, "MP3", "MPEG_LAYER_III") for x in (first, second)]
    path.write_bytes(tag + parts[0] + end + tag + parts[1] + end)
    samples = check(
        path, 3 * RATE, caplog, "its header says 1.02 s, but it holds 3.00 s"
    )
    assert pitches(samples, RATE, (0.1, 0.9), (1.1, 2.9)) == pytest.approx(
        [440, 600], abs=2
    )


def without_xing(mp3: bytes) -> bytes:
    """Drop the first frame, which names the number of frames."""
    assert b"Xing" in mp3[:200] or b"Info" in mp3[:200]
    sync = mp3[:2]
    second = mp3.index(sync, 40)
    return mp3[second:]


@pytest.mark.parametrize("loud_first", [True, False])
def test_mp3_of_variable_rate_without_a_count(tmp_path, caplog, loud_first):
    """libsndfile guesses from the first frame: 5 s or 43 s for these 20."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        pytest.skip("ffmpeg is not installed; it writes MP3s without a count")
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 10 * RATE)
    halves = [noise, np.zeros(10 * RATE)]
    wav, path = tmp_path / "all.wav", tmp_path / "variable.mp3"
    soundfile.write(wav, np.concatenate(halves if loud_first else halves[::-1]), RATE)
    options = ["-q:a", "5", "-write_xing", "0"]
    subprocess.run([ffmpeg, "-v", "error", "-i", wav, *options, path], check=True)
    decode = [ffmpeg, "-v", "error", "-i", path, "-f", "s16le", "-"]
    counted = len(subprocess.run(decode, check=True, capture_output=True).stdout) // 2
    samples = check(path, counted - 529, caplog, None)  # without the decoder's delay
    loud = np.abs(samples[: 9 * RATE]).max() > 0.1
    assert loud is np.bool_(loud_first)


def test_mp3_without_a_count_gives_what_it_has(tmp_path, caplog):
    path = tmp_path / "plain.mp3"
    whole = content(tone(3.0), "MP3", "MPEG_LAYER_III")
    path.write_bytes(without_xing(whole))
    frames = audio_io.inspect(path).duration * RATE
    assert 3 * RATE <= frames < 3 * RATE + 3 * 576
    check(path, round(frames), caplog, None)


@pytest.mark.parametrize("joined", [1, 2])
def test_mpeg_layer_ii_has_no_xing_frame(tmp_path, monkeypatch, caplog, joined):
    path = tmp_path / "radio.mp2"
    film(path, "mp2", tone(3.0))
    path.write_bytes(joined * path.read_bytes())
    monkeypatch.setitem(sys.modules, "av", None)
    frames = joined * -(-3 * RATE // 1152) * 1152  # of 1,152 samples
    samples = check(path, frames, caplog, None)
    assert pitches(samples, RATE, (0.5, 2.5)) == pytest.approx([440], abs=2)


def wav(samples: np.ndarray, size: int | None, coding: str = "PCM_16") -> bytes:
    """Return a WAV whose header gives `size` as the length of its samples."""
    data = bytearray(content(samples, "WAV", coding))
    place = data.index(b"data") + 4
    if size is not None:
        data[place : place + 4] = struct.pack("<I", size)
    return bytes(data)


@pytest.mark.parametrize("coding", ["PCM_16", "PCM_U8", "FLOAT", "ULAW", "ALAW"])
@pytest.mark.parametrize(
    ("size", "warning"),
    [
        (0, "its header says 0.00 s, but it holds 3.00 s"),
        (0xFFFFFFFF, "its header names no length; it holds 3.00 s"),
    ],
)
def test_wav_of_a_recorder_that_crashed(tmp_path, caplog, coding, size, warning):
    path = tmp_path / "crashed.wav"
    path.write_bytes(wav(tone(3.0), size, coding))
    samples = check(path, 3 * RATE, caplog, warning)
    np.testing.assert_allclose(samples, tone(3.0), atol=0.03)


def test_wav_whose_header_was_written_once_in_the_middle(tmp_path, caplog):
    path = tmp_path / "early.wav"
    path.write_bytes(wav(tone(3.0), RATE))
    check(path, 3 * RATE, caplog, "its header says 0.50 s, but it holds 3.00 s")


def test_wav_from_a_pipe_needs_no_length(caplog):
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with caplog.at_level(logging.WARNING):
        samples = audio_io.read(Pipe(wav(tone(3.0), 0xFFFFFFFF)))
    assert len(samples) == 3 * RATE
    assert caplog.messages == []


@pytest.mark.parametrize("pad", [0, 1])
def test_what_follows_the_samples_is_no_sound(tmp_path, caplog, pad):
    path = tmp_path / "tagged.wav"
    samples = tone(1.0)[: RATE - pad]
    tags = b"LIST" + struct.pack("<I", 4) + b"INFO" + b"bext" + struct.pack("<I", 2)
    path.write_bytes(wav(samples, None, "PCM_U8") + tags + b"ab")
    check(path, len(samples), caplog, None)
    path.write_bytes(wav(samples[:0], None) + tags + b"ab")
    assert audio_io.inspect(path).duration == 0.0
    assert len(audio_io.read(path)) == 0


def test_other_headers_without_a_length(tmp_path, caplog):
    data = bytearray(content(tone(2.0), "AU", "PCM_16"))
    data[8:12] = bytes(4)
    path = tmp_path / "crashed.au"
    path.write_bytes(data)
    check(path, 2 * RATE, caplog, "its header says 0.00 s, but it holds 2.00 s")

    data = bytearray(content(tone(2.0), "RF64", "PCM_16"))
    place = data.index(b"ds64") + 8
    data[place : place + 24] = bytes(24)
    path = tmp_path / "crashed.rf64"
    path.write_bytes(data)
    check(path, 2 * RATE, caplog, "its header says 0.00 s, but it holds 2.00 s")

    data = bytearray(content(tone(2.0), "CAF", "PCM_16"))
    place = data.index(b"data") + 4
    for size, text in (
        (0, "its header says 0.00 s, but it holds 2.00 s"),
        ((1 << 64) - 1, "its header names no length; it holds 2.00 s"),
    ):
        data[place : place + 8] = size.to_bytes(8, "big")
        path = tmp_path / f"{size}.caf"
        path.write_bytes(data)
        check(path, 2 * RATE, caplog, text)


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("WAV", 0x7FFFF000),  # SoX and eSpeak NG
        ("WAV", 1 << 31),  # arecord
        ("WAV", (1 << 32) - 37),
        ("AIFF", 127 << 24),  # SoX
        ("AU", (1 << 32) - 1),
        ("W64", (1 << 63) - 1),
        ("CAF", (1 << 63) - 1),
    ],
)
def test_what_is_piped_is_not_cut_off(tmp_path, caplog, kind, size):
    """Programs that cannot know the length write a large number."""
    data = bytearray(content(tone(2.0), kind, "PCM_16"))
    places = {"AIFF": (b"SSND", 4, 4), "AU": (b".snd", 8, 4), "W64": (b"data", 16, 8)}
    mark, offset, width = places.get(kind, (b"data", 4, 8 if kind == "CAF" else 4))
    place = data.index(mark) + offset
    order = "little" if kind in ("WAV", "W64") else "big"
    data[place : place + width] = size.to_bytes(width, order)
    path = tmp_path / f"piped.{kind.lower()}"
    path.write_bytes(data)
    text = "its header names no length; it holds 2.00 s"
    check(path, 2 * RATE, caplog, text)


@pytest.mark.parametrize("coding", ["ULAW", "ALAW"])
def test_sphere_of_telephony(tmp_path, caplog, coding):
    path = tmp_path / "call.sph"
    whole = content(tone(3.0, 8000), "NIST", coding, 8000)
    path.write_bytes(whole + whole)
    check(path, 48000, caplog, "its header says 3.00 s, but it holds 6.00 s")
    cut = tmp_path / "cut.sph"
    cut.write_bytes(whole[: 1024 + 12000])
    check(cut, 12000, caplog, "truncated or damaged after 1.50 s")


def test_packets_behind_the_end_are_not_counted(tmp_path, caplog):
    """The table of ALAC's packets tells of all that were there."""
    path = tmp_path / "cut.caf"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 3 * RATE)
    whole = content(noise, "CAF", "ALAC_16")
    path.write_bytes(whole[: len(whole) // 2])
    frames = 5 * 4096  # five packets are whole
    text = f"truncated or damaged after {frames / RATE:.2f} s"
    check(path, frames, caplog, text)


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "AU", "W64", "RF64", "CAF", "NIST"])
def test_cut_off_without_compression(tmp_path, caplog, kind):
    path = tmp_path / f"cut.{kind.lower()}"
    whole = content(tone(3.0), kind, "PCM_16")
    path.write_bytes(whole[: len(whole) // 2])
    seconds = audio_io.inspect(path).duration
    assert seconds == pytest.approx(1.5, abs=0.14)  # headers have up to 4 kB
    caplog.clear()
    assert len(audio_io.read(path)) == round(seconds * RATE)
    copy = path.rename(tmp_path / f"copy.{kind.lower()}")
    check(
        copy,
        round(seconds * RATE),
        caplog,
        f"truncated or damaged after {seconds:.2f} s",
    )


@pytest.mark.parametrize(
    ("kind", "coding"), [*OGG, ("MP3", "MPEG_LAYER_III"), ("FLAC", "PCM_16")]
)
def test_cut_off_while_compressed(tmp_path, caplog, kind, coding):
    path = tmp_path / f"cut.{kind.lower()}"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 5 * RATE)
    whole = content(noise, kind, coding)
    path.write_bytes(whole[: len(whole) * 6 // 10])
    with caplog.at_level(logging.WARNING):
        seconds = audio_io.inspect(path).duration
        samples = audio_io.read(path)
    assert 1.5 < seconds < 3.5
    assert len(samples) == round(seconds * RATE)
    assert caplog.messages == [f"{path}: truncated or damaged after {seconds:.2f} s"]


@pytest.mark.parametrize("kind", ["AU", "WAV", "AIFF", "W64", "CAF", "NIST"])
@pytest.mark.parametrize("byte", [0, 255])
def test_headers_of_nothing_end(tmp_path, kind, byte):
    """Sizes and positions of 0, or of the largest number, lead nowhere."""
    path = tmp_path / f"odd.{kind.lower()}"
    whole = content(tone(0.1), kind, "PCM_16")
    for first in range(4, 60, 2):
        data = bytearray(whole)
        data[first : first + 8] = bytes([byte]) * 8
        path.write_bytes(data)
        with suppress(AudioError):
            assert len(audio_io.read(path)) < 200 * RATE


def test_too_many_recordings_in_one(tmp_path, monkeypatch):
    monkeypatch.setattr("asr.audio.sound_file._MOST_PARTS", 2)
    path = tmp_path / "joined.ogg"
    path.write_bytes(3 * content(tone(0.1), "OGG", "VORBIS"))
    with pytest.raises(AudioError, match="more than 2 recordings joined end to end"):
        audio_io.read(path)


def test_flac_without_a_whole_frame_is_refused(tmp_path):
    path = tmp_path / "junk.flac"
    header = bytearray(content(tone(0.5), "FLAC", "PCM_16")[:42])
    header[4] |= 0x80
    path.write_bytes(header + 3000 * b"\x55")
    for action in (audio_io.inspect, audio_io.read):
        with pytest.raises(AudioError, match=r"junk\.flac: cannot decode it"):
            action(path)


def test_a_thousand_channels_need_no_gigabyte(tmp_path):
    path = tmp_path / "many.wav"
    soundfile.write(path, np.zeros((4000, 1000)), RATE, "PCM_U8")
    with open_audio(path) as track:
        sizes = [len(block) for block in track.chunks(0, None)]
    assert sum(sizes) == 4000
    assert max(sizes) <= 1048


def harmed(whole: bytes, how: str) -> bytes:
    """Harm a file in its middle."""
    data, middle = bytearray(whole), len(whole) // 2
    if how == "a wrong byte":
        data[middle] ^= 0xFF
    elif how == "zeros":
        data[middle : middle + 3000] = bytes(3000)
    else:
        del data[middle : middle + 3000]
    return bytes(data)


@pytest.mark.parametrize("how", ["a wrong byte", "zeros", "a gap"])
def test_flac_goes_on_behind_damage(tmp_path, caplog, how):
    """Only the frame that is damaged is lost, and times stay right."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 10 * RATE).astype(np.float32)
    path = tmp_path / "harmed.flac"
    path.write_bytes(harmed(content(noise, "FLAC", "PCM_16"), how))
    samples = audio_io.read(path)
    told = "damaged from 4.86 to 5.12 s; silence is read"
    assert caplog.messages == [f"{path}: {told}"]
    caplog.clear()
    copy = path.rename(tmp_path / "copy.flac")  # of which nothing is told yet
    assert audio_io.inspect(copy).duration == 10.0
    assert caplog.messages == [f"{copy}: {told}"]
    path = copy
    assert len(samples) == 10 * RATE
    lost = np.flatnonzero(np.abs(samples - noise) > 1e-4)
    assert (lost[0] // 4096, lost[-1] // 4096) == (19, 19)  # frames have 4,096
    part = audio_io.read(path, offset=4.0, duration=3.0)
    np.testing.assert_array_equal(part, samples[4 * RATE : 7 * RATE])
    file = io.BytesIO(path.read_bytes())
    np.testing.assert_array_equal(audio_io.read(file), samples)


@pytest.mark.parametrize("coding", ["PCM_S8", "PCM_16", "PCM_24"])
def test_any_wrong_byte_of_a_flac_is_seen(coding):
    """Frames of silence are short, those of noise are not; metadata have no sum."""
    draw = np.random.default_rng(0)
    noise = draw.uniform(-0.5, 0.5, (3 * RATE, 2))
    noise[:RATE] = 0
    whole = content(noise, "FLAC", coding)
    assert is_intact(io.BytesIO(whole), Part())
    joined = 2 * whole
    assert is_intact(io.BytesIO(joined), Part(((len(whole), len(joined)),)))
    first = whole.index(b"\xff\xf8")
    for place in [*range(first, first + 40), *draw.integers(first, len(whole), 100)]:
        data = bytearray(whole)
        data[place] ^= draw.integers(1, 256)
        assert not is_intact(io.BytesIO(data), Part()), place
    for cut in (whole[:-1], whole[:-3000], whole[:first] + whole[first + 1 :]):
        assert not is_intact(io.BytesIO(cut), Part())


@pytest.mark.parametrize("how", ["sync", "bitrate", "a gap", "other bytes"])
@pytest.mark.parametrize("counted", [True, False])
def test_mp3_with_a_lost_frame(tmp_path, caplog, how, counted):
    """A wrong header loses its own frame, a wrong length the following one too."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 10 * RATE)
    data = bytearray(content(noise, "MP3", "MPEG_LAYER_III"))
    with io.BytesIO(data) as file:
        places = [place for place, *_ in mp3_frames._frames(file, len(data))]
    start = places[60]
    if how == "sync":
        data[start] ^= 0x10
    elif how == "bitrate":
        data[start + 2] ^= 0x20
    elif how == "a gap":
        del data[start + 20 : start + 120]
    else:
        data[start:start] = b"other" * 20
    if not counted:
        del data[: places[1]]
    path = tmp_path / "harmed.mp3"
    path.write_bytes(data)
    seconds = audio_io.inspect(path).duration
    assert seconds == pytest.approx(10.0, abs=0.3)
    text = f"damaged; {seconds:.2f} s of it can be decoded"
    assert caplog.messages == [f"{path}: {text}"]
    assert len(audio_io.read(path)) == round(seconds * RATE)
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("tag", [b"APETAGEX" + bytes(range(1, 99)), bytes(500)])
def test_tags_and_padding_in_an_mp3_are_no_damage(tmp_path, caplog, tag):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 3 * RATE)
    data = content(noise, "MP3", "MPEG_LAYER_III")
    with io.BytesIO(data) as file:
        places = [place for place, *_ in mp3_frames._frames(file, len(data))]
    path = tmp_path / "tagged.mp3"
    path.write_bytes(data[: places[9]] + tag + data[places[9] :] + tag)
    assert audio_io.inspect(path).duration == 3.0
    assert caplog.messages == []


@pytest.mark.parametrize(("kind", "coding"), OGG)
@pytest.mark.parametrize("how", ["a wrong byte", "zeros", "a gap"])
def test_ogg_is_as_long_as_what_is_left(tmp_path, caplog, kind, coding, how):
    """The last page still counts what is lost."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 10 * RATE)
    path = tmp_path / "harmed.ogg"
    path.write_bytes(harmed(content(noise, kind, coding), how))
    seconds = audio_io.inspect(path).duration
    assert 7.5 < seconds < 9.5
    assert len(audio_io.read(path)) == round(seconds * RATE)
    text = f"damaged; {seconds:.2f} s of it can be decoded"
    assert caplog.messages == [f"{path}: {text}"]


@pytest.mark.parametrize("claimed", [RATE, 2 * RATE, (1 << 36) - 1, 0])
def test_flac_that_claims_another_length(tmp_path, caplog, claimed):
    path = tmp_path / "claim.flac"
    data = bytearray(content(tone(3.0), "FLAC", "PCM_16"))
    packed = int.from_bytes(data[18:26], "big") >> 36 << 36 | claimed
    data[18:26] = packed.to_bytes(8, "big")
    path.write_bytes(data)
    text = f"its header says {claimed / RATE:.2f} s, but it holds 3.00 s"
    check(path, 3 * RATE, caplog, text if claimed else None)


@pytest.mark.parametrize("seconds", [0.05, 1.0, 3.3, 60.0])
@pytest.mark.parametrize(("rate", "coding"), [(16000, "PCM_16"), (44100, "PCM_24")])
def test_right_flac_is_not_decoded_to_measure_it(
    tmp_path, monkeypatch, caplog, seconds, rate, coding
):
    path = tmp_path / "right.flac"
    path.write_bytes(content(tone(seconds, rate), "FLAC", coding, rate))
    check(path, round(seconds * rate), caplog, None)

    def read(*_: object, **__: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(soundfile.SoundFile, "read", read)
    assert audio_io.inspect(path).duration == round(seconds * rate) / rate


@pytest.mark.parametrize(
    ("kind", "coding", "frames"),
    [
        ("WAV", "GSM610", 24320),  # whole blocks of 320
        ("AIFF", "GSM610", 24000),
        ("W64", "GSM610", 24000),
        ("AU", "G721_32", 24000),
        ("WAV", "G721_32", 24000),
        ("AU", "G723_24", 24000),
        ("AU", "G723_40", 24000),
        ("WAV", "NMS_ADPCM_16", 24000),
        ("WAV", "NMS_ADPCM_24", 24000),
        ("WAV", "NMS_ADPCM_32", 24000),
        ("WAV", "IMA_ADPCM", 24240),  # whole blocks
        ("WAV", "MS_ADPCM", 24000),
        ("AIFF", "DWVW_16", 24000),
        ("XI", "DPCM_16", 24000),
    ],
)
def test_codings_that_do_not_seek(tmp_path, caplog, kind, coding, frames):
    path = tmp_path / f"{coding}.{kind.lower()}"
    rate = 44100 if kind == "XI" else 8000  # its header has no rate
    path.write_bytes(content(tone(3.0, 8000), kind, coding, rate))
    info = audio_io.inspect(path)
    samples = check(path, round(frames), caplog, None)
    span = 0.5 * 8000 / info.rate, 2.5 * 8000 / info.rate
    expected = 440 * info.rate / 8000
    (found,) = pitches(samples, info.rate, span)
    assert found == pytest.approx(expected, abs=2 * info.rate / 8000)


@pytest.mark.parametrize("suffix", ["webm", "mkv"])
def test_cut_off_video(tmp_path, caplog, suffix):
    path = tmp_path / f"cut.{suffix}"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 8 * 48000)
    film(path, "libopus", noise, 48000)
    assert audio_io.inspect(path).duration == pytest.approx(8.0, abs=0.05)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with caplog.at_level(logging.WARNING):
        seconds = audio_io.inspect(path).duration
        samples = audio_io.read(path)
    assert seconds == pytest.approx(4.0, abs=0.3)
    assert len(samples) / RATE == pytest.approx(seconds, abs=0.03)
    (message,) = caplog.messages
    assert message.startswith(f"{path}: its header says 8.0")
    assert message.endswith(f"but it holds {seconds:.2f} s")


def test_mp4_that_was_cut_off_before_its_index(tmp_path):
    path = tmp_path / "cut.m4a"
    film(path, "aac", tone(2.0))
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(AudioError, match=r"\(MP4 that is damaged, or cut off before"):
        audio_io.read(path)


@pytest.mark.parametrize(
    ("suffix", "coding"),
    [("webm", "libopus"), ("ts", "aac"), ("ts", "mp2"), ("ogg", "flac")],
)
def test_joined_files_for_pyav(tmp_path, caplog, suffix, coding):
    """The times of the second file begin anew."""
    path, second = tmp_path / f"joined.{suffix}", tmp_path / f"second.{suffix}"
    film(path, coding, tone(2.0, 48000), 48000)
    film(second, coding, tone(3.0, 48000, 600), 48000)
    path.write_bytes(path.read_bytes() + second.read_bytes())
    with caplog.at_level(logging.WARNING):
        seconds = audio_io.inspect(path).duration
        samples = audio_io.read(path)
    assert seconds == pytest.approx(5.0, abs=0.1)
    assert len(samples) / RATE == pytest.approx(seconds, abs=0.05)
    spans = (0.2, 1.8), (2.2, 4.8)
    assert pitches(samples, RATE, *spans) == pytest.approx([440, 600], abs=2)
    (message,) = caplog.messages
    assert message.endswith(f"but it holds {seconds:.2f} s")


def test_joined_files_of_other_forms_for_pyav(tmp_path):
    path, second = tmp_path / "joined.ts", tmp_path / "second.ts"
    film(path, "aac", tone(2.0))
    film(second, "aac", tone(3.0, 48000, 600), 48000)
    path.write_bytes(path.read_bytes() + second.read_bytes())
    samples = audio_io.read(path)
    assert len(samples) / RATE == pytest.approx(5.0, abs=0.3)
    spans = (0.2, 1.8), (2.4, 4.6)
    assert pitches(samples, RATE, *spans) == pytest.approx([440, 600], abs=2)


def test_pyav_goes_on_behind_damage(tmp_path, caplog):
    path = tmp_path / "harmed.ts"
    film(path, "aac", np.concatenate([tone(2.0), tone(4.0, hertz=600)]))
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 188 // 3 * 188 + 20, len(data) // 2, 188):
        data[place : place + 160] = bytes(160)
    path.write_bytes(data)
    seconds = audio_io.inspect(path).duration
    caplog.clear()
    copy = path.rename(tmp_path / "copy.ts")
    samples = audio_io.read(copy)
    assert 5.0 < seconds < 6.3
    assert len(samples) / RATE == pytest.approx(seconds, abs=0.1)
    spans = (0.2, 1.8), (4.0, 5.0)
    assert pitches(samples, RATE, *spans) == pytest.approx([440, 600], abs=2)
    text = f"damaged; {seconds:.2f} s of it can be decoded"
    assert caplog.messages == [f"{copy}: {text}"]


def test_channels_that_cancel_are_told(tmp_path, caplog):
    path = tmp_path / "phase.wav"
    left = tone(1.0)
    soundfile.write(path, np.stack([left, -left], axis=1), RATE, "FLOAT")
    with caplog.at_level(logging.WARNING):
        assert not audio_io.read(path).any()
        audio_io.read(path)
    assert caplog.messages == [
        f"{path}: its channels cancel each other out (opposite phase); give --channel 1"
    ]
    caplog.clear()
    np.testing.assert_allclose(audio_io.read(path, channel=1), left, atol=1e-4)
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros((RATE, 2)), RATE)
    audio_io.read(silent)
    one = tmp_path / "one.wav"  # one side only: nothing is lost
    soundfile.write(one, np.stack([left, 0 * left], axis=1), RATE)
    audio_io.read(one)
    assert caplog.messages == []


def test_channels_that_nearly_cancel_are_told(tmp_path, caplog):
    path = tmp_path / "phase.ogg"
    left = tone(1.0)
    soundfile.write(path, np.stack([left, -left], axis=1), RATE)
    with caplog.at_level(logging.WARNING):
        audio_io.read(path)
    assert "give --channel 1" in caplog.text


def test_sound_tracks(tmp_path, caplog):
    av = pytest.importorskip("av", reason="PyAV (extra: video) is not installed")
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = [
            container.add_stream("pcm_s16le", rate=rate, layout="mono")
            for rate in (RATE, 8000)
        ]
        for stream, seconds, hertz in zip(streams, (1, 2), (440, 600), strict=True):
            sound = tone(seconds, stream.rate, hertz) * 32767
            frame = av.AudioFrame.from_ndarray(
                sound.astype(np.int16)[None], format="s16", layout="mono"
            )
            frame.sample_rate, frame.pts = stream.rate, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    with caplog.at_level(logging.WARNING):
        assert audio_io.inspect(path).tracks == 2
        first = audio_io.read(path)
    assert caplog.messages == [
        f"{path}: this is the first of 2 sound tracks; see --track"
    ]
    caplog.clear()
    np.testing.assert_array_equal(audio_io.read(path, track=1), first)
    second = audio_io.read(path, track=2)
    assert caplog.messages == []
    assert (len(first) / RATE, len(second) / RATE) == pytest.approx((1, 2), abs=0.01)
    assert pitches(first, RATE, (0.1, 0.9)) == pytest.approx([440], abs=2)
    assert pitches(second, RATE, (0.1, 1.9)) == pytest.approx([600], abs=2)
    with pytest.raises(AudioError, match="no track 3; it has 2"):
        audio_io.read(path, track=3)


def test_files_of_one_sound_track(tmp_path):
    path = tmp_path / "one.wav"
    soundfile.write(path, tone(0.5), RATE)
    np.testing.assert_array_equal(audio_io.read(path, track=1), audio_io.read(path))
    with pytest.raises(AudioError, match="no track 2; it has 1"):
        audio_io.read(path, track=2)
