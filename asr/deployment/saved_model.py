"""SavedModel of TensorFlow: encoder, decoder step and greedy search."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from asr.deployment import examples
from asr.deployment.contents import Contents, Tensor, phone_notes, write_phones
from asr.deployment.keras_functions import Function, KerasFunctions
from asr.storage.model_folder import LoadedModel

_ENCODE = "The memory that `step` reads, and log probabilities of CTC."
_CLASSIFY = "The log probability of each label, of a text or of each token."
_STEP = (
    "One step of the decoder: reads a token of each hypothesis, the start symbol (1) "
    "first. The state (`hidden`, `context`, `attention`) is zero before it; each "
    "`next_` output is the state of the next step."
)
_GREEDY = (
    "The text of each source by greedy search, without start and end; `scores` are log "
    "probabilities."
)


def write(source: Path, loaded: LoadedModel, folder: Path) -> Contents:
    """Write the SavedModel of a model; see `asr.deployment.onnx_files.write`.

    Raises:
        UsageError: Keras runs on another backend than TensorFlow.
    """
    keras_model = KerasFunctions(source, loaded)
    module = tf.Module()
    module.weights = [variable.value for variable in keras_model.model.variables]
    signatures, traced = [], {}
    for function in _functions(keras_model, loaded):
        concrete = traced[function.name] = function.concrete()
        setattr(module, function.name, concrete)
        signatures.append(
            function.signature(concrete.structured_outputs, keras_model.known)
        )
    tf.saved_model.save(module, str(folder), signatures=traced)
    files = {"saved_model.pb, variables/, fingerprint.pb": "the SavedModel"}
    return Contents(
        title="SavedModel",
        signatures=tuple(signatures),
        files={**files, **write_phones(folder, loaded)},
        packages=("numpy", "tensorflow", *examples.tokenizer_packages(loaded)),
        example=examples.saved_model(loaded),
        notes=(
            "Each function is an attribute of what `tf.saved_model.load` returns, with "
            "its inputs by position, and one of its `signatures`, by name.",
            *phone_notes(loaded),
        ),
    )


def _functions(keras_model: KerasFunctions, loaded: LoadedModel) -> list[Function]:
    dtype = "int32" if loaded.network.text else "float32"
    size = "T" if loaded.network.text else "N"
    source = (
        Tensor("source", dtype, ("B", size)),
        Tensor("source_lengths", "int32", ("B",)),
    )
    if not loaded.config.model.decoder.attends:
        return [Function("encode", _CLASSIFY, keras_model.encode, source)]
    step = keras_model.step_inputs("B", "K")
    return [
        Function("encode", _ENCODE, keras_model.encode, source),
        Function("step", _STEP, keras_model.step, step),
        Function("greedy", _GREEDY, keras_model.greedy, source),
    ]
