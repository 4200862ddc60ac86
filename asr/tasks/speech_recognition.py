"""Tasks that read recordings: speech recognition and classification."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asr.audio import io as audio_io
from asr.config.schema import SourceConfig
from asr.data.manifest import Utterance, read_manifest, write_manifest
from asr.tasks.base import Task

log = logging.getLogger(__name__)


class SpeechRecognition(Task):
    """Transcribes recordings; scored by word error rate."""

    modality = "speech"
    unit = "s"
    monotonic = True
    read, write = staticmethod(read_manifest), staticmethod(write_manifest)

    @staticmethod
    def read_source(source: SourceConfig, root: Path) -> Iterator[Utterance]:
        """Yield all utterances of a subset of a corpus below a folder."""
        from asr.corpora import corpus  # noqa: PLC0415 - transcribing needs none

        return corpus(source.corpus).read(root / source.path, source.subset)

    @classmethod
    def prepare(cls, source: SourceConfig, root: Path) -> Sequence[Utterance]:
        """Return the usable utterances of a subset of a corpus below a folder."""
        from asr.corpora.prepare import Preparation  # noqa: PLC0415 - as above

        preparation = Preparation(source.corpus, root / source.path, source.subset)
        utterances = list(preparation)
        report = preparation.report
        log.info("%s %s: %s", source.path, source.subset, report.summary())
        for reason, names in report.dropped.items():
            examples = f"{names[0]}, ..." if len(names) > 1 else names[0]
            log.warning(
                "%s: left out %d clips: %s (%s)",
                *(source.path, len(names), reason, examples),
            )
        return utterances

    @staticmethod
    def texts(record: Utterance, normalize: Callable[[str], str]) -> Sequence[str]:
        """Return the normalised transcript."""
        return (normalize(record.text or ""),)

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
        from asr.metrics import wer  # noqa: PLC0415 - starts jiwer

        score = wer.score([self.normalize(text) for text in references], hypotheses)
        return {"wer": score.wer, "cer": score.cer}

    def cost(self, scores: Mapping[str, float]) -> float:
        """Return the word error rate."""
        return scores["wer"]


class Classification(SpeechRecognition):
    """Assigns a label to a recording; needs `data.tokenizer: labels`."""

    monotonic = False

    def metrics(
        self, references: Sequence[str], hypotheses: Sequence[str]
    ) -> dict[str, Any]:
        """Return the share of correct labels."""
        pairs = zip(references, hypotheses, strict=True)
        correct = sum(self.normalize(label) == predicted for label, predicted in pairs)
        return {"accuracy": correct / len(references)}

    def cost(self, scores: Mapping[str, float]) -> float:
        """Return the share of wrong labels."""
        return 1.0 - scores["accuracy"]
