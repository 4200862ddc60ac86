"""Choose how readily a model of the recipe `restore` writes each mark.

    python recipes/restore_thresholds.py runs/restore --output restore

Cross-entropy makes a model write a mark if it is more probable than none. F1 asks for
more marks than that: constants are added to the output biases, so that F1 on the dev
part of the run is highest. The model is written in half precision.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import islice
from pathlib import Path

import click
import numpy as np

from asr.data.pairs import read_pairs
from asr.files import model_path
from asr.inference.restorer import load_restorer
from asr.metrics.restoration import labels_of
from asr.storage.model_folder import read_card, read_config, write_model
from asr.storage.weights import read_arrays
from asr.tasks.restoration import FIRST_LABEL
from asr.text.written import CASES, MARKS

MEASURED = ",.?"  # their F1 scores count, beside that of all marks
STEPS = np.arange(-1.0, 2.51, 0.1)  # nats
ROUNDS = 3
BIAS = "decoder/logits/bias"


def f1(found: np.ndarray, wanted: np.ndarray, marks: range | list[int]) -> float:
    """Return the F1 score of some marks together."""
    right = sum(int(np.sum((found == m) & (wanted == m))) for m in marks)
    written = sum(int(np.sum(found == m) + np.sum(wanted == m)) for m in marks)
    return 2 * right / max(1, written)


def objective(scores: np.ndarray, wanted: np.ndarray) -> float:
    """Return the sum of F1 scores of log probabilities (n, M) for marks (n,)."""
    found = scores.argmax(axis=1)
    alone = sum(f1(found, wanted, [MARKS.index(mark)]) for mark in MEASURED)
    return alone + f1(found, wanted, range(1, len(MARKS)))


def thresholds(scores: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return what to add to the log probability of each mark, (M,) in nats."""
    added = np.zeros(len(MARKS))
    for _ in range(ROUNDS):
        for mark in map(MARKS.index, MEASURED):
            tried = []
            for step in STEPS:
                added[mark] = step
                tried.append(objective(scores + added, wanted))
            added[mark] = STEPS[int(np.argmax(tried))]
    return added


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="run folder of the recipe")
    parser.add_argument("--windows", type=int, default=400, help="of the dev part")
    parser.add_argument("--output", type=Path, required=True, help="model folder")
    options = parser.parse_args()
    folder = model_path(options.run / "model")
    restorer = load_restorer(folder)
    scores, wanted = [], []
    pairs = list(read_pairs(options.run / "dev.jsonl"))
    for pair in islice(pairs, 0, None, max(1, len(pairs) // options.windows)):
        marks = restorer.mark_probabilities(pair.source.split())
        # The end of a window may lie within a sentence.
        scores.append(np.log(np.maximum(marks[:-1], 1e-9)))
        labels = [MARKS.index(mark) for _, mark in labels_of(pair.text)]
        wanted.append(np.array(labels[:-1]))
    every, truth = np.concatenate(scores), np.concatenate(wanted)
    added = thresholds(every, truth)
    for name, values in (("before", every), ("after", every + added)):
        found = values.argmax(axis=1)
        shown = [f"{m} {f1(found, truth, [MARKS.index(m)]):.3f}" for m in MARKS[1:]]
        click.echo(f"{name}: F1 {'  '.join(shown)}, {len(truth)} words")
    chosen = zip(MARKS[1:], np.round(added[1:], 1).tolist(), strict=True)
    click.echo(f"added: {dict(chosen)}")
    arrays = read_arrays(folder / "model.weights.npz")
    bias = arrays[BIAS].astype("float32")
    bias[FIRST_LABEL:] += np.tile(added, len(CASES))
    arrays[BIAS] = bias
    halves = {
        name: array.astype("float16") if array.dtype.kind == "f" else array
        for name, array in arrays.items()
    }
    config = read_config(folder)
    facts = {**config.training, "thresholds": np.round(added, 1).tolist()}
    write_model(
        options.output,
        replace(config, training=facts),
        tokenizer=restorer.task.tokenizer.to_json(),
        weights=halves,
        card=read_card(folder),
    )


if __name__ == "__main__":
    main()
