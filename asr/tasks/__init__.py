"""Tasks around the one core."""

from asr.tasks.speech_recognition import SpeechRecognition

TASKS = {"speech_recognition": SpeechRecognition}
