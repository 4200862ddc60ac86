"""Speech Commands: single English words of about one second, one folder a word.

Shape: `WORD/SPEAKER_nohash_NUMBER.wav`; other folders (`_background_noise_`) are
ignored. The only subset is `all`. Texts are words in capitals.
Licence: CC BY 4.0. Source: https://arxiv.org/abs/1804.03209
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asr.corpora.base import Clips, corpus_of
from asr.data.manifest import Utterance

_MARK = "_nohash_"


def _parts(root: Path) -> dict[str, Path]:
    return {"all": root} if any(root.glob(f"*/*{_MARK}*")) else {}


def _read(root: Path) -> Iterator[Utterance]:
    clips = Clips()
    for folder in sorted(root.iterdir()):
        word = folder.name
        for name, audio in clips.folder(folder).items():
            speaker, mark, _ = name.partition(_MARK)
            if mark:
                id_ = f"{word}/{name}"
                yield Utterance(audio, word.upper(), speaker=speaker, lang="en", id=id_)


SPEECH_COMMANDS = corpus_of("speech_commands", _parts, _read, "speech-commands")
