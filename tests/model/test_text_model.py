"""The core reading texts: no CTC head, tied embeddings, copying, coverage."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from asr.config.schema import (
    AttentionConfig,
    AugmentConfig,
    DecoderConfig,
    DecodingConfig,
    EncoderConfig,
    FrontendConfig,
    ModelConfig,
    TextConfig,
    TrainConfig,
)
from asr.decoding.beam_search import Tokens
from asr.errors import RecipeError
from asr.inference.beam_search_decoder import BeamSearchDecoder
from asr.model.attention_variants import ATTENTIONS
from asr.model.frontend import LogMel
from asr.model.losses import cross_entropy
from asr.model.pointer_generator import coverage_loss
from asr.model.seq2seq import Seq2Seq
from asr.model.token_embedding import TokenEmbedding
from asr.runtime.network import Network
from asr.storage.keras_model import weights_of

SIZE = 9
CONFIG = ModelConfig(
    text=TextConfig(embedding=6, dropout=0.0),
    encoder=EncoderConfig(
        convolutions=0, layers=1, units=5, memory_units=8, memory_stride=1, dropout=0.0
    ),
    decoder=DecoderConfig(units=8, embedding=4, dropout=0.0, tied=True, copy=True),
    attention=AttentionConfig(
        units=4, location_filters=2, location_width=3, heads=2, window=2
    ),
    ctc=False,
)
LENGTHS = (7, 4, 2)


def build(config=CONFIG, seed=0):
    keras.utils.set_random_seed(seed)
    frontend = TokenEmbedding(config.text, SIZE, name="frontend")
    calm = AugmentConfig(frequency_masks=0, time_masks=0)
    return Seq2Seq(config, SIZE, frontend, augment=calm)


def decoder(model, config):
    """Search with the present weights of a model."""
    network = Network(CONFIG, weights_of(model), vocabulary=SIZE, text=True)
    return BeamSearchDecoder(network, Tokens(1, 2), config)


def batch(width=7):
    random = np.random.default_rng(2)
    source = random.integers(3, SIZE, (3, width)).astype("float32")
    source[np.arange(width) >= np.array(LENGTHS)[:, None]] = 0.0
    labels = np.array([[3, 5, 6, 2], [4, 2, 0, 0], [8, 8, 2, 0]], "int32")
    tokens = np.roll(labels, 1, axis=1)
    tokens[:, 0] = 1
    lengths = np.array(LENGTHS, "int32")
    inputs = {"source": source, "source_lengths": lengths, "tokens": tokens}
    return inputs, {"labels": labels, "label_lengths": np.array([4, 2, 3], "int32")}


def test_outputs():
    found = build()(batch()[0])
    assert set(found) == {"logits", "weights"}
    assert found["logits"].shape == (3, 4, SIZE)
    assert found["weights"].shape == (3, 4, 7)
    # Where it copies they are log probabilities.
    total = np.exp(found["logits"]).sum(axis=-1)
    np.testing.assert_allclose(total, 1.0, rtol=1e-5)


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_every_attention_serves(kind):
    config = replace(CONFIG, attention=replace(CONFIG.attention, kind=kind))
    model = build(config)
    inputs, targets = batch()
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    assert np.isfinite(model.train_on_batch(inputs, targets)).all()


def test_self_attention_reads_texts():
    encoder = replace(CONFIG.encoder, kind="self", units=4, heads=2)
    found = build(replace(CONFIG, encoder=encoder))(batch()[0])
    assert np.isfinite(found["logits"]).all()


def test_padding_and_neighbours_change_nothing():
    model = build()
    inputs, _ = batch()
    expected = model(inputs)["logits"]
    wider = {**inputs, "source": np.pad(inputs["source"], ((0, 0), (0, 5)))}
    np.testing.assert_allclose(model(wider)["logits"], expected, atol=1e-5)
    for row, length in enumerate(LENGTHS):
        alone = {name: value[row : row + 1] for name, value in inputs.items()}
        alone["source"] = alone["source"][:, :length]
        np.testing.assert_allclose(model(alone)["logits"][0], expected[row], atol=1e-5)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("copy", [True, False])
def test_switches(tied, copy):
    config = replace(CONFIG, decoder=replace(CONFIG.decoder, tied=tied, copy=copy))
    paths = {weight.path for weight in build(config).weights}
    assert ("decoder/logits/kernel" in paths) != tied
    assert ("decoder/output_bias" in paths) == tied
    assert ("decoder/gate/kernel" in paths) == copy


def test_the_gate_decides():
    """With the gate shut only tokens of the source can be written."""
    model = build()
    inputs, _ = batch()
    model(inputs)
    model.decoder.gate.bias.assign([-60.0])
    found = np.asarray(model(inputs)["logits"])
    for row, length in enumerate(LENGTHS):
        there = set(inputs["source"][row, :length].astype(int))
        for token in set(range(SIZE)) - there:
            assert (found[row, :, token] < -30).all()
        np.testing.assert_allclose(
            np.exp(found[row][:, sorted(there)]).sum(-1), 1, rtol=1e-4
        )


def test_the_loss_by_its_parts():
    model = build()
    inputs, targets = batch()
    outputs = model(inputs)
    model.loss_config = TrainConfig(coverage_weight=0.7, label_smoothing=0.0)
    found = model.compute_loss(None, targets, outputs, training=False)
    labels, lengths = targets["labels"], targets["label_lengths"]
    expected = cross_entropy(outputs["logits"], labels, lengths)
    expected += 0.7 * coverage_loss(outputs["weights"], lengths)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_search_is_bounded_by_the_recipe():
    model = build()
    inputs, _ = batch()
    model(inputs)
    model.decoder.gate.bias.assign([60.0])
    bias = np.zeros(SIZE)
    bias[2] = -50.0  # the end comes only where nothing else may
    model.decoder.output_bias.assign(bias)
    sources = [inputs["source"][row, :n] for row, n in enumerate(LENGTHS)]
    for ratio, extra, beam in ((1.5, 0, 1), (0.0, 4, 3), (2.0, 3, 2)):
        config = DecodingConfig(
            beam_size=beam, ctc_weight=0.0, length_ratio=ratio, length_extra=extra
        )
        found = decoder(model, config).hypotheses(sources)
        expected = [int(np.ceil(ratio * n)) + extra for n in LENGTHS]
        assert found.lengths[:, 0].tolist() == expected


@pytest.mark.parametrize("beam", [1, 3])
def test_search_follows_the_teacher_forced_model(beam):
    model = build(seed=4)
    inputs, _ = batch()
    sources = [inputs["source"][row, :n] for row, n in enumerate(LENGTHS)]
    config = DecodingConfig(beam_size=beam, ctc_weight=0.0, length_extra=3)
    found = decoder(model, config).hypotheses(sources)
    for row, source in enumerate(sources):
        written = found.tokens[row, 0, : found.lengths[row, 0]].tolist()
        outputs = model(
            {
                "source": source[None],
                "source_lengths": np.array([len(source)], "int32"),
                "tokens": np.array([[1, *written]], "int32"),
            }
        )
        logits = np.array(outputs["logits"][0])
        score = sum(logits[place, token] for place, token in enumerate([*written, 2]))
        np.testing.assert_allclose(found.scores[row, 0], score, rtol=1e-4)


def test_copying_needs_a_frame_for_each_token():
    with pytest.raises(RecipeError, match=r"model\.decoder\.copy"):
        build(replace(CONFIG, encoder=replace(CONFIG.encoder, memory_stride=2)))
    pooling = replace(CONFIG.decoder, kind="pooling")
    with pytest.raises(RecipeError, match="only the kinds gru and lstm"):
        build(replace(CONFIG, decoder=pooling))
    config = replace(CONFIG, frontend=FrontendConfig(mels=12))
    with pytest.raises(RecipeError, match=r"model\.decoder\.copy"):
        Seq2Seq(config, SIZE, LogMel(config.frontend, name="frontend"))
