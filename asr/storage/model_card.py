"""Model cards: the README.md of a model folder, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# Facts with a place of their own; all others are amounts of training data.
_NAMED = {
    *("name", "parameters", "vocabulary", "epochs", "steps", "minutes", "start"),
    *("sources", "scores"),
}


def model_card(training: Mapping[str, Any]) -> str:
    """Write the card of a trained model.

    Args:
        training: `FolderConfig.training`.
    """
    amounts = ", ".join(
        f"{value:,} {name.replace('_', ' ')}"
        for name, value in training.items()
        if name not in _NAMED
    )
    scores = {
        name: f"{value:.4f}"
        for name, value in training["scores"].items()
        if isinstance(value, float)
    }
    start = training.get("start")
    started = f" Training started from the weights of `{start}`." if start else ""
    return f"""# {training["name"]}

Attention encoder-decoder with {training["parameters"]:,} parameters and
{training["vocabulary"]} tokens. Trained on {amounts} for {training["epochs"]} epochs,
{training["minutes"]} minutes.{started}
The licences of the training data apply to the model.

{_sources(training)}
Scores of the chosen epoch; those of the dev part with beam size 1:

{_table(("figure", "value"), scores.items())}"""


def language_model_card(training: Mapping[str, Any]) -> str:
    """Write the card of a trained language model.

    Args:
        training: `asr.language_model.storage.LanguageConfig.training`.
    """
    words = pronunciations = ""
    if training["words"]:
        words = f" and trigrams of the {training['words']:,} most frequent words"
    if training["lexicon"]:
        pronunciations = (
            f"\nPronunciations of {training['pronounced']:,} words are from "
            f"`{training['lexicon']}`."
        )
    return f"""# {training["name"]}

Character {training["order"]}-grams{words}, interpolated, modified Kneser-Ney;
{training["contexts"]:,} contexts. Trained on {training["texts"]:,} texts with
{training["characters"]:,} characters. The licences of the training data apply to the
model.{pronunciations}

{_sources(training)}
Scores on the dev part:

{_table(("figure", "value"), training["scores"].items())}"""


def _sources(training: Mapping[str, Any]) -> str:
    keys = ("path", "corpus", "subset")
    rows = ([source[key] for key in keys] for source in training["sources"])
    return _table(("training data", "corpus", "subset"), rows)


def _table(header: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return a Markdown table, one line a row."""
    lines = [[*header], ["---" for _ in header], *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
