"""AN4 and the Sphinx layout."""

from __future__ import annotations

import pytest

from asr.corpora.an4 import AN4
from asr.data.manifest import Utterance
from asr.data.text_files import DamagedRow
from asr.errors import DataError


@pytest.fixture
def root(tmp_path, text, clip):
    ids = [f"x_clstk/s{n:02}/a-s{n:02}-b" for n in range(21)]
    lines = [f"<s> WORD({n}) YES </s> (a-s{n:02}-b)" for n in range(21)]
    text(tmp_path / "etc/an4_train.fileids", "\n".join(ids) + "\n")
    text(tmp_path / "etc/an4_train.transcription", "\n".join(lines) + "\n")
    text(tmp_path / "etc/an4_test.fileids", "t/u/c\nlone\n")
    text(tmp_path / "etc/an4_test.transcription", "GO HOME (t/u/c)\n\n (lone)\n")
    clip(tmp_path / "wav/t/u/c.flac")
    return tmp_path


def test_official_subsets(root):
    assert AN4.subsets(root) == ["test", "train", "train-own", "dev-own"]
    assert list(AN4.read(root, "test")) == [
        Utterance(root / "wav/t/u/c.flac", "GO HOME", speaker="u", lang="en", id="c"),
        Utterance(root / "wav/lone.wav", "", lang="en", id="lone"),
    ]
    train = list(AN4.read(root, "train"))
    assert len(train) == 21
    assert train[3].text == "WORD(3) YES"


def test_own_split_is_by_speaker(root):
    dev = list(AN4.read(root, "dev-own"))
    train = list(AN4.read(root, "train-own"))
    assert [u.speaker for u in dev] == ["s00", "s10", "s20"]
    assert {u.speaker for u in train}.isdisjoint(u.speaker for u in dev)
    assert len(train) + len(dev) == 21


def test_without_train_there_is_nothing_to_split(root):
    (root / "etc/an4_train.fileids").unlink()
    assert AN4.subsets(root) == ["test"]
    with pytest.raises(DataError, match="no subset 'dev-own' here; it has test"):
        list(AN4.read(root, "dev-own"))


@pytest.mark.parametrize(
    ("transcription", "says"),
    [
        ("GO (c)\n", r"transcription: fewer lines than an4_test"),
        ("GO (c)\n(lone)\n(more)\n", r"fileids: fewer lines than an4_test"),
    ],
)
def test_malformed_transcription(root, text, transcription, says):
    text(root / "etc/an4_test.transcription", transcription)
    with pytest.raises(DataError, match=says):
        list(AN4.read(root, "test"))


@pytest.mark.parametrize(
    ("transcription", "place"),
    [
        ("GO (t/u/c)\nYES\n", "transcription:2: not `words (lone)`"),
        ("GO (other)\n (lone)\n", "transcription:1: not `words (c)`"),
    ],
)
def test_a_malformed_line_is_one_row(root, text, transcription, place):
    text(root / "etc/an4_test.transcription", transcription)
    rows = list(AN4.rows(root, "test"))
    (damaged,) = [row for row in rows if isinstance(row, DamagedRow)]
    assert str(damaged).endswith(place)
    assert len(rows) == 2


def test_missing_transcription(root):
    (root / "etc/an4_test.transcription").unlink()
    with pytest.raises(DataError, match=r"cannot read .*an4_test\.transcription"):
        list(AN4.read(root, "test"))


def test_real_an4(speech_data):
    root = speech_data / "an4"
    counts = {name: len(list(AN4.read(root, name))) for name in AN4.subsets(root)}
    assert counts == {"test": 130, "train": 948, "train-own": 850, "dev-own": 98}
    first = next(AN4.read(root, "train"))
    assert (first.text, first.speaker, first.id) == ("YES", "fash", "an251-fash-b")
    test = {u.speaker for u in AN4.read(root, "test")}
    assert test.isdisjoint(u.speaker for u in AN4.read(root, "train"))
