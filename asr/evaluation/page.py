"""HTML page of an evaluation, with audio and attention of the worst utterances."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from asr.errors import AsrError
from asr.evaluation.speech import Evaluation
from asr.inference.recognizer import Recognizer
from asr.reports import plots
from asr.reports.html import Media, html_report

_UTTERANCES = 10  # with audio and attention
_MAX_SECONDS = 60.0  # of an utterance; longer ones make pages too large


def page(
    title: str,
    model: str,
    recognizer: Recognizer,
    evaluation: Evaluation,
    **facts: Any,
) -> Iterator[str]:
    """Yield the parts of a page on an evaluation of a model.

    Args:
        title: Heading of the page.
        model: Name of the model.
        recognizer: The evaluated model.
        evaluation: Scores of the model.
        facts: Further lines of the overview, such as the corpus.
    """
    facts = {
        "model": model,
        **facts,
        "normalizer": evaluation.normalizer,
        "audio": f"{evaluation.audio_seconds:.1f} s",
        "real-time factor": f"{evaluation.rtf:.4f}",
        "unreadable recordings, scored as empty": evaluation.unreadable,
    }
    return html_report(
        evaluation.report,
        [result.name for result in evaluation.results],
        title=title,
        facts=facts,
        media=media(recognizer, evaluation, _UTTERANCES),
    )


def media(
    recognizer: Recognizer, evaluation: Evaluation, limit: int
) -> dict[int, Media]:
    """Return audio and attention of the utterances with the most errors.

    Args:
        recognizer: The evaluated model.
        evaluation: Scores of the model.
        limit: Maximum number of utterances; each adds about 600 kB to the page.

    Returns:
        Position of an utterance -> its media, without images if there is no attention.
        Unreadable recordings and those of more than a minute are skipped.
    """
    errors = evaluation.report.counts[:, 1:4].sum(axis=1)
    selected: dict[int, Media] = {}
    for position in np.argsort(-errors, kind="stable").tolist():
        if len(selected) == limit or not errors[position]:
            break
        result = evaluation.results[position]
        if result.seconds > _MAX_SECONDS:
            continue
        try:
            samples = recognizer.task.encode_source(result.utterance)
        except AsrError:
            continue
        audio = io.BytesIO()
        soundfile.write(audio, samples, recognizer.rate, format="FLAC")
        images = _images(recognizer, samples)
        selected[position] = Media((audio.getvalue(), "audio/flac"), images)
    return selected


def _images(recognizer: Recognizer, samples: np.ndarray) -> dict[str, bytes]:
    try:
        attention = recognizer.attention(samples, rate=recognizer.rate)
    except AsrError:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "attention.png"
        plots.attention(**vars(attention), path=path)
        return {"spectrogram and attention": path.read_bytes()}
