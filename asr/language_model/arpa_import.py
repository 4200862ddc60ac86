"""Language model folders from ARPA files."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from asr.errors import DataError
from asr.language_model.arpa import (
    SPACE_NAME,
    UNKNOWN_NAME,
    Section,
    ngrams_of,
    read_sections,
)
from asr.language_model.model import LanguageModel, Words, phone_lexicon
from asr.language_model.storage import (
    LONGEST,
    LanguageConfig,
    load_language_model,
    write_language_model,
)
from asr.language_model.tables import word_ngrams
from asr.text.normalizers import normalizer
from asr.text.pronunciation import Lexicon, read_lexicon
from asr.text.special_tokens import SPECIALS
from asr.text.tokenizers import CharacterTokenizer

log = logging.getLogger(__name__)


def import_arpa(
    path: Path, folder: Path, *, base: str, lexicon: Path | None = None
) -> None:
    """Make a language model folder of an ARPA file.

    A file with `<space>` among its 1-grams gives n-grams of characters. Any other file
    gives n-grams of words; the new model takes its n-grams of characters, which spell
    unknown words, from `base`.

    Args:
        path: The file.
        folder: The model folder to write.
        base: Language model that gives the normaliser, the n-grams of characters and
            pronunciations.
        lexicon: Pronunciations of more words, in the format of CMUdict.

    Raises:
        DataError: A file cannot be read, or `base` writes none of the words.
        ModelError: There is no language model `base`.
        OutputError: The folder cannot be written.
    """
    (names, sections), model = read_sections(path), load_language_model(base)
    if SPACE_NAME in names:
        model = _of_characters(names, sections, model.normalizer, path)
        facts = {"order": len(model.ngrams.levels) + 1, "words": 0, "pronounced": 0}
    else:
        known = read_lexicon(lexicon, normalizer(model.normalizer)) if lexicon else {}
        words = _words(names, sections, model, known, path)
        model = LanguageModel(model.tokenizer, model.normalizer, model.ngrams, words)
        pronounced = len(words.pronunciations)
        order, count = len(words.ngrams.levels) + 1, len(words.vocabulary)
        facts = {"order": order, "words": count, "pronounced": pronounced}
    training = {"name": folder.name, "arpa": path.name, "base": base, **facts}
    kind = "words" if model.words else "characters"
    card = f"""# {folder.name}

{facts["order"]}-grams of {kind}, imported from the ARPA file `{path.name}`.
The language model {base} gave the rest.
"""
    config = LanguageConfig(normalizer=model.normalizer, training=training)
    write_language_model(folder, model, config, card)


def _of_characters(
    names: Sequence[str], sections: Sequence[Section], normalizer: str, path: Path
) -> LanguageModel:
    """Return a language model of characters."""
    known = {*SPECIALS, UNKNOWN_NAME, SPACE_NAME}
    longer = sorted(name for name in set(names) - known if len(name) > 1)
    if longer:
        raise DataError(f"{path}: {longer[0]!r} beside {SPACE_NAME} is not a character")
    characters = sorted({" ", *names} - known)
    tokenizer = CharacterTokenizer(tuple(characters))
    pieces = [SPACE_NAME if piece == " " else piece for piece in tokenizer.pieces]
    ngrams = ngrams_of(names, sections, pieces, path)
    return LanguageModel(tokenizer, normalizer, ngrams)


def _words(
    names: Sequence[str],
    sections: Sequence[Section],
    base: LanguageModel,
    lexicon: Lexicon,
    path: Path,
) -> Words:
    """Return n-grams of words, with pronunciations of the lexicon and of `base`."""
    vocabulary = tuple(sorted(set(names) - {*SPECIALS, UNKNOWN_NAME}))
    characters = set(base.tokenizer.characters)
    foreign = [word for word in vocabulary if not characters.issuperset(word)]
    if len(foreign) == len(vocabulary):
        raise DataError(f"{path}: {foreign[0]!r} is not in the characters of --base")
    if foreign:
        log.warning("%s: %d words with other characters", path, len(foreign))
    if max(map(len, vocabulary)) > LONGEST:
        raise DataError(f"{path}: a word of over {LONGEST} characters")
    if len(sections) > 3:
        log.warning("%s: used up to trigrams, left out longer n-grams", path)
    ngrams = ngrams_of(
        names, sections[:3], (*SPECIALS, UNKNOWN_NAME, *vocabulary), path
    )
    known = base.words.pronunciations if base.words else {}
    own = phone_lexicon(vocabulary, {**known, **lexicon})
    return Words(vocabulary, word_ngrams(ngrams), own)
