"""asr.cli.terminal and asr.cli.progress: standard streams, errors and bars."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys

import pytest

from asr.cli import progress as progress_bars
from asr.cli import terminal
from asr.errors import AudioError


def test_no_bar_without_a_terminal(capsys):
    with progress_bars.progress(2, "clips") as advance:
        advance()
    assert capsys.readouterr() == ("", "")


def test_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with progress_bars.progress(2, "clips") as advance:
        advance()
        sys.stdout.write("result\n")
    out, err = capsys.readouterr()
    assert out == "result\n"
    assert "clips" in err
    assert "1/2" in err


def test_results_are_printed_without_the_bar(monkeypatch, capsys):
    """The bar is removed before a line and drawn again after it."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", sys.stderr)  # one terminal
    with progress_bars.audio_progress(10.0) as progress:
        progress.advance(5.0)
        with progress.hidden():
            sys.stdout.write("result\n")
    before, after = capsys.readouterr().err.split("result\n")
    erased = "\x1b[1A\x1b[2K"
    assert "0:05 of 0:10" in before
    assert before.endswith(erased)
    assert "0:05 of 0:10" in after
    assert after.endswith(erased)


def test_hidden_without_a_bar(capsys):
    for as_json in (False, True):
        with (
            progress_bars.audio_progress(1.0, as_json=as_json) as progress,
            progress.hidden(),
        ):
            progress.advance(1.0)
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["done"] == 1.0


def test_status_is_shown_and_removed_on_a_terminal(monkeypatch, capsys):
    with terminal.status("loading"):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with terminal.status("loading \x07"):
        assert capsys.readouterr().err == "loading \\x07"
    assert capsys.readouterr().err == "\r\x1b[K"


PROGRAM = """
import sys
from asr.cli.main import cli
from asr.cli import terminal
context = cli.make_context("asr", [*sys.argv[1:], "score", "a", "b"])
cli.callback(**context.params)
terminal.start_backend()
print("keras" in sys.modules)
print("seen", file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "quiet"), [([], True), (["--log-level", "debug"], False)]
)
def test_backend_starts_quietly(root, arguments, quiet):
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("TF_CPP_MIN_LOG_LEVEL", "COVERAGE_PROCESS_START")
    }
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        cwd=root,
        env=environment,
        check=True,
    )
    assert result.stdout == "True\n"
    assert "seen\n" in result.stderr
    assert not quiet or result.stderr == "seen\n"


def test_standard_error_comes_back_after_a_failure(monkeypatch, capfd):
    def fail(name):
        os.write(2, b"greeting")
        raise ImportError(name)

    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setattr("importlib.import_module", fail)
    with pytest.raises(ImportError, match="keras"):
        terminal.start_backend()
    os.write(2, b"restored")
    assert capfd.readouterr().err == "restored"


def test_control_characters_of_messages_are_escaped(run):
    """Names and messages may hold what moves its cursor or sets its clipboard."""
    assert terminal.escaped("a\tb\n\x1b]52;\x07\x9b") == "a\tb\n\\x1b]52;\\x07\\x9b"
    ended = run("info", "\x1b[2Jgone.wav")
    assert "\x1b" not in ended.err
    assert "\\x1b[2Jgone.wav" in ended.err


def test_control_characters_of_the_log_are_escaped():
    record = logging.LogRecord("a", 30, "", 0, "%s", ("\x1b[2J",), None)
    assert terminal.Formatter("%(message)s").format(record) == "\\x1b[2J"


def test_control_characters_of_a_transcript_are_escaped(
    recognizer, run, samples, tmp_path, monkeypatch
):
    path = tmp_path / "\x07a.wav"
    path.write_bytes((samples / "river.wav").read_bytes())
    assert run("transcribe", path).out == "\x07A\n"
    monkeypatch.setattr(terminal, "prints_to_terminal", lambda: True)
    assert run("transcribe", path).out.startswith("\\x07A")


def test_a_long_message_is_cut_in_its_middle(capsys):
    assert terminal.report(AudioError("x" * 100_000 + ": no such file")) == 4
    line = capsys.readouterr().err
    assert len(line) < 1020
    assert line.startswith("error: xxx")
    assert line.endswith("x: no such file\n")
