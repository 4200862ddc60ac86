"""TED-LIUM."""

from __future__ import annotations

import pytest

from asr.corpora import detect
from asr.corpora.prepare import Preparation
from asr.corpora.speeches import TEDLIUM
from asr.errors import DataError

STM = """\
;; a talk
AlGore_2009 1 AlGore_2009 1.00 2.50 <o,f0,male> it 's a <unk> test(2) {breath} for 'em
AlGore_2009 1 inter 2.50 3.00 <o,,unknown> ignore_time_segment_in_scoring
AlGore_2009 1 AlGore_2009 3.00 3.75 <o,f0,male> thank you
"""


@pytest.mark.parametrize("above", ["", "legacy/"])
def test_segments_of_a_talk(tmp_path, text, clip, above):
    folder = tmp_path / above / "dev"
    text(folder / "stm/AlGore_2009.stm", STM)
    clip(folder / "sph/AlGore_2009.wav", seconds=4)
    assert detect(tmp_path) == "tedlium"
    assert TEDLIUM.subsets(tmp_path) == ["dev"]
    first, second = TEDLIUM.read(tmp_path, "dev")
    assert first.text == "it's a test for 'em"
    assert (first.offset, first.duration) == (1.0, 1.5)
    assert first.audio == folder / "sph/AlGore_2009.wav"
    assert (first.speaker, first.id) == ("AlGore_2009", "AlGore_2009-0000100")
    assert second.text == "thank you"
    assert len(list(Preparation("tedlium", tmp_path, "dev"))) == 2


def test_a_malformed_line_is_named(tmp_path, text):
    text(tmp_path / "dev/stm/Talk.stm", f"{STM}Talk 1 me now then oh\n")
    with pytest.raises(DataError, match=r"Talk\.stm:5: not an stm line"):
        list(TEDLIUM.read(tmp_path, "dev"))
