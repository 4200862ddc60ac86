"""Decoders are built once, and the oldest are dropped."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

import asr
from asr.errors import DataError, ModelError, RecipeError, UsageError
from asr.formats.transcript import Alternative
from asr.inference import predictor
from asr.inference.predictor import distinct_texts


@pytest.fixture(scope="module")
def recognizer(tiny_run):
    return asr.load(tiny_run / "model")


def test_a_decoder_is_built_once(recognizer):
    assert recognizer.search() is recognizer.search(recognizer.decoding)
    # A beam holds no more hypotheses than its size.
    wide = replace(recognizer.decoding, n_best=99)
    narrow = replace(recognizer.decoding, n_best=recognizer.decoding.beam_size)
    assert recognizer.search(wide) is recognizer.search(narrow)


def test_the_oldest_decoder_is_dropped(recognizer):
    def search(bonus):
        decoding = replace(recognizer.decoding, hotwords=("AB",), hotword_bonus=bonus)
        return recognizer.search(decoding)

    first = search(1.0)
    found = [search(bonus) for bonus in range(2, 10)]
    assert [search(bonus) for bonus in range(2, 10)] == found
    assert search(1.0) is not first  # and takes the place of 2
    assert search(3) is found[1]
    search(11)  # in the place of 4: the last use counts
    assert search(3) is found[1]


def test_threads_share_what_one_of_them_builds(recognizer, monkeypatch):
    built, build = [], predictor.build_decoder

    def slow(*arguments):
        time.sleep(0.2)
        built.append(build(*arguments))
        return built[-1]

    monkeypatch.setattr(predictor, "build_decoder", slow)
    decoding = replace(recognizer.decoding, hotwords=("BA",))
    with ThreadPoolExecutor(4) as executor:
        found = list(executor.map(recognizer.search, [decoding] * 4))
    assert len(built) == 1
    assert all(it is built[0] for it in found)
    # A decoder that cannot be built is tried again.
    wrong = replace(decoding, hotwords=("\u044f",))
    for _ in range(2):
        with pytest.raises(DataError):
            recognizer.search(wrong)


def test_threads_of_the_network(tiny_run):
    network = asr.load(tiny_run, threads=2).network
    assert network.encoder.get().get_session_options().intra_op_num_threads == 2
    cores = len(os.sched_getaffinity(0))
    assert asr.load(tiny_run).network.threads == max(1, cores - 1)  # one is to search
    for load in (asr.load, asr.load_text):
        with pytest.raises(UsageError, match="threads must be 1 or more, got 0"):
            load(tiny_run, threads=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_best": 0}, r"decoding\.n_best: must be between"),
        ({"beam_size": 0}, r"decoding\.beam_size: must be between"),
        ({"ctc_weight": 1.5}, r"decoding\.ctc_weight: must be between"),
        ({"lm_weight": float("nan")}, r"decoding\.lm_weight: must be a number"),
        ({"word_bonus": float("nan")}, r"decoding\.word_bonus: must be a number"),
        ({"hotwords": "AB"}, r"decoding\.hotwords: "),
    ],
)
def test_options_out_of_range(recognizer, changes, message):
    with pytest.raises(RecipeError, match=message):
        recognizer.search(replace(recognizer.decoding, **changes))


def test_a_model_without_a_phone_head(recognizer):
    with pytest.raises(ModelError, match="this model has no head of phones"):
        recognizer.search(replace(recognizer.decoding, phone_weight=0.5))


def test_hotwords_may_be_a_list(recognizer):
    first, second = (
        recognizer.search(replace(recognizer.decoding, hotwords=hotwords))
        for hotwords in (("AB",), ["AB"])
    )
    assert first is second


def test_alternatives_with_the_same_text():
    found = [Alternative("A", -1.0), Alternative("B", -2.0), Alternative("A", -3.0)]
    assert distinct_texts(found) == tuple(found[:2])
