"""Recipes: defaults, overrides, and one-line errors."""

from __future__ import annotations

import dataclasses
import json
import math
import typing

import numpy as np
import pytest

from asr.config.loading import load_recipe
from asr.config.parsing import from_dict, to_dict
from asr.config.schema import (
    AttentionConfig,
    Calibration,
    DecodingConfig,
    EncoderConfig,
    FrontendConfig,
    ModelConfig,
    Recipe,
    SourceConfig,
    TrainConfig,
)
from asr.errors import RecipeError, did_you_mean
from asr.files import recipe_path

DATA = "data:\n  train:\n    - {corpus: an4, path: speech/an4, subset: train}\n"


@pytest.fixture
def recipe(tmp_path):
    """Write a recipe and load it: `recipe(text, *overrides)`."""

    def load(text, *overrides, data=DATA):
        path = tmp_path / "recipe.yaml"
        path.write_text(data + text, encoding="utf-8")
        return load_recipe(path, overrides)

    return load


def refused(load, *words):
    with pytest.raises(RecipeError) as caught:
        load()
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_shipped_recipe_by_its_name():
    assert load_recipe("an4") == load_recipe(recipe_path("an4"))
    assert load_recipe("an4").name == "an4"


def test_a_recipe_is_a_difference_from_the_defaults(recipe):
    loaded = recipe("name: mine\nmodel:\n  encoder: {layers: 5}\n")
    expected = dataclasses.replace(
        Recipe(),
        name="mine",
        data=dataclasses.replace(
            Recipe().data, train=(SourceConfig("speech/an4", "an4", "train"),)
        ),
        model=ModelConfig(encoder=EncoderConfig(layers=5)),
    )
    assert loaded == expected


def test_an_attention_by_its_name(recipe):
    named = recipe("model: {attention: luong}\n").model.attention
    assert named == recipe("model: {attention: {kind: luong}}\n").model.attention
    assert named.kind == "luong"
    refused(lambda: recipe("model: {attention: 3}\n"), "model.attention")


def test_round_trip_through_json(recipe):
    loaded = recipe("augment: {speeds: [0.8, 1]}\nseed: 7\n")
    stored = json.loads(json.dumps(to_dict(loaded)))
    assert from_dict(Recipe, stored) == loaded
    assert loaded.augment.speeds == (0.8, 1.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trian: {}", ["unknown key 'trian'", "'train'"]),
        ("model: {encodr: {}}", ["unknown key 'model.encodr'", "'encoder'"]),
        ("model: {encoder: {layer: 1}}", ["'model.encoder.layer'", "'layers'"]),
        ("xyzzy: 1", ["unknown key 'xyzzy'", "it takes one of:", "decoding"]),
        ("1: 2", ["unknown key '1'"]),
        ("train: {schedule: cosin}", ["train.schedule", "'cosin'", "'cosine'"]),
        ("train: {schedule: [cosine]}", ["train.schedule", "cosine"]),
        ("train: {optimizer: sgd}", ["train.optimizer", "adamw"]),
    ],
)
def test_a_mistyped_name_gets_a_suggestion(recipe, text, words):
    refused(lambda: recipe(text), "recipe.yaml", *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed: 1.5", ["seed: must be a whole number, got 1.5"]),
        ("seed: yes", ["seed: must be a whole number, got True"]),
        ("seed: '3'", ["seed: must be a whole number, got '3'"]),
        ("name: 3", ["name: must be text, got 3"]),
        ("name: null", ["name: must be text, got None"]),
        ("train: {tensorboard: 1}", ["train.tensorboard: must be true or false"]),
        (
            "train: {learning_rate: fast}",
            ["learning_rate: must be a number, got 'fast'"],
        ),
        (
            "train: {learning_rate: true}",
            ["learning_rate: must be a number, got True"],
        ),
        ("train: {learning_rate: [1]}", ["learning_rate: must be a number"]),
        ("train: {learning_rate: .nan}", ["learning_rate: must be a number, got nan"]),
        ("train: {learning_rate: nan}", ["learning_rate: must be a number, got nan"]),
        ("train: 3", ["train: must be keys and values, got 3"]),
        ("train:", ["train: must be keys and values, got None"]),
        ("augment: {speeds: 1.0}", ["augment.speeds: must be a list, got 1.0"]),
        ("augment: {speeds: [1, x]}", ["augment.speeds[1]: must be a number"]),
        ("augment: {speeds: '11'}", ["augment.speeds: must be a list"]),
    ],
)
def test_a_value_of_the_wrong_type(recipe, text, words):
    refused(lambda: recipe(text), "recipe.yaml", *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "train: {ctc_weight: 1.1}",
            ["train.ctc_weight: must be between 0 and 1, got 1.1"],
        ),
        ("train: {ctc_weight: -0.1}", ["train.ctc_weight"]),
        ("train: {learning_rate: .inf}", ["train.learning_rate: must be", "got inf"]),
        (
            f"train: {{learning_rate: {10**400}}}",
            ["train.learning_rate: must be", "got inf"],
        ),
        ("train: {epochs: 0}", ["train.epochs: must be", "got 0"]),
        ("model: {encoder: {units: 0}}", ["model.encoder.units: must be"]),
        ("model: {encoder: {dropout: 1.0}}", ["model.encoder.dropout"]),
        ("decoding: {beam_size: 0}", ["decoding.beam_size: must be"]),
        ("augment: {speeds: [1.0, 0.0]}", ["augment.speeds: must be", "got 0.0"]),
        ("augment: {speeds: [-1.0]}", ["augment.speeds: must be", "got -1.0"]),
        ("augment: {speeds: []}", ["augment.speeds", "empty"]),
        (f"seed: {2**31}", ["seed"]),
    ],
)
def test_a_value_out_of_range(recipe, text, words):
    refused(lambda: recipe(text), "recipe.yaml", *words)


def test_ranges_are_inclusive(recipe):
    assert recipe("train: {ctc_weight: 0}").train.ctc_weight == 0.0
    assert recipe("train: {ctc_weight: 1}").train.ctc_weight == 1.0


@pytest.mark.parametrize(
    ("text", "value"), [("1e-3", 1e-3), ("1.5e-3", 1.5e-3), ("2E-4", 2e-4), ("1", 1.0)]
)
def test_numbers_in_exponent_notation(recipe, text, value):
    """YAML 1.1 takes `1e-3` for text."""
    for loaded in (
        recipe(f"train: {{learning_rate: {text}}}"),
        recipe("", f"train.learning_rate={text}"),
    ):
        assert loaded.train.learning_rate == value
        assert isinstance(loaded.train.learning_rate, float)


@pytest.mark.parametrize(
    "text",
    ["a: [1\n", "a: 'x\n", "\ta: 1\n", "a: !!python/object/apply:os.getcwd []\n",
     "a: 2024-13-40\n", "a: *nowhere\n", "{[]: 1}\n", "a: \x07\n",
     f"a: {'9' * 5000}\n"],
)  # fmt: skip
def test_invalid_yaml(recipe, text):
    refused(lambda: recipe(text, data=""), "recipe.yaml", "not valid YAML")


def test_devices_and_large_files_are_refused(recipe, tmp_path):
    refused(lambda: recipe("base: /dev/zero\n"), "/dev/zero", "not a plain file")
    refused(lambda: recipe("#" * 1_000_001), "larger than")


def test_lines_that_expand_to_many_are_refused(recipe):
    lists = "".join(
        f"- &x{i} [{', '.join([f'*x{i - 1}'] * 10)}]\n" for i in range(1, 9)
    )
    many = "must have at most 100,000 values"
    refused(lambda: recipe(f"name:\n- &x0 [x]\n{lists}"), many)
    flow = ",".join(f"&x{i} [{','.join([f'*x{i - 1}'] * 10)}]" for i in range(1, 9))
    refused(lambda: recipe("", f"name=[&x0 [x],{flow}]"), "--set name=", many)
    refused(lambda: recipe("name: &a [*a]\n"), many)
    maps = "a: &a {k: 1}\nb: {<<: [*a, *a]}\n"
    refused(lambda: recipe(maps), "<< is not supported", "at line")
    for load in (
        lambda: recipe("name: " + "[" * 5000),
        lambda: recipe("", "name=" + "[" * 5000),
    ):
        refused(load, "not valid YAML: nested too deeply")
    refused(lambda: recipe(f"seed: 0x{'F' * 5000}\n"), "seed: must have at most")


@pytest.mark.parametrize(
    "name", ["/home/you", "../../x", "a/b", "..", "", "a\nb", "a\\b"]
)
def test_names_that_are_not_folder_names(recipe, name):
    refused(lambda: recipe(f"name: {json.dumps(name)}\n"), "is not a valid folder name")


def test_aliases_may_repeat_a_list(recipe):
    source = "[{corpus: an4, path: speech/an4, subset: test}]"
    text = f"data:\n  train: &a {source}\n  dev: *a\n  withhold: *a\n"
    loaded = recipe(text, data="").data
    assert loaded.train == loaded.dev == loaded.withhold


@pytest.mark.parametrize(
    "line",
    [
        'base: "a\\0b"',
        'task: "a\\0b"',
        'train: {start: "a\\0b"}',
        'decoding: {hotwords: ["a\\0b"]}',
    ],
)
def test_no_text_contains_nul(recipe, line):
    refused(lambda: recipe(line + "\n"), "must not contain NUL, got 'a\\x00b'")


LONG = "x" * 50_000


@pytest.mark.parametrize(
    "text",
    [
        f"{LONG}: 1\n",
        f"base: [{LONG}]\n",
        f"name: {{a: {LONG}}}\n",
        f"name: a/{LONG}\n",
        f"seed: {LONG}\n",
        f"data: [{LONG}]\n",
        f"model: {{encoder: {{kind: {LONG}}}}}\n",
        f"model: {{encoder: {{kind: [{LONG}]}}}}\n",
        f"train: {{epochs: [{'[1], ' * 9000}]}}\n",
        f"train: {{epochs: {'{a: ' * 40}1{'}' * 40}}}\n",
    ],
)
def test_messages_quote_at_most_200_characters(recipe, tmp_path, text):
    with pytest.raises(RecipeError) as caught:
        recipe(text, data=DATA if "data" not in text else "")
    assert len(str(caught.value)) < 500 + len(str(tmp_path))


def test_messages_quote_at_most_200_characters_of_an_override(recipe, tmp_path):
    for override in (LONG, f"seed={LONG}", f"name.{LONG}=1", f"seed.{LONG}.a=1"):
        with pytest.raises(RecipeError) as caught:
            recipe("seed: 1\nname: x\n", override)
        assert len(str(caught.value)) < 500 + len(str(tmp_path))


def test_the_line_of_a_yaml_error(recipe):
    refused(lambda: recipe("name: x\nseed: [1\n", data=""), "at line")


@pytest.mark.parametrize("text", ["- 1\n", "word\n", "3\n"])
def test_a_recipe_must_be_a_mapping(recipe, text):
    refused(lambda: recipe(text, data=""), "mapping")


def test_a_file_that_cannot_be_read(tmp_path):
    refused(lambda: load_recipe(tmp_path / "none.yaml"), "none.yaml", "no recipe")
    refused(lambda: load_recipe(tmp_path), "no recipe")
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9\n")
    refused(lambda: load_recipe(tmp_path / "latin.yaml"), "latin.yaml", "not UTF-8")


def test_a_recipe_without_data(recipe):
    for text in ("", "name: x\n", "data: {train: []}\n"):
        refused(lambda text=text: recipe(text, data=""), "data.train must name")


def test_a_source_needs_a_path(recipe):
    text = "data: {train: [{corpus: an4}]}\n"
    refused(lambda: recipe(text, data=""), "data.train[0]", "'path' is missing")


def test_overrides(recipe):
    loaded = recipe(
        "model: {encoder: {layers: 3}}\n",
        "model.encoder.layers=5",
        "model.decoder.units=32",
        "name=mine",
        "augment.speeds=[1.0]",
        "train.tensorboard=false",
        "data.dev=[{path: dev.jsonl}]",
    )
    assert loaded.model.encoder.layers == 5
    assert loaded.model.decoder.units == 32
    assert loaded.name == "mine"
    assert loaded.augment.speeds == (1.0,)
    assert not loaded.train.tensorboard
    assert loaded.data.dev == (SourceConfig("dev.jsonl"),)


def test_the_name_of_an_attention_may_be_followed_by_its_keys(recipe, tmp_path):
    named = recipe("", "model.attention=multi_head", "model.attention.heads=8")
    (tmp_path / "named.yaml").write_text("model: {attention: multi_head}\n")
    based = recipe("base: named.yaml\nmodel: {attention: {heads: 8}}\n")
    for loaded in (named, based):
        assert loaded.model.attention == AttentionConfig(kind="multi_head", heads=8)


def test_the_last_override_counts(recipe):
    assert recipe("seed: 1\n", "seed=2", "seed=3").seed == 3


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("seed", ["--set seed", "key.subkey=value"]),
        ("=3", ["--set =3"]),
        ("seed=[1", ["--set seed=[1", "not valid YAML"]),
        ("seed=2024-13-40", ["--set", "not valid YAML"]),
        ("name.first=x", ["'name' has no keys below it"]),
        ("model.encodr.layers=3", ["'model.encodr'", "'encoder'"]),
        ("train.epochs=0", ["train.epochs: must be", "got 0"]),
        ("train.epochs=", ["train.epochs", "None"]),
        (".seed=1", ["unknown key"]),
    ],
)
def test_an_override_that_is_not_valid(recipe, override, words):
    refused(lambda: recipe("name: x\n", override), *words)


def test_a_recipe_may_start_from_another(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "a.yaml").write_text(
        "name: a\nseed: 3\ndata: {train: [{path: x}], longest: 7}\n"
        "model: {encoder: {layers: 2, units: 32}}\n"
    )
    (tmp_path / "b.yaml").write_text(
        "base: base/a.yaml\nname: b\ndata: {train: [{path: y}, {path: z}]}\n"
        "model: {encoder: {units: 64}}\n"
    )
    loaded = load_recipe(tmp_path / "b.yaml", ["data.longest=9"])
    assert (loaded.name, loaded.seed, loaded.data.longest) == ("b", 3, 9.0)
    assert [source.path for source in loaded.data.train] == ["y", "z"]
    assert (loaded.model.encoder.layers, loaded.model.encoder.units) == (2, 64)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("base: gone.yaml\n", "cannot read the recipe"),
        ("base: [a]\n", "must be a file name"),
        (f"base: {5000 * 'n'}\n", "must be a file name, got 'nnn"),
        ("base: mine.yaml\n", "recipes deep"),
    ],
)
def test_invalid_bases(tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    refused(lambda: load_recipe(path), words)


def test_did_you_mean():
    assert did_you_mean("layer", ["layers", "units"]) == "; did you mean 'layers'?"
    assert (
        did_you_mean("zzz", ["layers", "units"]) == "; it takes one of: layers, units"
    )


def config_classes(cls=Recipe):
    """All dataclasses that a recipe is made of."""
    found = {cls}
    for hint in typing.get_type_hints(cls).values():
        for inner in (hint, *typing.get_args(hint)):
            if dataclasses.is_dataclass(inner):
                found |= config_classes(inner)
    return found


def test_every_number_has_a_range_that_holds_its_default():
    classes = config_classes() | {Calibration}
    assert {FrontendConfig, TrainConfig, DecodingConfig} <= classes
    for cls in classes:
        hints = typing.get_type_hints(cls)
        for item in dataclasses.fields(cls):
            hint = hints[item.name]
            bounds = item.metadata.get("range")
            if hint in (int, float) or typing.get_args(hint)[:1] in ((int,), (float,)):
                assert bounds, f"{cls.__name__}.{item.name} takes any number"
                values = np.atleast_1d(item.default)
                assert all(bounds[0] <= value <= bounds[1] for value in values)
                assert all(math.isfinite(bound) for bound in bounds)


OLD_DEFAULTS = """
model: {frontend: {preemphasis: 0.0, normalization: utterance}}
train: {patience: 3}
augment: {split_pieces: 0.0}
decoding: {end_threshold: 0.0}
"""


def test_removed_keys_are_accepted_at_their_defaults(recipe):
    assert recipe(OLD_DEFAULTS) == recipe("model: {encoder: {recurrent_dropout: 0}}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "model: {frontend: {normalization: global}}",
            ["model.frontend.normalization"],
        ),
        ("model: {frontend: {preemphasis: 0.97}}", ["features have no pre-emphasis"]),
        ("model: {encoder: {recurrent_dropout: 0.1}}", ["use model.encoder.dropout"]),
        ("decoding: {end_threshold: 1.5}", ["use decoding.length_penalty"]),
        ("train: {patience: 2}", ["train.patience", "plateau"]),
    ],
)
def test_removed_keys_at_other_values(recipe, text, words):
    refused(lambda: recipe(text), "was removed in 0.2", *words)


def test_every_field_is_described():
    for cls in config_classes() - {Recipe, ModelConfig}:
        for item in dataclasses.fields(cls):
            assert f"{item.name}:" in (cls.__doc__ or ""), f"{cls.__name__}.{item.name}"


def test_shipped_recipes(root):
    paths = sorted((root / "recipes").rglob("*.yaml"))
    assert paths
    for path in paths:
        if path.parent.name != "base":  # what others start from
            assert load_recipe(path).data.train
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 40, path
