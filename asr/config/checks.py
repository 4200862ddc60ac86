"""Rules between the keys of a recipe; nothing is looked up or read."""

from __future__ import annotations

from asr.config.schema import Recipe
from asr.errors import RecipeError


def check_keys(recipe: Recipe, *, text: bool = False) -> None:
    """Refuse a recipe whose keys contradict each other.

    Args:
        recipe: A recipe of a network; language models have other rules.
        text: Whether the sources of its task are texts.

    Raises:
        RecipeError: The message names the keys and what to set.
    """
    for broken, message in _rules(recipe, text=text):
        if broken:
            raise RecipeError(message)


def _rules(recipe: Recipe, *, text: bool) -> list[tuple[bool, str]]:
    """Return each rule as a condition that breaks it, and its message."""
    model, augment, decoding = recipe.model, recipe.augment, recipe.decoding
    phones, phone_weight = model.phones, decoding.phone_weight
    ctc_weight = recipe.train.ctc_weight
    ctc_only = model.ctc and ctc_weight == 1
    untrained = "train.ctc_weight: with 1 the decoder is not trained; set "
    return [
        (text and model.ctc, "model.ctc: texts have no CTC head; set it to false"),
        (
            text and any((augment.rooms, augment.noise, augment.telephone)),
            "augment: rooms, noise and telephone must be 0 for texts",
        ),
        (
            model.ctc and not ctc_weight,
            "train.ctc_weight: with 0 the CTC head is not trained; set model.ctc to "
            "false",
        ),
        (
            bool(phones) != bool(recipe.data.lexicon),
            "model.phones and data.lexicon: set both or neither",
        ),
        (
            bool(phones) and not model.ctc,
            "model.phones: needs the CTC head; set model.ctc to true",
        ),
        (
            len(set(phones)) < len(phones),
            "model.phones: each phone must be listed once",
        ),
        (
            bool(phone_weight) and not phones,
            "decoding.phone_weight: must be 0 without model.phones",
        ),
        (
            ctc_only and 0 < phone_weight < 1,
            f"{untrained}decoding.phone_weight to 0 or 1",
        ),
        (
            ctc_only and decoding.ctc_weight < 1,
            f"{untrained}decoding.ctc_weight to 1 too",
        ),
    ]
