"""Tasks: preprocessing, postprocessing and metrics around one model.

Another package adds a task with an entry point of the group `asr.tasks`, in its
`pyproject.toml`:

    [project.entry-points."asr.tasks"]
    dates = "dates:Dates"
"""

from asr.errors import UsageError, did_you_mean, quoted
from asr.tasks.base import Task
from asr.tasks.pronunciation import Pronunciation
from asr.tasks.restoration import Restoration
from asr.tasks.speech_recognition import Classification, SpeechRecognition
from asr.tasks.text import Summarization, Translation

TASKS: dict[str, type[Task]] = {
    "speech_recognition": SpeechRecognition,
    "classification": Classification,
    "translation": Translation,
    "summarization": Summarization,
    "pronunciation": Pronunciation,
    "restoration": Restoration,
}

_GROUP = "asr.tasks"  # of entry points


def task_class(name: str) -> type[Task]:
    """Look a task up: a key of `TASKS`, or an entry point of another package.

    Raises:
        UsageError: There is no such task, or its package cannot be imported.
    """
    if name in TASKS:
        return TASKS[name]
    from importlib import metadata  # noqa: PLC0415 - start-up time

    found = metadata.entry_points(group=_GROUP)
    if name not in found.names:
        hint = did_you_mean(name, [*TASKS, *found.names])
        raise UsageError(f"unknown task {quoted(name)}{hint}")
    entry = found[name]
    try:
        task = entry.load()
    except (ImportError, AttributeError) as error:
        raise UsageError(f"task {name}: cannot load {entry.value}: {error}") from error
    if not (isinstance(task, type) and issubclass(task, Task)):
        raise UsageError(f"task {name}: {entry.value} is not a subclass of Task")
    return task
