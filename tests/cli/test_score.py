"""asr score: two files to error rates."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def texts(tmp_path, monkeypatch):
    """Write files into the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(**files: str) -> None:
        for name, content in files.items():
            (tmp_path / name).write_text(content)

    return write


def test_worked_example(run, texts):
    # one two three four / one too three: 1 substitution, 1 deletion of 4 words
    texts(ref="one two three four (u1)\nfive (u2)\n", hyp="one too three (u1)\n")
    ended = run("score", "ref", "hyp", "--json")
    found = json.loads(ended.out)
    assert (found["substitutions"], found["deletions"], found["hits"]) == (1, 2, 2)
    assert found["wer"] == 3 / 5
    assert (found["missing"], found["extra"]) == (1, 0)
    assert found["normalizer"] == "none-1"


def test_text_output_says_what_was_done(run, texts):
    texts(ref="one (u1)\ntwo (u2)\n", hyp="one (u1)\n")
    out = run("score", "ref", "hyp").out
    assert out.startswith("WER 50.00%")
    assert out.endswith(
        "normalizer none-1; missing hypotheses scored as empty: 1; empty ones: 0; "
        "hypotheses without a reference left out: 0\n"
    )


def test_normalizer_touches_both_sides(run, texts):
    texts(ref="It's, well: GOOD. (u1)\n", hyp="IT'S WELL good (u1)\n")
    assert json.loads(run("score", "ref", "hyp", "--json").out)["wer"] == 1.0
    ended = run("score", "ref", "hyp", "--json", "--normalizer", "librispeech-1")
    assert json.loads(ended.out)["wer"] == 0.0


def test_form_can_be_named(run, texts):
    texts(ref="utt-1 one\n", hyp="utt-2 one\n")
    assert run("score", "ref", "hyp").status == 5
    ended = run("score", "ref", "hyp", "--format", "text", "--json")
    assert json.loads(ended.out)["substitutions"] == 1


def test_extra_hypotheses(run, texts):
    texts(ref="one (u1)\n", hyp="one (u1)\ntwo (u2)\n")
    ended = run("score", "ref", "hyp")
    assert (ended.status, ended.out) == (5, "")
    ended = run("score", "ref", "hyp", "--allow-extra", "--json")
    found = json.loads(ended.out)
    assert (found["wer"], found["extra"]) == (0.0, 1)


@pytest.mark.parametrize("arguments", [("gone", "ref"), ("ref", "gone")])
def test_missing_file(run, texts, arguments):
    texts(ref="one (u1)\n")
    ended = run("score", *arguments)
    assert (ended.status, ended.out) == (5, "")
    assert ended.err.startswith("error: gone: ")


def test_translations_and_summaries(run, texts):
    texts(
        ref="The dog bit the man.\nIt was not unexpected.\n",
        hyp="The dog bit the man.\nIt was unexpected.\n",
    )
    files = ("ref", "hyp", "--format", "text")
    found = json.loads(run("score", *files, "--metric", "bleu", "--json").out)
    assert 50 < found["bleu"] < 100
    assert {"chrf", "signature", "missing", "extra", "normalizer"} < found.keys()
    shown = run("score", *files, "--metric", "bleu").out
    assert all(part in shown for part in ("BLEU ", "chrF ", "BLEU|nrefs:1|case:mixed"))
    shown = run("score", *files, "--metric", "rouge").out
    assert shown.startswith("ROUGE-1 92.86, ROUGE-2 ")
    both = run("score", "ref", "hyp", "ref", *files[2:], "--metric", "bleu", "--json")
    values = json.loads(both.out)
    assert values.keys() == {"first", "second"}
    assert values["first"] == found


def test_formats_are_said(run, texts):
    texts(ref="one (u1)\n", hyp="u1 one\n")
    assert "\nformat     reference trn, hypothesis kaldi (guessed)\n" in (
        run("score", "ref", "hyp").out
    )
    found = json.loads(run("score", "ref", "hyp", "--json").out)
    assert found["formats"] == {"reference": "trn", "hypothesis": "kaldi"}
    out = run("score", "ref", "ref", "--format", "trn").out
    assert "\nformat     reference trn, hypothesis trn\n" in out


def test_one_odd_line_is_an_error(run, texts):
    lines = "".join(f"one two (u{i})\n" for i in range(20))
    texts(ref=lines, hyp=lines + "one two\n")
    for arguments in (("ref", "hyp"), ("hyp", "ref")):
        ended = run("score", *arguments)
        assert (ended.status, ended.out) == (5, "")
        assert "hyp: guessed trn, but 1 of 21 lines" in ended.err


def test_a_device_without_end(run, texts):
    texts(ref="one (u1)\n")
    for arguments in (("ref", "/dev/zero"), ("/dev/zero", "ref")):
        ended = run("score", *arguments)
        assert (ended.status, ended.out) == (5, "")
        assert ended.err.startswith("error: /dev/zero:1: ")


def test_ctm_as_reference(run, texts):
    texts(
        ref="r A 0.1 0.2 one\nr A 0.4 0.2 two\nr A 0.8 0.2 three\n",
        hyp="r A 0.1 0.2 one\nr A 0.4 0.2 too\n",
    )
    found = json.loads(run("score", "ref", "hyp", "--json").out)
    assert [found[x] for x in ("hits", "substitutions", "deletions")] == [1, 1, 1]
    found = json.loads(run("score", "ref", "hyp", "hyp", "--json").out)
    assert found["comparison"]["difference"] == 0.0


def test_names_in_another_case_with_sclite(run, texts):
    texts(ref="one (4T0C-1)\n", hyp="one (4t0c-1)\n")
    assert run("score", "ref", "hyp").status == 5
    found = json.loads(run("score", "ref", "hyp", "--sclite", "--json").out)
    assert (found["hits"], found["missing"]) == (1, 0)


def test_groups_errors_and_unknown_words(run, texts):
    texts(
        ref="".join(f"one two (ann-{i})\nthree (bob-{i})\n" for i in range(6)),
        hyp="".join(f"one too (ann-{i})\nthree (bob-{i})\n" for i in range(6)),
        words="one two\n",
    )
    shown = ("--by", "speaker", "--by", "length", "--errors", "3")
    found = json.loads(
        run("score", "ref", "hyp", *shown, "--vocabulary", "words", "--json").out
    )
    assert found["by"]["speaker"]["ann"]["wer"] == 0.5
    assert found["by"]["speaker"]["bob"]["wer"] == 0.0
    assert found["by"]["length"].keys() == {"1-5"}
    assert found["errors"] == [["S", "two", "too", 6]]
    assert found["out_of_vocabulary"] == 6 / 18
    low, high = found["wer_intervals"]["utterance"]
    assert low < found["wer"] < high
    assert "speaker" not in found["wer_intervals"]  # two say too little
    out = run("score", "ref", "hyp", *shown, "--vocabulary", "words").out
    for part in ("    6  two -> too", "unknown    33.33% of words", "\nann "):
        assert part in out


@pytest.mark.parametrize("options", [("--sclite",), ("--normalizer", "librispeech-1")])
def test_known_words_are_written_as_the_texts(run, texts, options):
    texts(ref="One two, THREE (u1)\n", hyp="one (u1)\n", words="one Two, three\n")
    options = (*options, "--vocabulary", "words", "--json")
    assert (
        json.loads(run("score", "ref", "hyp", *options).out)["out_of_vocabulary"] == 0
    )


def test_a_key_that_nobody_knows(run, texts):
    texts(ref="one (u1)\n", hyp="one (u1)\n")
    ended = run("score", "ref", "hyp", "--by", "accent")
    assert (ended.status, ended.out) == (2, "")
    assert "group must be one of length" in ended.err


def test_two_systems(run, texts):
    lines = [f"a b c d (u{i})\n" for i in range(20)]
    texts(
        ref="".join(lines),
        hyp="".join(lines),
        other="".join(line.replace("d", "x") for line in lines),
    )
    found = json.loads(run("score", "ref", "hyp", "other", "--json").out)
    assert found.keys() == {"first", "second", "comparison"}
    assert (found["first"]["wer"], found["second"]["wer"]) == (0.0, 0.25)
    assert found["comparison"]["difference"] == 0.25
    assert found["comparison"]["p_bootstrap"] < 0.01
    out = run("score", "ref", "hyp", "other").out
    assert "difference +25.00 points" in out
    assert "bootstrap: p = 0.002" in out
    assert "(MAPSSWE): p < 0.001" in out
    assert "MAPSSWE" in out


def test_alignments_beside_the_figures(run, texts):
    texts(ref="one two (u1)\n", hyp="one too (u1)\n")
    out = run("score", "ref", "hyp", "--alignments", "-").out
    assert out.startswith("u1\nREF: one two\nHYP: one too\nOPS:     S\n\nWER 50.00%")


def test_a_page_with_all_of_it(run, texts, tmp_path):
    texts(ref="one two (u1)\n", hyp="one too (u1)\n")
    assert run("score", "ref", "hyp", "--report", "page.html").status == 0
    page = (tmp_path / "page.html").read_text()
    assert "<s class=S><i>two</i><b>too</b></s>" in page
    assert "missing hypotheses scored as empty: 0" in page
    for part in (
        "normalizer: none-1", "reference: ref", "hypothesis: hyp",
        "command: asr score ref hyp --report page.html",
    ):  # fmt: skip
        assert f"<li>{part}" in page


@pytest.mark.parametrize(
    ("reference", "hypothesis", "name", "wer"),
    [
        ("IT'S A TEST", "it's a test.", "english-1", 0.0),
        ("He paid $5 today", "he paid five dollar today.", "english-1", 0.2),
        ("Это тест", "это, тест.", "basic-1", 0.0),
        ("ONE TWO THREE FOUR", "one too three five", "english-1", 0.5),
    ],
)
def test_a_hint_where_case_and_punctuation_differ(
    run, texts, reference, hypothesis, name, wer
):
    texts(ref=f"{reference} (u1)\n", hyp=f"{hypothesis} (u1)\n")
    found = json.loads(run("score", "ref", "hyp", "--json").out)
    assert found["hint"] == {"normalizer": name, "wer": pytest.approx(wer)}
    said = f"\nhint       normalised with {name} the WER would be {100 * wer:.1f} %\n"
    assert said in run("score", "ref", "hyp").out
    again = run("score", "ref", "hyp", "--normalizer", name, "--json").out
    assert json.loads(again)["wer"] == pytest.approx(wer)
    assert "hint" not in json.loads(again)


def test_no_hint_where_words_differ(run, texts):
    texts(ref="one two three (u1)\n", hyp="one too three (u1)\n")
    assert "hint" not in run("score", "ref", "hyp").out
    texts(ref="{ Um / uh } one (u1)\n", hyp="two (u1)\n")
    assert "hint" not in run("score", "ref", "hyp", "--sclite").out


def test_a_hint_at_rates_above_100_percent(run, texts):
    texts(ref="5 (u1)\n", hyp="it is five (u1)\n")
    out = run("score", "ref", "hyp").out
    assert out.startswith("WER 300.00%")
    assert "\nhint       normalised with english-1 the WER would be 200.0 %\n" in out
    texts(ref="a (u1)\n", hyp="x y z (u1)\n")
    out = run("score", "ref", "hyp").out
    assert "\nhint       a rate above 100 % has more errors than words" in out


def test_alternatives_as_sclite(run, texts):
    texts(ref="{ um / uh / @ } Yes (u1)\n", hyp="uh yes (u1)\n")
    for options in ((), ("--normalizer", "basic-1")):
        ended = run("score", "ref", "hyp", *options)
        assert (ended.status, ended.out) == (2, "")
        assert "need --sclite" in ended.err
    found = json.loads(run("score", "ref", "hyp", "--sclite", "--json").out)
    assert (found["hits"], found["wer"]) == (2, 0.0)


@pytest.mark.parametrize(
    "options",
    [
        ("--fragments",),
        ("--optional",),
        ("--sclite", "--normalizer", "basic-1"),
        ("--json", "--alignments", "-"),
        ("hyp", "--alignments", "-"),
        ("hyp", "--report", "page.html"),
        ("--report", "-"),
        ("--metric", "bleu", "--report", "page.html"),
        ("--metric", "rouge", "--by", "length"),
        ("--metric", "bleu", "--sclite"),
    ],
)
def test_options_that_do_not_go_together(run, texts, options):
    texts(ref="one (u1)\n", hyp="one (u1)\n")
    ended = run("score", "ref", "hyp", *options)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.count("\n") == 1


def test_an_address_is_named_as_one(run, tmp_path):
    ended = run("score", "https://x.org/a.txt", "b.txt")
    expected = "https://x.org/a.txt: addresses are not read; download it, and name"
    assert expected in ended.err
