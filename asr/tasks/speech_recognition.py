"""Speech recognition: recording -> text."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asr.audio import io as audio_io
from asr.config.schema import SourceConfig
from asr.corpora import corpus
from asr.corpora.prepare import Preparation
from asr.data.manifest import Utterance, read_manifest, write_manifest
from asr.metrics import wer
from asr.tasks.base import Task

log = logging.getLogger(__name__)


class SpeechRecognition(Task):
    """Transcribes recordings; scored by word error rate."""

    modality = "speech"
    unit = "s"
    monotonic = True

    @staticmethod
    def read_source(source: SourceConfig, root: Path) -> Iterator[Utterance]:
        """Yield all utterances of a subset of a corpus below a folder."""
        return corpus(source.corpus).read(root / source.path, source.subset)

    @classmethod
    def prepare(cls, source: SourceConfig, root: Path) -> Sequence[Utterance]:
        """Return the usable utterances of a subset of a corpus below a folder."""
        preparation = Preparation(source.corpus, root / source.path, source.subset)
        utterances = list(preparation)
        report = preparation.report
        log.info("%s %s: %s", source.path, source.subset, report.summary())
        for reason, names in report.dropped.items():
            log.warning(
                "%s: left out %d clips: %s (%s%s)",
                source.path,
                len(names),
                reason,
                names[0],
                ", ..." if len(names) > 1 else "",
            )
        return utterances

    @staticmethod
    def read(path: Path) -> Iterable[Utterance]:
        """Read a manifest."""
        return read_manifest(path)

    @staticmethod
    def write(path: Path, records: Iterable[Utterance]) -> object:
        """Write a manifest."""
        return write_manifest(path, records)

    @staticmethod
    def texts(record: Utterance) -> Sequence[str]:
        """Return the transcript."""
        return (record.text or "",)

    @property
    def rate(self) -> int:
        """Sample rate of the model in hertz."""
        return self.model.frontend.rate

    def facts(self, lengths: Sequence[float]) -> dict[str, Any]:
        """Return the number of utterances and their hours."""
        return {"utterances": len(lengths), "hours": round(sum(lengths) / 3600, 2)}

    def length(self, record: Utterance) -> float:
        """Return the duration of an utterance in seconds."""
        return record.duration or 0.0

    def encode_source(self, record: Utterance) -> np.ndarray:
        """Return the samples of an utterance at the model's rate, (N,) float32."""
        return audio_io.read(
            record.audio,
            self.rate,
            offset=record.offset,
            duration=record.duration,
            channel=record.channel,
        )

    def metrics(
        self, references: Sequence[str], hypotheses: Sequence[str]
    ) -> dict[str, Any]:
        """Return word and character error rates against normalised references."""
        score = wer.score(
            [self.normalize(reference) for reference in references], hypotheses
        )
        return {"wer": score.wer, "cer": score.cer}

    def cost(self, scores: Mapping[str, float]) -> float:
        """Return the word error rate."""
        return scores["wer"]
