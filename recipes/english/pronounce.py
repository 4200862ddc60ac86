"""Write the pronunciation lexicon of train.py, and add it to english-lm.

    curl -LO https://raw.githubusercontent.com/cmusphinx/cmudict/master/cmudict.dict
    python recipes/english/pronounce.py cmudict.dict \
        runs/english/base/train.jsonl --language-model runs/english-lm/model \
        --output "$ASR_DATA"/text/lexicon.txt --spoken english-lm

Writes the entries of CMUdict, then entries of the words that it lacks. A possessive
gets the phones of its noun and an S. Any other word gets the phones of the bundled
model `pronounce`. `--spoken` writes a copy of the language model whose words have these
pronunciations.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click

from asr.data.manifest import read_manifest
from asr.errors import AsrError, DataError
from asr.inference.pronouncer import pronounce
from asr.language_model.model import LanguageModel, phone_lexicon
from asr.language_model.storage import (
    LanguageConfig,
    load_language_model,
    write_language_model,
)
from asr.storage.model_folder import read_card, read_config
from asr.text.normalizers import normalizer
from asr.text.pronunciation import (
    Lexicon,
    Phones,
    inventory,
    read_lexicon,
    write_lexicon,
)

SIBILANTS, VOICELESS = {"S", "Z", "SH", "ZH", "CH", "JH"}, {"P", "T", "K", "F", "TH"}


def with_s(phones: Phones) -> Phones:
    """Return the phones of a possessive from those of its noun."""
    if phones[-1] in SIBILANTS:
        return (*phones, "IH", "Z")
    return (*phones, "S" if phones[-1] in VOICELESS else "Z")


def add_words(words: Iterable[str], lexicon: dict[str, tuple[Phones, ...]]) -> None:
    """Add the pronunciations of words that a lexicon lacks."""
    others = []
    for word in words:
        noun = word.removesuffix("'S")
        if noun != word and noun in lexicon:
            lexicon[word] = tuple(with_s(phones) for phones in lexicon[noun])
        else:
            others.append(word)
    lexicon.update(pronounce(others, inventory(lexicon), 1))


def add_to_model(folder: Path, lexicon: Lexicon, output: Path) -> None:
    """Write a copy of a language model whose words have pronunciations."""
    model, config = load_language_model(folder), read_config(folder)
    if model.words is None:
        raise DataError(f"{folder}: has no words")
    own = phone_lexicon(model.words.vocabulary, lexicon)
    words = replace(model.words, lexicon=own)
    training = config.training | {"pronounced": len(words.pronunciations)}
    language = LanguageConfig(
        normalizer=config.normalizer, language=config.language, training=training
    )
    model = LanguageModel(model.tokenizer, model.normalizer, model.ngrams, words)
    write_language_model(output, model, language, read_card(folder))


@click.command(help=__doc__)
@click.argument("cmudict", type=click.Path(exists=True, path_type=Path))
@click.argument("manifests", type=click.Path(exists=True, path_type=Path), nargs=-1)
@click.option("--language-model", type=click.Path(exists=True, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), required=True)
@click.option("--spoken", type=click.Path(path_type=Path))
def main(
    cmudict: Path,
    manifests: Iterable[Path],
    language_model: Path | None,
    output: Path,
    spoken: Path | None,
) -> None:
    """Write the lexicon, and the language model with it."""
    normalize = normalizer("librispeech-1")
    try:
        lexicon = dict(read_lexicon(cmudict, normalize))
        words = {
            word
            for path in manifests
            for entry in read_manifest(path)
            for word in normalize(entry.text or "").split()
        }
        if language_model:
            known = load_language_model(language_model).words
            words.update(known.vocabulary if known else ())
        add_words(sorted(words - lexicon.keys()), lexicon)
        write_lexicon(output, lexicon)
        if language_model and spoken:
            add_to_model(language_model, lexicon, spoken)
    except AsrError as error:
        raise click.ClickException(str(error)) from error
    if missing := sorted(words - lexicon.keys()):
        click.echo(f"no pronunciation: {' '.join(missing)}", err=True)
    click.echo(f"{output}: {len(lexicon):,} words")


if __name__ == "__main__":
    main()
