"""One harness for every layer of the model.

A test class inherits from `LayerChecks` and says how its layer is made, fed and read;
the checks are the same for all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from asr.config.parsing import from_dict, to_dict
from asr.config.schema import AttentionConfig
from asr.model.attention_variants import build_attention
from asr.model.ops import sequence_mask


class LayerChecks:
    """What must hold of any layer.

    Attributes:
        config: Dataclass from which `make` builds the layer.
        lengths: Length of each example.
        tolerance: Largest difference that rounding may make.
        coarse: Largest difference that mixed precision may make.
    """

    config: Any
    lengths: Sequence[int]
    tolerance = 1e-5
    coarse = 0.1

    def make(self, config: Any) -> keras.layers.Layer:
        """Return a fresh layer."""
        raise NotImplementedError

    def example(self, random: np.random.Generator, length: int) -> np.ndarray:
        """Return one unpadded example, its length first."""
        raise NotImplementedError

    def call(
        self,
        layer: keras.layers.Layer,
        padded: np.ndarray,
        lengths: np.ndarray,
        **options: Any,
    ) -> tuple[Sequence[Any], Sequence[np.ndarray | None]]:
        """Run a padded batch.

        Returns:
            Output tensors, batch first, and for each the real lengths of its second
            axis, or None where all of it is real.
        """
        raise NotImplementedError

    # --- what subclasses inherit

    def examples(self) -> list[np.ndarray]:
        random = np.random.default_rng(7)
        return [
            np.asarray(self.example(random, length), "float32")
            for length in self.lengths
        ]

    def outputs(
        self, layer: keras.layers.Layer, examples: Sequence[np.ndarray], extra: int = 0
    ) -> list[list[np.ndarray]]:
        """Run examples as one batch, and cut the padding off each one's outputs."""
        lengths = np.array([len(example) for example in examples], "int32")
        padded = np.zeros(
            (len(examples), lengths.max() + extra, *examples[0].shape[1:]), "float32"
        )
        for row, example in enumerate(examples):
            padded[row, : len(example)] = example
        tensors, real = self.call(layer, padded, lengths)
        return [
            [
                np.asarray(tensor)[row][: None if size is None else int(size[row])]
                for tensor, size in zip(tensors, real, strict=True)
            ]
            for row in range(len(examples))
        ]

    def assert_equal(self, found: Any, expected: Any, tolerance: float) -> None:
        for ours, theirs in zip(found, expected, strict=True):
            for one, other in zip(ours, theirs, strict=True):
                assert one.shape == other.shape
                np.testing.assert_allclose(one, other, atol=tolerance)

    def randomised(self, seed: int = 3) -> keras.layers.Layer:
        """A built layer all of whose weights, biases too, are random."""
        layer = self.make(self.config)
        self.outputs(layer, self.examples())
        random = np.random.default_rng(seed)
        for weight in layer.trainable_weights:
            weight.assign(random.normal(size=weight.shape) * 0.3)
        return layer

    def test_config_round_trip(self):
        stored = json.loads(json.dumps(to_dict(self.config)))
        config = from_dict(type(self.config), stored)
        assert config == self.config
        names = []
        for one in (self.config, config):
            layer = self.make(one)
            self.outputs(layer, self.examples())
            # The first part of a path is the layer's own name, which Keras counts up.
            names.append(
                [(w.path.partition("/")[2], tuple(w.shape)) for w in layer.weights]
            )
        assert names[0] == names[1]
        assert len({path for path, _ in names[0]}) == len(names[0])

    def test_weights_make_the_layer(self):
        layer, other = self.randomised(3), self.randomised(4)
        other.set_weights([np.array(weight) for weight in layer.get_weights()])
        examples = self.examples()
        self.assert_equal(
            self.outputs(other, examples), self.outputs(layer, examples), tolerance=0.0
        )

    def test_padding_changes_nothing(self):
        layer, examples = self.randomised(), self.examples()
        expected = self.outputs(layer, examples)
        for extra in (1, 6):
            self.assert_equal(
                self.outputs(layer, examples, extra), expected, self.tolerance
            )

    def test_neighbours_change_nothing(self):
        layer, examples = self.randomised(), self.examples()
        together = self.outputs(layer, examples)
        alone = [self.outputs(layer, [example])[0] for example in examples]
        self.assert_equal(together, alone, self.tolerance)

    def test_mixed_precision(self):
        examples, layer = self.examples(), self.randomised()
        expected = self.outputs(layer, examples)
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            mixed = self.make(self.config)
            self.outputs(mixed, examples)
        finally:
            keras.config.set_dtype_policy(before)
        mixed.set_weights(layer.get_weights())
        found = self.outputs(mixed, examples)
        for outputs in found:
            for output in outputs:
                assert output.dtype == np.float32
        for weight in mixed.trainable_weights:
            assert weight.dtype == "float32"
        self.assert_equal(found, expected, self.coarse)

    def test_gradients_reach_all_weights(self):
        layer = self.randomised()
        if not layer.trainable_weights:
            return
        examples = self.examples()
        width = max(self.lengths)
        padded = np.stack(
            [
                np.pad(e, ((0, width - len(e)), *[(0, 0)] * (e.ndim - 1)))
                for e in examples
            ]
        )
        with tf.GradientTape() as tape:
            tensors, _ = self.call(
                layer, padded, np.array(self.lengths, "int32"), training=True
            )
            loss = sum(
                tf.reduce_sum(tf.sin(tf.cast(tensor, "float32"))) for tensor in tensors
            )
        gradients = tape.gradient(loss, [w.value for w in layer.trainable_weights])
        for weight, gradient in zip(layer.trainable_weights, gradients, strict=True):
            assert gradient is not None, weight.path
            values = np.asarray(tf.convert_to_tensor(gradient))
            assert np.isfinite(values).all(), weight.path
            assert values.any(), weight.path


class AttentionChecks(LayerChecks):
    """The same for attentions: an example is a memory, looked at twice.

    Attributes:
        query_units: Size of the query.
        memory_units: Size of the memory.
    """

    config: AttentionConfig
    lengths = (9, 4, 2)
    query_units: int
    memory_units: int

    def make(self, config: AttentionConfig) -> keras.layers.Layer:
        layer = build_attention(config)
        layer.build((None, self.query_units), (None, None, self.memory_units))
        return layer

    def example(self, random: np.random.Generator, length: int) -> np.ndarray:
        return random.normal(size=(length, self.memory_units))

    def call(self, layer, padded, lengths, **_):
        prepared = layer.prepare(
            tf.constant(padded), sequence_mask(lengths, padded.shape[1])
        )
        state = layer.initial_state(prepared, 1)
        values = np.sin(np.arange(self.query_units) + 0.5).astype("float32")
        query = tf.tile(values[None, None], (len(padded), 1, 1))
        _, _, state = layer.attend(query, prepared, state)
        context, weights, state = layer.attend(query, prepared, state)
        outputs, real = (context, tf.transpose(weights, (0, 2, 1))), (None, lengths)
        if state.shape[-1] == padded.shape[1]:  # it is of the frames as well
            return (*outputs, tf.transpose(state, (0, 2, 1))), (*real, lengths)
        return outputs, real
