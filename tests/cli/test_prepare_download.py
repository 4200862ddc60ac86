"""asr prepare --download: corpora from the net."""

from __future__ import annotations

import hashlib
import io
import tarfile

import numpy as np
import pytest
import soundfile

from asr.corpora import obtain
from asr.corpora.download import Archive
from asr.corpora.obtain import Source
from asr.data.manifest import read_manifest


def librispeech(*names: str) -> bytes:
    """Return an archive in LibriSpeech's layout with a clip in each subset."""
    sound = io.BytesIO()
    soundfile.write(sound, np.zeros(8000), 16000, format="FLAC")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in names:
            folder = f"LibriSpeech/{name}/84/121"
            for path, content in (
                ("LibriSpeech/README.TXT", b"read me"),
                (f"{folder}/84-121-0000.flac", sound.getvalue()),
                (f"{folder}/84-121.trans.txt", b"84-121-0000 GO\n"),
            ):
                info = tarfile.TarInfo(path)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def online(https_server, monkeypatch):
    """Serve two subsets under the addresses of the corpus."""
    https_server.content = librispeech("dev-clean")
    digest = hashlib.sha256(https_server.content).hexdigest()
    url = f"{https_server.base}/dev-clean.tar.gz"
    archive = Archive(url, len(https_server.content), f"sha256:{digest}")
    unknown = Archive(f"{https_server.base}/other.tar.gz")
    table = {"dev-clean": Source(archive, 1), "other": Source(unknown, 1)}
    monkeypatch.setattr(obtain, "sources", lambda _: table)
    return https_server


def test_a_corpus_is_fetched_checked_and_prepared(run, online, tmp_path):
    root = tmp_path / "LibriSpeech"
    prepare = ("prepare", "librispeech", root, "--download", "-o", tmp_path)
    ended = run(*prepare, "--subset", "dev-clean")
    assert (ended.status, ended.err) == (0, "")
    (utterance,) = read_manifest(tmp_path / "dev-clean.jsonl")
    assert (utterance.text, utterance.duration) == ("GO", 0.5)
    assert sorted(path.name for path in root.iterdir()) == ["README.TXT", "dev-clean"]
    # A second time nothing is asked for.
    asked = len(online.asked)
    assert run(*prepare, "--subset", "dev-clean").status == 0
    assert len(online.asked) == asked


def test_without_checksum_only_on_demand(run, online, tmp_path):
    online.content = librispeech("other")
    prepare = ("prepare", "librispeech", tmp_path / "corpus", "--download")
    prepare = (*prepare, "--subset", "other", "-o", tmp_path)
    ended = run(*prepare)
    assert (ended.status, ended.out) == (5, "")
    assert "--no-verify" in ended.err
    assert run(*prepare, "--no-verify").status == 0
    assert (tmp_path / "other.jsonl").exists()


def test_what_is_not_the_archive_leaves_nothing(run, online, tmp_path):
    online.content = b"<html>moved</html>"
    root = tmp_path / "corpus"
    ended = run("prepare", "librispeech", root, "--download", "--subset", "dev-clean")
    assert ended.status == 5
    assert ended.err.splitlines()[-1].startswith("error: dev-clean.tar.gz: cannot be")
    assert not any(root.rglob("*"))


def test_what_has_no_address_is_told(run, tmp_path, monkeypatch):
    monkeypatch.setenv("ASR_DATA", str(tmp_path))
    speech = "{corpus: kaldi, path: speech/mine, subset: train}"
    texts = "{corpus: pairs, path: text/mine, subset: dev}"
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"data: {{train: [{speech}], dev: [{texts}]}}")
    ended = run("run", recipe, "--download", "--output", tmp_path / "out")
    assert (ended.status, ended.out) == (5, "")
    assert f"{tmp_path}/speech/mine: train has no download address" in ended.err
    assert f"{tmp_path}/text/mine: pairs has no download address" in ended.err
