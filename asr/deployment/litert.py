"""LiteRT (once TensorFlow Lite) files of a model: encoder and decoder step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from asr.audio.mel import mel_filters
from asr.deployment import examples
from asr.deployment.contents import (
    Contents,
    Tensor,
    check_size,
    phone_notes,
    write_phones,
)
from asr.deployment.keras_functions import Function, KerasFunctions
from asr.errors import ModelError
from asr.files import atomic_write
from asr.runtime.frontend import LogMel
from asr.storage.model_folder import LoadedModel

_ENCODER = (
    "The memory that the decoder reads, and log probabilities of CTC. Resize its input "
    "to the length of the source."
)
_CLASSIFIER = "The log probability of each label. Resize its input as needed."
_DECODER = (
    "One step: reads the last token, the start symbol (1) first. The state (`hidden`, "
    "`context`, `attention`) is zero before it; each `next_` output is that of the "
    "next step. Resize its inputs to the frames of the memory."
)


def write(source: Path, loaded: LoadedModel, folder: Path) -> Contents:
    """Write the LiteRT files of a model; see `asr.deployment.onnx_files.write`.

    Raises:
        ModelError: LiteRT lacks an operation of the model, or the weights are too
            large for a file.
        UsageError: Keras runs on another backend than TensorFlow.
    """
    if loaded.config.model.attention.kind == "hard":
        raise ModelError(
            f"{source}: LiteRT lacks operations of the attention hard; use onnx or "
            "savedmodel"
        )
    check_size(source, loaded)
    keras_model = KerasFunctions(source, loaded)
    signatures = []
    for function in _functions(keras_model, loaded):
        concrete = function.concrete()
        with atomic_write(folder / function.name, "wb") as file:
            file.write(_converted(concrete, keras_model.model))
        known = {**keras_model.known, "B": 1, "K": 1}
        signatures.append(function.signature(concrete.structured_outputs, known))
    return Contents(
        title="LiteRT",
        signatures=tuple(signatures),
        files=_write_filters(folder, loaded) | write_phones(folder, loaded),
        packages=("numpy", "ai-edge-litert", *examples.tokenizer_packages(loaded)),
        example=examples.litert(loaded),
        notes=(
            "One source at a time. A search with several hypotheses runs the decoder "
            "once for each.",
            "The names of inputs are those of the signature `serving_default`.",
            *phone_notes(loaded),
        ),
    )


def _functions(keras_model: KerasFunctions, loaded: LoadedModel) -> list[Function]:
    lengths = Tensor("lengths", "int32", (1,))
    call: Callable[..., Any]
    if loaded.network.text:
        source = Tensor("source", "int32", (1, "T"))

        def call(source: Any, lengths: Any) -> Any:
            return keras_model.encode(source, lengths)

    else:
        mels = loaded.config.model.frontend.mels
        source = Tensor("features", "float32", (1, "T", mels))
        call = keras_model.encoder_outputs
    inputs = source, lengths
    if not loaded.config.model.decoder.attends:
        return [Function("encoder.tflite", _CLASSIFIER, call, inputs)]
    step = keras_model.step_inputs(1, 1)
    return [
        Function("encoder.tflite", _ENCODER, call, inputs),
        Function("decoder.tflite", _DECODER, keras_model.step, step),
    ]


def _converted(concrete: Any, model: Any) -> bytes:
    """Convert a traced function to the content of a file."""
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    # Loops over frames become loops of LiteRT, without operations of TensorFlow.
    converter._experimental_lower_tensor_list_ops = True
    return bytes(converter.convert())


def _write_filters(folder: Path, loaded: LoadedModel) -> dict[str, str]:
    """Write what turns samples into features, where sources are samples."""
    if loaded.network.text:
        return {}
    config = loaded.task.model.frontend
    filters = mel_filters(config.rate, LogMel(config).fft_size, config.mels)
    with atomic_write(folder / "mel_filters.npy", "wb") as file:
        np.save(file, filters)
    return {"mel_filters.npy": "mel filters, float32, a column for each band"}
