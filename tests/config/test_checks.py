"""Rules between the keys of a recipe."""

from __future__ import annotations

import pytest

from asr.config.checks import check_keys
from asr.config.parsing import from_dict
from asr.config.schema import Recipe
from asr.errors import RecipeError

PHONES = {"model": {"phones": ["A", "B"]}, "data": {"lexicon": "lexicon.txt"}}


def test_the_defaults_keep_all_rules():
    check_keys(Recipe())
    check_keys(from_dict(Recipe, PHONES))
    check_keys(from_dict(Recipe, {"model": {"frontend": {"rate": 192000}}}))
    check_keys(from_dict(Recipe, {"model": {"ctc": False}}), text=True)
    check_keys(from_dict(Recipe, {"model": {"encoder": {"filters": [32, 64]}}}))


def test_the_fixed_vector_is_found_by_its_old_name():
    for attention in ("none", {"kind": "none"}):
        recipe = from_dict(Recipe, {"model": {"attention": attention}})
        assert recipe.model.attention.kind == "cho"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": {"ctc_weight": 0}}, "set model.ctc to false"),
        ({"train": {"ctc_weight": 1}}, "set decoding.ctc_weight to 1 too"),
        ({"model": {"phones": ["A"]}}, "model.phones and data.lexicon: set both"),
        ({"data": {"lexicon": "x"}}, "model.phones and data.lexicon: set both"),
        ({"decoding": {"phone_weight": 0.5}}, "must be 0 without model.phones"),
        ({"train": {"crf_weight": 0.5}}, "must be 0 without model.phones"),
        ({"model": {"encoder": {"filters": [32, 64, 64]}}}, "3 numbers for 2 convol"),
        (
            {"model": {"attention": {"kind": "multi_head", "heads": 3}}},
            "model.attention.heads: 3 heads do not divide model.attention.units, 128",
        ),
        (
            {
                "model": {
                    "attention": {"kind": "luong", "score": "dot"},
                    "encoder": {"memory_units": 0, "units": 100},
                }
            },
            "must have the size model.decoder.units, 256, got 400",
        ),
        ({"model": {"attention": "sutskever"}}, "set model.decoder.start to encoder"),
        (PHONES | {"model": {"phones": ["A", "A"]}}, "each phone must be listed once"),
        (
            # 200 s of 1,000 frames with 65,536 points of 24 bytes.
            {"model": {"frontend": {"rate": 192000, "hop_ms": 1, "window_ms": 200}}},
            "model.frontend: takes 315 GB for a batch, more than 4; raise hop_ms",
        ),
        (
            PHONES | {"model": {"phones": ["A"], "ctc": False}},
            "model.phones: needs the CTC head",
        ),
        (
            PHONES | {"train": {"ctc_weight": 1}, "decoding": {"phone_weight": 0.5}},
            "set decoding.phone_weight to 0 or 1",
        ),
    ],
)
def test_keys_that_contradict_each_other(changes, message):
    with pytest.raises(RecipeError) as caught:
        check_keys(from_dict(Recipe, changes))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "model.ctc: texts have no CTC head"),
        ({"model": {"ctc": False}, "augment": {"noise": 0.1}}, "must be 0 for texts"),
    ],
)
def test_keys_that_texts_do_not_have(changes, message):
    with pytest.raises(RecipeError, match=message):
        check_keys(from_dict(Recipe, changes), text=True)
