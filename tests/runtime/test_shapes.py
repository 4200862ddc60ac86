"""The shapes that the runtime asks for are those of the Keras weights."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asr.config.schema import AttentionConfig, EncoderConfig, ModelConfig
from asr.errors import ModelError, RecipeError
from asr.runtime.network import Network
from asr.runtime.shapes import weight_shapes
from tests.runtime.test_network import KINDS, made, merged

POOLING = {"decoder": {"kind": "pooling"}, "ctc": False}


@pytest.mark.parametrize("kind", [*KINDS, "pooling"])
def test_shapes_are_those_of_keras(kind):
    tree = KINDS.get(kind, POOLING)
    if kind != "luong dot":  # it needs equal sizes
        sizes = {"encoder": {"memory_units": 14}, "attention": {"units": 10}}
        tree = merged(sizes, tree)
    model, network = made(tree)
    expected = {
        weight.path: tuple(weight.shape)
        for weight in model.weights
        if not weight.path.startswith("augment/")
    }
    vocabulary = expected["decoder/logits/bias" if kind != "tied" else "ctc/bias"][0]
    found = weight_shapes(network.config, vocabulary, text=network.text)
    assert found == expected


def test_wrong_weights():
    _, network = made("phones")

    def load(**changes):
        arrays = {
            name: array
            for name, array in (network.weights | changes).items()
            if array is not None
        }
        Network(network.config, arrays, vocabulary=10, text=False)

    load()
    kernel = network.weights["ctc/kernel"]
    with pytest.raises(ModelError, match="not of a model of this shape: ctc/kernel"):
        load(**{"ctc/kernel": None})
    with pytest.raises(ModelError, match="not of a model of this shape: attic"):
        load(attic=kernel)
    message = r"ctc/kernel has shape \(10, 16\), but the model needs \(16, 10\)"
    with pytest.raises(ModelError, match=message):
        load(**{"ctc/kernel": kernel.T})


def test_invalid_sizes():
    with pytest.raises(RecipeError, match=r"attention\.kind: unknown 'bahdanu'.*'bah"):
        weight_shapes(
            ModelConfig(attention=AttentionConfig(kind="bahdanu")), 9, text=False
        )
    attention = AttentionConfig(kind="multi_head", units=6, heads=4)
    with pytest.raises(RecipeError, match=r"attention\.heads: 4 heads do not divide 6"):
        weight_shapes(ModelConfig(attention=attention), 9, text=False)
    encoder = replace(EncoderConfig(kind="self", units=3), heads=4)
    with pytest.raises(RecipeError, match=r"encoder\.heads: 4 heads do not divide 6"):
        weight_shapes(ModelConfig(encoder=encoder), 9, text=False)
