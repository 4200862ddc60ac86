"""Tasks: preprocessing, postprocessing and metrics around one model."""

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
