"""Texts <-> tokens: characters, or pieces of words found by SentencePiece."""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from asr.errors import DataError, ModelError
from asr.resources import atomic_write

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

Listed = TypeVar("Listed")

BLANK = 0
"""Identifier of `<blank>`: the CTC blank, and what shorter rows are padded with."""
START = 1
"""Identifier of `<s>`: what the decoder reads before the first character."""
END = 2
"""Identifier of `</s>`: what the decoder writes after the last character."""

SPECIALS = ("<blank>", "<s>", "</s>")


@dataclass(frozen=True)
class CharacterTokenizer:
    """One identifier for each character: 0 blank, 1 start, 2 end, characters from 3 on.

    Args:
        characters: The characters known, one code point each and no two alike;
            `characters_of` collects them from texts.

    Raises:
        DataError: An entry is not one character, or stands there twice.
    """

    characters: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what would not come back from a round trip."""
        wrong = [c for c in self.characters if not isinstance(c, str) or len(c) != 1]
        if wrong:
            raise DataError(
                f"tokenizer: {wrong[0]!r} is not a single character; "
                "list one character per entry"
            )
        if len(set(self.characters)) != len(self.characters):
            twice, _ = Counter(self.characters).most_common(1)[0]
            raise DataError(
                f"tokenizer: {twice!r} is listed twice; list each character once"
            )

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {c: i for i, c in enumerate(self.characters, start=len(SPECIALS))}

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """What each identifier stands for, specials first; as long as `size`."""
        return SPECIALS + self.characters

    @property
    def size(self) -> int:
        """Number of identifiers, the specials among them."""
        return len(SPECIALS) + len(self.characters)

    def encode(self, text: str) -> list[int]:
        """Turn a text into identifiers, one for each character and no specials.

        Args:
            text: Normalised text; `""` gives an empty list.

        Returns:
            Identifiers from 3 to `size - 1`, as many as the text has characters.

        Raises:
            DataError: The text has characters that the tokenizer lacks.
        """
        try:
            return [self._ids[character] for character in text]
        except KeyError:
            lacking = ", ".join(repr(c) for c in sorted(set(text) - set(self._ids)))
            raise DataError(
                f"tokenizer has no {lacking} (text {_shortened(text)!r}); "
                "normalise the text or train with these characters"
            ) from None

    def decode(self, ids: Iterable[int]) -> str:
        """Turn identifiers into text.

        Args:
            ids: Identifiers (U,), integers of any kind. Everything from the first end
                on is left out, and so are blanks and starts.

        Returns:
            The text before the first end.

        Raises:
            DataError: An identifier is not below `size`, or is negative.
        """
        numbers = _without_specials(ids, self.size)
        return "".join(self.pieces[number] for number in numbers)

    def to_json(self) -> dict[str, Any]:
        """Return what `tokenizer_from_json` rebuilds the tokenizer from."""
        return {"kind": "characters", "characters": list(self.characters)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> CharacterTokenizer:
        """Rebuild a tokenizer from what `to_json` returned.

        Args:
            stored: The object read from `tokenizer.json`.

        Returns:
            A tokenizer with the same identifiers.

        Raises:
            ModelError: The object is not a stored character tokenizer.
        """
        if set(stored) != {"kind", "characters"} or stored["kind"] != "characters":
            raise ModelError(
                "tokenizer.json is not a character tokenizer: expected the keys "
                "'kind' ('characters') and 'characters'; restore the model folder"
            )
        return _from_list(cls, stored, "characters")


@dataclass(frozen=True)
class SubwordTokenizer:
    """Pieces of words: 0 blank, 1 start, 2 end, 3 unknown, pieces from 4 on.

    A character that the training text did not have becomes the unknown token.

    Args:
        model: A SentencePiece model, as `train_subwords` makes one.

    Raises:
        DataError: It is not a SentencePiece model, or one with other special tokens.

    Reference:
        T. Kudo and J. Richardson, SentencePiece, EMNLP 2018 (demonstrations).
    """

    model: bytes

    def __post_init__(self) -> None:
        """Load the model now, so that a damaged one is found at once."""
        special = list(self.pieces[: len(SPECIALS)])
        if tuple(special) != SPECIALS or self._processor.unk_id() != len(SPECIALS):
            raise DataError(
                f"tokenizer: the SentencePiece model begins with {special}, not with "
                f"{list(SPECIALS)}; train it with asr"
            )

    @cached_property
    def _processor(self) -> SentencePieceProcessor:
        # Imported here: recognisers of characters, and `asr score`, do without.
        from sentencepiece import SentencePieceProcessor  # noqa: PLC0415

        try:
            if not self.model:
                raise RuntimeError
            return SentencePieceProcessor(model_proto=self.model)
        except RuntimeError as error:
            raise DataError("tokenizer: not a SentencePiece model") from error

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """What each identifier stands for, specials first; as long as `size`."""
        return tuple(self._processor.id_to_piece(i) for i in range(self.size))

    @property
    def size(self) -> int:
        """Number of identifiers, the specials among them."""
        return int(self._processor.vocab_size())

    def encode(self, text: str) -> list[int]:
        """Turn a text into identifiers, without start and end.

        Args:
            text: Normalised text; `""` gives an empty list.
        """
        # Half a surrogate pair, of a name that is not UTF-8, is no character.
        return list(self._processor.encode(text.encode("utf-8", "replace").decode()))

    def decode(self, ids: Iterable[int]) -> str:
        """Turn identifiers into text; see `CharacterTokenizer.decode`.

        Raises:
            DataError: An identifier is not below `size`, or is negative.
        """
        return str(self._processor.decode(_without_specials(ids, self.size)))

    def to_json(self) -> dict[str, Any]:
        """Return what `tokenizer_from_json` rebuilds the tokenizer from."""
        return {"kind": "sentencepiece", "model": base64.b64encode(self.model).decode()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> SubwordTokenizer:
        """Rebuild a tokenizer from what `to_json` returned.

        Raises:
            ModelError: The object is not a stored SentencePiece tokenizer.
        """
        try:
            return cls(base64.b64decode(stored["model"], validate=True))
        except (KeyError, TypeError, ValueError, DataError) as error:
            raise ModelError(
                f"tokenizer.json holds no SentencePiece model: {error}; restore the "
                "model folder"
            ) from error


def train_subwords(texts: Iterable[str], kind: str, size: int) -> SubwordTokenizer:
    """Find the pieces that texts are best made of.

    Args:
        texts: Normalised texts, in an order that does not change.
        kind: `unigram` or `bpe`.
        size: Number of identifiers, the four special ones and all characters of the
            texts among them; fewer come back where the texts have no more.

    Raises:
        DataError: The texts are empty, or have more characters than `size`.
    """
    from sentencepiece import SentencePieceTrainer  # noqa: PLC0415 - see above

    written = io.BytesIO()
    blank, start, end = SPECIALS
    try:
        SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=written,
            model_type=kind,
            vocab_size=size,
            hard_vocab_limit=False,
            character_coverage=1.0,
            normalization_rule_name="identity",  # texts come normalised
            num_threads=1,  # sums of several threads differ in the last bit
            minloglevel=2,
            pad_id=BLANK,
            pad_piece=blank,
            bos_id=START,
            bos_piece=start,
            eos_id=END,
            eos_piece=end,
            unk_id=len(SPECIALS),
        )
    except (RuntimeError, OSError) as error:
        reason = str(error).splitlines()[-1]
        raise DataError(
            f"no {kind} tokenizer of {size} pieces can be made of these texts: {reason}"
        ) from error
    return SubwordTokenizer(written.getvalue())


@dataclass(frozen=True)
class LabelTokenizer:
    """One identifier for each label, a whole text: 0 blank, 1 start, 2 end.

    Args:
        labels: The labels known, no two alike.

    Raises:
        DataError: An entry is no text, is empty, or stands there twice.
    """

    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what would not come back from a round trip."""
        if not all(isinstance(label, str) and label for label in self.labels):
            raise DataError("tokenizer: a label is no text, or empty")
        if len(set(self.labels)) != len(self.labels):
            raise DataError("tokenizer: a label is listed twice; list each once")

    @property
    def pieces(self) -> tuple[str, ...]:
        """What each identifier stands for, specials first; as long as `size`."""
        return SPECIALS + self.labels

    @property
    def size(self) -> int:
        """Number of identifiers, the specials among them."""
        return len(self.pieces)

    def encode(self, text: str) -> list[int]:
        """Turn a label into its identifier; `""` gives an empty list.

        Raises:
            DataError: There is no such label.
        """
        if not text:
            return []
        if text not in self.labels:
            raise DataError(f"no label {_shortened(text)!r} was there in training")
        return [len(SPECIALS) + self.labels.index(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """Turn identifiers into the labels, with spaces between.

        Raises:
            DataError: An identifier is not below `size`, or is negative.
        """
        return " ".join(self.pieces[i] for i in _without_specials(ids, self.size))

    def to_json(self) -> dict[str, Any]:
        """Return what `tokenizer_from_json` rebuilds the tokenizer from."""
        return {"kind": "labels", "labels": list(self.labels)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> LabelTokenizer:
        """Rebuild a tokenizer from what `to_json` returned.

        Raises:
            ModelError: The object is not a stored tokenizer of labels.
        """
        return _from_list(cls, stored, "labels")


Tokenizer: TypeAlias = CharacterTokenizer | SubwordTokenizer | LabelTokenizer


def tokenizer_from_json(stored: object) -> Tokenizer:
    """Rebuild a tokenizer of any kind from the content of `tokenizer.json`.

    Args:
        stored: The parsed JSON, whatever it is.

    Returns:
        The tokenizer.

    Raises:
        ModelError: It is not a stored tokenizer.
    """
    if not isinstance(stored, Mapping):
        raise ModelError(
            "tokenizer.json does not hold a JSON object; restore the model folder"
        )
    if stored.get("kind") == "sentencepiece":
        return SubwordTokenizer.from_json(stored)
    if stored.get("kind") == "labels":
        return LabelTokenizer.from_json(stored)
    return CharacterTokenizer.from_json(stored)


def read_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer from a file.

    Raises:
        ModelError: The file cannot be read, or holds no tokenizer.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a readable JSON file: {error}") from error
    try:
        return tokenizer_from_json(stored)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def write_tokenizer(path: Path, tokenizer: Tokenizer) -> None:
    """Write what `read_tokenizer` reads.

    Raises:
        OutputError: The file cannot be written.
    """
    with atomic_write(path) as file:
        json.dump(tokenizer.to_json(), file, ensure_ascii=False)


def characters_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Collect the characters that occur in texts.

    Args:
        texts: Normalised texts.

    Returns:
        Each character once, by code point: the same texts in any order give the same
        tokenizer.
    """
    return tuple(sorted(set().union(*texts)))


def make_tokenizer(
    texts: Iterable[str], kind: str, *, size: int = 0, characters: str = ""
) -> Tokenizer:
    """Return a tokenizer for texts.

    Args:
        texts: Normalised texts.
        kind: `characters`, `unigram`, `bpe` or `labels`.
        size: Number of identifiers of `unigram` and `bpe`.
        characters: The alphabet of the first; empty takes all characters of the texts.

    Raises:
        DataError: The texts are too few for that.
    """
    if kind == "labels":
        return LabelTokenizer(tuple(sorted({text for text in texts if text})))
    if kind != "characters":
        return train_subwords(texts, kind, size)
    return CharacterTokenizer(tuple(characters) or characters_of(texts))


def _from_list(
    cls: Callable[[tuple[str, ...]], Listed], stored: Mapping[str, Any], key: str
) -> Listed:
    """Make a tokenizer of a stored list; a ModelError says what is wrong with it."""
    if not isinstance(stored.get(key), list):
        raise ModelError(
            f"tokenizer.json: {key!r} is not a list; restore the model folder"
        )
    try:
        return cls(tuple(stored[key]))
    except DataError as error:
        raise ModelError(f"tokenizer.json: {error}") from None


def _without_specials(ids: Iterable[int], size: int) -> list[int]:
    """Return what stands before the first end, without blanks and starts."""
    kept = []
    for number in map(int, ids):
        if number == END:
            break
        if not 0 <= number < size:
            raise DataError(
                f"token {number} is outside this tokenizer's 0..{size - 1}; "
                "use the tokenizer that the model was trained with"
            )
        if number >= len(SPECIALS):
            kept.append(number)
    return kept


def _shortened(text: str, longest: int = 40) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."
