"""VoxPopuli, as its scripts write it and as Hugging Face keeps it."""

from __future__ import annotations

import pytest

from asr.corpora import detect
from asr.corpora.speeches import VOXPOPULI

HEADER = "id\traw_text\tnormalized_text\tspeaker_id\tsplit\tgender\n"
NAME = "20090112-0900-PLENARY-10-en_1"


@pytest.mark.parametrize("clip_at", [f"2009/{NAME}.ogg", f"dev/dev_part_0/{NAME}.wav"])
def test_a_speech(tmp_path, text, clip, clip_at):
    root = tmp_path / "en"
    row = f'{NAME}\tThank "you.\tthank "you\t2345\tdev\tfemale\n'
    text(root / "asr_dev.tsv", HEADER + row)
    audio = clip(root / clip_at)
    assert detect(root) == "voxpopuli"
    assert VOXPOPULI.subsets(root) == ["dev"]
    (found,) = VOXPOPULI.read(root, "dev")
    assert found.audio == audio
    assert (found.text, found.speaker, found.lang) == ('thank "you', "2345", "en")
    assert found.id == NAME
