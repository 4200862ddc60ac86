"""Checks of a recipe before training."""

from __future__ import annotations

from asr.config.schema import Recipe
from asr.errors import RecipeError
from asr.model.attention_variants import attention_class
from asr.text.normalizers import normalizer
from asr.training.collect import task_of


def check_phones(recipe: Recipe) -> None:
    """Refuse phones that cannot be taught, or that a search misses.

    Raises:
        RecipeError: The message names the keys.
    """
    if bool(recipe.model.phones) != bool(recipe.data.lexicon):
        raise RecipeError("model.phones and data.lexicon: the one needs the other")
    phones, weight = recipe.model.phones, recipe.decoding.phone_weight
    if phones and not recipe.model.ctc:
        raise RecipeError("model.phones: only beside model.ctc")
    if len(set(phones)) < len(phones):
        raise RecipeError("model.phones: names one of them twice")
    if weight and not phones:
        raise RecipeError("decoding.phone_weight: there are no model.phones")
    if 0 < weight < 1 and recipe.train.ctc_weight == 1:
        raise RecipeError(
            "train.ctc_weight: 1 leaves the decoder as it is; set "
            "decoding.phone_weight to 0 or 1"
        )


def check_names(recipe: Recipe) -> None:
    """Look up what a recipe calls by name, before anything is read.

    Raises:
        RecipeError: There is no such task, normaliser or attention.
    """
    task_of(recipe)
    normalizer(recipe.data.normalizer)
    attention_class(recipe.model.attention.kind)
