"""The examples of docs/server.md, run as they stand; the Dockerfile and the unit."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
import sys

import click
import pytest

from asr.cli.main import cli
from asr.cli.serve import command
from asr.deployment.server.listen import _PARAMETERS
from asr.deployment.server.request_form import _FIELDS
from tests.server_process import RIVER

LOCAL = "127.0.0.1:8000"


@pytest.fixture(scope="module")
def text(root) -> str:
    return (root / "docs" / "server.md").read_text(encoding="utf-8")


def examples(text: str, kind: str) -> list[str]:
    found = re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found
    return found


def run(program: list[str], server, root) -> str:
    here = [part.replace(LOCAL, server.url.removeprefix("http://")) for part in program]
    done = subprocess.run(here, capture_output=True, text=True, cwd=root, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; the examples of its language need it")
    return found


def test_shell(server, root, text):
    program("curl")
    curls = [it for it in examples(text, "sh") if it.startswith("curl")]
    plain, stream, translated = (run(["sh", "-c", it], server, root) for it in curls)
    assert json.loads(plain)["text"] == RIVER
    assert (
        stream.rstrip().splitlines()[-1].startswith('data: {"type": "transcript.text.')
    )
    values, (shown,) = json.loads(translated), map(json.loads, examples(text, "json"))
    assert values["text"] == shown["text"]
    (part,), (shown_part,) = values["parts"], shown["parts"]
    assert part.keys() == shown_part.keys()
    assert part["attention"].keys() == shown_part["attention"].keys()


def test_python(server, root, text):
    client, live = examples(text, "python")
    assert run([sys.executable, "-c", client], server, root).strip() == RIVER
    lines = run([sys.executable, "-c", live], server, root).splitlines()
    assert lines[0] == "ready "
    assert lines[-2:] == [f"segment {RIVER}", "done "]


def test_javascript(server, root, text):
    (example,) = examples(text, "javascript")
    node = [program("node"), "--input-type=module", "-e", example]
    assert run(node, server, root).strip().endswith(RIVER)


def test_tables_are_complete(text):
    for name in (*_FIELDS, *_PARAMETERS):
        assert f"`{name}" in text
    own = re.sub(r"^.*docker run.*$", "", text, flags=re.MULTILINE)
    options = set(re.findall(r"--[a-z][a-z-]*", own))
    known = {name for it in command.params for name in it.opts} | {"--hotwords"}
    assert options <= known
    assert {it for it in known if it.startswith("--max")} <= options


def context_of(arguments):
    """Parse arguments of `asr serve`; click keeps the names of --help that it sees."""
    parent = click.Context(cli, **cli.context_settings)
    return command.make_context("serve", arguments, parent=parent)


def test_the_container_runs_an_own_command(root):
    lines = (root / "Dockerfile").read_text(encoding="utf-8").splitlines()
    (start,) = (it.removeprefix("CMD ") for it in lines if it.startswith("CMD "))
    program, name, *arguments = json.loads(start)
    assert (program, name) == ("asr", "serve")
    context = context_of(arguments)
    assert context.params["host"] == "0.0.0.0"
    assert "USER asr" in lines
    ignored = (root / ".dockerignore").read_text(encoding="utf-8").split()
    copied = {"asr", "data", "recipes", "pyproject.toml", "README.md", "LICENSE"}
    assert copied.isdisjoint(ignored)


def test_the_unit(text):
    unit = configparser.ConfigParser()
    unit.optionxform = str
    unit.read_string(examples(text, "ini")[0])
    program, name, *arguments = unit["Service"]["ExecStart"].split()
    assert (program.rpartition("/")[2], name) == ("asr", "serve")
    context_of(arguments)
    # systemd waits longer than the server does for its requests.
    assert int(unit["Service"]["TimeoutStopSec"]) > 20
