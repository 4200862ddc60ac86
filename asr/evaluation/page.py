"""An evaluation as a page of HTML, with what can be heard and seen of the errors."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from asr.errors import AsrError
from asr.evaluation.speech import Evaluation
from asr.inference.recognizer import Recognizer
from asr.reports import plots
from asr.reports.html import Media, html_report

_HEARD = 10  # utterances that can be heard
_LONGEST = 60.0  # seconds of one; longer ones make pages too large


def page(
    title: str, model: str, recognizer: Recognizer, evaluation: Evaluation
) -> Iterator[str]:
    """Write a page.

    Args:
        title: Heading of the page.
        model: Name of the model.
        recognizer: The model that was evaluated.
        evaluation: What came of it.

    Yields:
        The page, in parts.
    """
    facts = {
        "model": model,
        "normalizer": evaluation.normalizer,
        "audio": f"{evaluation.audio_seconds:.1f} s",
        "real-time factor": f"{evaluation.rtf:.4f}",
        "unreadable recordings, scored as empty": evaluation.unreadable,
    }
    return html_report(
        evaluation.report,
        [r.utterance.id or str(r.utterance.audio) for r in evaluation.results],
        title=title,
        facts=facts,
        media=media(recognizer, evaluation, _HEARD),
    )


def media(
    recognizer: Recognizer, evaluation: Evaluation, most: int
) -> dict[int, Media]:
    """Return sound and attention of the utterances with the most errors.

    Args:
        recognizer: The model that was evaluated.
        evaluation: What came of it.
        most: How many utterances; each takes some 600 kB of the page.

    Returns:
        Position of an utterance -> its media. Those that cannot be read or last more
        than a minute are left out; where attention cannot be shown there is sound only.
    """
    errors = evaluation.report.counts[:, 1:4].sum(axis=1)
    found: dict[int, Media] = {}
    for place in np.argsort(-errors, kind="stable").tolist():
        if len(found) == most or not errors[place]:
            break
        result = evaluation.results[place]
        if result.seconds > _LONGEST:
            continue
        try:
            samples = recognizer.task.encode_source(result.utterance)
        except AsrError:
            continue
        sound = io.BytesIO()
        soundfile.write(sound, samples, recognizer.rate, format="FLAC")
        found[place] = Media(
            (sound.getvalue(), "audio/flac"), _pictures(recognizer, samples)
        )
    return found


def _pictures(recognizer: Recognizer, samples: np.ndarray) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "attention.png"
        try:
            seen = recognizer.attention(samples, rate=recognizer.rate)
        except AsrError:
            return {}
        plots.attention(**vars(seen), path=picture)
        return {"spectrogram and attention": picture.read_bytes()}
