"""When the decoder is run, and how greedy search scores."""

from __future__ import annotations

from dataclasses import replace

import pytest

import asr


def test_ctc_alone_does_not_ask_the_decoder(tiny_run, tones, monkeypatch):
    recognizer = asr.load(tiny_run / "model")
    clips = sorted(tones.glob("*.wav"))[:4]

    def texts(weight):
        decoding = replace(recognizer.decoding, beam_size=4, ctc_weight=weight)
        found = recognizer.transcribe_many(clips, decoding=decoding, vad=False)
        return [transcript.text for _, transcript in found]

    nearly = texts(0.999999)

    def fail(*_):
        raise AssertionError("asked")

    monkeypatch.setattr(recognizer.network, "step", fail)
    assert all(nearly)
    assert texts(1.0) == nearly
    with pytest.raises(AssertionError, match="asked"):
        texts(0.5)


def test_a_beam_of_one_is_normalised_by_length_as_others_are(tiny_text_run):
    generator = asr.load_text(tiny_text_run / "model")

    def score(penalty):
        decoding = replace(generator.decoding, beam_size=1, length_penalty=penalty)
        return generator.generate("a b", decoding=decoding)

    plain, normalised = score(0.0), score(1.0)
    assert plain.text == normalised.text == "b a!"
    assert normalised.score == pytest.approx(plain.score / 0.4)
