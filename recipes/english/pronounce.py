"""Write the pronunciation lexicon of english/phones, and add it to english-lm.

    curl -LO https://raw.githubusercontent.com/cmusphinx/cmudict/master/cmudict.dict
    sudo apt install espeak-ng
    python recipes/english/pronounce.py cmudict.dict \
        runs/english-fewer-masks/train.jsonl --language-model runs/english-lm/model \
        --output "$ASR_DATA"/text/lexicon.txt --spoken english-lm

Writes the entries of CMUdict, then entries of the words that it lacks. A possessive
gets the phones of its noun and an S. Any other word gets the phones of espeak-ng,
mapped to the nearest ones of CMUdict. `--spoken` writes a copy of the language model
whose words have these pronunciations.
"""

# ruff: noqa: RUF001 - letters of the phonetic alphabet
from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click

from asr.data.manifest import read_manifest
from asr.errors import AsrError, DataError
from asr.language_model.model import LanguageModel, phone_lexicon
from asr.language_model.storage import (
    LanguageConfig,
    load_language_model,
    write_language_model,
)
from asr.storage.model_folder import read_card, read_config
from asr.text.normalizers import normalizer
from asr.text.pronunciation import Lexicon, Phones, read_lexicon, write_lexicon

# IPA of the American voice of espeak-ng; longer symbols are tried first.
SOUNDS = {
    "tʃ": "CH", "dʒ": "JH", "aɪə": "AY AH", "aɪɚ": "AY ER", "aɪ": "AY", "aʊ": "AW",
    "ɔɪ": "OY", "oʊ": "OW", "eɪ": "EY", "ɑːɹ": "AA R", "ɔːɹ": "AO R", "oːɹ": "AO R",
    "ɛɹ": "EH R", "ɪɹ": "IH R", "ʊɹ": "UH R", "ɜː": "ER", "ɚ": "ER", "iə": "IY AH",
    "əl": "AH L", "i": "IY", "ɪ": "IH", "ɛ": "EH", "æ": "AE", "ʌ": "AH", "ə": "AH",
    "ɐ": "AH", "ʊ": "UH", "u": "UW", "ɔ": "AO", "oː": "AO", "ɑ": "AA", "a": "AE",
    "o": "OW", "e": "EH", "ᵻ": "IH", "ŋ": "NG", "ʃ": "SH", "ʒ": "ZH", "θ": "TH",
    "ð": "DH", "j": "Y", "ɹ": "R", "r": "R", "ɡ": "G", "ɾ": "T", "ʔ": "T", "x": "K",
    "l": "L", "n": "N", "m": "M", "p": "P", "b": "B", "t": "T", "d": "D", "k": "K",
    "f": "F", "v": "V", "s": "S", "z": "Z", "h": "HH", "w": "W", "ɬ": "L", "ç": "HH",
}  # fmt: skip
SOUND = re.compile("|".join(sorted(SOUNDS, key=len, reverse=True)))
SIBILANTS, VOICELESS = {"S", "Z", "SH", "ZH", "CH", "JH"}, {"P", "T", "K", "F", "TH"}


def with_s(phones: Phones) -> Phones:
    """Return the phones of a possessive from those of its noun."""
    if phones[-1] in SIBILANTS:
        return (*phones, "IH", "Z")
    return (*phones, "S" if phones[-1] in VOICELESS else "Z")


def spoken_by_espeak(words: list[str]) -> list[Phones]:
    """Return the phones that espeak-ng gives for words."""
    if not words:
        return []
    if not shutil.which("espeak-ng"):
        raise DataError("not installed: espeak-ng")
    command = ["espeak-ng", "-q", "--ipa", "-v", "en-us"]
    text = "".join(f"{word.lower()}\n" for word in words)
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DataError(f"{' '.join(command)}: {done.stderr.strip()}")
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    if len(lines) != len(words):  # a word gave no line, or two: ask for each alone
        if len(words) == 1:
            return [()]
        half = len(words) // 2
        return [*spoken_by_espeak(words[:half]), *spoken_by_espeak(words[half:])]
    found = (SOUND.findall(re.sub("[ˈˌ]", "", line)) for line in lines)
    return [tuple(" ".join(map(SOUNDS.get, sounds)).split()) for sounds in found]


def pronounce(words: Iterable[str], lexicon: dict[str, tuple[Phones, ...]]) -> None:
    """Add the pronunciations of words that a lexicon lacks."""
    others = []
    for word in words:
        noun = word.removesuffix("'S")
        if noun != word and noun in lexicon:
            lexicon[word] = tuple(with_s(phones) for phones in lexicon[noun])
        else:
            others.append(word)
    for word, phones in zip(others, spoken_by_espeak(others), strict=True):
        if phones:
            lexicon[word] = (phones,)


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
        pronounce(sorted(words - lexicon.keys()), lexicon)
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
