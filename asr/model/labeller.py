"""Labels of all memory frames, with the interface of the decoder."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from asr.arrays import Tensor
from asr.config.schema import ModelConfig
from asr.errors import RecipeError
from asr.model.batch_share import Dropout
from asr.model.decoder import Decoder


class LabelDecoder(keras.layers.Layer):
    """Labels every memory frame by itself: one affine layer, no previous labels.

    It has the interface of `Decoder`: the label of frame i is token i, so training and
    scoring work as for every task, and the attention of token i is frame i alone.

    Args:
        config: `decoder.labels`, the number of labels with the special tokens, and
            `decoder.dropout`, before the output layer.
        vocabulary: Number of source tokens; unused.
        seed: Seed of the dropout.

    Raises:
        RecipeError: The memory has no frame for each element of the source.

    Call arguments and returns: see `Decoder`; there is a label for each frame, U = S.
    """

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: int,  # noqa: ARG002 - as `Decoder`
        *,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype="float32", **kwargs)
        encoder, self.vocabulary = config.encoder, config.decoder.labels
        if encoder.reduction * encoder.memory_stride > 1:
            raise RecipeError(
                "model.decoder.kind: labels need a memory frame for each token; set "
                "encoder.stride and encoder.memory_stride to 1"
            )
        layers, exact = keras.layers, {"dtype": "float32"}
        self.output_layer = layers.Dense(self.vocabulary, name="logits", **exact)
        self.dropout = Dropout(config.decoder.dropout, seed=seed, dtype="float32")

    def build(self, tokens_shape: Any, memory_shape: Any, *_: Any) -> None:  # noqa: ARG002 - Keras shapes
        """Create the weights."""
        self.output_layer.build((None, None, memory_shape[-1]))

    compute_output_spec = Decoder.compute_output_spec

    def call(
        self,
        tokens: Tensor,
        memory: Tensor,
        memory_lengths: Tensor,  # noqa: ARG002 - as `Decoder`
        training: bool = False,
    ) -> tuple[Any, Any]:
        """See the class."""
        logits = self.output_layer(self.dropout(memory, training=training))
        count, frames = ops.shape(tokens)[1], ops.shape(memory)[1]
        weights = ops.cast(ops.arange(count)[:, None] == ops.arange(frames), "float32")
        return logits[:, :count], weights + ops.zeros_like(logits[:, :count, :1])
