"""The models of a server, each loaded once: at the start, or when first used."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from asr.deployment.server.dynamic_batching import BatchingRecognizer
from asr.deployment.server.http_errors import HTTPError
from asr.errors import UsageError, did_you_mean
from asr.files import bundled_models, model_task
from asr.inference.generator import load_text
from asr.inference.restorer import Restorer, restorer_of

SPEECH = "speech_recognition"
RESTORATION = "restoration"
_TASKS = (SPEECH, "translation", "summarization", RESTORATION)


class Speech(NamedTuple):
    """A recogniser, and what restores case and punctuation, if anything."""

    recognizer: BatchingRecognizer
    restorer: Restorer | None


class Models:
    """Models by name. Threads may share it.

    Args:
        names: Bundled models, model folders or run folders; by default the bundled
            models of the tasks that a server has.
        threads: Processor threads of each network; by default as in `Network`.
        processes: Processes that decode speech, this one among them.

    Raises:
        ModelError: A model is missing.
        UsageError: A model has another task, or two have the same name.
    """

    def __init__(
        self,
        names: Sequence[str] = (),
        threads: int | None = None,
        processes: int = 1,
    ) -> None:
        self._threads, self._processes = threads, processes
        self._folders: dict[str, str] = {}
        self.tasks: dict[str, str] = {}
        self._loaded: dict[str, Any] = {}
        self._locks: dict[str, threading.Lock] = {}
        served = [it for it in bundled_models() if model_task(it) in _TASKS]
        for name in names or served:
            task, short = model_task(name), _short_name(name)
            if task not in _TASKS:
                raise UsageError(f"{name}: a server has no use for the task {task}")
            if short in self.tasks:
                raise UsageError(f"{name}: there are two models named {short}")
            self.tasks[short], self._folders[short] = task, name
            self._locks[short] = threading.Lock()

    def resolve(self, name: str | None, task: str) -> str:
        """Return the name of a model of a task; of the first without a name.

        Raises:
            HTTPError: There is none.
        """
        fitting = [it for it, own in self.tasks.items() if own == task]
        if name is None and fitting:
            return fitting[0]
        if name in fitting:
            return name or ""
        text = f"no model for {task.replace('_', ' ')}"
        if name is not None:
            text += f" is named {name[:100]!r}{did_you_mean(name, fitting)}"
        raise HTTPError(404, text, code="model_not_found", param="model")

    def is_loaded(self, name: str) -> bool:
        """Tell whether a model is in memory."""
        return name in self._loaded

    def get(self, name: str) -> Any:
        """Return a `Speech`, `TextGenerator` or `Restorer`; load it if need be."""
        with self._locks[name]:
            if name not in self._loaded:
                self._loaded[name] = self._load(name)
            return self._loaded[name]

    def speech(self, name: str) -> Speech:
        """Return a model of speech."""
        speech: Speech = self.get(name)
        return speech

    def _load(self, name: str) -> Any:
        if self.tasks[name] != SPEECH:
            return load_text(self._folders[name], threads=self._threads)
        recognizer = BatchingRecognizer(
            self._folders[name], self._threads, self._processes
        )
        recognizer.warm_up()
        return Speech(recognizer, restorer_of(recognizer))


def _short_name(name: str) -> str:
    """Return what clients call a model: no path of this machine."""
    path = Path(name).resolve() if name not in bundled_models() else Path(name)
    return path.parent.name if path.name == "model" else path.name
