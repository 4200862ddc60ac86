"""Case and punctuation for the words of a recogniser: `Restorer`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import cast

import numpy as np

from asr.errors import ModelError
from asr.files import RESTORER, bundled_models, model_path, model_task
from asr.formats.transcript import Segment, Transcript, Word
from asr.inference.pauses import weigh
from asr.inference.predictor import Predictor
from asr.inference.word_labels import Label, Writer, is_mark, labels_of
from asr.runtime.network import thread_count
from asr.storage.model_folder import LoadedModel, read_card, read_model
from asr.tasks.restoration import FIRST_LABEL, LABELS, Restoration
from asr.text.numerals import Figure, figures
from asr.text.written import CASES, MARKS

_WINDOW = 150  # words that a window decides on
_CONTEXT = 40  # words that it sees on each side
_BATCH = 16  # windows
_KEPT = 0.4  # seconds of silence that two neighbouring segments contain

_BARE = ("librispeech-1", "english-1")  # normalisers that leave words alone

_CASED = FIRST_LABEL + np.arange(len(LABELS)).reshape(len(CASES), len(MARKS))


class Restorer(Predictor):
    """A loaded model that restores case and punctuation. Threads may share it.

    The words themselves never change: only case, digits and added punctuation differ
    from the input. Punctuation and capitals of the input stay, and words that are not
    in A-Z are written as they came.
    """

    def __init__(self, loaded: LoadedModel, card: str = "", name: str = "") -> None:
        super().__init__(loaded, card, name)
        spellings = loaded.config.spellings
        self.spellings = {spelling.lower(): spelling for spelling in spellings}

    @property
    def _task(self) -> Restoration:
        return cast("Restoration", self.task)

    def restore(self, text: str, *, numbers: bool = True) -> str:
        """Return a text with case and punctuation, on one line.

        Args:
            text: Words in any case, of any number.
            numbers: Whether to write long numbers in figures; see `asr.text.numerals`.
        """
        words = self.words(text.split())
        return " ".join((it for it, _ in figures(words)) if numbers else words)

    def words(self, words: Iterable[str]) -> Iterator[str]:
        """Restore the words of one text, of which some thousand are in memory.

        Args:
            words: Words without white space.

        Yields:
            Each word in its case, with the mark behind it.
        """
        source, before = iter(words), list[str]()
        ahead = list(islice(source, _BATCH * _WINDOW + _CONTEXT))
        is_lower = sum(map(str.islower, ahead)) > sum(map(str.isupper, ahead))
        writer = Writer(self.spellings, keeps_capitals=is_lower)
        while ahead:
            now, ahead = ahead[: _BATCH * _WINDOW], ahead[_BATCH * _WINDOW :]
            ahead += islice(source, _BATCH * _WINDOW + _CONTEXT - len(ahead))
            labels = self.labels(before[-_CONTEXT:], now, ahead[:_CONTEXT])
            before = now
            following = [*now[1:], *(ahead[:1] or [""])]
            for word, label, after in zip(now, labels, following, strict=True):
                marked = is_mark(after)
                yield writer.write(word, label, last=not after, marked=marked)

    def transcript(self, transcript: Transcript, *, numbers: bool = True) -> Transcript:
        """Restore the segments and words of a transcript, channel by channel.

        Their alternatives stay as they were recognised.
        """
        segments = list(transcript.segments)
        for channel in {segment.channel for segment in segments}:
            places = [i for i, it in enumerate(segments) if it.channel == channel]
            own = (transcript.segments[i] for i in places)
            restored = self.segments(own, numbers=numbers)
            for place, segment in zip(places, restored, strict=True):
                segments[place] = segment
        text = " ".join(segment.text for segment in segments)
        return replace(transcript, text=text, segments=tuple(segments))

    def segments(
        self, segments: Iterable[Segment], *, live: bool = False, numbers: bool = True
    ) -> Iterator[Segment]:
        """Restore the segments of a recording; see `SegmentRestorer`."""
        following = self.follow(live=live, numbers=numbers)
        for segment in segments:
            yield from following.push(segment)
        yield from following.finish()

    def follow(self, *, live: bool = False, numbers: bool = True) -> SegmentRestorer:
        """Start to restore the segments of a recording as they come."""
        return SegmentRestorer(self, live=live, numbers=numbers)

    def labels(
        self,
        before: Sequence[str],
        words: Sequence[str],
        after: Sequence[str],
        pauses: Sequence[float | None] | None = None,
    ) -> list[Label]:
        """Label words, given those on both sides, and known pauses behind them."""
        parts = self._probabilities(before, words, after)
        if words and pauses:
            parts = iter([weigh(np.concatenate(list(parts)), pauses)])
        return [label for part in parts for label in labels_of(part)]

    def mark_probabilities(self, words: Sequence[str]) -> np.ndarray:
        """Return the probability of each of `MARKS` behind each word, (n, M)."""
        parts = self._probabilities([], words, [])
        return np.concatenate([np.zeros((0, len(MARKS))), *(it.sum(1) for it in parts)])

    def _probabilities(
        self, before: Sequence[str], words: Sequence[str], after: Sequence[str]
    ) -> Iterator[np.ndarray]:
        """Yield the probabilities of cases and marks of words in turn, (n, C, M)."""
        if not words:
            return
        every = [*before, *words, *after]
        pieces = [self._task.heard(word) for word in every]
        spans = []  # first word seen, first and last word decided on
        for start in range(len(before), len(before) + len(words), _WINDOW):
            end = min(start + _WINDOW, len(before) + len(words))
            spans.append((max(0, start - _CONTEXT), start, end))
        for at in range(0, len(spans), _BATCH):
            sources, places = [], []
            for seen, start, end in spans[at : at + _BATCH]:
                window = pieces[seen : end + _CONTEXT]
                lasts = np.cumsum([len(it) for it in window]) - 1
                tokens = [*chain.from_iterable(window), self.task.end]
                sources.append(np.array(tokens, "int32"))
                places.append(lasts[start - seen : end - seen])
            frames = self.network.encode(sources).memory["log_probs"]
            for row, lasts in zip(frames, places, strict=True):
                yield np.exp(row[lasts][:, _CASED])


class SegmentRestorer:
    """Restores the segments of a recording, which may be parts of sentences.

    Args:
        restorer: The model.
        live: Whether to give each segment back at once. Otherwise the next one is
            waited for, whose words help, and the last one ends a sentence.
        numbers: Whether to write long numbers in figures.
    """

    def __init__(
        self, restorer: Restorer, *, live: bool = False, numbers: bool = True
    ) -> None:
        self._restorer, self._live, self._numbers = restorer, live, numbers
        self._writer = Writer(restorer.spellings)
        self._before: list[str] = []
        self._waiting: Segment | None = None

    def push(self, segment: Segment) -> list[Segment]:
        """Add the next segment; return those that are finished."""
        if self._live:
            return [self._restored(segment)]
        waiting, self._waiting = self._waiting, segment
        return [self._restored(waiting, segment)] if waiting else []

    def finish(self) -> list[Segment]:
        """End the recording; return the segment that is left."""
        waiting, self._waiting = self._waiting, None
        return [self._restored(waiting, last=True)] if waiting else []

    def preview(self, text: str) -> str:
        """Restore a text that may follow, without keeping it; numbers stay words."""
        words, writer = text.split(), copy(self._writer)
        return " ".join(self._written(writer, words, [], [], last=False))

    def _restored(
        self, segment: Segment, following: Segment | None = None, *, last: bool = False
    ) -> Segment:
        words = segment.text.split()
        ahead = following.text.split() if following else []
        pauses = _pauses(segment, following, len(words))
        written = self._written(self._writer, words, ahead, pauses, last=last)
        self._before = [*self._before, *words][-_CONTEXT:]
        shown = figures(written) if self._numbers else ((it, 1) for it in written)
        return _rewritten(segment, list(shown))

    def _written(
        self,
        writer: Writer,
        words: list[str],
        ahead: Sequence[str],
        pauses: Sequence[float | None],
        *,
        last: bool,
    ) -> list[str]:
        labels = self._restorer.labels(self._before, words, ahead[:_CONTEXT], pauses)
        return [
            writer.write(word, label, last=last and number == len(words))
            for number, (word, label) in enumerate(zip(words, labels, strict=True), 1)
        ]


def restorer_of(recognizer: Predictor) -> Restorer | None:
    """Load the model that restores what a speech model cannot write.

    It has as many threads, since more would stall the few words of a segment.

    Returns:
        The bundled `restore` for models that write English words without case and
        marks, else None.
    """
    config = recognizer.config
    writes_words = config.task == "speech_recognition" and config.language == "en"
    bundled = bundled_models().get(RESTORER)
    if writes_words and config.normalizer in _BARE and bundled:
        return load_restorer(bundled, threads=recognizer.network.threads)
    return None


def load_restorer(name: str | Path, *, threads: int | None = None) -> Restorer:
    """Load a model that restores case and punctuation.

    Args:
        name: A bundled model, such as `restore`, or a model folder.
        threads: Processor threads of the network; all cores by default.

    Raises:
        ModelError: The model is missing, damaged, or of another task.
        UsageError: `threads` is below 1.
    """
    if model_task(name) != "restoration":
        raise ModelError(f"{name}: of the task {model_task(name)}, not restoration")
    folder = model_path(name)
    loaded = read_model(folder, thread_count(threads))
    loaded.network.encoder.begin_later()  # beside the first search of speech
    return Restorer(loaded, read_card(folder), str(name))


def _pauses(
    segment: Segment, following: Segment | None, words: int
) -> list[float | None]:
    """Return the pause behind each word of a segment, None where it is not known."""
    known: list[float | None] = list(segment.pauses or ())
    pauses = known if len(known) == words - 1 else [None] * (words - 1)
    # Neighbours without time between them were cut, perhaps in a short pause.
    apart = following.start - segment.end if following else 0.0
    return [*pauses, apart + _KEPT if apart > 0 else None] if words else []


def _rewritten(segment: Segment, written: list[Figure]) -> Segment:
    """Return a segment with other words in the places of its own."""
    words = segment.words
    if words is not None and len(words) == sum(count for _, count in written):
        source = iter(words)
        words = tuple(
            _joined(list(islice(source, count)), text) for text, count in written
        )
    return replace(segment, text=" ".join(text for text, _ in written), words=words)


def _joined(words: list[Word], text: str) -> Word:
    """Return words as one, as sure as the least sure of them."""
    least = min(word.probability for word in words)
    return Word(words[0].start, words[-1].end, text, least)
