"""English articles, where a generator misplaced them."""

from __future__ import annotations

import re

_ARTICLE = r"(?:[Aa]n?|[Tt]he)"
# `A*` and `A-level` are names.
_REPEATED = re.compile(rf"\b{_ARTICLE} (?={_ARTICLE}(?: |$))")
# A capital alone is a name: Vitamin A.
_DANGLING = re.compile(r"(?:^| )(?:an?|An|[Tt]he)(?=$|[.,:;!?)]| of )")
_A_BEFORE_VOWEL = re.compile(
    r"(?:\ba|(?:^|(?<=[:.!?] ))A)(?= (?!eu|ewe|once?\b|one-|ou)[aeio][a-z])"
    r"|\b[Aa](?= (?!Eu|Ewe|Once?\b|One-|Ou)[AEIO][a-z])"
)
# Letters read one by one, as in `an SVM` and `an mp3`, have no vowel behind them.
_AN_BEFORE_CONSONANT = re.compile(
    r"\b([Aa])n(?= [b-df-gj-np-tv-zB-DF-GJ-NP-TV-Z][a-z]*[aeiouy])"
)


def correct_articles(text: str) -> str:
    """Return a text without repeated and dangling articles, and with a and an in place.

    Words with u or h at the beginning keep their article: their sound is not told by
    the letter.

    >>> correct_articles("A the Attention Model for a the of")
    'The Attention Model for'
    """
    capital = text[:1].isupper()
    text = _DANGLING.sub("", _REPEATED.sub("", text)).lstrip()
    text = _A_BEFORE_VOWEL.sub(lambda article: article[0] + "n", text)
    text = _AN_BEFORE_CONSONANT.sub(r"\1", text)
    return text[:1].upper() + text[1:] if capital else text
