"""A model folder -> what texts become."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np

from asr.config.schema import DecodingConfig
from asr.data.batching import collate
from asr.errors import DataError, ModelError
from asr.files import model_path
from asr.formats.transcript import Alternative
from asr.inference.decoders import AnyDecoder
from asr.inference.predictor import Predictor, distinct_texts, n_best
from asr.storage.model_folder import LoadedModel, read_card, read_model
from asr.tasks.text import TextTask

BATCH_TOKENS = 2000
"""Padded source tokens read at once."""

_WINDOW = 1000  # texts sorted by length before they are put into batches


@dataclass(frozen=True)
class Generation:
    """What a text became.

    Attributes:
        source: The text it was.
        text: The best reading; empty where the source holds nothing.
        score: Its log probability, normalised as the decoding asks for.
        alternatives: All hypotheses, the best one first.
        source_tokens: Tokens of the source.
        left_out: How many of them, from the end, the model did not read.
    """

    source: str
    text: str = ""
    score: float = 0.0
    alternatives: tuple[Alternative, ...] = ()
    source_tokens: int = 0
    left_out: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class TextAttention:
    """Where the decoder looked.

    Attributes:
        weights: Each row sums to 1, (U, S); axes are `tokens` and `source`.
        tokens: What was written at each row, the end symbol last.
        source: Tokens of the source, the end symbol last.
    """

    weights: np.ndarray
    tokens: tuple[str, ...]
    source: tuple[str, ...]


class TextGenerator(Predictor):
    """A model that translates or summarises."""

    def generate(
        self, text: str, *, decoding: DecodingConfig | None = None
    ) -> Generation:
        """Return what one text becomes.

        Args:
            text: The source.
            decoding: How to search; the model's own choice if not given.
        """
        (found,) = self.generate_many([text], decoding=decoding)
        return found

    def generate_many(
        self,
        texts: Iterable[str],
        *,
        batch_tokens: int = BATCH_TOKENS,
        decoding: DecodingConfig | None = None,
    ) -> Iterator[Generation]:
        """Yield what texts become, in the order in which they come.

        Args:
            texts: Sources; however many, only some are in memory.
            batch_tokens: Padded source tokens read at once.
            decoding: As in `generate`.

        Raises:
            DataError: A text has a character that the model does not know; what came
                before it has been yielded.
        """
        search, source = self.search(decoding), iter(texts)
        while window := list(islice(source, _WINDOW)):
            sources, error = self._sources(window)
            yield from self._window(
                window[: len(sources)], sources, search, batch_tokens
            )
            if error:
                raise error

    def attention(self, text: str) -> TextAttention:
        """Return where the decoder looked while it wrote.

        Raises:
            DataError: The text is empty.
        """
        source = self._texts.source_tokens(text)[: self.config.model.text.longest]
        if len(source) < 2:
            raise DataError("the text is empty; there is nothing to look at")
        array = np.array(source, "int32")
        found = self.search(self.decoding).hypotheses([array])
        written = [*found.tokens[0, 0, : found.lengths[0, 0]].tolist(), self.task.end]
        inputs, _ = collate([(array, written)], self.task.start)
        weights = self.model.predict_on_batch(inputs)["weights"]
        pieces = self._texts.tokenizer.pieces
        return TextAttention(
            weights=np.asarray(weights)[0],
            tokens=tuple(pieces[token] for token in written),
            source=tuple(pieces[token] for token in source),
        )

    @property
    def _texts(self) -> TextTask:
        return cast("TextTask", self.task)

    def _sources(self, texts: list[str]) -> tuple[list[list[int]], DataError | None]:
        """Return the tokens of texts up to the first that cannot be read."""
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
    ) -> list[Generation]:
        longest = self.config.model.text.longest
        lengths = [min(len(source), longest) for source in sources]
        # One token is the end symbol alone: there is nothing to read.
        filled = (index for index, length in enumerate(lengths) if length > 1)
        order = sorted(filled, key=lengths.__getitem__)
        done = [Generation(text) for text in texts]
        while order:
            count = max(1, batch_tokens // lengths[order[-1]])
            batch, order = order[-count:], order[:-count]
            found = search.hypotheses(
                [np.array(sources[i][: lengths[i]], "int32") for i in batch]
            )
            for row, index in enumerate(batch):
                best = distinct_texts(
                    Alternative(self.task.decode(tokens), score)
                    for tokens, score in n_best(found, row, search.config.n_best)
                )
                done[index] = Generation(
                    texts[index],
                    best[0].text if best else "",
                    best[0].score if best else 0.0,
                    best,
                    source_tokens=len(sources[index]),
                    left_out=len(sources[index]) - lengths[index],
                )
        return done


def load_text(name: str | Path) -> TextGenerator:
    """Load a model that translates or summarises.

    Args:
        name: A bundled model, such as `en-fr` or `title`, or a model folder.

    Raises:
        ModelError: There is none of that name, it is damaged, or reads no texts.
    """
    folder = model_path(name)
    loaded: LoadedModel = read_model(folder)
    if not isinstance(loaded.task, TextTask):
        raise ModelError(
            f"{name}: reads recordings, not texts (task {loaded.config.task}); use "
            "asr transcribe, or asr.load"
        )
    return TextGenerator(loaded, read_card(folder))
