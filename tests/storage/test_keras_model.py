"""Networks that start from the weights of a model folder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from asr.files import model_path
from asr.storage import keras_model
from asr.storage.model_folder import read_model


@pytest.mark.parametrize(("name", "copies"), [("title", True), ("pronounce", False)])
def test_the_gate_of_copying_may_be_added_or_removed(name, copies):
    folder = model_path(name)
    loaded = read_model(folder)
    stored = loaded.network.weights
    assert ("decoder/gate/kernel" in stored) is copies
    for wanted in (True, False):
        decoder = replace(loaded.task.model.decoder, copy=wanted)
        task = replace(loaded.task, model=replace(loaded.task.model, decoder=decoder))
        model = keras_model.build(task)
        keras_model.start_from(model, task, folder)
        started = keras_model.weights_of(model)
        assert ("decoder/gate/kernel" in started) is wanted
        for path in started.keys() & stored.keys():
            if stored[path].dtype.kind == "f":
                np.testing.assert_array_equal(started[path], stored[path])
