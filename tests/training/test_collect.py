"""Data of a run: what is said where they are missing."""

from __future__ import annotations

import pytest

from asr.config.schema import DataConfig, Recipe, SourceConfig
from asr.errors import DataError
from asr.training.collect import collect


@pytest.mark.parametrize("part", ["train", "dev", "withhold"])
def test_missing_data_name_asr_data_and_the_download(tmp_path, monkeypatch, part):
    (tmp_path / "an4").mkdir()
    gone = SourceConfig("speech/gone", "an4", "train")
    recipe = Recipe(data=DataConfig(**{part: (gone,)}))
    monkeypatch.setenv("ASR_DATA", str(tmp_path))
    with pytest.raises(DataError) as caught:
        collect(recipe, tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/speech/gone: no such file or folder; ASR_DATA names {tmp_path}, "
        "or let `asr run RECIPE --download` fetch it"
    )
    monkeypatch.delenv("ASR_DATA")
    with pytest.raises(DataError, match="set ASR_DATA to the folder of your data, or"):
        collect(recipe, tmp_path)


def test_data_without_an_address_have_no_download(tmp_path, monkeypatch):
    monkeypatch.setenv("ASR_DATA", str(tmp_path))
    recipe = Recipe(data=DataConfig(train=(SourceConfig("gone.jsonl"),)))
    with pytest.raises(DataError, match=rf"ASR_DATA names {tmp_path}$"):
        collect(recipe, tmp_path)


def test_data_that_are_there_keep_their_error(tmp_path, monkeypatch):
    monkeypatch.setenv("ASR_DATA", str(tmp_path))
    (tmp_path / "an4").mkdir()
    recipe = Recipe(data=DataConfig(train=(SourceConfig("an4", "an4", "train"),)))
    with pytest.raises(DataError, match=r"not a corpus of the kind an4$"):
        collect(recipe, tmp_path)
