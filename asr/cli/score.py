"""`asr score`: one file of texts against another."""

from __future__ import annotations

import json
from pathlib import Path

import click

from asr.cli import options
from asr.score_files import FORMS, pair, read_texts
from asr.scoring import SCORERS
from asr.text import normalizer as normalizer_of


@click.command(epilog="Example: asr score reference.trn hypothesis.trn --json")
@click.argument("reference", type=click.Path(path_type=Path))
@click.argument("hypothesis", type=click.Path(path_type=Path))
@click.option(
    "--metric",
    type=click.Choice(list(SCORERS)),
    default="wer",
    show_default=True,
    help="Error rates; BLEU and chrF (translation); ROUGE (summaries).",
)
@click.option(
    "--form",
    type=click.Choice(list(FORMS)),
    help="How the files are written.  [default: each guessed from its content]",
)
@options.normalizer("none-1", "What both texts go through before they are compared.")
@click.option(
    "--allow-extra", is_flag=True, help="Leave out hypotheses without a reference."
)
@options.as_json
def command(
    reference: Path,
    hypothesis: Path,
    metric: str,
    form: str | None,
    normalizer: str,
    allow_extra: bool,
    as_json: bool,
) -> None:
    """Score the texts of HYPOTHESIS against those of REFERENCE.

    Lines are paired by utterance; a missing hypothesis counts as empty. Files are in
    one of the forms trn, jsonl (a manifest or predictions), kaldi and lines.
    """
    pairs = pair(
        read_texts(reference, form=form),
        read_texts(hypothesis, form=form, predicted=True),
        allow_extra=allow_extra,
    )
    normal = normalizer_of(normalizer)
    result = SCORERS[metric](
        [normal(text) for text in pairs.references],
        [normal(text) for text in pairs.hypotheses],
    )
    if as_json:
        written = {
            **result.to_json(),
            "normalizer": normalizer,
            "missing": len(pairs.missing),
            "extra": len(pairs.extra),
        }
        click.echo(json.dumps(written))
        return
    click.echo(result.summary())
    click.echo(f"normalizer {normalizer}; {pairs.policy()}")
