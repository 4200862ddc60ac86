"""Readers of transcripts, and pairs of references and hypotheses."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.errors import DataError, UsageError
from asr.formats.readers import (
    FORMS,
    guess_form,
    read_hypotheses,
    read_references,
    read_systems,
    read_texts,
)
from asr.metrics.wer import pair


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


def test_blank_lines_are_empty_texts(tmp_path: Path) -> None:
    assert read_texts(write(tmp_path, "\n\n")) == {"1": "", "2": ""}


@pytest.mark.parametrize(
    ("lines", "form"),
    [
        (["1272-128104-0000 MISTER QUILTER", "1272-128104-0001 NOR IS"], "kaldi"),
        (["000010011 WE CALL IT BEAR"], "kaldi"),
        (["an1 YES", "an1 NO"], "text"),  # first words that repeat name nothing
        (["7 8 9", "4 5 6"], "text"),
        (["HELLO WORLD", "YES"], "text"),
        (["a (b)", "c"], "text"),
        (["3 1 4 1 5 9", "2 7 1 8 2 8"], "text"),
        (["u1 3 1 4 1 5", "u2 2 7 1 8 2"], "kaldi"),
        (["{a", "b}"], "text"),
        ([], "text"),
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
        (None, "", "has no transcript"),
        ("kaldi", "\n", "has no transcript"),
        (None, b"\xff\xfe\x00", "not UTF-8"),
        (None, "A (u1)\nB (u1)\n", ":2: utterance 'u1' occurs a second time"),
        ("kaldi", "u1 A\nu1 B\n", ":2: utterance 'u1' occurs a second time"),
        (None, "u1 A\nu2 B\n" * 2, ":3: utterance 'u1' occurs a second time"),
        ("trn", "A (u1)\n\nB\n", r":3: does not end in \(utterance\)"),
        (None, '{"id": "a", "text": "A"}\n{bad}\n', ":2: not JSON"),
        ("jsonl", "[1]\n", ":1: not a JSON object"),
        (None, '{"text": "A"}\n', ":1: 'id' or 'audio_filepath'"),
        (None, '{"id": true, "text": "A"}\n', ":1: id is true; it must be a string"),
        (None, '{"id": "", "text": "A"}\n', ":1: 'id' or 'audio_filepath'"),
        (
            None,
            '{"audio_filepath": "a", "offset": "1", "text": "A"}\n',
            ":1: offset is",
        ),
        (None, "A\0B\n", ":1: holds NUL characters"),
        (None, '{"id": "a"}\n', ":1: 'text' must be a string"),
        (None, '{"id": "a", "text": null}\n', ":1: 'text' must be a string"),
        (None, '{"id": "a", "text": "\\ud800"}\n', ":1: half of a surrogate pair"),
    ],
)
def test_errors_name_the_line(
    tmp_path: Path, form: str | None, content: str | bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_texts(write(tmp_path, content), form=form)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("suffix", "compress"), [("gz", gzip), ("xz", lzma)])
def test_compressed_files(tmp_path: Path, suffix: str, compress: Any) -> None:
    path = tmp_path / f"manifest.jsonl.{suffix}"
    content = compress.compress(b'{"id": 1, "text": "A"}\n')
    path.write_bytes(content)
    assert read_texts(path) == {"1": "A"}
    for damaged in (content[:-9], b"A"):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=f"{suffix}: cannot be read"):
            read_texts(path)


def test_a_missing_file_or_a_folder_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_texts(tmp_path / "none")
    with pytest.raises(DataError, match="cannot be read"):
        read_texts(tmp_path)


def test_an_unknown_form_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=", ".join(FORMS)):
        read_texts(write(tmp_path, "A"), form="csv")


def test_comments_of_nist_are_skipped(tmp_path: Path) -> None:
    assert read_texts(write(tmp_path, ";; made by hand\nA (u1)\n")) == {"u1": "A"}


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        ("A (84-121-0)\n", {"speaker": "84"}),
        ("ann_1 A\n", {"speaker": "ann"}),
        ("A\n", {}),
        (
            '{"id": "a", "text": "A", "speaker": "ann", "year": 1999, "lang": null}\n',
            {"id": "a", "text": "A", "speaker": "ann", "year": "1999"},
        ),
    ],
)
def test_facts_of_an_utterance(
    tmp_path: Path, content: str, facts: dict[str, str]
) -> None:
    (found,) = read_references(write(tmp_path, content)).facts.values()
    assert found == facts


@pytest.mark.parametrize(
    "content",
    ["3 1 4 1 5 9\n", "u-1 3 1 4 1 5\n", "3 1 4 1 5 9 (s-1)\n", "1 2 3 4 5 six\n"],
)
def test_numerals_are_not_times(tmp_path: Path, content: str) -> None:
    path = write(tmp_path, content)
    references = read_references(path)
    assert not references.segments
    assert read_hypotheses(path, references) == references.texts


def test_a_long_line_takes_no_longer_than_its_length(tmp_path: Path) -> None:
    path = write(tmp_path, f"a{' ' * 300_000}b\n{'9' * 100_000} x\n")
    assert len(read_references(path).texts) == 2


TRN = "".join(f"HELLO WORLD (s-{i})\n" for i in range(9))
CTM_LINES = "".join(f"r A {i}.0 0.5 w{i} 0.9\n" for i in range(9))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TRN + "HELLO\n", "guessed trn, but 1 of 10 lines .* such as line 10, 'HELLO'"),
        ("HELLO\nYES\n" + TRN, "guessed trn, but 2 of 11 lines .* such as line 1,"),
        (CTM_LINES + "r A oops\n", "guessed ctm, but 1 of 10 lines"),
        ("u1 A\nu2 B\nno name\n", "guessed kaldi, but 1 of 3 lines"),
        ('{"id": "a", "text": "A"}\n' * 3 + "A\n", "guessed jsonl, but 1 of 4 lines"),
        ("r A s 1.0 2.0 x\n" * 3 + "x\n", "guessed stm, but 1 of 4 lines"),
        ("A (u1)\nB (u2)\nC\nD\n", "a mixture of formats: 2 of 4 lines"),
        ('A (u1)\n{"id": "a", "text": "A"}\nB\n', "a mixture of formats: 2 of 3"),
    ],
)
def test_lines_of_another_form_are_refused(
    tmp_path: Path, content: str, message: str
) -> None:
    path = write(tmp_path, content)
    for read in (read_references, read_texts):
        with pytest.raises(DataError, match=message) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert "name the format" in str(caught.value)
    # A form that is named is taken.
    assert len(read_texts(path, form="text")) == content.count("\n")


def test_prose_may_end_in_brackets(tmp_path: Path) -> None:
    path = write(tmp_path, "WELL (LAUGHS)\n" + "YES\nNO\nWHY\n")
    assert read_texts(path)["1"] == "WELL (LAUGHS)"


def test_words_with_times_are_no_hypotheses_of_utterances(tmp_path: Path) -> None:
    references = read_references(write(tmp_path, TRN))
    with pytest.raises(DataError, match="guessed ctm, which has times"):
        read_hypotheses(write(tmp_path, CTM_LINES), references)


def test_a_name_of_a_file_decides_about_whole_seconds(tmp_path: Path) -> None:
    path = tmp_path / "a.ctm"
    path.write_text("1 1 4 1 five\n2 1 5 1 six\n")
    assert read_references(path).texts == {"1-1": "five", "2-1": "six"}
    path.rename(tmp_path / "a.txt")
    assert read_references(tmp_path / "a.txt").form == "text"


@pytest.mark.parametrize("word", ["1" * 100_000, "a1" * 50_000 + "!", "(" * 100_000])
def test_a_guess_takes_linear_time(tmp_path: Path, word: str) -> None:
    # A quadratic pattern takes minutes for these.
    assert read_references(write(tmp_path, f"{word} x\n")).texts


def test_a_ctm_may_be_the_reference(tmp_path: Path) -> None:
    # 60 words a channel: sclite divides them where both pause, before 50 words.
    lines = [f"r {c} {i + (i > 30) * 5:.1f} 0.5 w{i}" for c in "AB" for i in range(60)]
    references = read_references(write(tmp_path, "\n".join(lines)))
    assert references.form == "ctm"
    path = write(tmp_path, "\n".join(x for x in lines if not x.endswith(" w7")))
    divided, (system,) = read_systems([path], references)
    assert divided.texts.keys() == system.texts.keys()
    assert [len(text.split()) for text in divided.texts.values()] == [51, 9, 51, 9]
    assert system.texts["r-a-0000"].split()[6:8] == ["w6", "w8"]
    assert divided.facts["r-a-0001"] == {"speaker": "r-a"}
    # Two systems have the same references: whole channels.
    whole, systems = read_systems([path, path], references)
    assert [*whole.texts] == [*systems[1].texts] == ["r-a", "r-b"]


def test_channels_of_one_side_alone(tmp_path: Path) -> None:
    references = read_references(write(tmp_path, "r A 0.5 0.5 x\nr B 0.5 0.5 y\n"))
    path = write(tmp_path, "r B 0.5 0.5 z\nq A 0.5 0.5 z\n")
    divided, (system,) = read_systems([path], references)
    assert divided.texts == {"r-a-0000": "x", "r-b-0000": "y"}
    assert system.texts == {"r-b-0000": "z", "q-a": "z"}


STM = """\
;; comment
f1 A sp1 1.00 3.00 <o,f0> hello there { um / uh } world
f1 A sp1 4.00 6.00 <o,f0> second segment
f1 A sp1 6.00 8.00 ignore_time_segment_in_scoring
f1 A sp2 8.00 9.00 last one
f2 1 sp3 0.0 2.0
f2 1 sp3 2.0 3.0 some text
"""
CTM = """\
f1 a 0.10 0.2 before
f1 a 1.10 0.2 hello
f1 a 1.50 0.2 there
f1 a 2.10 0.2 uh
f1 a 2.90 0.1 world
f1 a 3.20 0.2 between
f1 a 4.10 0.2 second
f1 a 5.95 0.2 segment
f1 a 6.50 0.2 ignored
f1 a 8.10 0.2 last
f1 a * * <ALT_BEGIN>
f1 a 8.50 0.2 one
f1 a * * <ALT>
f1 a 8.50 0.2 won
f1 a * * <ALT_END>
f1 a 9.50 0.2 after
f2 1 0.5 0.2 noise
f2 1 1.95 0.1 some 0.9
f2 1 2.5 0.1 text 0.8
f2 1 3.5 0.1 late
f3 1 0.5 0.1 elsewhere 9.5e-05 lex unknown
"""


def test_words_are_assigned_to_segments_as_in_sclite(tmp_path: Path) -> None:
    references = read_references(write(tmp_path, STM))
    hypotheses = read_hypotheses(write(tmp_path, CTM), references)
    # Names and texts are those of sclite 2.4.10 on these files.
    assert hypotheses == {
        "sp1-000": "before hello there uh world",
        "sp1-001": "between second",
        "sp2-000": "last { one / won } after",
        "sp3-000": "noise",
        "sp3-001": "some text late",
        "f3 1": "elsewhere",
    }
    assert hypotheses.pop("f3 1") == "elsewhere"
    assert list(references.texts) == list(hypotheses)
    assert references.texts["sp3-000"] == ""
    assert references.facts["sp2-000"] == {"speaker": "sp2"}


@pytest.mark.parametrize(
    "text",
    [
        "IGNORE_TIME_SEGMENT_IN_SCORING",
        "hm IgnoreTimeSegmentInScoring hm",
        "<o> ignore_time_segment_in_scoring hm",
    ],
)
def test_ignored_segments_have_no_number(tmp_path: Path, text: str) -> None:
    stm = f"r 1 Ann 0 1 a\nr 1 Ann 1 2 {text}\nr 1 ann 2 3 b\n"
    references = read_references(write(tmp_path, stm), form="stm-ctm")
    assert references.texts == {"Ann-000": "a", "ann-001": "b"}
    ctm = "r 1 0.1 0.1 a\nr 1 1.1 0.1 c\nr 1 2.1 0.1 b\n"
    assert read_hypotheses(write(tmp_path, ctm), references) == references.texts


def test_an_alternation_stands_at_its_latest_middle(tmp_path: Path) -> None:
    stm = "r 1 ann 0.0 1.0 a\nr 1 ann 1.0 2.0 b\n"
    references = read_references(write(tmp_path, stm))
    ctm = (
        "r 1 0.1 0.1 a\nr 1 * * <ALT_BEGIN>\nr 1 0.6 0.2 x\nr 1 * * <alt>\n"
        "r 1 0.6 0.2 y\nr 1 0.9 0.4 z\nr 1 * * <ALT_END>\n"
    )
    assert read_hypotheses(write(tmp_path, ctm), references) == {
        "ann-000": "a",
        "ann-001": "{ x / y z }",
    }


def test_words_keep_their_order_unless_the_file_has_none(tmp_path: Path) -> None:
    stm = "r 1 ann 0.0 1.0 a\nr 1 ann 1.0 9.0 b\n"
    references = read_references(write(tmp_path, stm))
    # `c` begins a little too early, as in sclite it does not go back.
    ctm = "r 1 0.1 0.1 a\nr 1 1.1 0.1 b\nr 1 0.8 0.1 c\n"
    found = read_hypotheses(write(tmp_path, ctm), references)
    assert found == {"ann-000": "a", "ann-001": "b c"}
    ctm = "r 1 5.1 0.1 b\nr 1 0.8 0.1 c\n"
    found = read_hypotheses(write(tmp_path, ctm), references)
    assert found == {"ann-000": "c", "ann-001": "b"}


def test_another_recording_is_an_error(tmp_path: Path) -> None:
    references = read_references(write(tmp_path, STM))
    hypotheses = read_hypotheses(write(tmp_path, "f1.wav 1 0.1 0.2 x\n"), references)
    with pytest.raises(DataError, match="share no utterance"):
        pair(references.texts, hypotheses)


def test_segments_may_overlap(tmp_path: Path) -> None:
    stm = "r 1 ann 0 10 <o> a b\nr 1 bob 2 5 <o> c\nr 1 ann 11 12 <o> d\n"
    references = read_references(write(tmp_path, stm))
    hypotheses = read_hypotheses(write(tmp_path, "r 1 7.0 0.2 b\n"), references)
    assert hypotheses == {"ann-000": "b", "bob-000": "", "ann-001": ""}


@pytest.mark.parametrize(
    ("stm", "ctm", "message"),
    [
        ("f1 A sp1 one 3.00 text\n", "", ":1: not an stm line"),
        ("f1 A s 6 8 ignore_time_segment_in_scoring\n", "", "all segments are ignored"),
        (STM, "f1 a 0.10 before\n", ":1: not a ctm line"),
        (STM, "f1 a * * before\n", ":1: a word without its times"),
        (STM, "f1 a * * <ALT_BEGIN>\nf1 a 1.0 0.1 a\n", ":1: an alternation is not"),
        (STM, "f1 a * * <ALT>\n", ":1: <ALT> without the begin"),
        (STM, "f1 a * * <ALT_BEGIN>\nf1 b 1.0 0.1 a\n", ":1: an alternation is not"),
    ],
)
def test_invalid_times(tmp_path: Path, stm: str, ctm: str, message: str) -> None:
    path = write(tmp_path, stm)
    with pytest.raises(DataError, match=message):  # noqa: PT012 - either may raise
        references = read_references(path, form="stm-ctm")
        read_hypotheses(write(tmp_path, ctm), references)


def test_pair_follows_the_references() -> None:
    pairs = pair({"a": "A", "b": "B", "c": "C"}, {"c": "c", "a": "a"})
    assert pairs == (["A", "B", "C"], ["a", "", "c"], ["b"], [])
    assert pairs.policy() == (
        "missing hypotheses scored as empty: 1; empty ones: 0; "
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


def test_files_without_a_common_utterance_are_an_error() -> None:
    with pytest.raises(DataError, match=r"no utterance .*'a'.*'x'"):
        pair({"a": "A"}, {"x": "x"}, allow_extra=True)


def test_messages_quote_a_part_of_long_names(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        pair({"a" * 9000: "A"}, {"x" * 9000: "x"})
    assert len(str(caught.value)) < 300
    with pytest.raises(DataError, match="occurs a second time") as caught:
        read_texts(write(tmp_path, f"A ({'u' * 9000})\n" * 2))
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


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


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ('[{"id": "a", "text": "one"}, {"id": "b", "text": "two"}]\n', "JSON document"),
        ('[\n {\n  "id": "a",\n  "text": "one"\n }\n]\n', "JSON document"),
        ('{\n "text": "one"\n}\n', "JSON document"),
        ("1\n00:00:00,000 --> 00:00:02,000\nOne two\n", "file of subtitles"),
        (
            "WEBVTT\n\n00:00.000 --> 00:02.000\nOne two\n",
            "file of subtitles",
        ),
        ("start\tend\ttext\n0\t2000\tone two\n", "table with a header"),
        ("client_id\tpath\tsentence\tage\nx\ta.mp3\tOne.\t\n", "table with a header"),
        ("path,transcript\na.wav,one\n", "table with a header"),
        ('File type = "ooTextFile"\nObject class = "TextGrid"\n', "TextGrid"),
        ("<!DOCTYPE html>\n<p>one two\n", "page of HTML"),
    ],
)
def test_other_forms_of_texts_are_not_read_as_prose(tmp_path, content, kind):
    path = tmp_path / "texts.txt"
    path.write_text(content)
    with pytest.raises(DataError, match=rf"texts\.txt: this is a {kind}"):
        read_references(path)
    assert read_texts(path, form="text")["1"] == content.splitlines()[0].strip()


@pytest.mark.parametrize("line", ["[noise] one two", "text and more", "a, b --> c"])
def test_prose_that_looks_like_another_form(tmp_path, line):
    path = tmp_path / "texts.txt"
    path.write_text(f"{line}\nthree four\n")
    assert read_references(path).texts == {"1": line, "2": "three four"}


def test_line_ends_of_old_macs(tmp_path):
    path = tmp_path / "mac.trn"
    path.write_bytes(b"one two (a-1)\rthree (a-2)\r")
    assert read_texts(path) == {"a-1": "one two", "a-2": "three"}


def test_names_of_nemo(tmp_path):
    path = tmp_path / "nemo.jsonl"
    path.write_text('{"audio_filename": "a.wav", "text": "one", "offset": 1.5}\n')
    assert read_texts(path) == {"a.wav@1.5": "one"}
