"""asr serve: what it refuses before it starts."""

from __future__ import annotations

import socket

import pytest

pytest.importorskip("uvicorn", reason="the server needs the extra serve")


def test_others_are_let_in_with_a_token_only(run):
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.com"):
        ended = run("serve", "--host", host)
        assert ended.status == 2
        assert ended.err.startswith(f"error: --host {host} lets others in")


def test_a_token_that_is_none(run, tmp_path):
    path = tmp_path / "token"
    assert run("serve", "--token", path).status == 2
    for text in ("short", "0123456789 abcdef", "é" * 20, "a" * 201):
        path.write_text(text)
        ended = run("serve", "--token", path)
        assert ended.status == 2
        assert "a token has 16 to 200 letters" in ended.err


def test_models_that_are_none(run):
    ended = run("serve", "--models", "english,englsh")
    assert (ended.status, "did you mean 'english'?" in ended.err) == (6, True)
    ended = run("serve", "--models", "english-lm")
    assert (ended.status, "no use for the task" in ended.err) == (2, True)
    ended = run("serve", "--models", "english,english")
    assert (ended.status, "two models named english" in ended.err) == (2, True)


def test_a_port_that_is_taken(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = run("serve", "--port", taken.getsockname()[1])
    assert ended.status == 2
    assert "cannot listen on '127.0.0.1':" in ended.err


def test_without_the_extra(run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "uvicorn", None)
    ended = run("serve")
    assert ended.status == 2
    assert "asr-attention[serve]" in ended.err
