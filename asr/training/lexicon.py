"""Pronunciations of the words that a model with a head of phones is trained on."""

from __future__ import annotations

from collections.abc import Collection

from asr.config.schema import Recipe
from asr.errors import DataError, quoted
from asr.files import bundled_models, data_directory
from asr.inference.pronouncer import pronounce
from asr.language_model.storage import load_language_model
from asr.text.normalizers import normalizer
from asr.text.pronunciation import Lexicon, inventory, read_lexicon


def lexicon_of(recipe: Recipe) -> Lexicon:
    """Read `data.lexicon` of a recipe; empty where there is none.

    Raises:
        DataError: The lexicon cannot be read, or has phones that the recipe lacks.
    """
    name = recipe.data.lexicon
    if not name:
        return {}
    if name in bundled_models():
        words = load_language_model(name).words
        lexicon = words.pronunciations if words else {}
    else:
        normalize = normalizer(recipe.data.normalizer)
        lexicon = read_lexicon(data_directory() / name, normalize)
    if unknown := sorted(inventory(lexicon) - set(recipe.model.phones)):
        raise DataError(f"{name}: {quoted(unknown[0])} is not among model.phones")
    return lexicon


def pronunciations(recipe: Recipe, words: Collection[str]) -> Lexicon:
    """Return the pronunciations of words; see `lexicon_of`.

    The bundled `pronounce` says the words that a bundled language model lacks. A file
    is taken as it is.
    """
    known = lexicon_of(recipe)
    used = {word: known[word] for word in sorted(words) if word in known}
    if recipe.data.lexicon in bundled_models():
        lacking = sorted(set(words) - used.keys())
        used |= pronounce(lacking, recipe.model.phones, count=1)
    return used
