"""Case and punctuation: words stay, windows do not show, segments join."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import numpy as np
import pytest

import asr
from asr.config.parsing import from_dict
from asr.config.schema import ModelConfig
from asr.errors import ModelError
from asr.formats.transcript import Segment, Transcript, Word
from asr.inference.restorer import Restorer, _rewritten, load_restorer
from asr.storage.keras_model import build, weights_of
from asr.storage.model_folder import FolderConfig, read_model, write_model
from asr.tasks.restoration import Restoration
from asr.text.sentencepiece import train_subwords
from asr.text.written import MARKS

TREE = {
    "ctc": False,
    "text": {"embedding": 8},
    "encoder": {
        "convolutions": 0,
        "layers": 1,
        "units": 8,
        "memory_units": 8,
        "memory_stride": 1,
    },
    "decoder": {"kind": "labels"},
}
SENTENCES = ["how are you today", "i live in new york", "mcdonald's is here nasa's not"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model with random weights: it writes every case and every mark."""
    folder = tmp_path_factory.mktemp("restorer") / "model"
    config = from_dict(ModelConfig, TREE, "model")
    tokenizer = train_subwords(SENTENCES * 3, "unigram", 60)
    model = build(Restoration(tokenizer, config, "lower-1"), seed=3)
    numbers = np.random.default_rng(1)
    weights = {
        name: 2 * numbers.normal(size=array.shape).astype("float32")
        for name, array in weights_of(model).items()
        if array.dtype == np.float32
    }
    facts = FolderConfig(
        task="restoration",
        normalizer="lower-1",
        model=config,
        spellings=("McDonald's", "iPhone"),
    )
    write_model(
        folder,
        facts,
        tokenizer=tokenizer.to_json(),
        weights=weights,
        card="# A model\n",
    )
    return folder


@pytest.fixture(scope="module")
def restorer(folder):
    loaded = asr.load_text(folder)
    assert isinstance(loaded, Restorer)
    return loaded


def test_capitals_of_a_text_in_lower_case_stay(restorer):
    words = ["i", "work", "in", "IT", "and", "the", "US", "uses", "it"]
    for _ in range(5):
        written = restorer.restore(" ".join(words), numbers=False).split()
        assert [it.rstrip("".join(MARKS)) for it in written][3] == "IT"
        assert written[6].startswith("US")
        words += ["and", "so", "on"]


def test_marks_apart_from_words(restorer):
    written = restorer.restore("so it is . how are you ? fine", numbers=False).split()
    assert (written[2].lower(), written[3], written[7]) == ("is", ".", "?")
    assert written[4][0] == "H"


def plain(word):
    return word.rstrip("".join(MARKS)).lower() or word


def texts(count):
    """Random texts of many scripts, marks, figures and lengths."""
    chance = random.Random(7)
    alphabets = [
        "abcdefghijklmnopqrstuvwxyz'",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "абвгдежзий",
        "日本語中文",
        "αβγδε",
        "0123456789.,:%",
        ".,?!;:'\u2019-\"()[]…—",
        "éßüñİıſǅﬁ",
        "\u0301\u200b\u202e\ufeff😀",
        "हिन्दी",
        "عربي",
    ]
    for _ in range(count):
        length = chance.choice([0, 1, 2, 5, 20, 60])
        yield [
            "".join(
                chance.choice(chance.choice(alphabets))
                for _ in range(chance.randint(1, 8))
            )
            if chance.random() < 0.5
            else "".join(chance.choices(chance.choice(alphabets), k=6))
            for _ in range(length)
        ]


def test_words_never_change(restorer):
    seen = set()
    for words in texts(1000):
        words = " ".join(words).split()
        written = restorer.restore(" ".join(words), numbers=False).split(" ")
        assert [plain(it) for it in written] == [plain(it) for it in words or [""]]
        for word, result in zip(words, written, strict=False):
            stem = word.rstrip("".join(MARKS))
            if not word.replace("\u2019", "'").isascii():
                assert result.startswith(word)
                assert len(result) <= len(word) + 1
            if stem != word and stem:
                assert result.endswith(word[len(stem) :])
            seen.add(result[-1])
    assert seen >= set(MARKS[1:])


def test_a_long_text_is_one_text(restorer):
    chance = random.Random(3)
    words = [word for text in SENTENCES for word in text.split()]
    text = [chance.choice(words) for _ in range(6000)]
    whole = list(restorer.words(text))
    assert [plain(word) for word in whole] == text
    # Windows that begin elsewhere: 97 words later.
    later = list(restorer.words(text[97:]))
    same = [a == b for a, b in zip(whole[97:], later, strict=True)]
    assert np.mean(same[40:]) > 0.99


def test_a_text_is_a_sentence(restorer):
    text = restorer.restore("HOW ARE YOU")
    assert text[0] == "H"
    assert text[-1] in ".?!"
    assert restorer.restore("") == ""
    assert restorer.restore("I'M HERE AND I LIVE").split()[3][0] == "I"


def test_what_is_written_stays(restorer):
    text = "iPhone, O'Brien. 2024 héllo x; (so) \u201cyes\u201d"
    words = restorer.restore(text).split()
    assert words[:2] == ["iPhone,", "O'Brien."]
    assert [plain(word) for word in words[2:4]] == ["2024", "héllo"]
    assert words[4].lower() == "x;"
    assert words[5:] == ["(so)", "\u201cyes\u201d"]


def segment(number, text, channel=None):
    words = tuple(
        Word(number + 0.1 * i, number + 0.1 * i + 0.1, word, 0.5)
        for i, word in enumerate(text.split())
    )
    return Segment(
        number, number, number + 1.0, text, (5,), -0.1, 0.0, words, channel=channel
    )


def test_segments_join(restorer):
    parts = [segment(i, text.upper()) for i, text in enumerate(SENTENCES)]
    transcript = Transcript(" ".join(p.text for p in parts), tuple(parts), "en", 3.0)
    restored = restorer.transcript(transcript)
    assert restored.text == " ".join(it.text for it in restored.segments)
    assert restored.text[-1] in ".?!"
    for before, after in zip(parts, restored.segments, strict=True):
        assert after == replace(before, text=after.text, words=after.words)
        assert " ".join(word.word for word in after.words) == after.text
        for old, new in zip(before.words, after.words, strict=True):
            assert replace(new, word=old.word) == old
    assert list(restorer.segments(parts)) == list(restored.segments)
    live = list(restorer.segments(iter(parts), live=True))
    assert [plain(w) for it in live for w in it.text.split()] == [
        plain(word) for it in parts for word in it.text.split()
    ]


def test_figures(restorer):
    part = segment(0, "it is twenty four")
    (plain_one,) = restorer.segments([part], numbers=False)
    assert len(plain_one.words) == 4
    rewritten = _rewritten(part, [("It", 1), ("is", 1), ("24.", 2)])
    assert rewritten.text == "It is 24."
    assert [word.word for word in rewritten.words] == ["It", "is", "24."]
    assert rewritten.words[2].start == part.words[2].start
    assert rewritten.words[2].end == part.words[3].end


def test_live_segments_do_not_wait(restorer):
    given = []

    def speak():
        for number, text in enumerate(SENTENCES):
            given.append(text)
            yield segment(number, text.upper())

    for number, _ in enumerate(restorer.segments(speak(), live=True), 1):
        assert len(given) == number


def test_channels_are_texts_of_their_own(restorer):
    one = [segment(i, text, 1) for i, text in enumerate(SENTENCES)]
    two = [segment(i, text, 2) for i, text in enumerate(reversed(SENTENCES))]
    mixed = [it for pair in zip(one, two, strict=True) for it in pair]
    restored = restorer.transcript(Transcript("", tuple(mixed), "en", 3.0))
    assert list(restored.segments[::2]) == list(restorer.segments(one))
    assert list(restored.segments[1::2]) == list(restorer.segments(two))


def test_other_models_are_refused(folder):
    from asr.inference.generator import load_generator
    from asr.inference.restorer import load_restorer

    assert read_model(folder).config.spellings == ("McDonald's", "iPhone")
    with pytest.raises(ModelError, match="asr punctuate"):
        load_generator(folder)
    with pytest.raises(ModelError, match="not restoration"):
        load_restorer("en-fr")


def test_the_session_is_made_when_another_network_has_run():
    encoder = load_restorer("restore").network.encoder
    assert encoder._session is None
    asr.load_text("pronounce").generate("word")
    for _ in range(1000):
        if encoder._session is not None:
            break
        time.sleep(0.01)
    assert encoder._session is not None
