"""Small model folders with random weights, and runs of the example of an export."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asr
from asr.config.parsing import from_dict
from asr.config.schema import DecodingConfig, ModelConfig
from asr.decoding.beam_search import Tokens
from asr.inference.beam_search_decoder import BeamSearchDecoder
from asr.runtime.shapes import weight_shapes
from asr.storage.model_folder import (
    FolderConfig,
    LoadedModel,
    read_model,
    write_model,
)
from asr.tasks import TASKS
from asr.text.tokenizers import CharacterTokenizer, LabelTokenizer

SMALL = {
    "frontend": {"mels": 16},
    "text": {"embedding": 12, "longest": 20},
    "encoder": {"layers": 1, "units": 8, "filters": 10, "memory_units": 12},
    "decoder": {"units": 10, "embedding": 6},
    "attention": {"units": 8, "location_filters": 3, "location_width": 5, "heads": 2},
}
TEXT = {"encoder": {"convolutions": 0, "memory_stride": 1}, "ctc": False}
CLASSIFIER = {"decoder": {"kind": "pooling"}, "ctc": False}
LABELLER = {
    "decoder": {"kind": "labels"},
    "encoder": {"convolutions": 0, "stride": 1, "memory_stride": 1},
    "ctc": False,
}
PROGRAM = re.compile(r"```python\n(.*?)```", re.DOTALL)


def merged(tree: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return a nested dictionary with some of its values replaced."""
    both = dict(tree)
    for key, value in over.items():
        nested = isinstance(value, dict)
        both[key] = merged(tree.get(key, {}), value) if nested else value
    return both


def write_random_model(folder: Path, over: dict[str, Any], *, keras: bool) -> None:
    """Write a model folder; with `keras`, also the weights that only training needs."""
    config = from_dict(ModelConfig, merged(SMALL, over), "model")
    text = not config.ctc and config.encoder.memory_stride == 1
    tokenizer: Any = CharacterTokenizer(tuple(" ABCDEFGH"))
    name = "translation" if text else "speech_recognition"
    if config.decoder.kind == "pooling":
        name, tokenizer = "classification", LabelTokenizer(("one", "two", "three"))
    if config.decoder.kind == "labels":
        name = "restoration"
    task = TASKS[name](tokenizer, config, "none-1")
    random = np.random.default_rng(3)
    shapes = weight_shapes(config, task.vocabulary, text=text)
    weights = {
        path: (0.5 * random.normal(size=shape)).astype("float32")
        for path, shape in shapes.items()
    }
    # The end is not the first token of a text, but follows a label.
    biases = {"logits/bias": -4.0, "output_bias": -4.0, "following": 9.0}
    for path, bias in biases.items():
        if f"decoder/{path}" in weights:
            weights[f"decoder/{path}"][2] = bias
    if keras:
        from asr.storage.keras_model import build, weights_of

        weights = weights_of(build(task)) | weights
    write_model(
        folder,
        FolderConfig(
            task=name,
            normalizer="none-1",
            model=config,
            decoding=DecodingConfig(length_extra=5),
            training={"name": "random"},
        ),
        tokenizer=tokenizer.to_json(),
        weights=weights,
        card="# random\n",
    )


def sources_of(loaded: LoadedModel) -> tuple[np.ndarray, str]:
    """Return a source as an array, and the text of it for models of texts."""
    if loaded.network.text:
        return np.array([*loaded.task.tokenizer.encode("BAD HEAD"), 2]), "BAD HEAD"
    time = np.arange(9000) / 16000
    samples = 0.3 * np.sin(2 * np.pi * (300 + 900 * time) * time)
    return np.round(samples * 32768).astype("float32") / 32768, ""


def greedy_text(loaded: LoadedModel, source: np.ndarray) -> str:
    """Return the text that our own greedy search finds."""
    config = DecodingConfig(beam_size=1, ctc_weight=0.0, length_extra=5)
    special = Tokens(loaded.task.start, loaded.task.end)
    found = BeamSearchDecoder(loaded.network, special, config).hypotheses([source])
    return loaded.task.decode(found.tokens[0, 0, : found.lengths[0, 0]].tolist())


def program_of(folder: Path) -> str:
    """Return the example of a README.md."""
    (program,) = PROGRAM.findall((folder / "README.md").read_text(encoding="utf-8"))
    return str(program)


def argument_of(folder: Path, source: np.ndarray, text: str) -> str:
    """Return the argument of the example: the text, or a WAV file of the samples."""
    if text:
        return text
    path = folder.with_suffix(".wav")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(np.round(source * 32768).astype("<i2").tobytes())
    return str(path)


def run_example(folder: Path, source: np.ndarray, text: str) -> str:
    """Run the example in its folder, in a new process; return what it prints."""
    program = program_of(folder) + '\nassert "asr" not in sys.modules\n'
    ended = subprocess.run(
        [sys.executable, "-c", program, argument_of(folder, source, text)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout.removesuffix("\n")


def run_example_here(
    folder: Path, source: np.ndarray, text: str, patch: pytest.MonkeyPatch
) -> str:
    """Run the example in this process, which has imported TensorFlow already."""
    patch.setattr(sys, "argv", ["example", argument_of(folder, source, text)])
    patch.chdir(folder)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(program_of(folder), {})
    return printed.getvalue().removesuffix("\n")


def exported(kind: dict[str, Any], form: str, folder: Path) -> tuple[Path, LoadedModel]:
    """Write a random model of a kind and export it; return the export and the model."""
    write_random_model(folder / "model", kind, keras=True)
    output = asr.export(folder / "model", form, folder / "out")
    return output, read_model(folder / "model")
