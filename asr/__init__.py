"""Speech recognition, translation and summarisation by one encoder-decoder.

Names are imported when first used, so that `import asr` costs nothing:

    import asr

    recognizer = asr.load("english")
    print(recognizer.transcribe("talk.flac").text)
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asr.audio.decoders import RawSamples
    from asr.config.loading import load_recipe
    from asr.config.schema import Calibration, DecodingConfig, Recipe
    from asr.corpora.sources import read_texts
    from asr.data.manifest import Utterance, read_manifest, write_manifest
    from asr.data.pairs import Pair, read_pairs
    from asr.deployment.export import export
    from asr.errors import AsrError
    from asr.evaluation.speech import calibrate, evaluate
    from asr.evaluation.text import evaluate_texts
    from asr.formats.layout import Layout
    from asr.formats.transcript import Alternative, Segment, Transcript, Word
    from asr.formats.writers import WRITERS
    from asr.inference.generator import Generation, TextGenerator, load_text
    from asr.inference.loading import load
    from asr.inference.options import TranscribeOptions
    from asr.inference.recognizer import Recognizer
    from asr.inference.restorer import Restorer
    from asr.inference.stream import Stream
    from asr.language_model.model import LanguageModel
    from asr.language_model.perplexity import perplexity
    from asr.language_model.storage import load_language_model
    from asr.language_model.training import train_language_model
    from asr.storage.model_folder import describe, write_calibration
    from asr.training.estimate import estimate
    from asr.training.run import run
    from asr.training.train import resume, train

__version__ = "0.2.0"

# ONNX Runtime reads it when it is imported. Its wheels send events to their makers.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_HOMES = {
    "Alternative": "asr.formats.transcript",
    "AsrError": "asr.errors",
    "Calibration": "asr.config.schema",
    "DecodingConfig": "asr.config.schema",
    "Generation": "asr.inference.generator",
    "LanguageModel": "asr.language_model.model",
    "Layout": "asr.formats.layout",
    "Pair": "asr.data.pairs",
    "RawSamples": "asr.audio.decoders",
    "Recipe": "asr.config.schema",
    "Recognizer": "asr.inference.recognizer",
    "Restorer": "asr.inference.restorer",
    "Segment": "asr.formats.transcript",
    "Stream": "asr.inference.stream",
    "TextGenerator": "asr.inference.generator",
    "TranscribeOptions": "asr.inference.options",
    "Transcript": "asr.formats.transcript",
    "Utterance": "asr.data.manifest",
    "WRITERS": "asr.formats.writers",
    "Word": "asr.formats.transcript",
    "calibrate": "asr.evaluation.speech",
    "describe": "asr.storage.model_folder",
    "estimate": "asr.training.estimate",
    "evaluate": "asr.evaluation.speech",
    "evaluate_texts": "asr.evaluation.text",
    "export": "asr.deployment.export",
    "load": "asr.inference.loading",
    "load_language_model": "asr.language_model.storage",
    "load_recipe": "asr.config.loading",
    "load_text": "asr.inference.generator",
    "perplexity": "asr.language_model.perplexity",
    "read_manifest": "asr.data.manifest",
    "read_pairs": "asr.data.pairs",
    "read_texts": "asr.corpora.sources",
    "resume": "asr.training.train",
    "run": "asr.training.run",
    "train": "asr.training.train",
    "train_language_model": "asr.language_model.training",
    "write_calibration": "asr.storage.model_folder",
    "write_manifest": "asr.data.manifest",
}

__all__ = [
    "WRITERS",
    "Alternative",
    "AsrError",
    "Calibration",
    "DecodingConfig",
    "Generation",
    "LanguageModel",
    "Layout",
    "Pair",
    "RawSamples",
    "Recipe",
    "Recognizer",
    "Restorer",
    "Segment",
    "Stream",
    "TextGenerator",
    "TranscribeOptions",
    "Transcript",
    "Utterance",
    "Word",
    "calibrate",
    "describe",
    "estimate",
    "evaluate",
    "evaluate_texts",
    "export",
    "load",
    "load_language_model",
    "load_recipe",
    "load_text",
    "perplexity",
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


def __getattr__(name: str) -> Any:
    if name == "layers":  # a module, which needs Keras
        return importlib.import_module("asr.layers")
    if name not in _HOMES:
        raise AttributeError(f"module 'asr' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "layers"})
