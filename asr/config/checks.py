"""Rules between the keys of a recipe; nothing is looked up or read."""

from __future__ import annotations

from asr.config.schema import FrontendConfig, Recipe
from asr.errors import RecipeError

_FRONTEND_GB = 4.0
_TRANSFORM_BYTES = 24  # of each sample of a Fourier transform, in training


def check_keys(recipe: Recipe, *, text: bool = False) -> None:
    """Refuse a recipe whose keys contradict each other.

    Args:
        recipe: A recipe of a network; language models have other rules.
        text: Whether the sources of its task are texts.

    Raises:
        RecipeError: The message names the keys and what to set.
    """
    model, augment, decoding = recipe.model, recipe.augment, recipe.decoding
    phones, phone_weight = model.phones, decoding.phone_weight
    ctc_weight = recipe.train.ctc_weight
    ctc_only = model.ctc and ctc_weight == 1
    encoder, decoder, attention = model.encoder, model.decoder, model.attention
    products = attention.kind in ("luong", "local", "hard")
    needed = frontend_gb(model.frontend, recipe.data.batch_length)
    untrained = "train.ctc_weight: with 1 the decoder is not trained; set "
    rules = {
        "model.ctc: texts have no CTC head; set it to false": text and model.ctc,
        "augment: rooms, noise and telephone must be 0 for texts":
            text and any((augment.rooms, augment.noise, augment.telephone)),
        f"model.frontend: takes {needed:.0f} GB for a batch, more than "
        f"{_FRONTEND_GB:.0f}; raise hop_ms, or lower rate, window_ms or "
        "data.batch_length": not text and needed > _FRONTEND_GB,
        f"model.encoder.filters: {len(encoder.channels)} numbers for "
        f"{encoder.convolutions} convolutions; give each one":
            len(encoder.channels) != encoder.convolutions,
        f"model.attention.heads: {attention.heads} heads do not divide "
        f"model.attention.units, {attention.units}":
            attention.kind == "multi_head" and attention.units % attention.heads,
        f"model.attention.score: for dot, frames of the memory must have the size "
        f"model.decoder.units, {decoder.units}, got {encoder.memory_size}; change "
        "model.encoder.memory_units, or use general":
            products and attention.score == "dot"
            and decoder.units != encoder.memory_size,
        "model.attention: sutskever shows the decoder nothing but its first state; "
        "set model.decoder.start to encoder":
            attention.kind == "sutskever" and decoder.start == "zeros",
        "train.ctc_weight: with 0 the CTC head is not trained; set model.ctc to false":
            model.ctc and not ctc_weight,
        "model.phones and data.lexicon: set both or neither":
            bool(phones) != bool(recipe.data.lexicon),
        "model.phones: needs the CTC head; set model.ctc to true":
            phones and not model.ctc,
        "model.phones: each phone must be listed once": len(set(phones)) < len(phones),
        "train.crf_weight: must be 0 without model.phones":
            recipe.train.crf_weight and not phones,
        "decoding.phone_weight: must be 0 without model.phones":
            phone_weight and not phones,
        f"{untrained}decoding.phone_weight to 0 or 1":
            ctc_only and 0 < phone_weight < 1,
        f"{untrained}decoding.ctc_weight to 1 too":
            ctc_only and decoding.ctc_weight < 1,
    }  # fmt: skip
    for message, broken in rules.items():
        if broken:
            raise RecipeError(message)


def frontend_gb(config: FrontendConfig, seconds: float) -> float:
    """Return the memory of the transforms of a batch in GB, as TensorFlow holds them.

    Args:
        config: Rates and sizes.
        seconds: Length of the batch.
    """
    frames = seconds * config.rate / config.hop
    return frames * config.fft_size * _TRANSFORM_BYTES / 1e9
