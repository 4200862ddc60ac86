"""What can be heard and seen of the utterances that went wrong, for a report."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from asr import plots
from asr.errors import AsrError
from asr.evaluation import Evaluation
from asr.html_report import Media
from asr.pipeline import Recognizer


def media(
    recognizer: Recognizer, evaluation: Evaluation, most: int
) -> dict[int, Media]:
    """Return sound and attention of the utterances with the most errors.

    Args:
        recognizer: The model that was evaluated.
        evaluation: What came of it.
        most: How many utterances; each takes some 600 kB of the page.

    Returns:
        Position of an utterance -> its media; those that cannot be read are left out.
    """
    errors = evaluation.report.counts[:, 1:4].sum(axis=1)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        worst = np.argsort(-errors, kind="stable")[:most].tolist()
        for place in filter(lambda place: errors[place], worst):
            utterance = evaluation.results[place].utterance
            try:
                samples = recognizer.task.encode_source(utterance)
                seen = recognizer.attention(samples, rate=recognizer.rate)
            except AsrError:
                continue
            picture = Path(folder) / "attention.png"
            plots.attention(**vars(seen), path=picture)
            sound = io.BytesIO()
            soundfile.write(sound, samples, recognizer.rate, format="FLAC")
            found[place] = Media(
                (sound.getvalue(), "audio/flac"),
                {"spectrogram and attention": picture.read_bytes()},
            )
    return found
