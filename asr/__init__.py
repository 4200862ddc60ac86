"""Speech recognition, translation and summarisation by one encoder-decoder.

Names are imported when first used, so that `import asr` costs nothing:

    import asr

    recognizer = asr.load("english")
    print(recognizer.transcribe("talk.flac").text)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asr.checkpoint import describe, write_calibration
    from asr.config import Calibration, DecodingConfig, Recipe, load_recipe
    from asr.errors import AsrError
    from asr.estimation import estimate
    from asr.evaluation import calibrate, evaluate
    from asr.experiment import run
    from asr.language_model import (
        LanguageModel,
        load_language_model,
        train_language_model,
    )
    from asr.manifest import Utterance, read_manifest, write_manifest
    from asr.pairs import Pair, read_pairs
    from asr.pipeline import Recognizer, load
    from asr.recording import RawSamples
    from asr.source_texts import read_texts
    from asr.text_evaluation import evaluate_texts
    from asr.text_pipeline import Generation, TextGenerator, load_text
    from asr.training import resume, train
    from asr.transcript import Alternative, Segment, Transcript, Word

__version__ = "0.1.0"

_HOMES = {
    "Alternative": "asr.transcript",
    "AsrError": "asr.errors",
    "Calibration": "asr.config",
    "DecodingConfig": "asr.config",
    "Generation": "asr.text_pipeline",
    "LanguageModel": "asr.language_model",
    "Pair": "asr.pairs",
    "RawSamples": "asr.recording",
    "Recipe": "asr.config",
    "Recognizer": "asr.pipeline",
    "Segment": "asr.transcript",
    "TextGenerator": "asr.text_pipeline",
    "Transcript": "asr.transcript",
    "Utterance": "asr.manifest",
    "Word": "asr.transcript",
    "calibrate": "asr.evaluation",
    "describe": "asr.checkpoint",
    "estimate": "asr.estimation",
    "evaluate": "asr.evaluation",
    "evaluate_texts": "asr.text_evaluation",
    "load": "asr.pipeline",
    "load_language_model": "asr.language_model",
    "load_recipe": "asr.config",
    "load_text": "asr.text_pipeline",
    "read_manifest": "asr.manifest",
    "read_pairs": "asr.pairs",
    "read_texts": "asr.source_texts",
    "resume": "asr.training",
    "run": "asr.experiment",
    "train": "asr.training",
    "train_language_model": "asr.language_model",
    "write_calibration": "asr.checkpoint",
    "write_manifest": "asr.manifest",
}

__all__ = [
    "Alternative",
    "AsrError",
    "Calibration",
    "DecodingConfig",
    "Generation",
    "LanguageModel",
    "Pair",
    "RawSamples",
    "Recipe",
    "Recognizer",
    "Segment",
    "TextGenerator",
    "Transcript",
    "Utterance",
    "Word",
    "calibrate",
    "describe",
    "estimate",
    "evaluate",
    "evaluate_texts",
    "load",
    "load_language_model",
    "load_recipe",
    "load_text",
    "read_manifest",
    "read_pairs",
    "read_texts",
    "resume",
    "run",
    "train",
    "train_language_model",
    "write_calibration",
    "write_manifest",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a public name may be anything
    if name not in _HOMES:
        raise AttributeError(f"module 'asr' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
