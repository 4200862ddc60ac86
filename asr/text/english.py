"""Word rules of the normaliser `english-1`: numbers in words, American spelling.

The rules are frozen, because error rates are compared across years. A better version
gets a new name in `asr.text.normalizers`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen "
    "fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_GROUPS = ("", " thousand", " million", " billion", " trillion")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_CURRENCIES = {"$": "dollar", "£": "pound", "€": "euro"}
_MOST_DIGITS = 15  # longer numbers are spelled digit by digit

_FRACTIONS = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5),
    "⅖": (2, 5), "⅗": (3, 5), "⅘": (4, 5), "⅙": (1, 6), "⅚": (5, 6), "⅐": (1, 7),
    "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8), "⅑": (1, 9), "⅒": (1, 10),
}  # fmt: skip
_DENOMINATORS = {2: "half", 4: "quarter"}

_FRACTION = re.compile(rf"(\d?)\s?([{''.join(_FRACTIONS)}])(\s?%)?")
# A mixed number, as in `2 1/2`: without a whole number, 1/2 can be a date.
_MIXED = re.compile(
    r"(?<![\d.,/$£€])(\d[\d,]*)[\s-]([1-9]\d?)[/\u2044]([1-9]\d?)(?![\d/]|[.,]\d)"
    r"(\s?%)?"
)
_MONEY = re.compile(
    r"([$£€])\s?(\d[\d,]*)(?:\.(\d+))?"
    r"(?:\s(hundred|thousand|million|billion|trillion)\b)?(?!\d|[.,]\d)",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"\b(\d{1,2}):([0-5]\d)\b")
# All digits, so that no search begins in the midst of them: that takes quadratic time.
_ORDINAL = re.compile(r"(\d[\d,]*+)((?:st|nd|rd|th)\b)?", re.IGNORECASE)
_AFTER_COMMA = re.compile(r"\d+,+(?=\d)")
_YEAR = re.compile(
    r"(?<![\d,.$£€])(1[1-9]\d\d|20[1-9]\d)((?:(?<=0)['\u2019](?=s\b))?s|)"
    r"(?![\d%]|[.,]\d)",
    re.IGNORECASE,
)
_DECADE = re.compile(r"(?<![\w,.$£€])([1-9]0)['\u2019]?s\b", re.IGNORECASE)
_NUMBER = re.compile(r"(\d+(?:,\d{3})+|\d+)(?:\.(\d+))?")


def cardinal(number: int) -> str:
    """Spell a number below 10^15 out, without `and`."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens - 2] + (f" {_ONES[ones]}" if ones else "")
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return f"{_ONES[hundreds]} hundred" + (f" {cardinal(rest)}" if rest else "")
    parts, group = [], 0
    while number:
        number, rest = divmod(number, 1000)
        if rest:
            parts.append(cardinal(rest) + _GROUPS[group])
        group += 1
    return " ".join(reversed(parts))


def ordinal(number: int) -> str:
    """Spell the ordinal of a number below 10^15 out."""
    words, _, last = cardinal(number).rpartition(" ")
    if last in _ORDINALS:
        last = _ORDINALS[last]
    else:
        last = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
    return f"{words} {last}".strip()


def year(number: int) -> str:
    """Spell a year from 1100 to 2099 out, by centuries."""
    century, rest = divmod(number, 100)
    return f"{cardinal(century)} {_two_digits(rest) if rest else 'hundred'}"


def spell_fractions(text: str) -> str:
    """Spell fractions such as `½` out, which Unicode would decompose to digits."""

    def spelled(match: re.Match[str]) -> str:
        before = f"{match[1]} and " if match[1] else " "
        percent = "percent " if match[3] else ""
        return f"{before}{_fraction(*_FRACTIONS[match[2]])} {percent}"

    return _FRACTION.sub(spelled, text)


def _fraction(numerator: int, denominator: int) -> str:
    """Spell a fraction below 1 out, as in `a half` and `two thirds`."""
    unit = _DENOMINATORS.get(denominator) or ordinal(denominator)
    if numerator == 1:
        return f"an {unit}" if unit[0] == "e" else f"a {unit}"
    return f"{cardinal(numerator)} {'halve' if unit == 'half' else unit}s"


def spell_numbers(text: str) -> str:
    """Spell amounts of money, times, ordinals, years, percentages and numbers out."""
    text = _MONEY.sub(_money, text)
    text = _CLOCK.sub(_clock, text)
    text = _MIXED.sub(_mixed, text)
    text = _ORDINAL.sub(_ordinal, text)
    text = _YEAR.sub(lambda match: f" {_plural(year(int(match[1])), match[2])} ", text)
    text = _DECADE.sub(lambda match: f" {_plural(cardinal(int(match[1])), 's')} ", text)
    text = re.sub(r"(?<=\d)\s?%", " percent ", text)
    return _NUMBER.sub(_number, text)


def _money(match: re.Match[str]) -> str:
    unit = _CURRENCIES[match[1]]
    whole = _spell(match[2], cardinal)
    fraction, magnitude = match[3], match[4]
    if magnitude or (fraction and len(fraction) != 2):  # `1.5 million`, no cents
        point = f" point {_digits(fraction)}" if fraction else ""
        return f" {whole}{point} {magnitude or ''} {unit}s "
    amount = f"{whole} {unit}" if whole == "one" else f"{whole} {unit}s"
    if fraction and int(fraction):
        amount += f" {cardinal(int(fraction))}"
    return f" {amount} "


def _clock(match: re.Match[str]) -> str:
    hour, minutes = int(match[1]), int(match[2])
    if not minutes:
        return f" {cardinal(hour)} o'clock "
    return f" {cardinal(hour)} {_two_digits(minutes)} "


def _mixed(match: re.Match[str]) -> str:
    numerator, denominator = int(match[2]), int(match[3])
    if numerator >= denominator:
        return match[0]
    percent = "percent " if match[4] else ""
    whole = _spell(match[1], cardinal)
    return f" {whole} and {_fraction(numerator, denominator)} {percent}"


def _ordinal(match: re.Match[str]) -> str:
    """Spell an ordinal out; one within a word begins after a comma."""
    digits, before = match[1], match.string[max(0, match.start() - 1) : match.start()]
    if not match[2]:
        return match[0]
    kept = ""
    if before.isalnum() or before == "_":
        inner = _AFTER_COMMA.match(digits)
        if inner is None:
            return match[0]
        kept, digits = inner[0], digits[inner.end() :]
    return f"{kept} {_spell(digits, ordinal)} "


def _number(match: re.Match[str]) -> str:
    words = _spell(match[1], cardinal)
    return f" {words} point {_digits(match[2])} " if match[2] else f" {words} "


def _spell(digits: str, spell: Callable[[int], str]) -> str:
    digits = digits.replace(",", "")
    if len(digits) > _MOST_DIGITS or (len(digits) > 1 and digits[0] == "0"):
        return _digits(digits)
    return spell(int(digits))


def _digits(digits: str) -> str:
    return " ".join(_ONES[int(digit)] for digit in digits)


def _two_digits(number: int) -> str:
    return cardinal(number) if number > 9 else f"oh {_ONES[number]}"


def _plural(words: str, ending: str) -> str:
    """Return `nineteen nineties` for the 1990s."""
    if not ending:
        return words
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


_FILLERS = frozenset("um umm uh uhh er erm hm hmm mm mmm mhm".split())

_WORDS = {
    "mr": "mister", "mrs": "missus", "ms": "miss", "dr": "doctor", "st": "saint",
    "prof": "professor", "capt": "captain", "gov": "governor", "jr": "junior",
    "sr": "senior", "rev": "reverend", "gen": "general", "lt": "lieutenant",
    "vs": "versus", "etc": "et cetera", "ok": "okay", "alright": "all right",
    "won't": "will not", "can't": "can not", "cannot": "can not", "shan't": "shall not",
    "let's": "let us", "gonna": "going to", "wanna": "want to",
    "gotta": "got to", "ma'am": "madam", "i'm": "i am",
    "'tis": "it is", "'twas": "it was", "'cause": "because", "'em": "them",
    "goin'": "going", "doin'": "doing", "nothin'": "nothing",
}  # fmt: skip
"""Abbreviation, contraction or colloquial form -> full form."""

_KEPT = frozenset(["ain't", "hain't", "tain't", "'tain't"])  # no full form
_ENDINGS = {"n't": " not", "'ll": " will", "'ve": " have", "'re": " are"}

_OUR = (
    "arb arm behavi cand clam col demean endeav fav ferv flav harb hon hum lab neighb "
    "od parl ranc rig rum sav savi splend succ tum val vap vig"
).split()
_OUR_ENDINGS = (
    "", *("s ed ing able ably ful fully less ite ites er ers hood hoods y al ist "
    "ists ally").split(),
)  # fmt: skip
_ISE = (
    "agon antagon apolog author brutal capital central character civil colon critic "
    "econom emphas energ equal familiar fertil final general harmon hospital hypnot "
    "ideal immobil industrial legal local magnet material maxim memor minim mobil "
    "modern monopol national neutral normal organ patron penal popular privat real "
    "recogn revolution scrutin sympath social special stabil standard steril summar "
    "symbol terror urban util visual vocal"
).split()
_ISE_ENDINGS = {
    "ise": "ize", "ised": "ized", "ises": "izes", "ising": "izing", "iser": "izer",
    "isers": "izers", "isation": "ization", "isations": "izations",
}  # fmt: skip
_DOUBLED = (
    "cance dia due fue labe leve mode pane quarre riva shove signa tota trave tunne "
    "marve jewe counse chise"
).split()
_SPELLINGS = {
    "aeroplane": "airplane", "aeroplanes": "airplanes", "aluminium": "aluminum",
    "analogue": "analog", "analogues": "analogs",
    "analyse": "analyze", "analysed": "analyzed", "analysing": "analyzing",
    "catalogue": "catalog", "catalogues": "catalogs", "calibre": "caliber",
    "centre": "center", "centres": "centers", "centred": "centered",
    "cheque": "check", "cheques": "checks", "cosy": "cozy", "defence": "defense",
    "enrol": "enroll", "fibre": "fiber", "fibres": "fibers", "fulfil": "fulfill",
    "fulfils": "fulfills", "gaol": "jail", "grey": "gray", "greyer": "grayer",
    "judgement": "judgment", "judgements": "judgments", "jewellery": "jewelry",
    "kerb": "curb", "licence": "license", "litre": "liter", "litres": "liters",
    "lustre": "luster", "manoeuvre": "maneuver", "manoeuvres": "maneuvers",
    "marvellous": "marvelous", "meagre": "meager", "metre": "meter",
    "metres": "meters", "kilometre": "kilometer", "kilometres": "kilometers",
    "mould": "mold", "moulds": "molds", "moustache": "mustache", "offence": "offense",
    "offences": "offenses", "plough": "plow", "ploughed": "plowed",
    "ploughs": "plows", "practise": "practice", "practised": "practiced",
    "practising": "practicing", "pretence": "pretense", "programme": "program",
    "programmes": "programs", "pyjamas": "pajamas", "sabre": "saber",
    "sceptic": "skeptic", "sceptical": "skeptical", "sceptre": "scepter",
    "skilful": "skillful", "skilfully": "skillfully", "smoulder": "smolder",
    "smouldering": "smoldering", "sombre": "somber", "spectre": "specter",
    "storey": "story", "storeys": "stories", "theatre": "theater",
    "theatres": "theaters", "traveller": "traveler", "travellers": "travelers",
    "tyre": "tire", "tyres": "tires", "waggon": "wagon", "waggons": "wagons",
    "wilful": "willful", "woollen": "woolen",
}  # fmt: skip
"""British spelling -> American spelling."""

_CHANGED = {
    **_WORDS,
    **_SPELLINGS,
    **{f"{stem}our{end}": f"{stem}or{end}" for stem in _OUR for end in _OUR_ENDINGS},
    **{stem + old: stem + new for stem in _ISE for old, new in _ISE_ENDINGS.items()},
    **{f"{stem}ll{end}": f"{stem}l{end}" for stem in _DOUBLED for end in ("ed", "ing")},
}


def standardize_words(text: str) -> str:
    """Expand contractions, spell the American way, and drop fillers such as `um`.

    Args:
        text: Lower-case words of letters and apostrophes, one space between them.
    """
    return " ".join(_standardize(word) for word in text.split() if word not in _FILLERS)


def _standardize(word: str) -> str:
    if word in _CHANGED:
        return _CHANGED[word]
    if word in _KEPT:
        return word
    for ending, expansion in _ENDINGS.items():
        if word.endswith(ending) and len(word) > len(ending):
            return _standardize(word.removesuffix(ending)) + expansion
    return word
