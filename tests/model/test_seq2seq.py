"""The whole model: invariances, its loss, mixed precision, and that it learns."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from asr.config.schema import AugmentConfig, DecodingConfig, TrainConfig
from asr.decoding.beam_search import Tokens
from asr.errors import RecipeError
from asr.inference.beam_search_decoder import BeamSearchDecoder
from asr.model.losses import cross_entropy, ctc
from asr.runtime.network import Network
from asr.storage.keras_model import weights_of
from tests.tiny_speech import CONFIG, tiny_speech_model

VOCABULARY = 8
LENGTHS = (9000, 4321, 6000)
MASKS = AugmentConfig(frequency_width=3, ramp_steps=0)
GREEDY = DecodingConfig(beam_size=1, ctc_weight=0.0)


def build(config=CONFIG, seed=0, **options):
    keras.utils.set_random_seed(seed)
    return tiny_speech_model(VOCABULARY, config, **options)


def decoder(model, config):
    """Search with the present weights of a model."""
    network = Network(CONFIG, weights_of(model), vocabulary=VOCABULARY, text=False)
    return BeamSearchDecoder(network, Tokens(1, 2), config)


def batch(recordings, width=None, targets=(5, 2, 3)):
    random = np.random.default_rng(1)
    lengths = np.array([len(samples) for samples in recordings], "int32")
    source = np.zeros((len(recordings), width or lengths.max()), "float32")
    labels = np.zeros((len(recordings), max(targets)), "int32")
    for row, samples in enumerate(recordings):
        source[row, : len(samples)] = samples
        count = targets[row]
        labels[row, : count - 1] = random.integers(3, VOCABULARY, count - 1)
        labels[row, count - 1] = 2
    tokens = np.roll(labels, 1, axis=1)
    tokens[:, 0] = 1
    inputs = {"source": source, "source_lengths": lengths, "tokens": tokens}
    label_lengths = np.array(targets[: len(recordings)], "int32")
    return inputs, {"labels": labels, "label_lengths": label_lengths}


@pytest.fixture(scope="module")
def recordings():
    random = np.random.default_rng(0)
    loudness = (0.1, 1.0, 0.001)
    return [
        (random.normal(size=length) * scale).astype("float32")
        for length, scale in zip(LENGTHS, loudness, strict=True)
    ]


@pytest.fixture(scope="module")
def model():
    model = build()
    random = np.random.default_rng(2)
    for weight in model.trainable_weights:  # far from the calm of initial weights
        weight.assign(weight + 0.2 * random.normal(size=weight.shape))
    return model


def outputs_of(model, inputs):
    """Outputs of each utterance without padding."""
    found = {name: np.asarray(value) for name, value in model(inputs).items()}
    rows = []
    for row, size in enumerate(found["ctc_lengths"]):
        memory = -(-size // CONFIG.encoder.memory_stride)
        rows.append(
            {
                "logits": found["logits"][row],
                "ctc_logits": found["ctc_logits"][row, :size],
                "weights": found["weights"][row, :, :memory],
            }
        )
    return rows


def test_shapes(model, recordings):
    found = model(batch(recordings)[0])
    frames = 1 + max(LENGTHS) // 160
    states = -(-frames // 4)
    assert found["logits"].shape == (3, 5, VOCABULARY)
    assert found["ctc_logits"].shape == (3, states, VOCABULARY)
    assert found["weights"].shape == (3, 5, -(-states // 2))
    assert found["ctc_lengths"].numpy().tolist() == [
        -(-(1 + length // 160) // 4) for length in LENGTHS
    ]


def test_padding_and_neighbours_change_nothing(model, recordings):
    inputs, _ = batch(recordings)
    expected = outputs_of(model, inputs)
    longer, _ = batch(recordings, width=max(LENGTHS) + 1234)
    variants = [outputs_of(model, longer)]
    alone = []
    for row, length in enumerate(LENGTHS):
        single = {name: value[row : row + 1] for name, value in inputs.items()}
        single["source"] = single["source"][:, :length]
        alone += outputs_of(model, single)
    for variant in (*variants, alone):
        for found, wanted in zip(variant, expected, strict=True):
            for name, value in wanted.items():
                np.testing.assert_allclose(found[name], value, atol=1e-5, err_msg=name)


def test_what_stands_in_the_padding_of_the_source_does_not_matter(model, recordings):
    inputs, _ = batch(recordings)
    noisy = dict(inputs)
    padding = np.arange(max(LENGTHS)) >= np.array(LENGTHS)[:, None]
    noisy["source"] = np.where(padding, 1.0, inputs["source"]).astype("float32")
    for name, value in model(inputs).items():
        np.testing.assert_array_equal(np.asarray(model(noisy)[name]), np.asarray(value))


# The last one has a prefix, but nothing that would make it begin with it.
@pytest.mark.parametrize(
    "config",
    [
        DecodingConfig(beam_size=3, n_best=2),
        GREEDY,
        DecodingConfig(beam_size=2, prefix="A"),
    ],
)
def test_search_knows_no_neighbours(model, recordings, config):
    search = decoder(model, config)
    together = search.hypotheses(recordings)
    for row, samples in enumerate(recordings):
        alone = search.hypotheses([samples])
        size = alone.tokens.shape[-1]
        best = config.n_best
        np.testing.assert_array_equal(
            together.lengths[row, :best], alone.lengths[0, :best]
        )
        np.testing.assert_array_equal(
            together.tokens[row, :best, :size], alone.tokens[0, :best]
        )
        np.testing.assert_allclose(
            together.scores[row, :best], alone.scores[0, :best], atol=1e-4
        )
        assert not together.tokens[row, :best, size:].any()


def test_greedy_search_follows_the_teacher_forced_model(model, recordings):
    """What search wrote, fed back as previous tokens, is what the model would write."""
    found = decoder(model, GREEDY).hypotheses(recordings)
    inputs, _ = batch(recordings)
    inputs["tokens"] = np.pad(found.tokens[:, 0], ((0, 0), (1, 0)), constant_values=1)
    logits = np.array(model(inputs)["logits"])
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    logits[..., :2] = -np.inf
    limits = np.asarray(model(inputs)["ctc_lengths"])
    for row, length in enumerate(found.lengths[:, 0]):
        tokens = [*found.tokens[row, 0, :length], 2]
        choices = logits[row].argmax(-1)[: length + 1]
        score = sum(log_probs[row, place, token] for place, token in enumerate(tokens))
        assert choices[:length].tolist() == tokens[:-1]
        assert length == limits[row] or choices[length] == 2
        assert found.scores[row, 0] == pytest.approx(score, abs=1e-3)


def test_the_loss_by_its_parts(recordings):
    model = build()
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    inputs, targets = batch(recordings)
    found = model(inputs)
    labels, lengths = targets["labels"], targets["label_lengths"]
    attention = cross_entropy(found["logits"], labels, lengths)
    characters = ctc(found["ctc_logits"], found["ctc_lengths"], labels, lengths - 1)
    for weight in (0.0, 0.3, 1.0):
        model.loss_config = TrainConfig(ctc_weight=weight, label_smoothing=0.0)
        loss = model.compute_loss(inputs, targets, found, training=True)
        expected = (1 - weight) * float(attention) + weight * float(characters)
        assert float(loss) == pytest.approx(expected, rel=1e-5)
    model.loss_config = TrainConfig(ctc_weight=0.3, label_smoothing=0.0)
    logs = model.evaluate(inputs, targets, verbose=0, return_dict=True)
    assert logs["attention_loss"] == pytest.approx(float(attention), rel=1e-4)
    assert logs["ctc_loss"] == pytest.approx(float(characters), rel=1e-4)


def test_phones_have_half_of_the_ctc_loss(recordings):
    model = build(replace(CONFIG, phones=("A", "B", "C")))
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    inputs, targets = batch(recordings)
    targets["phones"] = np.array([[1, 2, 3], [3, 0, 0], [2, 2, 0]], "int32")
    targets["phone_lengths"] = np.array([3, 1, 2], "int32")
    found = model(inputs)
    assert found["phone_logits"].shape == (*found["ctc_logits"].shape[:2], 4)
    labels, lengths = targets["labels"], targets["label_lengths"]
    frames = found["ctc_lengths"]
    characters = ctc(found["ctc_logits"], frames, labels, lengths - 1)
    phones = ctc(
        found["phone_logits"], frames, targets["phones"], targets["phone_lengths"]
    )
    model.loss_config = TrainConfig(ctc_weight=0.5, label_smoothing=0.0)
    logs = model.evaluate(inputs, targets, verbose=0, return_dict=True)
    assert logs["ctc_loss"] == pytest.approx(float(characters), rel=1e-4)
    assert logs["phone_loss"] == pytest.approx(float(phones), rel=1e-4)
    both = (logs["ctc_loss"] + logs["phone_loss"]) / 2
    expected = 0.5 * logs["attention_loss"] + 0.5 * both
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)


def test_phones_need_the_characters():
    with pytest.raises(RecipeError, match=r"model\.phones: only beside model\.ctc"):
        build(replace(CONFIG, ctc=False, phones=("A",)))


def test_smoothing_starts_late_and_only_in_training(recordings):
    model = build()
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    model.loss_config = TrainConfig(
        ctc_weight=0.0, label_smoothing=0.2, smoothing_start=1
    )
    inputs, targets = batch(recordings)
    found = model(inputs)
    plain, smooth = (
        float(cross_entropy(found["logits"], *targets.values(), smoothing))
        for smoothing in (0.0, 0.2)
    )
    assert plain != pytest.approx(smooth, rel=1e-4)

    def loss(training):
        return float(model.compute_loss(inputs, targets, found, training=training))

    assert loss(training=True) == pytest.approx(plain, rel=1e-5)
    model.masking.batches.assign(2)  # the first batch and this one
    assert loss(training=True) == pytest.approx(smooth, rel=1e-5)
    assert loss(training=False) == pytest.approx(plain, rel=1e-5)
    model.loss_config = replace(model.loss_config, accumulate=3)
    assert loss(training=True) == pytest.approx(plain, rel=1e-5)
    model.masking.batches.assign(4)  # the three of the first update and this one
    assert loss(training=True) == pytest.approx(smooth, rel=1e-5)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(model, recordings, precision):
    inputs, targets = batch(recordings)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        mixed = build()
    finally:
        keras.config.set_dtype_policy(before)
    assert [w.path for w in mixed.weights] == [w.path for w in model.weights]
    mixed.set_weights(model.get_weights())
    found, expected = mixed(inputs), model(inputs)
    for name in ("logits", "ctc_logits", "weights"):
        assert found[name].dtype == "float32"
        np.testing.assert_allclose(found[name], expected[name], atol=0.15)
    assert {weight.dtype for weight in mixed.trainable_weights} == {"float32"}
    mixed.compile(optimizer=keras.optimizers.SGD(1e-3))
    logs = mixed.train_on_batch(inputs, targets, return_dict=True)
    assert np.isfinite(logs["loss"])


def test_masks_and_dropout_only_in_training(recordings):
    config = replace(CONFIG, encoder=replace(CONFIG.encoder, dropout=0.3))
    model = build(config, augment=MASKS)
    inputs, _ = batch(recordings)
    calm = np.asarray(model(inputs)["logits"])
    model(inputs, training=True)  # the ramp begins with nothing
    first, second = (
        np.asarray(model(inputs, training=True)["logits"]) for _ in range(2)
    )
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(np.asarray(model(inputs)["logits"]), calm)


def test_the_seed_decides(recordings):
    inputs, _ = batch(recordings)
    config = replace(CONFIG, encoder=replace(CONFIG.encoder, dropout=0.3))
    found = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(0)
        model = tiny_speech_model(VOCABULARY, config, augment=MASKS, seed=seed)
        found.append(np.asarray(model(inputs, training=True)["logits"]))
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.allclose(found[0], found[2])


def test_it_learns_two_recordings_by_heart(recordings):
    """Attention and CTC both, through training as it really is, to the last letter."""
    model = build(seed=3)
    model.compile(optimizer=keras.optimizers.Adam(0.02))
    model.loss_config = TrainConfig(ctc_weight=0.5, label_smoothing=0.0)
    inputs, targets = batch(recordings[:2], targets=(4, 3))
    first = model.train_on_batch(inputs, targets, return_dict=True)
    for _ in range(120):
        last = model.train_on_batch(inputs, targets, return_dict=True)
    for name in ("attention_loss", "ctc_loss"):
        assert last[name] < 0.1 * first[name] + 0.5, name
    for config in (DecodingConfig(beam_size=2), GREEDY):
        found = decoder(model, config).hypotheses(recordings[:2])
        for row, count in enumerate((3, 2)):
            assert found.lengths[row, 0] == count
            expected = targets["labels"][row, :count]
            np.testing.assert_array_equal(found.tokens[row, 0, :count], expected)
