"""Speech recognition: waveform -> text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from asr import audio, scoring, tokenizers
from asr.config import FrontendConfig
from asr.manifest import Utterance
from asr.model.features import LogMel
from asr.text import normalizer
from asr.tokenizers import Tokenizer


@dataclass(frozen=True)
class SpeechRecognition:
    """Reads recordings, writes text in the tokenizer's alphabet.

    Attributes:
        tokenizer: Text <-> tokens.
        rate: Sample rate of the model in hertz.
        normalizer: Name of the text normaliser references pass through.
    """

    tokenizer: Tokenizer
    rate: int
    normalizer: str

    @property
    def vocabulary(self) -> int:
        """Number of tokens."""
        return self.tokenizer.size

    @property
    def start(self) -> int:
        """Token the decoder reads first."""
        return tokenizers.START

    @property
    def end(self) -> int:
        """Token that closes a sequence."""
        return tokenizers.END

    def frontend(self, config: FrontendConfig) -> LogMel:
        """Return the log-mel layer."""
        return LogMel(config, name="frontend")

    def encode_source(self, utterance: Utterance) -> np.ndarray:
        """Return the samples of a recording at the model's rate, (N,) float32."""
        return audio.read(
            utterance.audio,
            self.rate,
            offset=utterance.offset,
            duration=utterance.duration,
        )

    def encode_target(self, reference: str) -> list[int]:
        """Return the tokens of a reference after normalisation."""
        return self.tokenizer.encode(normalizer(self.normalizer)(reference))

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of a hypothesis."""
        return self.tokenizer.decode(tokens)

    def metrics(
        self, references: Sequence[str], hypotheses: Sequence[str]
    ) -> dict[str, Any]:
        """Return word and character error rate against normalised references."""
        normalize = normalizer(self.normalizer)
        score = scoring.score(
            [normalize(reference) for reference in references], hypotheses
        )
        return {"wer": score.wer, "cer": score.cer}
