"""Requests with numbers and dates in words, and the same requests with figures.

    python recipes/figures/figures.py write $ASR_DATA/text/figures
    asr train figures/figures
    python recipes/figures/figures.py score runs/figures/model $ASR_DATA/text/figures

`requests.tsv` has the requests with slots, `words.tsv` the names, things and places. A
hash puts each number, day, year, time and name into one part, so that no value of a
test was trained on; cents are in all parts. The subset `test` fills the requests of
training with new values, `test-requests` fills new requests.
"""

from __future__ import annotations

import datetime
import math
import random
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import click

import asr
from asr.data.pairs import Pair, read_pairs, write_pairs
from asr.text.english import cardinal, ordinal, year
from asr.text.numerals import figures


def rows(file: str) -> list[list[str]]:
    """Return the rows of a file beside this one."""
    lines = Path(__file__).with_name(file).read_text("utf-8").splitlines()
    return [line.split("\t") for line in lines]


REQUESTS, WORDS = rows("requests.tsv"), dict(rows("words.tsv"))
SIZES = {"train": 30_000, "dev": 500, "test": 1000, "test-requests": 1000}
FIRST, LAST = datetime.date(1950, 1, 1), datetime.date(2049, 12, 31)
OPENINGS = ("", "", "", "please ", "hello ", "okay ", "well ")


class Value(NamedTuple):
    """What fills a slot.

    Attributes:
        spoken: In words.
        written: In figures.
        keys: Figures that must be in one part.
    """

    spoken: str
    written: str
    keys: tuple[str, ...] = ()


def part_of(key: str) -> str:
    """Return the part of a value: a tenth is tested, a tenth is the dev part."""
    return {0: "test", 1: "dev"}.get(zlib.crc32(key.encode()) % 10, "train")


def spoken(number: int, draw: random.Random) -> str:
    """Spell a number from 1 to 99,999 out, with or without `and`."""
    words = cardinal(number)
    if draw.random() < 0.5:
        words = words.replace("hundred ", "hundred and ")
        if 0 < number % 1000 < 100:
            words = words.replace("thousand ", "thousand and ")
    if draw.random() < 0.3 and words.startswith("one hundred"):
        words = f"a{words.removeprefix('one')}"
    return words


def size(most: int, draw: random.Random) -> int:
    """Return a number from 2; all orders of magnitude are as likely."""
    return round(math.exp(draw.uniform(math.log(2), math.log(most))))


def count(draw: random.Random) -> Value:
    """Return a number of things, with a comma from 10,000."""
    number = size(99_999, draw)
    written = f"{number:,}" if number >= 10_000 else str(number)
    return Value(spoken(number, draw), written, (str(number),))


def money(draw: random.Random) -> Value:
    """Return an amount of money."""
    sign, unit, small = draw.choice(
        [("$", "dollars", "cents"), ("£", "pounds", "pence"), ("€", "euros", "cents")]
    )
    whole, rest = size(9999, draw), draw.choice([0, draw.randrange(2, 100)])
    words, written = f"{spoken(whole, draw)} {unit}", f"{sign}{whole}"
    if rest:
        words += draw.choice([f" and {cardinal(rest)} {small}", f" {cardinal(rest)}"])
        written += f".{rest:02}"
    return Value(words, written, (str(whole),))


def percent(draw: random.Random) -> Value:
    """Return a percentage, whole or with one decimal."""
    whole, tenths = draw.randrange(2, 100), draw.choice([0, draw.randrange(1, 10)])
    point = f" point {cardinal(tenths)}" if tenths else ""
    figure = f"{whole}.{tenths}" if tenths else str(whole)
    return Value(f"{cardinal(whole)}{point} percent", f"{figure}%", (figure,))


def code(draw: random.Random) -> Value:
    """Return a number that is said digit by digit."""
    digits = "".join(draw.choices("0123456789", k=draw.randint(3, 6)))
    zero, doubled = draw.choice(["oh", "zero"]), draw.random() < 0.5
    words = []
    for run in re.findall(r"(\d)(\1?)" if doubled else r"(\d)()", digits):
        digit = cardinal(int(run[0])) if run[0] != "0" else zero
        words.append(f"double {digit}" if run[1] else digit)
    return Value(" ".join(words), digits, (digits,))


def spoken_year(number: int, draw: random.Random) -> str:
    """Spell a year out: by centuries, and from 2000 on also as a number."""
    if number < 2000 or (number >= 2010 and draw.random() < 0.7):
        return year(number)
    return spoken(number, draw)


def day(draw: random.Random) -> Value:
    """Return a day of a year."""
    return _day(_some_day(draw), draw)


def date(draw: random.Random) -> Value:
    """Return a day with its year."""
    some = _some_day(draw)
    words, written, keys = _day(some, draw)
    words = f"{words} {spoken_year(some.year, draw)}"
    return Value(words, f"{written} {some.year}", (*keys, str(some.year)))


def _some_day(draw: random.Random) -> datetime.date:
    number = draw.randint(FIRST.toordinal(), LAST.toordinal())
    return datetime.date.fromordinal(number)


def _day(some: datetime.date, draw: random.Random) -> Value:
    number, month = ordinal(some.day), f"{some:%B}".lower()
    forms = f"the {number} of {month}", f"{month} the {number}", f"{month} {number}"
    written = f"{some.day} {some:%B}"
    return Value(draw.choice(forms), written, (written,))


def time(draw: random.Random) -> Value:
    """Return a time of the clock."""
    hour = draw.randint(1, 12)
    minute = draw.choice([draw.randrange(0, 60, 5), draw.randrange(60)])
    figure = f"{hour}:{minute:02}"
    if draw.random() < 0.5 and minute:
        return Value(_past(hour, minute), figure, (figure,))
    half = draw.choice(["", "", "a m", "p m"])
    minutes = f"oh {cardinal(minute)}" if minute < 10 else cardinal(minute)
    if not minute:
        minutes = "" if half else "o'clock"
    words = " ".join(f"{cardinal(hour)} {minutes} {half}".split())
    return Value(words, f"{figure} {half.replace(' ', '')}".strip(), (figure,))


def _past(hour: int, minute: int) -> str:
    """Return a time as minutes past an hour, or to the next."""
    side = "past" if minute <= 30 else "to"
    away = minute if minute <= 30 else 60 - minute
    named = {15: "quarter", 30: "half", 1: "one minute"}
    minutes = cardinal(away) if away % 5 == 0 else f"{cardinal(away)} minutes"
    next_hour = hour if minute <= 30 else hour % 12 + 1
    return f"{named.get(away, minutes)} {side} {cardinal(next_hour)}"


def name(draw: random.Random) -> Value:
    """Return a first name."""
    chosen = _word("name", draw)
    return Value(chosen, chosen, (chosen,))


def thing(draw: random.Random) -> Value:
    """Return a thing, which may be in all parts."""
    chosen = _word("thing", draw)
    return Value(chosen, chosen)


def place(draw: random.Random) -> Value:
    """Return a city, which may be in all parts."""
    chosen = _word("place", draw)
    return Value(chosen, chosen)


def _word(slot: str, draw: random.Random) -> str:
    return draw.choice(WORDS[slot].split())


SLOTS: dict[str, Callable[[random.Random], Value]] = {
    slot.__name__: slot
    for slot in (count, money, percent, code, day, date, time, name, thing, place)
}


def value(slot: str, part: str, draw: random.Random) -> Value:
    """Return a value of a part for a slot."""
    while True:
        drawn = SLOTS[slot](draw)
        if all(part_of(key) == part for key in drawn.keys):
            return drawn


def fill(request: str, part: str, draw: random.Random) -> Pair:
    """Return a request with values of a part, in words and in figures.

    A third of the dates has no year.
    """
    slots = [
        draw.choice(["date", "date", "day"]) if slot == "date" else slot
        for slot in re.findall(r"\{(\w+)\}", request)
    ]
    values = [value(slot, part, draw) for slot in slots]
    frame = draw.choice(OPENINGS) + re.sub(r"\{\w+\}", "{}", request)
    words, written = ([getattr(x, side) for x in values] for side in Value._fields[:2])
    return Pair(frame.format(*words), frame.format(*written))


def pairs(subset: str, number: int) -> list[Pair]:
    """Return so many different pairs of a subset, the same in each call."""
    part, _, new = subset.partition("-")
    draw = random.Random(subset)
    frames = [frame for kept, frame in REQUESTS if kept == ("test" if new else "train")]
    drawn: dict[str, Pair] = {}
    while len(drawn) < number:
        pair = fill(draw.choice(frames), part, draw)
        drawn.setdefault(pair.source, pair)
    return list(drawn.values())


def by_rules(text: str) -> str:
    """Return a text with figures as `asr transcribe` writes them."""
    return " ".join(word for word, _ in figures(text.split()))


def exact(hypotheses: Iterable[str], tested: Sequence[Pair]) -> float:
    """Return the percentage of requests without an error."""
    both = zip(hypotheses, tested, strict=True)
    return 100 * sum(text == pair.text for text, pair in both) / len(tested)


@click.group()
def main() -> None:
    """Requests with numbers and dates in words, and with figures."""


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
def write(folder: Path) -> None:
    """Write the pairs of all subsets to FOLDER."""
    folder.mkdir(parents=True, exist_ok=True)
    for subset, number in SIZES.items():
        path = folder / f"{subset}.jsonl"
        write_pairs(path, pairs(subset, number))
        click.echo(f"{path}: {number} pairs")


@main.command()
@click.argument("model")
@click.argument("folder", type=click.Path(path_type=Path))
def score(model: str, folder: Path) -> None:
    """Print the percentage of tested requests that MODEL writes without an error."""
    generator = asr.load_text(model)
    for subset in ("test", "test-requests"):
        tested = list(read_pairs(folder / f"{subset}.jsonl"))
        sources = [pair.source for pair in tested]
        written = [x.text for x in generator.generate_many(sources)]
        shares = {
            "model": exact(written, tested),
            "copying": exact(sources, tested),
            "rules of asr transcribe": exact(map(by_rules, sources), tested),
        }
        told = ", ".join(f"{name} {share:.1f} %" for name, share in shares.items())
        click.echo(f"{subset}: {told}")


if __name__ == "__main__":
    main()
