"""Write the pronunciation lexicon of english/phones.

    curl -LO https://raw.githubusercontent.com/cmusphinx/cmudict/master/cmudict.dict
    sudo apt install espeak-ng
    python recipes/english/pronounce.py cmudict.dict \
        runs/english-fewer-masks/train.jsonl --language-model runs/books/model \
        --output "$ASR_DATA"/text/lexicon.txt

Writes the entries of CMUdict, then entries of the words that it lacks. A possessive
gets the phones of its noun and an S. Any other word gets the phones of espeak-ng,
mapped to the nearest ones of CMUdict.
"""

# ruff: noqa: RUF001 - letters of the phonetic alphabet
from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import click

from asr.data.manifest import read_manifest
from asr.errors import AsrError, DataError
from asr.language_model.storage import load_language_model
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


def synthesised(word: str) -> Phones:
    """Return the phones that espeak-ng gives for a word."""
    command = ["espeak-ng", "-q", "--ipa", "-v", "en-us", word.lower()]
    if not shutil.which("espeak-ng"):
        raise DataError("not installed: espeak-ng")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DataError(f"{' '.join(command)}: {done.stderr.strip()}")
    sounds = SOUND.findall(re.sub("[ˈˌ]", "", done.stdout))
    return tuple(" ".join(SOUNDS[sound] for sound in sounds).split())


def pronounced(word: str, lexicon: Lexicon) -> tuple[Phones, ...]:
    """Return the pronunciations of a word that the lexicon lacks."""
    noun = word.removesuffix("'S")
    if noun != word and noun in lexicon:
        return tuple(with_s(phones) for phones in lexicon[noun])
    return (synthesised(word),)


@click.command(help=__doc__)
@click.argument("cmudict", type=click.Path(exists=True, path_type=Path))
@click.argument("manifests", type=click.Path(exists=True, path_type=Path), nargs=-1)
@click.option("--language-model", multiple=True, help="Add the words of this model.")
@click.option("--output", type=click.Path(path_type=Path), required=True)
def main(
    cmudict: Path,
    manifests: Iterable[Path],
    language_model: Iterable[str],
    output: Path,
) -> None:
    """Write the lexicon."""
    normalize = normalizer("librispeech-1")
    try:
        lexicon = dict(read_lexicon(cmudict, normalize))
        words = {
            word
            for path in manifests
            for entry in read_manifest(path)
            for word in normalize(entry.text or "").split()
        }
        for name in language_model:
            known = load_language_model(name).words
            words.update(known.vocabulary if known else ())
        missing = []
        for word in sorted(words - lexicon.keys()):
            if pronunciations := tuple(filter(None, pronounced(word, lexicon))):
                lexicon[word] = pronunciations
            else:
                missing.append(word)
        write_lexicon(output, lexicon)
    except AsrError as error:
        raise click.ClickException(str(error)) from error
    if missing:
        click.echo(f"no pronunciation: {' '.join(missing)}", err=True)
    click.echo(f"{output}: {len(lexicon):,} words")


if __name__ == "__main__":
    main()
