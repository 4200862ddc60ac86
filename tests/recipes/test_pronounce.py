"""`recipes/english/pronounce.py`: the pronunciation lexicon."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from asr.data.manifest import Utterance, write_manifest
from asr.text.normalizers import normalizer
from asr.text.pronunciation import phones_of, read_lexicon
from tests.script_module import script_module

pronounce = script_module("english/pronounce.py")
CMUDICT = "the DH AH0\nthe(2) DH IY0\ncat K AE1 T\nfox F AA1 K S\ndog D AO1 G\n"


def written(folder: Path, text: str):
    (folder / "cmudict").write_text(CMUDICT)
    write_manifest(folder / "train.jsonl", [Utterance(Path("a.wav"), text, 1.0)])
    output = folder / "lexicon.txt"
    names = [str(folder / name) for name in ("cmudict", "train.jsonl")]
    return CliRunner().invoke(pronounce.main, [*names, "--output", str(output)]), output


def test_possessives_get_the_phones_of_their_noun(tmp_path: Path) -> None:
    result, output = written(tmp_path, "The cat's, the fox's, the's dog's")
    assert result.output == f"{output}: 8 words\n"
    lexicon = read_lexicon(output, normalizer("librispeech-1"))
    phones = {word: " ".join(phones_of(word, lexicon) or ()) for word in lexicon}
    assert phones["CAT'S"] == "K AE T S"
    assert phones["FOX'S"] == "F AA K S IH Z"
    assert phones["DOG'S"] == "D AO G Z"
    assert lexicon["THE'S"] == (("DH", "AH", "Z"), ("DH", "IY", "Z"))


def test_other_words_are_pronounced_by_the_bundled_model(tmp_path: Path) -> None:
    result, output = written(tmp_path, "the taxi zoo")
    assert result.stdout == f"{output}: 5 words\n"
    assert (
        result.stderr == "no pronunciation: ZOO\n"
    )  # CMUdict, as it is here, has no Z
    lexicon = read_lexicon(output, normalizer("librispeech-1"))
    assert lexicon["TAXI"] == (("T", "AE", "K", "S", "IY"),)
    assert "ZOO" not in lexicon
