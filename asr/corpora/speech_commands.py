"""Speech Commands: single English words of about one second, one folder a word.

https://arxiv.org/abs/1804.03209; CC BY 4.0.

Layout: `WORD/SPEAKER_nohash_NUMBER.wav`. The one subset is `all`; folders without such
files (`_background_noise_`) are left out. The text is the word in capitals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asr.corpora.base import Clips, Corpus, check_subset
from asr.data.manifest import Utterance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MARK = "_nohash_"


def _subsets(root: Path) -> list[str]:
    return ["all"] if any(root.glob(f"*/*{_MARK}*")) else []


def _read(root: Path, subset: str) -> Iterator[Utterance]:
    check_subset("speech_commands", root, subset, _subsets(root))
    clips = Clips()
    for folder in sorted(root.iterdir()):
        for name, audio in clips.folder(folder).items():
            speaker, mark, _ = name.partition(_MARK)
            if mark:
                word = folder.name
                yield Utterance(
                    audio,
                    word.upper(),
                    speaker=speaker,
                    lang="en",
                    id=f"{word}/{name}",
                )


SPEECH_COMMANDS = Corpus("speech_commands", _subsets, _read, "speech-commands")
