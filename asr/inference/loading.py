"""Loading of a model that recognises speech: `load`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from asr.errors import ModelError
from asr.files import model_path
from asr.runtime.network import thread_count
from asr.storage.model_folder import read_card, read_model

if TYPE_CHECKING:
    from asr.inference.recognizer import Recognizer


def load(name: str | Path = "english", *, threads: int | None = None) -> Recognizer:
    """Load a model.

    Args:
        name: A bundled model, a model folder, or a run folder that has one.
        threads: Processor threads of the network; by default one for each core but
            one, which is left to the search.

    Raises:
        ModelError: The model is missing, damaged, or not for speech.
        UsageError: `threads` is below 1.
    """
    folder = model_path(name)
    loaded = read_model(folder, thread_count(threads))
    if loaded.task.modality != "speech":
        hint = "not audio; use asr translate or asr summarize, or asr.load_text"
        raise ModelError(f"{name}: takes text (task {loaded.config.task}), {hint}")
    loaded.network.encoder.begin()  # while the rest of the package is imported
    from asr.inference.recognizer import Recognizer  # noqa: PLC0415 - see above

    return Recognizer(loaded, read_card(folder), str(name))
