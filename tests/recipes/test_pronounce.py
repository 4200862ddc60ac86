"""`recipes/english/pronounce.py`: the pronunciation lexicon."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from asr.data.manifest import Utterance, write_manifest
from asr.text.normalizers import normalizer
from asr.text.pronunciation import inventory, phones_of, read_lexicon
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


def test_a_missing_synthesiser_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result, _ = written(tmp_path, "the thither")
    assert result.exit_code == 1
    assert result.output == "Error: not installed: espeak-ng\n"


def test_words_without_pronunciation_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "espeak-ng"
    fake.write_text(
        "#!/bin/sh\nwhile read word; do\n"
        "case $word in zzz) ;; *) echo tʃitʃ;; esac\ndone\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    result, output = written(tmp_path, "the church zzz")
    assert result.stdout == f"{output}: 5 words\n"
    assert result.stderr == "no pronunciation: ZZZ\n"
    lexicon = read_lexicon(output, normalizer("librispeech-1"))
    assert lexicon["CHURCH"] == (("CH", "IY", "CH"),)
    assert "ZZZ" not in lexicon


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="needs espeak-ng")
def test_other_words_get_the_phones_of_espeak(tmp_path: Path) -> None:
    result, output = written(tmp_path, "thither marmaduke churchyard")
    assert result.exit_code == 0, result.output
    lexicon = read_lexicon(output, normalizer("librispeech-1"))
    assert " ".join(lexicon["CHURCHYARD"][0]) == "CH ER CH Y AA R D"
    assert " ".join(lexicon["THITHER"][0]) == "DH IH DH ER"
    assert inventory(lexicon) <= {
        phone for phones in pronounce.SOUNDS.values() for phone in phones.split()
    }
