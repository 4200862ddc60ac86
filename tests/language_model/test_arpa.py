"""ARPA files: values by hand, round trips, and what other programs leave in them."""

from __future__ import annotations

import gzip
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asr
from asr.cli.main import main
from asr.config.loading import load_recipe
from asr.decoding.hotwords import text_score
from asr.errors import DataError
from asr.language_model.arpa import read_arpa, vocabulary_of, write_arpa
from asr.language_model.kneser_ney import train_ngrams
from asr.language_model.tables import ngram_automaton

# p(a) = 1/2; after <s>, a has 3/4; after a, the end has 3/8.
BY_HAND = """A comment.

\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-99\t<s>\t-0.30103
-0.60206\t</s>
-0.60206\t<unk>
-0.30103\ta\t-0.07918125

\\2-grams:
-0.1249387\t<s> a
-0.4259687\ta </s>

\\end\\
"""
END, UNKNOWN, A = 2, 3, 4
TEXTS = st.lists(st.lists(st.integers(3, 6), max_size=9), min_size=1, max_size=8)
NAMES = ["<blank>", "<s>", "</s>", "<unk>", "be", "to", "É"]


def backed_off(path):
    """Probability of a word after words, by the definition of the format."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        lines = [line.rstrip("\n").split("\t") for line in file if "\t" in line]
    probs = {fields[1]: 10 ** float(fields[0]) for fields in lines}
    backoffs = {fields[1]: 10 ** float(fields[2]) for fields in lines if fields[2:]}

    def probability(word, *before):
        if " ".join([*before, word]) in probs:
            return probs[" ".join([*before, word])]
        return backoffs.get(" ".join(before), 1.0) * probability(word, *before[1:])

    return probability, probs, backoffs


def test_values_by_hand(tmp_path):
    (tmp_path / "hand.arpa").write_text(BY_HAND)
    ngrams, vocabulary = read_arpa(tmp_path / "hand.arpa")
    assert vocabulary == ("<blank>", "<s>", "</s>", "<unk>", "a")
    expected = {
        None: {END: 1 / 4, UNKNOWN: 1 / 4, A: 1 / 2},
        1: {END: 1 / 8, UNKNOWN: 1 / 8, A: 3 / 4},
        A: {END: 3 / 8, UNKNOWN: 5 / 6 / 4, A: 5 / 6 / 2},
    }
    tokens = np.arange(5)
    for context, values in expected.items():
        key = np.full(5, context or 0)
        found = ngrams.probabilities(int(context is not None), key, tokens)
        wanted = [values.get(int(token), 0.0) for token in tokens]
        np.testing.assert_allclose(found, wanted, atol=1e-6)
        assert sum(values.values()) == pytest.approx(1)
    score = text_score(ngram_automaton(ngrams), [[A, A, END]])
    assert math.exp(score) == pytest.approx(3 / 4 * 5 / 12 * 3 / 8, rel=1e-5)


@pytest.mark.parametrize("name", ["ngrams.arpa", "ngrams.arpa.gz"])
def test_a_file_written_and_read_again(tmp_path, name):
    random = np.random.default_rng(3)
    texts = [random.integers(3, 7, random.integers(1, 9)).tolist() for _ in range(50)]
    ngrams = train_ngrams(texts, 7, start=1, end=END, least=(1, 2), rare=2)
    write_arpa(ngrams, NAMES, tmp_path / name)
    again, vocabulary = read_arpa(tmp_path / name)
    assert list(vocabulary) == NAMES
    again.check()
    one, other = ngram_automaton(ngrams), ngram_automaton(again)
    np.testing.assert_allclose(np.exp(one.scores), np.exp(other.scores), atol=1e-6)
    np.testing.assert_array_equal(one.following, other.following)
    write_arpa(again, vocabulary, tmp_path / f"again-{name}")
    assert len(backed_off(tmp_path / name)[1]) == len(
        backed_off(tmp_path / f"again-{name}")[1]
    )


@settings(max_examples=30, deadline=None)
@given(texts=TEXTS, least=st.sampled_from([(1,), (1, 1, 1), (1, 2, 2)]))
def test_probabilities_sum_to_1(tmp_path_factory, texts, least):
    path = tmp_path_factory.mktemp("arpa") / "ngrams.arpa"
    ngrams = train_ngrams(texts, 7, start=1, end=END, least=least, rare=2)
    write_arpa(ngrams, NAMES, path)
    probability, probs, backoffs = backed_off(path)
    for context in ["", *backoffs]:
        before = context.split()
        total = sum(probability(word, *before) for word in NAMES[2:])
        assert total == pytest.approx(1, abs=1e-4)
    # Programs look up the context of an n-gram, and its words but the first.
    for name in probs:
        words = name.split(" ")
        assert len(words) == 1 or {" ".join(words[:-1]), " ".join(words[1:])} <= {
            *probs
        }
        assert len(words) == 1 or " ".join(words[:-1]) in backoffs


def test_an_ngram_below_its_backoff(tmp_path, caplog):
    """Katz smoothing gives a word less than its back-off; the rest stays in ratio."""
    text = BY_HAND.replace("-0.4259687\ta </s>", "-1\ta </s>")
    (tmp_path / "katz.arpa").write_text(text.replace("-0.07918125", "0.07918125"))
    ngrams, _ = read_arpa(tmp_path / "katz.arpa")
    found = ngrams.probabilities(1, np.full(3, A), np.array([END, UNKNOWN, A]))
    np.testing.assert_allclose(found, [0.25, 0.25, 0.5], rtol=1e-4)
    assert "raised 1 n-grams to their back-off" in caplog.text


def test_unigrams_alone(tmp_path):
    text = BY_HAND.replace("ngram 2=2\n", "")
    text = text[: text.index("\\2-grams")] + "\\end\\\n"
    (tmp_path / "one.arpa").write_text(text.replace("<unk>", "<UNK>"))
    ngrams, _ = read_arpa(tmp_path / "one.arpa")
    score = text_score(ngram_automaton(ngrams), [[A, UNKNOWN, END]])
    assert math.exp(score) == pytest.approx(1 / 32, rel=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("\\end\\", "", "not a complete ARPA file"),
        ("ngram 2=2", "ngram 2=3", "n-grams are missing"),
        ("\\data\\\nngram 1=4\nngram 2=2\n", "", "not a complete ARPA file"),
        ("-0.4259687\ta", "x\ta", "arpa:15: not a line of 2-grams"),
        ("<s> a", "<s> a a a", "arpa:14: not a line of 2-grams: 5 fields"),
        ("<s> a", "<s> b", "arpa:14: 'b' is not a 1-gram"),
        ("<s> a", "a </s>", "an n-gram is there twice"),
    ],
)
def test_damaged_files(tmp_path, old, new, match):
    (tmp_path / "wrong.arpa").write_text(BY_HAND.replace(old, new))
    with pytest.raises(DataError, match=match):
        read_arpa(tmp_path / "wrong.arpa")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A language model of words, two of which have pronunciations."""
    folder = tmp_path_factory.mktemp("base")
    (folder / "texts.txt").write_text("AB CDE AB\nCDE AB E\nE AB\n" * 5)
    (folder / "lexicon.txt").write_text("AB EY B\nCDE S IY D\n")
    (folder / "lm.yaml").write_text(
        "task: language_model\n"
        "data: {train: [{corpus: lines, path: texts.txt}], lexicon: lexicon.txt}\n"
        "ngrams: {least: [1, 1, 1], words: 9}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASR_DATA", str(folder))
        return asr.train_language_model(load_recipe(folder / "lm.yaml"), folder / "run")


def asr_arpa(*arguments):
    return main(["arpa", *map(str, arguments)])


@pytest.mark.parametrize("characters", [[], ["--characters"]])
def test_a_language_model_to_a_file_and_back(base, tmp_path, capsys, characters):
    path, folder = tmp_path / "lm.arpa.gz", tmp_path / "lm"
    assert asr_arpa(base, path, *characters) == 0
    assert asr_arpa(path, "--output", folder, "--base", base) == 0
    assert capsys.readouterr().out == f"{folder}\n"
    old, new = asr.load_language_model(base), asr.load_language_model(folder)
    texts = ["AB CDE", "E AB BED"]
    if characters:
        assert new.words is None
        assert vocabulary_of(new) == vocabulary_of(old, characters=True)
        one, other = ngram_automaton(old.ngrams), ngram_automaton(new.ngrams)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-3)
    else:
        assert new.words.vocabulary == old.words.vocabulary
        assert new.words.pronunciations == old.words.pronunciations
        expected, found = (asr.perplexity(model, texts).bits for model in (old, new))
        assert found == pytest.approx(expected, abs=1e-3)
    assert asr.describe(folder)["arpa"] == "lm.arpa.gz"


def test_pronunciations_of_a_lexicon(base, tmp_path):
    text = BY_HAND.replace("\ta", "\tAB").replace("<s> a", "<s> AB")
    (tmp_path / "w.arpa").write_text(text)
    (tmp_path / "more.txt").write_text("AB AA B\n")
    options = ("--base", base, "--lexicon", tmp_path / "more.txt")
    assert asr_arpa(tmp_path / "w.arpa", "--output", tmp_path / "lm", *options) == 0
    words = asr.load_language_model(tmp_path / "lm").words
    assert words.pronunciations == {"AB": (("AA", "B"),)}


def test_what_cannot_be_imported(base, tmp_path, capsys):
    (tmp_path / "hand.arpa").write_text(BY_HAND)
    options = ("--output", tmp_path / "lm", "--base", base)
    assert asr_arpa(tmp_path / "hand.arpa", *options) == DataError.exit_status
    assert "'a' is not in the characters of --base" in capsys.readouterr().err
    spaced = BY_HAND.replace("<unk>", "<space>").replace("\ta", "\taa")
    spaced = spaced.replace("<s> a", "<s> aa")
    (tmp_path / "hand.arpa").write_text(spaced)
    assert asr_arpa(tmp_path / "hand.arpa", *options) == DataError.exit_status
    assert "'aa' beside <space> is not a character" in capsys.readouterr().err
    assert not (tmp_path / "lm").exists()
    assert asr_arpa(base) == 2
    assert asr_arpa(tmp_path / "hand.arpa", "--output", base) == 2
