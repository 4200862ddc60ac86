"""The examples in the README files of exports of Keras networks."""

from __future__ import annotations

import pytest

from tests.exported_models import (
    CLASSIFIER,
    LABELLER,
    TEXT,
    exported,
    greedy_text,
    run_example,
    run_example_here,
    sources_of,
)

pytest.importorskip("tensorflow", reason="the exports need TensorFlow")
pytestmark = pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")

KINDS = {
    "speech": {"phones": ["A", "B"]},
    "luong": {"attention": {"kind": "luong"}, "encoder": {"kind": "self", "heads": 2}},
    "copying": TEXT | {"decoder": {"copy": True, "tied": True}},
    "classifier": CLASSIFIER,
    "labeller": LABELLER,
}


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        *(("litert", kind) for kind in KINDS),
        ("savedmodel", "copying"),
        ("savedmodel", "classifier"),
        ("savedmodel", "labeller"),
    ],
)
def test_an_example_writes_our_text(form, kind, tmp_path, monkeypatch):
    folder, loaded = exported(KINDS[kind], form, tmp_path)
    source, text = sources_of(loaded)
    ours = greedy_text(loaded, source)
    assert ours
    assert run_example_here(folder, source, text, monkeypatch) == ours


@pytest.mark.parametrize("form", ["litert", "savedmodel"])
def test_an_example_runs_alone(form, tmp_path):
    folder, loaded = exported(KINDS["speech"], form, tmp_path)
    source, text = sources_of(loaded)
    assert run_example(folder, source, text) == greedy_text(loaded, source)
