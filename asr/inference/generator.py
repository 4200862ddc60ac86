"""Translation, summarisation and pronunciation with a model folder: `load_text`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Literal, cast, overload

import numpy as np

from asr.config.schema import DecodingConfig
from asr.errors import DataError, ModelError
from asr.files import model_path
from asr.formats.attention import TextAttention
from asr.formats.transcript import Alternative
from asr.inference.copied_words import invented, with_copied_words
from asr.inference.decoders import AnyDecoder
from asr.inference.predictor import Predictor, distinct_texts, n_best
from asr.inference.restorer import Restorer
from asr.runtime.network import thread_count
from asr.storage.model_folder import LoadedModel, read_card, read_model
from asr.tasks.restoration import Restoration
from asr.tasks.text import Summarization, TextTask
from asr.text.articles import correct_articles
from asr.text.sentencepiece import SubwordTokenizer

BATCH_TOKENS = 2000
"""Padded source tokens of a batch."""

_WINDOW = 1000  # texts sorted by length into batches


@dataclass(frozen=True)
class Generation:
    """Output for one source text.

    Attributes:
        source: The source text.
        text: The best hypothesis; empty for an empty source.
        score: Its log-probability with length normalisation.
        alternatives: N-best hypotheses, best first.
        source_tokens: Number of source tokens.
        left_out: Number of tokens at the end beyond the model's longest source.
        attention: Attention weights of the best hypothesis, if requested; None for an
            empty source.
    """

    source: str
    text: str = ""
    score: float = 0.0
    alternatives: tuple[Alternative, ...] = ()
    source_tokens: int = 0
    left_out: int = 0
    attention: TextAttention | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return all fields as plain data, `attention` only if present."""
        values = asdict(replace(self, attention=None))
        del values["attention"]
        if self.attention is not None:
            values["attention"] = self.attention.to_json()
        return values


class TextGenerator(Predictor):
    """A loaded model that translates, summarises or pronounces."""

    @cached_property
    def _words(self) -> frozenset[str]:
        """Words that the model may write; empty for any."""
        return frozenset(self.config.words.split())

    def generate(
        self,
        text: str,
        *,
        decoding: DecodingConfig | None = None,
        attention: bool = False,
    ) -> Generation:
        """Generate the output for one text.

        Args:
            text: The source.
            decoding: Beam and weights; the model's own by default.
            attention: Add the attention weights of the best hypothesis.
        """
        (generation,) = self.generate_many(
            [text], decoding=decoding, attention=attention
        )
        return generation

    def generate_many(
        self,
        texts: Iterable[str],
        *,
        batch_tokens: int = BATCH_TOKENS,
        decoding: DecodingConfig | None = None,
        attention: bool = False,
    ) -> Iterator[Generation]:
        """Generate the outputs for texts, in order.

        Args:
            texts: Source texts; up to 1000 are in memory.
            batch_tokens: Padded source tokens of a batch.
            decoding: As in `generate`.
            attention: As in `generate`.

        Raises:
            DataError: A text has a character outside the vocabulary; after the outputs
                for earlier texts.
        """
        search, rest = self.search(decoding), iter(texts)
        while window := list(islice(rest, _WINDOW)):
            sources, error = self._sources(window)
            texts = window[: len(sources)]
            yield from self._window(texts, sources, search, batch_tokens, attention)
            if error:
                raise error

    def attention(self, text: str) -> TextAttention:
        """Return the attention weights of the best hypothesis.

        Raises:
            DataError: The text is empty.
        """
        attention = self.generate(text, attention=True).attention
        if attention is None:
            raise DataError("the text is empty: no attention")
        return attention

    def _attention(self, source: np.ndarray, best: Sequence[int]) -> TextAttention:
        """Return the attention weights of tokens over those of a source."""
        pieces = self._texts.tokenizer.pieces
        return TextAttention(
            weights=self.network.attention(source, [self.task.start, *best]),
            tokens=tuple(pieces[token] for token in (*best, self.task.end)),
            source=tuple(pieces[token] for token in source.tolist()),
        )

    def _text(self, tokens: Sequence[int], source: str) -> str:
        """Return the text of tokens; a summary is written in its source's language."""
        text = self.task.decode(tokens)
        tokenizer, source = self._texts.tokenizer, self._texts.normalize(source)
        if isinstance(tokenizer, SubwordTokenizer):
            text = tokenizer.with_unknown(text, source)
            if self._words and invented(text, source, self._words):
                read = np.array(self._texts.source_tokens(source), "int32")
                attended = self._attention(
                    read[: self.config.model.text.longest], tokens
                )
                text = with_copied_words(text, source, self._words, attended)
        if isinstance(self.task, Summarization) and self.config.language == "en":
            return correct_articles(text)
        return text

    @property
    def _texts(self) -> TextTask:
        return cast("TextTask", self.task)

    def _sources(self, texts: list[str]) -> tuple[list[list[int]], DataError | None]:
        """Return the tokens of texts up to the first with an error, and the error."""
        sources: list[list[int]] = []
        for text in texts:
            try:
                sources.append(self._texts.source_tokens(text))
            except DataError as error:
                return sources, error
        return sources, None

    def _window(
        self,
        texts: list[str],
        sources: list[list[int]],
        search: AnyDecoder,
        batch_tokens: int,
        attention: bool,
    ) -> list[Generation]:
        """Generate in batches of similar length; return the outputs in order."""
        longest = self.config.model.text.longest
        lengths = [min(len(source), longest) for source in sources]
        # One token is the end symbol alone: an empty source.
        filled = (index for index, length in enumerate(lengths) if length > 1)
        order = sorted(filled, key=lengths.__getitem__)
        generations = [Generation(text) for text in texts]
        wanted = search.config.n_best
        while order:
            count = max(1, batch_tokens // lengths[order[-1]])
            batch, order = order[-count:], order[:-count]
            arrays = [np.array(sources[i][: lengths[i]], "int32") for i in batch]
            hypotheses = search.hypotheses(arrays)
            for row, index in enumerate(batch):
                decoded = n_best(hypotheses, row, wanted)
                best = distinct_texts(
                    Alternative(self._text(tokens, texts[index]), score)
                    for tokens, score in decoded
                )
                attended = None
                if attention and decoded:
                    attended = self._attention(arrays[row], decoded[0][0])
                generations[index] = Generation(
                    texts[index],
                    best[0].text if best else "",
                    best[0].score if best else 0.0,
                    best,
                    source_tokens=len(sources[index]),
                    left_out=len(sources[index]) - lengths[index],
                    attention=attended,
                )
        return generations


def load_generator(name: str | Path, *, threads: int | None = None) -> TextGenerator:
    """Load a model that translates, summarises or pronounces; see `load_text`.

    Raises:
        ModelError: As `load_text`, or the model restores case and punctuation.
    """
    model = load_text(name, threads=threads)
    if not isinstance(model, TextGenerator):
        raise ModelError(f"{name}: writes marks, no other text; use asr punctuate")
    return model


@overload
def load_text(
    name: Literal["en-fr", "title", "pronounce"], *, threads: int | None = None
) -> TextGenerator: ...
@overload
def load_text(name: Literal["restore"], *, threads: int | None = None) -> Restorer: ...
@overload
def load_text(name: str | Path, *, threads: int | None = None) -> Any: ...


def load_text(name: str | Path, *, threads: int | None = None) -> Any:
    """Load a model for texts.

    Args:
        name: A bundled model, such as `en-fr` or `restore`, or a model folder.
        threads: Processor threads of the network; all cores by default.

    Raises:
        ModelError: The model is missing, damaged, or not for text.
        UsageError: `threads` is below 1.
    """
    folder = model_path(name)
    loaded: LoadedModel = read_model(folder, thread_count(threads))
    if loaded.task.modality != "text":
        raise ModelError(
            f"{name}: takes audio, not text (task {loaded.config.task}); use asr "
            "transcribe, or asr.load"
        )
    kind = Restorer if isinstance(loaded.task, Restoration) else TextGenerator
    return kind(loaded, read_card(folder), str(name))
