"""asr.cli.main: commands, help and exit statuses."""

from __future__ import annotations

import errno
import importlib
import logging
import os
import re
import signal
import subprocess
import sys

import click
import numpy as np
import pytest
import soundfile

import asr
from asr import errors
from asr.cli.main import COMMANDS, cli, main


@pytest.fixture
def failing(monkeypatch):
    """Make `asr info x` raise an exception."""
    from asr.cli import info

    def install(error: BaseException) -> None:
        def fail(_):
            raise error

        monkeypatch.setattr(info, "model_path", fail)

    return install


def test_version(run):
    assert run("--version") == (0, f"asr {asr.__version__}\n", "")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example(run, name):
    ended = run(name, "--help")
    assert ended.status == 0
    assert f"Example: asr {name} " in ended.out


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_lists_each_command(run, option):
    ended = run(option)
    assert ended.status == 0
    for name, line in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line)}$", ended.out, re.MULTILINE)


def test_every_command_module_is_listed(root):
    helpers = {
        "__init__",
        "channels",
        "alignments",
        "corpora",
        "inputs",
        "main",
        "options",
        "outputs",
        "progress",
        "restoration",
        "terminal",
        "text_commands",
    }
    found = {path.stem for path in (root / "asr" / "cli").glob("*.py")} - helpers
    assert found == set(COMMANDS)
    for name in found:
        assert isinstance(
            importlib.import_module(f"asr.cli.{name}").command, click.Command
        )


def options_of(command: click.Command, name: str) -> list[tuple[str, click.Option]]:
    """Return the options of a command and its subcommands, with their command."""
    if isinstance(command, click.Group):
        pairs = command.commands.items()
        return [x for part, sub in pairs for x in options_of(sub, f"{name} {part}")]
    return [(name, x) for x in command.params if isinstance(x, click.Option)]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_an_option_is_short(name):
    command = importlib.import_module(f"asr.cli.{name}").command
    for owner, option in options_of(command, name):
        text = re.sub(r"\[default: .*\]", "", option.help)
        assert 1 <= len(text.split()) <= 12, (owner, option.name)
        assert text[0].isupper(), (owner, option.name)


def test_options_of_transcribe_are_grouped(run):
    out = run("transcribe", "--help").out
    titles = re.findall(r"^(\w+):$", out, re.MULTILINE)
    assert titles == ["Input", "Output", "Decoding", "Other"]
    assert out.index("Input:") < out.index("--start") < out.index("Output:")
    assert out.index("Decoding:") < out.index("--beam-size") < out.index("Other:")


def test_without_arguments_shows_help_and_fails(run):
    ended = run()
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("Usage: asr ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sing"], "error: no command 'sing'; it takes one of: transcribe, "),
        (["transcibe"], "error: no command 'transcibe'; did you mean 'transcribe'?"),
        (["--loud"], "error: No such option"),
        (["info"], "error: give MODEL, FILE or --system"),
        (["prepare", "an5", "x"], "error: no corpus 'an5'; did you mean 'an4'?"),
        (["transcribe", "--beam-size", "0", "x"], "error: Invalid value for '--beam-"),
        (["plot", "attention"], "see asr plot attention --help"),
    ],
)
def test_wrong_usage_is_one_line(run, arguments, message):
    ended = run(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1


KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.AsrError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_each_error_has_its_status(run, failing, kind):
    failing(kind("it is broken;\nmend it"))
    assert run("info", "x") == (kind.exit_status, "", "error: it is broken; mend it\n")


def test_statuses_are_distinct():
    assert len({kind.exit_status for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (KeyError("x"), 1, "error: KeyError: 'x' (a fault in asr; asr --debug"),
        (MemoryError(), 1, "error: out of memory"),
        (OSError(errno.ENOSPC, "No space left", "a.txt"), 8, "error: a.txt: No space"),
        (PermissionError(errno.EACCES, "denied", "b"), 8, "error: b: denied"),
    ],
)
def test_unexpected_errors_are_one_line(run, failing, error, status, message):
    failing(error)
    ended = run("info", "x")
    assert (ended.status, ended.out) == (status, "")
    assert ended.err.startswith(message)
    assert ended.err.count("\n") == 1


def test_debug_shows_the_traceback(failing):
    failing(errors.ModelError("broken"))
    with pytest.raises(errors.ModelError, match="broken"):
        main(["--debug", "info", "x"])


@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_ctrl_c(run, failing, debug):
    failing(KeyboardInterrupt())
    assert run(*debug, "info", "x") == (130, "", "")


def test_sigterm_where_a_library_raises_its_own_exception(run, monkeypatch):
    from asr.cli import info

    def fail(_):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            raise KeyboardInterrupt from None  # as Ray does

    monkeypatch.setattr(info, "model_path", fail)
    assert run("info", "x") == (143, "", "")


@pytest.fixture
def restored_logging(monkeypatch):
    """Leave root logger and environment as they were."""
    logger = logging.getLogger()
    level, handlers = logger.level, logger.handlers[:]
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers


@pytest.mark.parametrize(
    ("given", "level", "tensorflow"),
    [([], logging.WARNING, "3"), (["--log-level", "debug"], logging.DEBUG, "0")],
)
def test_log_level(run, monkeypatch, restored_logging, given, level, tensorflow):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    run(*given, "score", "none", "none")
    assert logging.getLogger().level == level
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == tensorflow


def test_own_tensorflow_log_level_stays(run, monkeypatch, restored_logging):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "1")
    run("score", "none", "none")
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "1"


def test_arguments_of_the_process(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["asr", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("asr ")


def test_completion_knows_the_commands():
    context = click.Context(cli)
    assert cli.list_commands(context) == list(COMMANDS)


def test_reader_of_stdout_has_gone(root):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        result = subprocess.run(
            [sys.executable, "-m", "asr", "--help"],
            stdout=writing,
            stderr=subprocess.PIPE,
            cwd=root,
            check=False,
        )
    finally:
        os.close(writing)
    assert (result.returncode, result.stderr) == (141, b"")


def test_stdout_on_a_full_disk(root):
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device, not a path
        result = subprocess.run(
            [sys.executable, "-m", "asr", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=root,
            check=False,
        )
    assert result.returncode == 8
    assert result.stderr == b"error: the output: No space left on device\n"


def through_shell(root, arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["/bin/sh", "-c", f"exec {sys.executable} -m asr {arguments}"],
        capture_output=True,
        cwd=root,
        check=False,
    )


def test_without_standard_output(root):
    result = through_shell(root, "models >&-")
    assert (result.returncode, result.stderr) == (0, b"")


def test_without_standard_error(root):
    """A model is loaded all the same, which silences its backend's greetings."""
    result = through_shell(root, "translate Hello. --model en-fr 2>&-")
    assert result.returncode == 0
    assert result.stdout


def test_without_standard_input(root):
    """It is read as an empty one."""
    result = through_shell(root, "transcribe - <&-")
    assert result.returncode == 4
    assert result.stderr == b"error: <stdin>: the file is empty (0 bytes)\n"


def test_names_that_are_not_utf_8(root, samples, tmp_path):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    result = subprocess.run(
        [sys.executable, "-m", "asr", "plot", "spectrogram",
         str(samples / "river.wav"), "--output", name],
        capture_output=True,
        cwd=root,
        env={
            **os.environ,
            "PYTHONIOENCODING": "utf-8:strict",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
        check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.endswith(b"/caf\\udce9.png\n")


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["info"], 6),
        (["evaluate", "english"], 5),
        (["prepare", "jsonl"], 5),
        (["prepare", "kaldi"], 5),
        (["prepare", "common_voice"], 5),
        (["train", "--resume"], 7),
    ],
)
def test_names_that_are_too_long_have_the_status_of_their_kind(capsys, command, status):
    assert main([*command, 300 * "n"]) == status
    assert capsys.readouterr().err.count("\n") == 1


def test_an_error_while_resampling_is_one_line(root, tmp_path):
    """The traceback holds a resampler, which nanobind would call a leak at exit."""
    path = tmp_path / "short.wav"
    soundfile.write(path, np.zeros(8000), 8000)
    result = subprocess.run(
        [sys.executable, "-m", "asr", "transcribe", path, "--start", "9"],
        capture_output=True,
        text=True,
        cwd=root,
        check=False,
    )
    text = f"error: {path}: offset 9.0 s is past its 1.00 s\n"
    assert (result.returncode, result.stderr) == (4, text)


def test_the_checkout_script(root):
    result = subprocess.run(
        [sys.executable, "cli.py", "--version"],
        capture_output=True,
        text=True,
        cwd=root,
        check=True,
    )
    assert result.stdout == f"asr {asr.__version__}\n"


def test_a_missing_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sacrebleu", None)

    def fail(**_):
        importlib.import_module("sacrebleu")

    monkeypatch.setattr("asr.cli.models.command.callback", fail)
    assert main(["models"]) == 2
    assert capsys.readouterr().err == (
        "error: this command needs the package sacrebleu: "
        "pip install 'asr-attention[train]'\n"
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(run, monkeypatch, shell):
    monkeypatch.setenv("_ASR_COMPLETE", f"{shell}_source")
    ended = run()
    assert ended.status == 0
    assert f"_ASR_COMPLETE={shell}_complete" in ended.out


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("asr tr", ["transcribe", "translate", "train"]),
        ("asr prepare libri", ["librispeech", "libritts"]),
        ("asr transcribe --tra", ["--track"]),
        ("asr transcribe -f js", ["json"]),
        ("asr nothing x", []),
    ],
)
def test_completion(run, monkeypatch, words, found):
    monkeypatch.setenv("_ASR_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    assert run().out.split() == [f"plain,{word}" for word in found]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["transcribe", "https://example.org/a.mp3"], 4),
        (["info", "https://example.org/a.mp3"], 6),
        (["evaluate", "english", "https://example.org/a.mp3"], 5),
        (["prepare", "kaldi", "https://example.org/a.mp3"], 5),
        (["translate", "https://example.org/a.mp3"], 5),
    ],
)
def test_addresses_are_not_read(run, arguments, status):
    ended = run(*arguments)
    text = "https://example.org/a.mp3: addresses are not read; download it"
    assert ended.status == status
    assert f"error: {text}, and name the file\n" in ended.err
