"""Batches that another process decodes."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

import asr
from asr.audio import io as audio_io
from asr.deployment.server import decoder_process
from asr.deployment.server.decoder_process import DecoderProcess
from asr.errors import DataError
from tests.server_process import SAMPLES


@pytest.fixture(scope="module")
def recognizer():
    return asr.load("english")


@pytest.fixture
def process():
    helper = DecoderProcess("english")
    yield helper
    helper.close()


def test_the_results_are_those_of_this_process(process, recognizer):
    river = audio_io.read(SAMPLES / "river.wav", 16000)
    sources = [river, river[:16000]]
    here = recognizer.search()
    there = process.decode(here.config, sources, [True, False])
    expected = here.decode(sources, [True, False])
    for one, other in zip(there.hypotheses, expected.hypotheses, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    for one, other in zip(there.ctc, expected.ctc, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_another_process_follows_one_that_ended(process, recognizer):
    config = recognizer.search().config
    silence = [np.zeros(1600, "float32")]
    process.decode(config, silence, [True])
    os.kill(process._process.pid, signal.SIGKILL)
    with pytest.raises(ConnectionError, match="has ended"):
        process.decode(config, silence, [True])
    assert process.decode(config, silence, [True]).ctc[0].shape[1] > 1


def test_errors_of_the_decoder_arrive(process, recognizer):
    config = recognizer.search().config
    with pytest.raises(ValueError, match="broadcast"):
        process.decode(config, [np.zeros((2, 2, 2), "float32")], [True])


def test_errors_that_cannot_be_sent_arrive_as_text():
    class LocalError(Exception):
        pass

    found = decoder_process._portable(LocalError("why"))
    assert (type(found), str(found)) == (RuntimeError, "LocalError: why")
    same = DataError("text")
    assert decoder_process._portable(same) is same
