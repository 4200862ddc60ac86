"""`recipes/figures`: requests with numbers and dates in words -> with figures."""

from __future__ import annotations

import datetime
import random
import re

import pytest
from click.testing import CliRunner
from text_to_num import text2num

from asr.config.loading import load_recipe
from asr.data.pairs import Pair
from asr.files import recipe_path
from asr.training import run
from tests.script_module import script_module

figures = script_module("figures/figures.py")

SMALL = (
    "model.text.embedding=8",
    "model.encoder.units=8",
    "model.encoder.memory_units=8",
    "model.decoder.units=8",
    "model.decoder.embedding=8",
    "model.attention.units=8",
    "train.epochs=1",
    "train.tensorboard=false",
    "decoding.beam_size=1",
    "decoding.length_ratio=0",
)


def drawn(slot, number=300):
    draw = random.Random(1)
    return [figures.SLOTS[slot](draw) for _ in range(number)]


def found(pairs):
    """Return the figures in requests, without cents."""
    texts = [re.sub(r"([$£€]\d+)\.\d\d", r"\1", pair.text) for pair in pairs]
    some = re.compile(r"\d+:\d\d|\d+ [A-Z]\w+|\d[\d,.]*")
    return {x.replace(",", "") for text in texts for x in some.findall(text)}


def test_no_tested_value_or_request_is_trained_on():
    train = figures.pairs("train", 3000)
    known, sources = found(train), {pair.source for pair in train}
    for subset in ("dev", "test", "test-requests"):
        new = figures.pairs(subset, 300)
        assert len(found(new)) > 150
        assert known.isdisjoint(found(new))
        assert sources.isdisjoint(pair.source for pair in new)
    names = {word for pair in train for word in pair.source.split()}
    assert "anna" in names
    assert "victor" not in names
    assert any("victor" in pair.source for pair in figures.pairs("test", 300))


def test_a_subset_is_the_same_in_each_call():
    assert figures.pairs("dev", 20) == figures.pairs("dev", 20)


def test_numbers_are_read_back_by_another_program():
    for value in drawn("count"):
        figure = int(value.written.replace(",", ""))
        assert text2num(re.sub("^a ", "one ", value.spoken), "en") == figure
        assert ("," in value.written) == (figure >= 10_000)


def test_codes_are_said_digit_by_digit():
    values = drawn("code")
    for value in values:
        words = re.sub(r"double (\w+)", r"\1 \1", value.spoken)
        digits = [text2num(x.replace("oh", "zero"), "en") for x in words.split()]
        assert "".join(map(str, digits)) == value.written
    assert any("double" in value.spoken for value in values)


@pytest.mark.parametrize(
    ("slot", "words", "figure"),
    [
        ("time", "half past five", "5:30"),
        ("time", "quarter to one", "12:45"),
        ("time", "one minute to one", "12:59"),
        ("time", "seven oh five p m", "7:05 pm"),
        ("time", "nine o'clock", "9:00"),
        ("money", "twelve pounds fifty", "£12.50"),
        ("money", "twelve euros and five cents", "€12.05"),
        ("percent", "two point four percent", "2.4%"),
        ("day", "may the third", "3 May"),
        ("date", "the third of may two thousand and five", "3 May 2005"),
    ],
)
def test_examples(slot, words, figure, monkeypatch):
    monkeypatch.setattr(figures, "size", lambda *_: 12)
    monkeypatch.setattr(figures, "_some_day", lambda _: datetime.date(2005, 5, 3))
    written = {value.spoken: value.written for value in drawn(slot, 10_000)}
    assert written[words] == figure


@pytest.mark.parametrize(
    ("number", "forms"),
    [
        (1950, {"nineteen fifty"}),
        (2000, {"two thousand"}),
        (2009, {"two thousand nine", "two thousand and nine"}),
        (2015, {"twenty fifteen", "two thousand fifteen", "two thousand and fifteen"}),
    ],
)
def test_years(number, forms):
    draw = random.Random(1)
    assert {figures.spoken_year(number, draw) for _ in range(100)} == forms


def test_baselines():
    tested = [
        Pair("wait a second tom", "wait a second tom"),
        Pair("we need sixty two cups", "we need 62 cups"),
        Pair("meet me at half past five", "meet me at 5:30"),
    ]
    sources = [pair.source for pair in tested]
    assert figures.exact(sources, tested) == pytest.approx(100 / 3)
    assert figures.exact(map(figures.by_rules, sources), tested) == pytest.approx(
        200 / 3
    )


def test_the_recipe_trains_on_what_the_script_writes(tmp_path, monkeypatch):
    sizes = {"train": 60, "dev": 5, "test": 6, "test-requests": 7}
    monkeypatch.setattr(figures, "SIZES", sizes)
    monkeypatch.setenv("ASR_DATA", str(tmp_path))
    folder = tmp_path / "text" / "figures"
    written = CliRunner().invoke(figures.main, ["write", str(folder)])
    assert f"{folder / 'train.jsonl'}: 60 pairs\n" in written.output

    recipe = load_recipe(recipe_path("figures/figures"), SMALL)
    results = run.run(recipe, tmp_path / "run")
    assert len(results) == 2
    given = ["score", str(tmp_path / "run" / "model"), str(folder)]
    scored = CliRunner().invoke(figures.main, given)
    assert scored.exit_code == 0
    lines = scored.output.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["test", "test-requests"]
    share = r"\d+\.\d %"
    shares = rf".*: model {share}, copying {share}, rules of asr transcribe {share}"
    assert all(re.fullmatch(shares, line) for line in lines)
