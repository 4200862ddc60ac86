"""Language models: how probable a text is, by what was written before.

Each character is predicted by the ones before it. With a vocabulary, words are
predicted as well, by the two before; a word that the vocabulary lacks is still spelled
out.
"""

from __future__ import annotations

import functools
import logging
import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from asr.checkpoint import (
    FORMAT,
    TOKENIZER,
    WEIGHTS,
    read_arrays,
    read_config,
    verify,
    write_model,
)
from asr.config import LANGUAGE_MODEL, DataConfig, NGramConfig, Recipe, to_dict
from asr.decoding.automaton import Automaton, text_score
from asr.decoding.guides import TableGuide, WordGuide
from asr.decoding.lexicon import ROOT, lexicon
from asr.decoding.phone_search import Hotwords, PhoneSearch, phone_tree
from asr.decoding.search import Tokens
from asr.errors import DataError, ModelError, RecipeError, TrainingError
from asr.model_card import language_model_card
from asr.ngram_mixture import mixed
from asr.ngrams import NGrams, train_ngrams
from asr.pronunciation import Lexicon, Phones, read_lexicon
from asr.resources import data_directory, model_path
from asr.run_state import MODEL, replaced_folder
from asr.source_texts import read_texts
from asr.text import normalizer
from asr.tokenizers import (
    END,
    START,
    CharacterTokenizer,
    Tokenizer,
    characters_of,
    read_tokenizer,
)
from asr.withheld import Withheld

log = logging.getLogger(__name__)

_HIGHEST = 700.0  # log of a perplexity that is still a number
_UNKNOWN = 3  # the word that stands for all that the vocabulary lacks
_FIRST = 4  # the first word of the vocabulary
_LEAST = (1, 2)  # how often one word, or two, must be seen to predict the next
_LONGEST = 60  # characters of a word
_TINY = 1e-30
_WORDS = "words_"  # before the names of the arrays of words


@dataclass(frozen=True)
class LanguageConfig:
    """What `config.json` of a language model says, as `FolderConfig` of others."""

    format: int = FORMAT
    task: str = LANGUAGE_MODEL
    normalizer: str = "librispeech-1"
    language: str = "en"
    training: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fit:
    """How well a language model predicts texts.

    Attributes:
        texts: Number of texts.
        words: Words in them.
        characters: Characters in them, ends of texts included.
        bits: Information of a character, in bits.
        perplexity: Of a word: its spaces and the ends of texts count as well.
        left_out: Texts with characters that the model does not know.
    """

    texts: int
    words: int
    characters: int
    bits: float
    perplexity: float
    left_out: int

    def to_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return {
            "texts": self.texts,
            "words": self.words,
            "characters": self.characters,
            "bits_per_character": round(self.bits, 4),
            "perplexity": round(self.perplexity, 2),
            "left_out": self.left_out,
        }

    def summary(self) -> str:
        """Return the figures for people."""
        text = (
            f"bits       {self.bits:.3f} for each of {self.characters:,} characters\n"
            f"perplexity {self.perplexity:.1f} for each of {self.words:,} words\n"
            f"texts      {self.texts:,}"
        )
        if self.left_out:
            text += f", {self.left_out:,} left out: characters that are not known"
        return text


@dataclass(frozen=True)
class Words:
    """N-grams of words.

    Attributes:
        vocabulary: The words, sorted; tokens from 4 on stand for them.
        ngrams: Up to trigrams.
        pronunciations: Those of each word, none where no lexicon knew it; empty
            without one.
    """

    vocabulary: tuple[str, ...]
    ngrams: NGrams
    pronunciations: tuple[tuple[Phones, ...], ...] = ()


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """N-grams that predict texts.

    Attributes:
        tokenizer: Its characters.
        normalizer: A key of `asr.text.NORMALIZERS`: what its texts went through.
        ngrams: N-grams of characters.
        words: N-grams of words, where it has any.
    """

    tokenizer: CharacterTokenizer
    normalizer: str
    ngrams: NGrams
    words: Words | None = None

    def guide(
        self, tokenizer: Tokenizer, *, weight: float, bonus: float
    ) -> Automaton | WordGuide:
        """Return what it adds to the scores of a search.

        Args:
            tokenizer: Of the model that searches.
            weight: Factor of natural log probabilities.
            bonus: What each word adds, since a language model alone wants few of them.
                Beside n-grams of words a single letter is none: who spells "A S R"
                says one word.

        Raises:
            ModelError: The two do not write the same characters.
        """
        if not isinstance(tokenizer, CharacterTokenizer):
            raise ModelError(
                "a language model of characters guides only models that write them"
            )
        unknown = set(tokenizer.characters) - set(self.tokenizer.characters)
        if unknown:
            raise ModelError(f"the language model does not know {min(unknown)!r}")
        places = [self.tokenizer.pieces.index(piece) for piece in tokenizer.pieces]
        found = self.ngrams.automaton()
        scores = np.ascontiguousarray(weight * found.scores[:, places])
        following = np.ascontiguousarray(found.following[:, places])
        spaced = " " in tokenizer.characters
        space = tokenizer.pieces.index(" ") if spaced else END
        if self.words is None or not spaced:
            scores[:, [space, END]] += bonus
            return Automaton(scores, following, found.start)
        known = set(tokenizer.characters)
        spelled = [
            (tokenizer.encode(word), number)
            for number, word in enumerate(self.words.vocabulary, start=_FIRST)
            if known.issuperset(word)
        ]
        ngrams = self.words.ngrams
        tree = lexicon(
            [tokens for tokens, _ in spelled],
            [number for _, number in spelled],
            tokenizer.size,
            space=space,
            unknown=_UNKNOWN,
        )
        bonuses = np.full(len(tree.words), bonus, np.float32)
        bonuses[ROOT] = 0
        bonuses[[tree.children[ROOT, tokens[0]] for tokens, _ in spelled]] = 0
        return WordGuide(
            letters=TableGuide(scores, following),
            lexicon=tree,
            unigrams=ngrams.unigrams,
            rows=ngrams.first_rows(),
            bigrams=ngrams.rows(1),
            trigrams=ngrams.rows(2),
            start=found.start,
            first=START,
            unknown=_UNKNOWN,
            space=space,
            end=END,
            weight=weight,
            bonus=bonuses,
        )

    def phone_search(
        self,
        phones: Sequence[str],
        tokenizer: Tokenizer,
        *,
        weight: float,
        beam: int,
        hotwords: Automaton | None = None,
    ) -> PhoneSearch | None:
        """Return what finds its words by how they sound, or None if it cannot tell.

        Args:
            phones: What a CTC head writes, from 1 on.
            tokenizer: Of the model that has the head; words that it cannot write are
                not found.
            weight: Factor of natural log probabilities beside those of phones.
            beam: Entries kept at a frame; see `PhoneSearch`.
            hotwords: What rewards them, beside log probabilities of phones; reads what
                the tokenizer writes.
        """
        writable = set(tokenizer.pieces)
        if self.words is None or " " not in writable:
            return None
        numbers = {phone: number for number, phone in enumerate(phones, start=1)}
        known = zip(self.words.vocabulary, self.words.pronunciations, strict=False)
        found = [
            ([numbers[phone] for phone in spoken], word)
            for word, (spelling, pronunciations) in enumerate(known, start=_FIRST)
            if writable.issuperset(spelling)
            for spoken in pronunciations
            if numbers.keys() >= set(spoken)
        ]
        if not found:
            return None
        ngrams = self.words.ngrams
        size = len(ngrams.unigrams)

        def predict(
            before: np.ndarray, last: np.ndarray, words: np.ndarray
        ) -> np.ndarray:
            chances = ngrams.probabilities(2, before * size + last, words)
            return np.log(np.maximum(chances, _TINY))

        names = [""] * _FIRST + list(self.words.vocabulary)
        scores = np.log(np.maximum(ngrams.unigrams.astype(np.float64), _TINY)) * weight
        spoken, words = zip(*found, strict=True)
        rewards = None
        if hotwords:
            rewards = Hotwords(
                hotwords,
                [
                    tokenizer.encode(name) if writable.issuperset(name) else []
                    for name in names
                ],
                space=tokenizer.encode(" ")[0],
                end=END,
            )
            scores += rewards.most()
        return PhoneSearch(
            phone_tree(spoken, words, scores),
            predict,
            names,
            special=Tokens(START, END),
            weight=weight,
            beam=beam,
            hotwords=rewards,
        )

    def fit(self, texts: Iterable[str]) -> Fit:
        """Measure how well it predicts texts.

        Args:
            texts: Any; they go through the model's normaliser. Empty ones do not count.

        Raises:
            DataError: There is no text that it knows the characters of.
        """
        normalize, rows, words, left_out = normalizer(self.normalizer), [], 0, 0
        for text in texts:
            written = normalize(text)
            if not written:
                continue
            try:
                rows.append([*self.tokenizer.encode(written), END])
                words += len(written.split())
            except DataError:
                left_out += 1
        if not rows:
            raise DataError("no texts whose characters the language model knows")
        automaton = self.guide(self.tokenizer, weight=1.0, bonus=0.0)
        total = -text_score(automaton, rows)
        count = sum(map(len, rows))
        return Fit(
            texts=len(rows),
            words=words,
            characters=count,
            bits=total / count / math.log(2),
            perplexity=math.exp(min(total / max(1, words), _HIGHEST)),
            left_out=left_out,
        )


def train_language_model(recipe: Recipe, output: Path) -> Path:
    """Train a language model on texts, or on the texts of recordings.

    Args:
        recipe: One of the task `language_model`: `data` and `ngrams` say what to count.
        output: Folder of the run.

    Returns:
        The model folder, `output/model`.

    Raises:
        DataError: A source cannot be used, or holds no text.
        RecipeError: The recipe asks for what such models cannot do.
        TrainingError: The folder holds a model already.
        OutputError: The folder cannot be written.
    """
    if (output / MODEL).exists():
        raise TrainingError(f"{output}: holds a model already; choose another --output")
    data = recipe.data
    if data.tokenizer != "characters" or data.tokenizer_file:
        raise RecipeError("data.tokenizer: a language model is one of characters")
    config, started = recipe.ngrams, time.monotonic()
    spoken = _lexicon(recipe)
    domains = learned_texts(data)
    texts = [text for domain in domains for text in domain]
    tokenizer = CharacterTokenizer(tuple(data.characters) or characters_of(texts))
    known = set(tokenizer.characters)
    spelled = [
        [text for text in domain if known.issuperset(text)] for domain in domains
    ]
    count = sum(map(len, spelled))
    if count < len(texts):
        log.warning("left out %d texts: unknown characters", len(texts) - count)
    if config.words and " " not in known:
        raise RecipeError("ngrams.words: there are no spaces between words")
    rows = [list(map(tokenizer.encode, domain)) for domain in spelled]
    ngrams = _ngrams(rows, tokenizer.size, config.share, least=config.least)
    ngrams.check_size()
    words = _words(spelled, config) if config.words else None
    if words and spoken:
        words = _pronounced(words, spoken, data.lexicon)
    model = LanguageModel(tokenizer, data.normalizer, ngrams, words)
    scores = model.fit(read_texts(data.dev)).to_json() if data.dev else {}
    training = {
        "name": recipe.name,
        "order": len(ngrams.levels) + 1,
        "contexts": 1 + sum(len(level.contexts) for level in ngrams.levels),
        "words": len(words.vocabulary) if words else 0,
        "lexicon": data.lexicon,
        "pronounced": sum(map(bool, words.pronunciations)) if words else 0,
        "texts": count,
        "characters": sum(len(row) for domain in rows for row in domain),
        "minutes": round((time.monotonic() - started) / 60, 1),
        "sources": [to_dict(source) for source in data.train],
        "scores": scores,
    }
    output.mkdir(parents=True, exist_ok=True)
    with replaced_folder(output / MODEL) as folder:
        write_model(
            folder,
            LanguageConfig(
                normalizer=data.normalizer, language=data.language, training=training
            ),
            tokenizer=tokenizer.to_json(),
            weights=_arrays(model),
            card=language_model_card(training),
            compressed=True,
        )
    return output / MODEL


def _ngrams(
    domains: Sequence[Sequence[Sequence[int]]],
    vocabulary: int,
    share: float,
    **options: Any,  # noqa: ANN401 - of `train_ngrams`
) -> NGrams:
    """Count each domain's n-grams, and mix those of all others into the first's."""
    found = (
        train_ngrams(rows, vocabulary, start=START, end=END, **options)
        for rows in domains
    )
    return functools.reduce(lambda common, own: mixed(common, own, share), found)


def _words(domains: Sequence[Iterable[str]], config: NGramConfig) -> Words:
    """Count the n-grams of the most frequent words.

    A word seen once stands for those that were never seen.
    """
    rows = [[text.split() for text in domain] for domain in domains]
    counts = Counter(word for domain in rows for row in domain for word in row)
    known = [word for word in counts if counts[word] > 1 and len(word) <= _LONGEST]
    known.sort(key=lambda word: (-counts[word], word))
    vocabulary = tuple(sorted(known[: config.words]))
    if not vocabulary:
        raise DataError("ngrams.words: no word of the texts is in them twice")
    tokens = {word: number for number, word in enumerate(vocabulary, start=_FIRST)}
    ngrams = _ngrams(
        [[[tokens.get(word, _UNKNOWN) for word in row] for row in it] for it in rows],
        _FIRST + len(vocabulary),
        config.share,
        least=_LEAST,
        rare=len(_LEAST),
    )
    return Words(vocabulary, ngrams)


def _lexicon(recipe: Recipe) -> Lexicon:
    """Read the lexicon of a recipe, or nothing where it names none.

    Raises:
        DataError: It cannot be read.
        RecipeError: There are no words to look up.
    """
    data = recipe.data
    if not data.lexicon:
        return {}
    if not recipe.ngrams.words:
        raise RecipeError("data.lexicon: set ngrams.words: characters have no sound")
    return read_lexicon(data_directory() / data.lexicon, normalizer(data.normalizer))


def _pronounced(words: Words, lexicon: Lexicon, name: str) -> Words:
    """Look up how words are said.

    Raises:
        DataError: The lexicon has none of them.
    """
    found = tuple(lexicon.get(word, ()) for word in words.vocabulary)
    if not any(found):
        raise DataError(f"{name}: none of the words of data.train is in the lexicon")
    return replace(words, pronunciations=found)


def _arrays(model: LanguageModel) -> dict[str, np.ndarray]:
    found = model.ngrams.arrays()
    if model.words:
        text = "\n".join(model.words.vocabulary).encode()
        found[f"{_WORDS}vocabulary"] = np.frombuffer(text, np.uint8)
        if model.words.pronunciations:
            rows = model.words.pronunciations
            text = "\n".join("\t".join(map(" ".join, row)) for row in rows).encode()
            found[f"{_WORDS}pronunciations"] = np.frombuffer(text, np.uint8)
        arrays = model.words.ngrams.arrays()
        found |= {f"{_WORDS}{name}": array for name, array in arrays.items()}
    return found


def _read_words(arrays: dict[str, np.ndarray]) -> Words | None:
    """Take the words out of the arrays of a model."""
    names = [name for name in arrays if name.startswith(_WORDS)]
    if not names:
        return None
    own = {name.removeprefix(_WORDS): arrays.pop(name) for name in names}
    ngrams = NGrams.from_arrays(own)
    try:
        vocabulary = own["vocabulary"].tobytes().decode().split("\n")
    except (LookupError, UnicodeDecodeError) as error:
        raise DataError(f"not a vocabulary: {error}") from error
    fits = len(ngrams.unigrams) == _FIRST + len(vocabulary)
    if not fits or len(set(vocabulary)) < len(vocabulary):
        raise DataError("not a vocabulary: its words do not fit the n-grams")
    if not all(0 < len(word) <= _LONGEST for word in vocabulary):
        raise DataError(f"not a vocabulary: words of no or over {_LONGEST} characters")
    return Words(tuple(vocabulary), ngrams, _read_pronunciations(own, len(vocabulary)))


def _read_pronunciations(
    arrays: dict[str, np.ndarray], count: int
) -> tuple[tuple[Phones, ...], ...]:
    """Read how words are said: a line for each, with tabs between pronunciations."""
    if "pronunciations" not in arrays:
        return ()
    try:
        lines = arrays["pronunciations"].tobytes().decode().split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"not a lexicon: {error}") from error
    found = tuple(
        tuple(tuple(spoken.split()) for spoken in line.split("\t") if spoken.strip())
        for line in lines
    )
    longest = max((len(spoken) for row in found for spoken in row), default=0)
    if len(found) != count or longest > _LONGEST:
        raise DataError("not a lexicon: its lines do not fit the vocabulary")
    return found


def learned_texts(data: DataConfig) -> list[list[str]]:
    """Read the normalised texts that a language model learns from, by domain.

    Those of no domain come first: the others are mixed into them.

    Raises:
        DataError: A source cannot be read, or all of them hold no text.
    """
    normalize = normalizer(data.normalizer)
    withheld = Withheld(map(normalize, read_texts(data.withhold)))
    texts = [
        (source.domain, written)
        for source in data.train
        for text in read_texts([source])
        if (written := normalize(text))
    ]
    kept = withheld.without(texts, lambda text: (text[1],))
    if not kept:
        raise DataError(f"data.train: no text is left by {data.normalizer}")
    names = sorted({name for name, _ in kept})
    return [[text for other, text in kept if other == name] for name in names]


def load_language_model(name: str | Path) -> LanguageModel:
    """Load a language model.

    Args:
        name: A bundled model or a model folder.

    Raises:
        ModelError: There is none of that name, it is damaged, or of another kind.
    """
    folder = model_path(name)
    verify(folder)
    config = read_config(folder)
    if config.task != LANGUAGE_MODEL:
        raise ModelError(f"{name}: not a language model (task {config.task})")
    tokenizer = read_tokenizer(folder / TOKENIZER)
    try:
        arrays = read_arrays(folder / WEIGHTS)
        words = _read_words(arrays)
        ngrams = NGrams.from_arrays(arrays)
        ngrams.check_size()
    except DataError as error:
        raise ModelError(f"{folder / WEIGHTS}: {error}") from error
    if not isinstance(tokenizer, CharacterTokenizer) or tokenizer.size != len(
        ngrams.unigrams
    ):
        raise ModelError(f"{folder}: {WEIGHTS} does not fit {TOKENIZER}")
    return LanguageModel(tokenizer, config.normalizer, ngrams, words)
