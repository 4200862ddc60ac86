"""Reading transcripts in four forms, and pairing references with hypotheses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.errors import DataError, UsageError
from asr.score_files import FORMS, guess_form, pair, read_texts


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "texts"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("trn", "HELLO WORLD (an1-fash-b)\n(an2)\nYES (an3)\n"),
        (
            "trn",
            "<s> HELLO WORLD </s> (an1-fash-b)\n<s> </s> (an2)\n<s> YES </s> (an3)",
        ),
        ("kaldi", "an1-fash-b HELLO WORLD\nan2\nan3\tYES\n"),
        (
            "jsonl",
            '{"audio_filepath": "an1-fash-b", "duration": 1, "text": "HELLO WORLD"}\n'
            '{"id": "an2", "audio_filepath": "x.wav", "text": ""}\n\n'
            '{"id": "an3", "text": "YES"}\n',
        ),
    ],
)
def test_forms_are_guessed_from_content(
    tmp_path: Path, form: str, content: str
) -> None:
    path = write(tmp_path, content)
    expected = {"an1-fash-b": "HELLO WORLD", "an2": "", "an3": "YES"}
    assert guess_form(filter(None, content.splitlines())) == form
    assert read_texts(path) == read_texts(path, form=form) == expected


def test_plain_lines_keep_their_numbers(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeffHELLO WORLD\r\n\r\nYES\x0c NO\r\n")
    assert read_texts(path) == {"1": "HELLO WORLD", "2": "", "3": "YES\x0c NO"}


def test_blank_lines_are_hypotheses_that_say_nothing(tmp_path: Path) -> None:
    assert read_texts(write(tmp_path, "\n\n")) == {"1": "", "2": ""}


@pytest.mark.parametrize(
    ("lines", "form"),
    [
        (["1272-128104-0000 MISTER QUILTER", "1272-128104-0001 NOR IS"], "kaldi"),
        (["000010011 WE CALL IT BEAR"], "kaldi"),
        (["an1 YES", "an1 NO"], "lines"),  # first words that repeat name nothing
        (["7 8 9", "4 5 6"], "lines"),
        (["HELLO WORLD", "YES"], "lines"),
        (["a (b)", "c"], "lines"),
        (["{a", "b}"], "lines"),
        ([], "lines"),
    ],
)
def test_guess_form(lines: list[str], form: str) -> None:
    assert guess_form(lines) == form


def test_a_form_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path, "one HELLO\ntwo YES\n")
    assert read_texts(path) == {"1": "one HELLO", "2": "two YES"}
    assert read_texts(path, form="kaldi") == {"one": "HELLO", "two": "YES"}


def test_predictions_are_taken_only_where_asked_for(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '{"id": "a", "text": "HELLO", "pred_text": "HALLO"}\n'
        '{"id": "b", "text": "NO"}\n',
    )
    assert read_texts(path) == {"a": "HELLO", "b": "NO"}
    assert read_texts(path, predicted=True) == {"a": "HALLO", "b": "NO"}


TEXTS = st.dictionaries(
    st.from_regex(r"[a-z]{1,4}-[0-9]{1,4}", fullmatch=True),
    st.lists(st.sampled_from(["A", "IT'S", "É", "(", "{"]), max_size=4).map(" ".join),
    min_size=1,
)


@given(TEXTS)
def test_every_form_reads_the_same_texts(
    tmp_path_factory: pytest.TempPathFactory, texts: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("forms")
    written = {
        "trn": "".join(f"{text} ({name})\n" for name, text in texts.items()),
        "kaldi": "".join(f"{name} {text}\n" for name, text in texts.items()),
        "jsonl": "".join(
            json.dumps({"id": name, "text": text}) + "\n"
            for name, text in texts.items()
        ),
    }
    for form, content in written.items():
        assert read_texts(write(folder, content), form=form) == texts


@pytest.mark.parametrize(
    ("form", "content", "message"),
    [
        (None, "", "no transcript in it"),
        ("kaldi", "\n", "no transcript in it"),
        (None, b"\xff\xfe\x00", "not UTF-8"),
        (None, "A (u1)\nB (u1)\n", ":2: utterance 'u1' a second time"),
        ("kaldi", "u1 A\nu1 B\n", ":2: utterance 'u1' a second time"),
        ("trn", "A (u1)\n\nB\n", r":3: does not end in \(utterance\)"),
        (None, '{"id": "a", "text": "A"}\n{bad}\n', ":2: not JSON"),
        ("jsonl", "[1]\n", ":1: not a JSON object"),
        (None, '{"text": "A"}\n', ":1: 'id' or 'audio_filepath'"),
        (None, '{"id": 1, "text": "A"}\n', ":1: 'id' or 'audio_filepath'"),
        (None, '{"id": "a"}\n', ":1: 'text' must be there"),
        (None, '{"id": "a", "text": null}\n', ":1: 'text' must be there"),
    ],
)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, form: str | None, content: str | bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_texts(write(tmp_path, content), form=form)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_or_a_folder_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_texts(tmp_path / "none")
    with pytest.raises(DataError, match="cannot be read"):
        read_texts(tmp_path)


def test_an_unknown_form_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=", ".join(FORMS)):
        read_texts(write(tmp_path, "A"), form="csv")


def test_pair_follows_the_references() -> None:
    pairs = pair({"a": "A", "b": "B", "c": "C"}, {"c": "c", "a": "a"})
    assert pairs == (["A", "B", "C"], ["a", "", "c"], ["b"], [])
    assert pairs.policy() == (
        "missing hypotheses scored as empty: 1; "
        "hypotheses without a reference left out: 0"
    )


def test_extra_hypotheses_are_an_error_unless_allowed() -> None:
    references, hypotheses = {"a": "A"}, {"a": "a", "x": "x"}
    with pytest.raises(
        DataError, match="1 hypotheses without a reference, such as 'x'"
    ):
        pair(references, hypotheses)
    pairs = pair(references, hypotheses, allow_extra=True)
    assert pairs == (["A"], ["a"], [], ["x"])
    assert "left out: 1" in pairs.policy()


def test_files_without_a_common_utterance_do_not_belong_together() -> None:
    with pytest.raises(DataError, match=r"no utterance .*'a'.*'x'"):
        pair({"a": "A"}, {"x": "x"}, allow_extra=True)


def test_without_any_hypothesis_everything_is_missing() -> None:
    assert pair({"a": "A"}, {}) == (["A"], [""], ["a"], [])


def test_transcripts_of_a_corpus(speech_data: Path) -> None:
    folder = speech_data / "LibriSpeech" / "dev-clean"
    path = min(folder.rglob("*.trans.txt"), default=None)
    if path is None:
        pytest.skip(f"{folder} has no transcripts")
    texts = read_texts(path)
    prefix = path.name.removesuffix(".trans.txt")
    assert all(name.startswith(prefix) and text for name, text in texts.items())
