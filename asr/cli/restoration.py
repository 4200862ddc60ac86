"""Case and marks for what a command recognises, or the words as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from asr.formats.transcript import Segment, Transcript
    from asr.inference.recognizer import Recognizer
    from asr.inference.restorer import Restorer


class Following(NamedTuple):
    """Functions that restore the segments of a recording as they come.

    Attributes:
        push: Takes the next segment, and gives those that are finished.
        finish: Gives those that are left at the end.
        preview: Restores a text that may follow.
    """

    push: Callable[[Segment], list[Segment]]
    finish: Callable[[], list[Segment]]
    preview: Callable[[str], str]


class Restoring(NamedTuple):
    """A model that restores the output of another, and whether it writes figures."""

    restorer: Restorer
    numbers: bool


def restoring(recognizer: Recognizer, numbers: bool) -> Restoring | None:
    """Load the model that restores the output of another, where it is of use."""
    from asr.inference.restorer import restorer_of  # noqa: PLC0415 - start-up time

    restorer = restorer_of(recognizer)
    return None if restorer is None else Restoring(restorer, numbers)


def following(used: Restoring | None, *, live: bool) -> Following:
    """Start a recording; without a restorer, segments and texts stay as they are."""
    if used is None:
        return Following(lambda segment: [segment], list, str)
    own = used.restorer.follow(live=live, numbers=used.numbers)
    return Following(own.push, own.finish, own.preview)


def restored(used: Restoring | None, transcript: Transcript) -> Transcript:
    """Restore a transcript; without a restorer, it stays as it is."""
    if used is None:
        return transcript
    return used.restorer.transcript(transcript, numbers=used.numbers)
