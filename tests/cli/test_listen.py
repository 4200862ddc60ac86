"""asr listen: a line after each pause, and meanwhile what is understood so far."""

from __future__ import annotations

import io
import sys
from contextlib import contextmanager

import pytest

import asr
from asr.audio.decoders import RawSamples
from asr.cli import listen
from asr.config.schema import DecodingConfig
from asr.formats.transcript import Segment
from asr.storage.model_folder import FolderConfig

heard: list[DecodingConfig] = []


class Listener:
    """Understands two sentences, the second one bit by bit."""

    rate = 8000
    decoding = DecodingConfig()
    config = FolderConfig(language="fr")

    def warm_up(self, decoding):
        """Be ready."""
        self.ready = decoding

    def segments(self, source, *, on_partial, decoding):
        assert source.rate == self.rate
        assert decoding == self.ready
        heard.append(decoding)
        yield Segment(0, 0, 1, "FIRST", (), 0, 0)
        for text in ("SEC", "SECOND ONE"):
            if on_partial:
                on_partial(text)
        yield Segment(1, 2, 3, "SECOND ONE", (), 0, 0)


@pytest.fixture
def listener(monkeypatch):
    devices = []

    @contextmanager
    def microphone(rate, device):
        devices.append(device)
        yield RawSamples(io.BytesIO(), rate)

    monkeypatch.setattr(listen, "microphone", microphone)
    monkeypatch.setattr(listen, "sound_library", lambda: None)
    monkeypatch.setattr(asr, "load", lambda _, threads: Listener())
    return devices


def test_lines_of_a_pipe(run, listener):
    ended = run("listen", "--device", "usb")
    assert (ended.status, ended.out) == (0, "FIRST\nSECOND ONE\n")
    assert ended.err == "listening; Ctrl-C ends\n"
    assert listener == ["usb"]


def test_hotwords_and_words(run, listener, tmp_path, monkeypatch):
    path = tmp_path / "names.txt"
    path.write_text("Zabrinski\n\n  New Brindleforth \n")
    assert run("listen", "--hotwords", "river, ,BANK", "--words", path).status == 0
    assert heard[-1].hotwords == ("river", "BANK")
    assert heard[-1].words == ("Zabrinski", "New Brindleforth")
    assert listener == [None]
    own = DecodingConfig(hotwords=("OWN",), words=("ITS",))
    monkeypatch.setattr(Listener, "decoding", own)
    assert run("listen").status == 0
    assert heard[-1] == own
    assert run("listen", "--words", tmp_path / "none.txt").status == 5


def test_a_terminal_shows_what_is_understood(run, listener, monkeypatch):
    monkeypatch.setenv("COLUMNS", "7")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    ended = run("listen")
    assert ended.out == "FIRST\nSECOND ONE\n"
    shown = ended.err.split("\r\x1b[K")[1:]
    assert shown == ["", "SEC", "ND ONE", ""]


def test_without_the_extra_no_model_is_loaded(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    monkeypatch.setattr(asr, "load", lambda *_, **__: pytest.fail("loaded"))
    ended = run("listen")
    assert (ended.status, ended.out) == (2, "")
    assert "asr-attention[mic]" in ended.err
