"""Speech recognition: train a recogniser, load one, read what a recording says.

Names are imported when first used, so that `import asr` costs nothing:

    import asr

    recognizer = asr.load("english")
    print(recognizer.transcribe("talk.flac").text)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asr.checkpoint import describe
    from asr.config import DecodingConfig, Recipe, load_recipe
    from asr.errors import AsrError
    from asr.evaluation import evaluate
    from asr.manifest import Utterance, read_manifest, write_manifest
    from asr.pipeline import Recognizer, load
    from asr.training import resume, train
    from asr.transcript import Alternative, Segment, Transcript, Word

__version__ = "0.1.0"

_HOMES = {
    "Alternative": "asr.transcript",
    "AsrError": "asr.errors",
    "DecodingConfig": "asr.config",
    "Recipe": "asr.config",
    "Recognizer": "asr.pipeline",
    "Segment": "asr.transcript",
    "Transcript": "asr.transcript",
    "Utterance": "asr.manifest",
    "Word": "asr.transcript",
    "describe": "asr.checkpoint",
    "evaluate": "asr.evaluation",
    "load": "asr.pipeline",
    "load_recipe": "asr.config",
    "read_manifest": "asr.manifest",
    "resume": "asr.training",
    "train": "asr.training",
    "write_manifest": "asr.manifest",
}

__all__ = [
    "Alternative",
    "AsrError",
    "DecodingConfig",
    "Recipe",
    "Recognizer",
    "Segment",
    "Transcript",
    "Utterance",
    "Word",
    "describe",
    "evaluate",
    "load",
    "load_recipe",
    "read_manifest",
    "resume",
    "train",
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
