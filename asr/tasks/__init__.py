"""Tasks: preprocessing, postprocessing and metrics around one model."""

from asr.tasks.base import Task
from asr.tasks.classification import Classification
from asr.tasks.speech_recognition import SpeechRecognition
from asr.tasks.summarization import Summarization
from asr.tasks.translation import Translation

TASKS: dict[str, type[Task]] = {
    "speech_recognition": SpeechRecognition,
    "classification": Classification,
    "translation": Translation,
    "summarization": Summarization,
}
