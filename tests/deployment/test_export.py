"""asr export: what it finds, writes and refuses, in any format."""

from __future__ import annotations

import shutil
import sys

import pytest

import asr
from asr.cli.main import main
from asr.deployment import contents
from asr.errors import ModelError, OutputError, UsageError
from tests.exported_models import TEXT, write_random_model


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "run" / "model"
    folder.parent.mkdir()
    write_random_model(folder, TEXT, keras=False)
    return folder


def test_the_command_takes_a_run_and_an_empty_folder(model, tmp_path, capsys):
    output = tmp_path / "out"
    output.mkdir()
    arguments = [str(model.parent), "--format", "onnx", "--output", str(output)]
    assert main(["export", *arguments]) == 0
    assert capsys.readouterr().out == f"{output}\n"
    names = {"README.md", "tokens.json", "encoder.onnx", "decoder.onnx"}
    assert {path.name for path in output.iterdir()} == names | {"rescoring.onnx"}
    assert {path.name for path in tmp_path.iterdir()} == {"run", "out"}


def test_a_folder_with_a_file_is_refused(model, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("mine")
    with pytest.raises(OutputError, match="out: exists and is not empty; choose"):
        asr.export(model, "onnx", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]


def test_a_file_is_refused(model, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError, match="out: exists"):
        asr.export(model, "onnx", tmp_path / "out")


def test_a_failure_leaves_nothing(model, tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "LARGEST", 100)
    with pytest.raises(ModelError, match="bytes of weights do not fit"):
        asr.export(model, "onnx", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_unknown_format(model, tmp_path):
    with pytest.raises(UsageError, match="no format 'onx'; did you mean 'onnx'"):
        asr.export(model, "onx", tmp_path / "out")


def test_a_language_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no network to export; asr arpa exports"):
        asr.export("english-lm", "onnx", tmp_path / "out")


def test_a_damaged_model(model, tmp_path):
    shutil.copy(model / "README.md", model / "tokenizer.json")
    with pytest.raises(ModelError, match="damaged"):
        asr.export(model, "onnx", tmp_path / "out")


@pytest.mark.parametrize("name", ["savedmodel", "litert"])
def test_a_format_without_its_extra(name, model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    for module in ("keras_functions", "saved_model", "litert"):
        monkeypatch.delitem(sys.modules, f"asr.deployment.{module}", raising=False)
    with pytest.raises(UsageError, match=r"needs the package keras: pip install 'asr"):
        asr.export(model, name, tmp_path / "out")


def test_the_readme_says_what_is_not_exported(tmp_path):
    folder = asr.export("english", "onnx", tmp_path / "out")
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert "The language model `english-lm` is not in the export" in page
    assert "| out | `ctc` | float32 | (B, R, 31) |" in page
    assert "| in | `memory_values` | float32 | (B, S, 256) |" in page


def test_a_decoder_that_starts_from_the_encoder(tmp_path):
    folder = tmp_path / "model"
    write_random_model(folder, TEXT | {"decoder": {"start": "encoder"}}, keras=False)
    with pytest.raises(ModelError, match="starts from the encoder's state"):
        asr.export(folder, "onnx", tmp_path / "out")
