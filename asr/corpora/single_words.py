"""Free Spoken Digit Dataset and Speech Commands: single English words.

| corpus | content | shape |
| --- | --- | --- |
| free_spoken_digit | ten digits | `recordings/DIGIT_SPEAKER_REPETITION.wav` |
| speech_commands | one second each | `WORD/SPEAKER_nohash_NUMBER.wav` |

Digits have the official subsets `test` (repetitions 0 to 4) and `train` (the others).
`train` is also split into `dev-own` (5 to 7) and `train-own` (8 and up). The only
subset of the commands is `all`; other names in folders are ignored. Texts are words in
capitals.
Licences: CC BY-SA 4.0, CC BY 4.0.
Sources: https://github.com/Jakobovski/free-spoken-digit-dataset,
https://arxiv.org/abs/1804.03209
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from asr.corpora.base import Clips, Row, corpus_of
from asr.data.manifest import Utterance
from asr.data.text_files import DamagedRow

_NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>.+)_(?P<repetition>\d+)")
_WORDS = (
    *("ZERO", "ONE", "TWO", "THREE", "FOUR"),
    *("FIVE", "SIX", "SEVEN", "EIGHT", "NINE"),
)
_REPETITIONS = {
    "train": range(5, 1000),
    "test": range(5),
    "train-own": range(8, 1000),
    "dev-own": range(5, 8),
}
_MARK = "_nohash_"


def _digit_parts(root: Path) -> dict[str, tuple[dict[str, Path], range]]:
    folder = root / "recordings"
    recordings = Clips().folder(folder if folder.is_dir() else root)
    if not any(map(_NAME.fullmatch, recordings)):
        return {}
    return {name: (recordings, wanted) for name, wanted in _REPETITIONS.items()}


def _digits(part: tuple[dict[str, Path], range]) -> Iterator[Row]:
    recordings, wanted = part
    for name, audio in recordings.items():
        match = _NAME.fullmatch(name)
        if not match:
            yield DamagedRow(str(audio), "not named DIGIT_SPEAKER_REPETITION")
            continue
        if int(match["repetition"]) in wanted:
            text = _WORDS[int(match["digit"])]
            yield Utterance(audio, text, speaker=match["speaker"], lang="en", id=name)


def _command_parts(root: Path) -> dict[str, Path]:
    return {"all": root} if any(root.glob(f"*/*{_MARK}*")) else {}


def _commands(root: Path) -> Iterator[Utterance]:
    clips = Clips()
    for folder in sorted(root.iterdir()):
        word = folder.name
        for name, audio in clips.folder(folder).items():
            speaker, mark, _ = name.partition(_MARK)
            if mark:
                id_ = f"{word}/{name}"
                yield Utterance(audio, word.upper(), speaker=speaker, lang="en", id=id_)


FREE_SPOKEN_DIGIT = corpus_of(
    "free_spoken_digit", _digit_parts, _digits, "free-spoken-digit"
)
SPEECH_COMMANDS = corpus_of(
    "speech_commands", _command_parts, _commands, "speech-commands"
)
