"""Language models: from texts to a folder, and from there into a search."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import math
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

import asr
from asr.cli.main import main
from asr.config.loading import load_recipe
from asr.config.schema import DecodingConfig
from asr.data.manifest import read_manifest
from asr.decoding.hotwords import text_score
from asr.errors import DataError, ModelError, RecipeError, TrainingError
from asr.language_model import fusion
from asr.language_model.perplexity import perplexity
from asr.language_model.tables import ngram_automaton, unpacked
from asr.storage.weights import read_arrays
from asr.text.special_tokens import END
from asr.text.tokenizers import CharacterTokenizer, make_tokenizer

RECIPE = """
name: tiny-lm
task: language_model
data:
  train: [{corpus: lines, path: texts.txt}]
  dev: [{corpus: lines, path: unseen.txt}]
  characters: " ABCDE"
ngrams: {least: [1, 1, 1]}
"""
# One word always follows another.
LINES = ["AB CDE AB CDE", "CDE AB", "AB CDE AB", "CDE AB CDE"] * 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Texts, a recipe and the model trained with it."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "texts.txt").write_text("\n".join([*LINES, "ÜBER"]) + "\n")
    (folder / "unseen.txt").write_text("AB CDE AB CDE AB\n")
    (folder / "lm.yaml").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASR_DATA", str(folder))
        recipe = load_recipe(folder / "lm.yaml")
        assert asr.train_language_model(recipe, folder / "run") == folder / "run/model"
    return folder


@pytest.fixture(scope="module")
def language_model(folder):
    return asr.load_language_model(folder / "run" / "model")


@pytest.fixture(scope="module")
def with_words(folder):
    """A model of the same texts that knows the more frequent of their two words."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASR_DATA", str(folder))
        recipe = load_recipe(folder / "lm.yaml", ["ngrams.words=1", "data.dev=[]"])
        return asr.train_language_model(recipe, folder / "words")


@pytest.fixture(scope="module")
def recognizer(tiny_run):
    return asr.load(tiny_run / "model")


@pytest.fixture
def recipe(folder, monkeypatch):
    monkeypatch.setenv("ASR_DATA", str(folder))
    return lambda *changes: load_recipe(folder / "lm.yaml", changes)


@pytest.mark.parametrize(("words", "order"), [(0, 1), (2, 1), (0, -1)])
def test_a_domain_is_mixed_in(folder, recipe, tmp_path, words, order):
    """What is said in a domain alone costs less, by the character and by the word."""
    (folder / "spelled.txt").write_text("A B C D E\nE D C B A\n")
    spelled = "{corpus: lines, path: spelled.txt%s}"
    models = []
    for domain in ("", ", domain: spelled"):
        common = "{corpus: lines, path: texts.txt, repeat: 100}"
        change = f"data.train=[{', '.join([common, spelled % domain][::order])}]"
        output = tmp_path / f"run{len(models)}"
        asr.train_language_model(recipe(change, f"ngrams.words={words}"), output)
        models.append(asr.load_language_model(output / "model"))
    pooled, mixed = (
        perplexity(model, ["C A D", "B D E"]).perplexity for model in models
    )
    assert mixed < 0.8 * pooled
    pooled, mixed = (perplexity(model, LINES).perplexity for model in models)
    assert mixed < 1.1 * pooled


def test_words_that_were_seen_once(folder, recipe, tmp_path):
    (folder / "once.txt").write_text("AB CDE\nDCE BA\n")
    change = "data.train=[{corpus: lines, path: once.txt}]"
    with pytest.raises(DataError, match=r"ngrams\.words: no word of the texts"):
        asr.train_language_model(recipe(change, "ngrams.words=9"), tmp_path / "run")


def test_perplexity_of_training_texts(language_model, monkeypatch):
    known = perplexity(language_model, LINES)
    assert known.texts == len(LINES)
    assert known.words == sum(len(line.split()) for line in LINES)
    assert known.characters == sum(len(line) + 1 for line in LINES)
    assert known.bits < 1
    assert perplexity(language_model, ["DBE ACC", "EEE"]).bits > 3
    total = known.bits * known.characters * math.log(2)
    assert known.perplexity == pytest.approx(math.exp(total / known.words))
    monkeypatch.setattr("asr.decoding.hotwords._BATCH", 3)
    assert perplexity(language_model, LINES).bits == pytest.approx(known.bits)


def test_one_text_by_hand(language_model):
    """The same as the sum along the automaton's states."""
    automaton = ngram_automaton(language_model.ngrams)
    state, total = automaton.start, 0.0
    for token in [*language_model.tokenizer.encode("CAB"), 2]:
        total -= automaton.scores[state, token]
        state = automaton.following[state, token]
    fit = perplexity(language_model, ["CAB"])
    assert fit.bits == pytest.approx(total / 4 / math.log(2))


def test_unknown_characters_are_left_out_and_counted(language_model):
    found = perplexity(language_model, ["AB", "", " ", "ÉTÉ"])
    assert (found.texts, found.left_out) == (1, 1)
    with pytest.raises(DataError, match="no texts"):
        perplexity(language_model, ["ÉTÉ"])


def test_description_of_the_folder(folder):
    described = asr.describe(folder / "run" / "model")
    assert described["task"] == "language_model"
    assert described["order"] == 4
    assert described["texts"] == len(LINES)  # the one with an umlaut is left out
    assert described["scores"]["bits_per_character"] < 1
    assert "decoding" not in described
    card = (folder / "run" / "model" / "README.md").read_text()
    assert "Character 4-grams" in card
    assert "| texts.txt | lines | all |" in card


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.open), ("xz", lzma.open)])
def test_compressed_texts(recipe, folder, tmp_path, ending, pack):
    with pack(folder / f"texts.txt.{ending}", "wt") as file:
        file.write("\n".join(LINES))
    source = f"data.train=[{{corpus: lines, path: texts.txt.{ending}}}]"
    model = asr.train_language_model(recipe(source), tmp_path / "run")
    assert asr.describe(model)["texts"] == len(LINES)


def test_texts_of_recordings_and_pairs(tones, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("ASR_DATA", str(tones))
    (tones / "pairs.tsv").write_text("one\tAB\n")
    sources = (
        "data.train=[{corpus: jsonl, path: clips.jsonl, repeat: 2}, "
        "{corpus: pairs, path: pairs.tsv}]"
    )
    recipe = load_recipe(folder / "lm.yaml", [sources, "data.dev=[]"])
    model = asr.train_language_model(recipe, tmp_path / "run")
    count = len(list(read_manifest(tones / "clips.jsonl")))
    assert asr.describe(model)["texts"] == 2 * count + 1


def test_paragraphs_are_divided_into_sentences(recipe, folder, tmp_path):
    (folder / "books").mkdir()
    (folder / "books" / "a.txt").write_text("Ab cde. Cde ab!\nE ab.\n")
    (folder / "books" / "b.txt").write_text("Cde.\n")
    source = "data.train=[{corpus: paragraphs, path: books, repeat: 2}]"
    model = asr.train_language_model(recipe(source), tmp_path / "run")
    assert asr.describe(model)["texts"] == 8


def test_entropy_pruning_by_the_number_of_ngrams(recipe, tmp_path):
    counts = []
    for most in (0, 3):
        changes = ["ngrams.words=9", f"ngrams.most={most}", "data.dev=[]"]
        output = tmp_path / str(most)
        model = asr.load_language_model(
            asr.train_language_model(recipe(*changes), output)
        )
        levels = model.words.ngrams.levels
        counts.append(sum(len(level.entries) for level in levels))
    assert counts[1] < counts[0]


def test_a_word_seen_once_stands_for_unknown_ones(recipe, folder, tmp_path):
    (folder / "once.txt").write_text("\n".join([*LINES, "AB BAD CDE"]) + "\n")
    source = "data.train=[{corpus: lines, path: once.txt}]"
    model = asr.load_language_model(
        asr.train_language_model(recipe(source, "ngrams.words=99"), tmp_path / "run")
    )
    assert model.words.vocabulary == ("AB", "CDE")
    rows = ngram_automaton(unpacked(model.words.ngrams))
    assert math.exp(rows.scores[0, 3]) > 0.01


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ("data.tokenizer=bpe", RecipeError, "one of characters"),
        ("ngrams.least=[2, 1]", DataError, "as often as a shorter"),
        ("data.train=[{corpus: lines, path: nowhere.txt}]", DataError, "cannot read"),
        ("data.characters=XYZ", DataError, "no texts to count"),
    ],
)
def test_invalid_recipes(recipe, tmp_path, change, error, match):
    with pytest.raises(error, match=match):
        asr.train_language_model(recipe(change), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_that_holds_a_model(recipe, folder):
    with pytest.raises(TrainingError, match="holds a model already"):
        asr.train_language_model(recipe(), folder / "run")


def test_networks_and_language_models_are_told_apart(
    folder, tiny_run, recipe, tmp_path
):
    with pytest.raises(ModelError, match="a language model; name it in"):
        asr.load(folder / "run" / "model")
    with pytest.raises(ModelError, match="not a language model"):
        asr.load_language_model(tiny_run / "model")
    with pytest.raises(RecipeError, match="trained by `asr train` only"):
        asr.train(recipe(), tmp_path / "run")


def test_words_are_predicted_as_a_whole(with_words, language_model):
    model = asr.load_language_model(with_words)
    assert model.words.vocabulary == ("AB",)  # as frequent as CDE, and before it
    rows = ngram_automaton(unpacked(model.words.ngrams))
    # The log probability of the word, where the other one spells it out.
    start = rows.following[rows.start, 3]
    closed = float(rows.scores[start, 4])
    letters = ngram_automaton(language_model.ngrams)

    def spelled(text):
        state, total = letters.start, 0.0
        for token in language_model.tokenizer.encode(text):
            total += float(letters.scores[state, token])
            state = letters.following[state, token]
        return total + float(letters.scores[state, 2])

    fit = perplexity(model, ["CDE AB"])
    total = -fit.bits * fit.characters * math.log(2)
    space = language_model.tokenizer.encode("CDE ")
    assert len(space) == 4
    by_letters = spelled("CDE AB")
    inside = by_letters - spelled_from(letters, language_model, "CDE ", "AB")
    unknown = float(rows.scores[rows.start, 3])
    assert total == pytest.approx(inside + unknown + closed, abs=0.01)
    assert (
        "and trigrams of the 1 most frequent words"
        in (with_words / "README.md").read_text()
    )


def spelled_from(letters, model, before, text):
    """Log probability of the letters of a text that comes after another."""
    state, total = letters.start, 0.0
    for place, token in enumerate(model.tokenizer.encode(before + text)):
        if place >= len(before):
            total += float(letters.scores[state, token])
        state = letters.following[state, token]
    return total


@pytest.fixture(scope="module")
def said(folder):
    """A model of the same texts that knows how two of its three words sound."""
    lines = ["ab E Y B", "ab(2) AA B", "cde S IY D", "unheard AH N"]
    (folder / "lexicon.txt").write_text("\n".join(lines))
    (folder / "three.txt").write_text("\n".join([*LINES, "E E"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASR_DATA", str(folder))
        changes = ["ngrams.words=3", "data.dev=[]", "data.lexicon=lexicon.txt"]
        changes += ["data.train=[{corpus: lines, path: three.txt}]"]
        recipe = load_recipe(folder / "lm.yaml", changes)
        return asr.train_language_model(recipe, folder / "said")


def test_words_have_pronunciations(said, with_words):
    model = asr.load_language_model(said)
    assert model.words.vocabulary == ("AB", "CDE", "E")
    found = {
        word: {*map(" ".join, spoken)}
        for word, spoken in model.words.pronunciations.items()
    }
    assert found == {"AB": {"E Y B", "AA B"}, "CDE": {"S IY D"}}
    card = (said / "README.md").read_text()
    assert "Pronunciations of 2 words are from `lexicon.txt`." in card
    assert asr.load_language_model(with_words).words.lexicon is None


def test_a_lexicon_needs_words(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("ASR_DATA", str(folder))
    recipe = load_recipe(folder / "lm.yaml", ["data.lexicon=none.txt"])
    with pytest.raises(RecipeError, match=r"data\.lexicon: set ngrams\.words"):
        asr.train_language_model(recipe, tmp_path)
    (tmp_path / "none.txt").write_text("other AH DH ER")
    changes = [f"data.lexicon={tmp_path / 'none.txt'}", "ngrams.words=3"]
    with pytest.raises(DataError, match="none of the words"):
        asr.train_language_model(load_recipe(folder / "lm.yaml", changes), tmp_path)


def test_lexicon_search_of_a_language_model(said, with_words, language_model):
    phones = ("AA", "B", "D", "IY", "S")
    model = asr.load_language_model(said)
    search = fusion.lexicon_search(model, phones, model.tokenizer, weight=1.0, beam=10)
    spoken = np.full((5, 6), 0.01)
    spoken[np.arange(5), [1, 2, 5, 4, 3]] = 0.95
    found, *_ = search(np.log(spoken), 1)
    assert found.words == ("AB", "CDE")
    automaton = ngram_automaton(unpacked(model.words.ngrams))
    tokens = [4, 5, END]
    expected = text_score(automaton, [tokens])
    assert found.language == pytest.approx(expected, abs=0.01)
    # Neither without pronunciations, nor for others' phones, nor without words.
    for other, names in (
        (asr.load_language_model(with_words), phones),
        (language_model, phones),
        (model, ("X", "Y")),
    ):
        assert (
            fusion.lexicon_search(other, names, model.tokenizer, weight=1, beam=1)
            is None
        )
    letters = CharacterTokenizer(tuple(" AB"))
    no_space = CharacterTokenizer(tuple("ABCDE"))
    assert fusion.lexicon_search(model, phones, no_space, weight=1, beam=1) is None
    only = fusion.lexicon_search(model, phones, letters, weight=1.0, beam=10)
    assert only(np.log(spoken[:2]), 1)[0].words == ("AB",)
    assert set(only.tree.words.tolist()) == {4}


def test_a_lexicon_that_does_not_fit(said, tmp_path):
    arrays = read_arrays(said / "model.weights.npz")
    for number, text in enumerate(("A B", "A\nB\nC\nD", "A\n" + "B " * 61 + "\n")):
        wrong = np.frombuffer(text.encode(), np.uint8)
        copy = rewritten(
            said, tmp_path / str(number), arrays | {"words_pronunciations": wrong}
        )
        with pytest.raises(ModelError, match="not a lexicon: its lines do not fit"):
            asr.load_language_model(copy)
    wrong = np.array([255], np.uint8)
    copy = rewritten(said, tmp_path / "bytes", arrays | {"words_pronunciations": wrong})
    with pytest.raises(ModelError, match="not a lexicon: "):
        asr.load_language_model(copy)


def test_a_tree_that_does_not_fit(said, tmp_path):
    arrays = read_arrays(said / "model.weights.npz")
    changes = {
        "tree_children": lambda array: array[::-1],
        "tree_ends": lambda array: array + np.uint16(1),
        "tree_phones": lambda array: array + np.uint8(99),
        "tree_words": lambda array: array + np.uint32(99),
        "phone_names": lambda _: np.array([255], np.uint8),
    }
    for name, change in changes.items():
        changed = arrays | {f"words_{name}": change(arrays[f"words_{name}"])}
        copy = rewritten(said, tmp_path / name, changed)
        with pytest.raises(ModelError, match="not a lexicon"):
            asr.load_language_model(copy)


def test_folders_of_older_releases(said, tmp_path):
    """Words as n-grams by keys, and pronunciations as text."""
    model = asr.load_language_model(said)
    arrays = {
        name: array
        for name, array in read_arrays(said / "model.weights.npz").items()
        if not name.startswith("words_")
    }
    spoken = [model.words.pronunciations.get(word, ()) for word in ("AB", "CDE", "E")]
    lines = "\n".join("\t".join(map(" ".join, row)) for row in spoken)
    own = unpacked(model.words.ngrams).arrays()
    arrays |= {f"words_{name}": array for name, array in own.items()}
    arrays["words_vocabulary"] = np.frombuffer(b"AB\nCDE\nE", np.uint8)
    arrays["words_pronunciations"] = np.frombuffer(lines.encode(), np.uint8)
    old = asr.load_language_model(rewritten(said, tmp_path / "old", arrays))
    assert old.words.vocabulary == model.words.vocabulary
    assert old.words.pronunciations == model.words.pronunciations
    texts = ["AB CDE", "E E", "CDE BAD"]
    assert perplexity(old, texts).bits == pytest.approx(perplexity(model, texts).bits)


def test_a_vocabulary_that_does_not_fit(with_words, tmp_path):
    arrays = read_arrays(with_words / "model.weights.npz")
    broken = {"more": b"AB\nCDE", "no": b"", "code": b"\xff", "long": b"A" * 61}
    for name, words in broken.items():
        changed = arrays | {"words_vocabulary": np.frombuffer(words, "uint8")}
        folder = rewritten(with_words, tmp_path / name, changed)
        with pytest.raises(ModelError, match="not a vocabulary"):
            asr.load_language_model(folder)
    kinds = arrays | {"words_unigrams": arrays["words_unigrams"].astype(complex)}
    with pytest.raises(ModelError, match="not n-grams of words"):
        asr.load_language_model(rewritten(with_words, tmp_path / "kinds", kinds))
    double = arrays | {"words_unigrams": arrays["words_unigrams"].astype("float64")}
    same = asr.load_language_model(rewritten(with_words, tmp_path / "double", double))
    assert perplexity(same, ["CDE AB"]) == perplexity(
        asr.load_language_model(with_words), ["CDE AB"]
    )
    del arrays["words_vocabulary"]
    with pytest.raises(ModelError, match="not a vocabulary"):
        asr.load_language_model(rewritten(with_words, tmp_path / "none", arrays))


def rewritten(model, copy, arrays):
    """Copy a model folder with other arrays, and checksums that say so."""
    shutil.copytree(model, copy)
    np.savez(copy / "model.weights.npz", **arrays)
    names = ("config.json", "tokenizer.json", "model.weights.npz", "README.md")
    sums = [
        f"{hashlib.sha256((copy / name).read_bytes()).hexdigest()}  {name}\n"
        for name in names
    ]
    (copy / "SHA256SUMS").write_text("".join(sums))
    return copy


def test_a_damaged_folder(folder, tmp_path):
    model, arrays = folder / "run" / "model", {"unigrams": np.ones(9, "float32")}
    copy = rewritten(model, tmp_path / "model", arrays)
    with pytest.raises(ModelError, match="not an n-gram model"):
        asr.load_language_model(copy)
    (copy / "SHA256SUMS").write_bytes((model / "SHA256SUMS").read_bytes())
    with pytest.raises(ModelError, match="damaged"):
        asr.load_language_model(copy)


def test_columns_are_those_of_the_model_that_searches(language_model):
    other = CharacterTokenizer(("E", "A", " "))
    guide = fusion.scorer(language_model, other, weight=2.0, bonus=0.5)
    own = ngram_automaton(language_model.ngrams)
    pieces = language_model.tokenizer.pieces
    assert guide.start == own.start
    for place, piece in enumerate(other.pieces):
        column = pieces.index(piece)
        bonus = 0.5 if piece in (" ", "</s>") else 0.0
        expected = 2.0 * own.scores[:, column] + bonus
        np.testing.assert_allclose(guide.scores[:, place], expected, rtol=1e-6)
        np.testing.assert_array_equal(
            guide.following[:, place], own.following[:, column]
        )


def test_spelled_letters_get_no_word_bonus(with_words):
    """A bonus is the text's, where a word is more than a letter."""
    model = asr.load_language_model(with_words)
    tokenizer = model.tokenizer

    def gain(text):
        rows = [[*tokenizer.encode(text), END]]
        with_bonus, without = (
            text_score(fusion.scorer(model, tokenizer, weight=0.5, bonus=bonus), rows)
            for bonus in (-2.0, 0.0)
        )
        return with_bonus - without

    (known,) = model.words.vocabulary
    letter = known[0]
    assert gain(known) == pytest.approx(-2)
    assert gain(f"{known} {known}") == pytest.approx(-4)
    assert gain(f"{letter} {known} {letter} {letter}") == pytest.approx(-2)
    assert gain(letter) == pytest.approx(0, abs=1e-5)
    assert gain("") == pytest.approx(0, abs=1e-5)


def test_recognisers_with_other_characters(language_model):
    with pytest.raises(ModelError, match="does not know 'Z'"):
        fusion.scorer(language_model, CharacterTokenizer(("A", "Z")), weight=1, bonus=0)
    pieces = make_tokenizer(["ABC AB", "CAB BA"] * 9, "unigram", size=9)
    with pytest.raises(ModelError, match="only models that write characters"):
        fusion.scorer(language_model, pieces, weight=1, bonus=0)


def transcribed(recognizer, source, **changes):
    decoding = DecodingConfig(beam_size=4, ctc_weight=0.6, **changes)
    return recognizer.transcribe(source, decoding=decoding, vad=False)


def test_shallow_fusion_changes_the_text(recognizer, folder, tones):
    """With all weight on it, only what it knows is written."""
    clip = tones / "clip00.wav"
    plain = transcribed(recognizer, clip).text
    name = str(folder / "run" / "model")
    assert transcribed(recognizer, clip, language_model=name, lm_weight=0).text == plain
    guided = transcribed(
        recognizer, clip, language_model=name, lm_weight=10, word_bonus=1
    ).text
    assert guided != plain
    assert {"AB", "CDE"} & set(guided.split())
    assert guided in " ".join(["AB CDE"] * 20)


def test_hotwords_are_written_where_they_may_be(recognizer, tones):
    clip = next(iter(read_manifest(tones / "clips.jsonl")))
    spoken = clip.text.split()[0]
    other = "ED" if spoken != "ED" else "CB"
    assert other not in transcribed(recognizer, clip.audio).text.split()
    biased = transcribed(
        recognizer, clip.audio, hotwords=(other,), hotword_bonus=50.0
    ).text
    assert other in biased.split()


@pytest.mark.parametrize("guided", [False, True])
def test_a_prefix_begins_a_recording_and_no_later_part(
    recognizer, tones, folder, guided
):
    import soundfile

    first, second = (soundfile.read(tones / f"clip0{i}.wav")[0] for i in (1, 2))
    text = transcribed(recognizer, tones / "clip01.wav", prefix="ED").text
    assert text.startswith("ED")
    pause = np.zeros(16000 * 30, "float32")
    joined = np.concatenate([first, pause, second]).astype("float32")
    name = str(folder / "run" / "model") if guided else ""
    free, whole = (
        transcribed(recognizer, joined, prefix=prefix, language_model=name)
        for prefix in ("", "ED")
    )
    assert len(whole.segments) > 1
    assert whole.segments[0].text.startswith("ED")
    assert not free.segments[0].text.startswith("ED")
    assert whole.segments[-1].tokens == free.segments[-1].tokens


def test_hotwords_and_prefixes_out_of_the_vocabulary(recognizer, tones):
    with pytest.raises(DataError, match="tokenizer has no 'Z'"):
        transcribed(recognizer, tones / "clip00.wav", hotwords=("ZZ",))
    with pytest.raises(DataError, match="tokenizer has no 'Z'"):
        transcribed(recognizer, tones / "clip00.wav", prefix="Z")
    with pytest.raises(DataError, match=r"hotword '\.\.': nothing that"):
        transcribed(recognizer, tones / "clip00.wav", hotwords=("..",))
    with pytest.raises(ModelError, match="no model nowhere"):
        transcribed(recognizer, tones / "clip00.wav", language_model="nowhere")


def test_commands(capsys, folder, tones, tiny_run, tmp_path, monkeypatch):
    """`asr train`, `asr evaluate` and `asr transcribe` with a language model."""

    def run(*arguments):
        status = main([str(argument) for argument in arguments])
        return SimpleNamespace(status=status, **capsys.readouterr()._asdict())

    monkeypatch.setenv("ASR_DATA", str(folder))
    ended = run("train", folder / "lm.yaml", "--output", tmp_path / "run")
    assert (ended.status, ended.out) == (0, f"{tmp_path / 'run' / 'model'}\n")
    model = tmp_path / "run" / "model"
    ended = run("evaluate", model, folder / "unseen.txt", "--json")
    found = json.loads(ended.out)
    assert found["words"] == 5
    assert found["perplexity"] < 4
    ended = run("evaluate", model, folder / "unseen.txt")
    assert ended.out.startswith("bits       0.")
    options = ("--language-model", model, "--lm-weight", 10, "--word-bonus", 1)
    ended = run(
        "transcribe", tones / "clip00.wav", "--model", tiny_run / "model", "--no-vad",
        "--raw", *options,
    )  # fmt: skip
    assert ended.status == 0
    assert {"AB", "CDE"} & set(ended.out.split())
    assert ended.out.strip() in " ".join(["AB CDE"] * 20)
    ended = run("evaluate", model, tones / "clips.jsonl", "--json")
    assert json.loads(ended.out)["texts"] == 16
    for given in (["--calibrate"], ["--predictions", "out.jsonl"]):
        ended = run("evaluate", model, folder / "unseen.txt", *given)
        assert ended.status == 2
    for option, need in (("--lm-weight", "need a"), ("--phone-weight", "needs a")):
        options = ("--language-model", "none", option, 1)
        ended = run("transcribe", tones / "clip00.wav", *options)
        assert ended.status == 2
        assert f"{need} --language-model" in ended.err
    ended = run("train", folder / "lm.yaml", "--estimate")
    assert ended.status == 2
    assert "--estimate applies only to networks" in ended.err


def test_texts_that_are_empty_when_normalised(folder, recipe, tmp_path):
    (folder / "foreign.txt").write_text("\u043f\u0440\u0438\u0432\u0435\u0442\n\n")
    foreign = recipe("data.train=[{corpus: lines, path: foreign.txt}]")
    with pytest.raises(DataError, match="no text is left by librispeech-1"):
        asr.train_language_model(foreign, tmp_path / "run")
