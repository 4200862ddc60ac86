"""Addresses of workers, from options and from TF_CONFIG."""

from __future__ import annotations

import json

import pytest

from asr.errors import UsageError
from asr.training.cluster import Cluster, from_environment

HOSTS = ("node1:2222", "10.0.0.2:2222", "[fe80::1]:2222")


def test_addresses():
    assert Cluster("jax", HOSTS, 2).hosts == HOSTS


@pytest.mark.parametrize(
    ("hosts", "rank", "message"),
    [
        (("node1",), 0, "must be HOST:PORT, got 'node1'"),
        (("node1:0",), 0, "must be HOST:PORT, got 'node1:0'"),
        (("node1:99999",), 0, "must be HOST:PORT"),
        (("http://node1:80",), 0, "must be HOST:PORT"),
        (("a:1", "a:1"), 0, "must differ, got a:1,a:1"),
        (("a:1", "b:1"), 2, "must be from 0 to 1, got 2"),
    ],
)
def test_addresses_that_are_none(hosts, rank, message):
    with pytest.raises(UsageError, match=message):
        Cluster("tensorflow", hosts, rank)


def configure(monkeypatch, cluster, kind, index):
    config = {"cluster": cluster, "task": {"type": kind, "index": index}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))


@pytest.mark.parametrize(
    ("kind", "index", "rank"), [("chief", 0, 0), ("worker", 0, 1), ("worker", 1, 2)]
)
def test_the_chief_is_the_first_worker(monkeypatch, kind, index, rank):
    cluster = {"worker": ["b:1", "c:1"], "chief": ["a:1"]}
    configure(monkeypatch, cluster, kind, index)
    found = from_environment("tensorflow")
    assert found == Cluster("tensorflow", ("a:1", "b:1", "c:1"), rank)


def test_without_the_variable(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(UsageError, match="needs --hosts and --rank, or the variable"):
        from_environment("jax")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"cluster": {}, "task": {}}'])
def test_a_variable_of_another_form(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UsageError, match="TF_CONFIG must be"):
        from_environment("jax")


def test_tasks_that_do_not_train(monkeypatch):
    configure(monkeypatch, {"worker": ["a:1"], "ps": ["b:1"]}, "ps", 0)
    with pytest.raises(UsageError, match="must be chief or worker, got 'ps'"):
        from_environment("tensorflow")
