"""Batches of all shapes share one graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import asr


@pytest.mark.parametrize("hotwords", [(), ("AB",)])
def test_shapes_share_a_graph(tiny_run, hotwords):
    recognizer = asr.load(tiny_run / "model")
    search = recognizer.search(replace(recognizer.decoding, hotwords=hotwords))
    for count, seconds in ((1, 1.0), (2, 0.5), (3, 1.5)):
        samples = np.zeros(round(seconds * recognizer.rate), "float32")
        assert len(search.found([samples] * count).ctc) == count
    assert search.predict_function.experimental_get_tracing_count() == 1
