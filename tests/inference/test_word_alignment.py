"""Alignment of a text as its author wrote it, and of long recordings."""

from __future__ import annotations

import numpy as np
import pytest

import asr
from asr.config.schema import Calibration, ModelConfig
from asr.data.manifest import read_manifest
from asr.inference.segments import SegmentBuilder
from asr.inference.word_alignment import align_words, text_words
from asr.tasks.speech_recognition import SpeechRecognition
from asr.text.tokenizers import CharacterTokenizer


@pytest.fixture(scope="module")
def recognizer(tiny_run):
    return asr.load(tiny_run / "model")


@pytest.fixture(scope="module")
def clips(tones):
    return list(read_manifest(tones / "clips.jsonl"))


def words_of(transcript):
    (segment,) = transcript.segments
    return [(word.word, word.start, word.end) for word in segment.words]


def test_words_keep_case_and_punctuation(recognizer, clips):
    clip = clips[0]
    one, two, *rest = clip.text.split()
    text = f"\u2014 {one.lower()}, \u2013  \u00ab{two.capitalize()}\u00bb\n"
    text += " ".join(rest) + "!"
    found = recognizer.align(clip.audio, text)
    plain = words_of(recognizer.align(clip.audio, clip.text))
    written = [
        f"\u2014 {one.lower()}, \u2013",
        f"\u00ab{two.capitalize()}\u00bb",
        *rest,
    ]
    written[-1] += "!"
    assert found.text == found.segments[0].text == " ".join(text.split())
    assert words_of(found) == [
        (word, start, end) for word, (_, start, end) in zip(written, plain, strict=True)
    ]
    assert all(word.probability > 0 for word in found.segments[0].words)


@pytest.mark.parametrize("place", [0, 1, 3])
def test_words_without_a_spelling_lie_between_their_neighbours(
    recognizer, clips, caplog, place
):
    clip = clips[0]
    words = clip.text.split()
    words[place:place] = ["1984", "\u6771\u4eac", "A7", "50%"]
    found = recognizer.align(clip.audio, " ".join(words)).segments[0].words
    assert [word.word for word in found] == words
    times = [time for word in found for time in (word.start, word.end)]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (times[0], pytest.approx(times[-1]))
    assert times[0] >= 0
    assert times[-1] <= clip.duration + 1e-9
    lengths = [word.end - word.start for word in found[place : place + 4]]
    assert lengths == pytest.approx([lengths[0]] * 4)
    assert lengths[0] > 0
    assert [word.probability == 0 for word in found] == [
        place <= index < place + 4 for index in range(len(words))
    ]
    (record,) = caplog.records
    assert "clip00.wav: the model cannot spell 4 of 7 words" in record.getMessage()
    assert "'1984', '\u6771\u4eac', 'A7', '50%'" in record.getMessage()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("... !", []),
        ("ab", [("ab", "AB")]),
        ("A-B", [("A-B", "A B")]),
        ("\u00e4b", [("\u00e4b", "AB")]),
        ("B2", [("B2", "")]),
        ("A & B", [("A", "A"), ("&", ""), ("B", "B")]),
        ("x \u20ac", [("x", ""), ("\u20ac", "")]),
    ],
)
def test_words_and_their_spelling(recognizer, text, expected):
    found = [(word.text, word.spelled) for word in text_words(text, recognizer.task)]
    assert found == expected


FRAME = 320  # samples


def spoken(task, text: str) -> np.ndarray:
    """Samples that name a token for each frame: three of each character, a blank."""
    labels = [
        label for token in task.encode_target(text) for label in [token] * 3 + [0]
    ]
    return np.repeat(np.array(labels, "float32"), FRAME)


def heard(samples: np.ndarray) -> np.ndarray:
    """CTC log probabilities of these samples."""
    labels = samples[::FRAME].astype(int)
    return np.log(np.where(np.arange(6) == labels[:, None], 0.95, 0.01))


@pytest.mark.parametrize("block", [FRAME * 7, 10**9])
def test_long_recordings_are_aligned_in_parts(block):
    task = SpeechRecognition(
        CharacterTokenizer(("A", "B", " ")), ModelConfig(), "none-1"
    )
    random = np.random.default_rng(3)
    texts = [
        "".join(random.choice(["A", "B"], random.integers(1, 9))) for _ in range(900)
    ]
    silence = np.zeros(4500 * FRAME, "float32")  # 90 s, longer than a part
    spelled = " ".join(texts)
    middle = len(" ".join(texts[:400])) + 1  # the place of a word
    samples = np.concatenate(
        [
            silence,
            spoken(task, spelled[:middle]),
            silence,
            spoken(task, spelled[middle:]),
        ]
    )
    assert len(samples) > 300 * task.rate
    written = ["1984", *texts[:400], "1984", *texts[400:], "1984"]
    blocks = [samples[i : i + block] for i in range(0, len(samples), block)]
    builder = SegmentBuilder(task, Calibration(), FRAME / task.rate)
    longest = 0

    def ctc(part: np.ndarray) -> np.ndarray:
        nonlocal longest
        longest = max(longest, len(part))
        return heard(part)

    found = align_words(text_words(" ".join(written), task), blocks, ctc, builder, "x")
    assert [word.word for word in found.words] == written
    assert found.seconds == len(samples) / task.rate
    assert found.tokens == tuple(task.encode_target(spelled))
    assert longest <= 120 * task.rate
    place = 4500 * 0.02
    for number, word in enumerate(found.words):
        if word.word == "1984":
            continue
        if number == 402:
            place += 4500 * 0.02
        end = place + 0.08 * len(word.word)
        assert (word.start, word.end) == pytest.approx((place, end), abs=0.1)
        place = end + 0.08
    times = [time for word in found.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert (times[0], times[1]) == pytest.approx((0, 90), abs=0.1)
    assert times[-1] == found.seconds
