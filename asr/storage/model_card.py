"""The README of a model folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OTHER = {
    "name",
    "parameters",
    "vocabulary",
    "epochs",
    "steps",
    "minutes",
    "start",
    "sources",
    "scores",
}


def model_card(training: Mapping[str, Any]) -> str:
    """Return the card of a freshly trained model, in Markdown.

    Args:
        training: The facts of `FolderConfig.training`.
    """
    amounts = ", ".join(
        f"{value:,} {name.replace('_', ' ')}"
        for name, value in training.items()
        if name not in _OTHER
    )
    scores = "\n".join(
        f"| {name} | {value:.4f} |"
        for name, value in training["scores"].items()
        if isinstance(value, float)
    )
    start = training.get("start")
    begun = f" It went on from `{start}`." if start else ""
    return f"""# {training["name"]}

Attention encoder-decoder, {training["parameters"]:,} parameters,
{training["vocabulary"]} tokens. Trained on {amounts} for {training["epochs"]} epochs,
{training["minutes"]} minutes.{begun}
A model inherits duties from the licences of its data.

| training data | corpus | subset |
| --- | --- | --- |
{_sources(training)}

Scores of the epoch it comes from; those of the dev part with a beam of one:

| figure | value |
| --- | --- |
{scores}
"""


def language_model_card(training: Mapping[str, Any]) -> str:
    """Return the card of a freshly trained language model, in Markdown.

    Args:
        training: The facts of `asr.language_model.storage.LanguageConfig.training`.
    """
    found = training["scores"].items()
    scores = "\n".join(f"| {name} | {value} |" for name, value in found)
    words = said = ""
    if training["words"]:
        words = f" and trigrams of the {training['words']:,} most frequent words"
    if training["lexicon"]:
        said = (
            f"\nIt knows how {training['pronounced']:,} words sound, as "
            f"`{training['lexicon']}` tells it."
        )
    return f"""# {training["name"]}

Character {training["order"]}-grams{words}, interpolated, modified Kneser-Ney;
{training["contexts"]:,} contexts. Counted in {training["texts"]:,} texts of
{training["characters"]:,} characters. A model inherits duties from the licences of its
data.{said}

| training data | corpus | subset |
| --- | --- | --- |
{_sources(training)}

Scores on the dev part:

| figure | value |
| --- | --- |
{scores}
"""


def _sources(training: Mapping[str, Any]) -> str:
    return "\n".join(
        f"| {source['path']} | {source['corpus']} | {source['subset']} |"
        for source in training["sources"]
    )
