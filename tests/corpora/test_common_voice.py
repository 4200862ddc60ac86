"""Common Voice."""

from __future__ import annotations

import pytest

from asr.corpora.common_voice import COMMON_VOICE
from asr.data.manifest import Utterance
from asr.errors import DataError

HEADER = "client_id\tpath\tsentence\tup_votes\n"


@pytest.fixture
def root(tmp_path, text, clip):
    rows = [f"client{n}\tclip_{n}.mp3\tSentence {n}.\t2\n" for n in range(200)]
    text(tmp_path / "de/validated.tsv", HEADER + "".join(rows))
    text(tmp_path / "de/dev.tsv", HEADER + "".join(rows[:1]))
    text(tmp_path / "de/reported.tsv", "sentence\treason\n")
    clip(tmp_path / "de/clips/clip_0.wav")
    return tmp_path


def test_root_is_the_language_or_one_above(root):
    for folder in (root, root / "de"):
        assert COMMON_VOICE.subsets(folder) == [
            "validated",
            "dev",
            "train-own",
            "test-own",
        ]
        audio = root / "de/clips/clip_0.wav"
        assert list(COMMON_VOICE.read(folder, "dev")) == [
            Utterance(audio, "Sentence 0.", None, 0.0, "client0", "de", "clip_0")
        ]


def test_several_languages_are_refused(root, text):
    text(root / "fr/test.tsv", HEADER)
    (root / "fr/clips").mkdir()
    with pytest.raises(DataError, match=r"several languages \(de, fr\); name one"):
        COMMON_VOICE.subsets(root)
    assert COMMON_VOICE.subsets(root / "fr") == ["test"]


def test_own_split_is_by_speaker(root):
    train = [u.speaker for u in COMMON_VOICE.read(root, "train-own")]
    test = [u.speaker for u in COMMON_VOICE.read(root, "test-own")]
    assert len(train) + len(test) == 200
    assert set(train).isdisjoint(test)
    assert 25 <= len(test) <= 55  # a fifth
    everyone = [u.speaker for u in COMMON_VOICE.read(root, "validated")]
    assert [name for name in everyone if name in set(test)] == test


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ('"""Yes,"" she said."', '"Yes," she said.'),
        ('"Yes," she said, "no."', '"Yes," she said, "no."'),
        ('"Yes."', '"Yes."'),
        ('He said: "" again', 'He said: "" again'),
        ('"', '"'),
        ("It's 'it'.", "It's 'it'."),
    ],
)
def test_quotation_marks(root, text, sentence, expected):
    text(root / "de/test.tsv", f"{HEADER}c\tp.mp3\t{sentence}\t1\n")
    (utterance,) = COMMON_VOICE.read(root, "test")
    assert utterance.text == expected


def test_locale_and_bare_names_of_other_releases(root, text):
    header = "client_id\tpath\tsentence\tlocale\n"
    text(root / "de/test.tsv", f"{header}c\tclip_0\tHallo\tde-AT\n")
    (utterance,) = COMMON_VOICE.read(root, "test")
    assert (utterance.lang, utterance.id) == ("de-AT", "clip_0")
    assert utterance.audio == root / "de/clips/clip_0.wav"


def test_malformed_files(root, text):
    text(root / "de/test.tsv", "client_id\tpath\n")
    with pytest.raises(DataError, match=r"test\.tsv:1: no column sentence"):
        list(COMMON_VOICE.read(root, "test"))
    text(root / "de/test.tsv", f"{HEADER}c\tp.mp3\n")
    with pytest.raises(DataError, match=r"test\.tsv:2: 2 fields"):
        list(COMMON_VOICE.read(root, "test"))


def test_a_tab_in_a_sentence_is_one_damaged_row(root, text, caplog):
    rows = "c\ta.mp3\tHello\t1\nc\tb.mp3\tGood\tbye\t1\nc\tc.mp3\tYes\t1\n"
    table = text(root / "de/test.tsv", HEADER + rows)
    assert [u.text for u in COMMON_VOICE.read(root, "test")] == ["Hello", "Yes"]
    (message,) = caplog.messages
    assert message.startswith(f"left out 1 damaged rows: {table}:3: 5 fields")


def test_real_common_voice(speech_data):
    root = speech_data / "common-voice"
    validated = list(COMMON_VOICE.read(root, "validated"))
    assert len(validated) == 96
    assert (
        validated[2].text
        == '"I\'m a woman of the desert," she said, averting her face.'
    )
    assert validated[2].lang == "en"
    own = [len(list(COMMON_VOICE.read(root, s))) for s in ("train-own", "test-own")]
    assert own == [85, 11]
