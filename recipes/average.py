"""Average the weights of models and store them in half precision.

    python recipes/average.py runs/tuned/model runs/first/model --output runs/mean

One model must be trained from the other; a single model is only rounded, and one that
is named twice counts twice. The gate of copying may be missing in all but the first.
The mean has a lower error rate than either: training on augmented recordings gains on
those and loses a little on clean ones. Everything but the weights comes from the first
model, its scores too.

Reference:
    M. Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from asr.errors import AsrError, ModelError
from asr.files import WEIGHTS, replaced_folder
from asr.storage.model_folder import (
    TOKENIZER,
    read_card,
    read_config,
    verify,
    write_model,
)
from asr.storage.weights import read_arrays

_ADDED = "decoder/gate/"  # weights that a first model may have added


def average(folders: list[Path], output: Path) -> None:
    """Write the mean of models into a new folder.

    Raises:
        ModelError: A model is damaged, or shapes or tokenizers differ.
        OutputError: The folder cannot be written.
    """
    for folder in folders:
        verify(folder)
    first, models = folders[0], [read_arrays(folder / WEIGHTS) for folder in folders]
    tokenizer = (first / TOKENIZER).read_text(encoding="utf-8")
    added = {n: array for n, array in models[0].items() if n.startswith(_ADDED)}
    models = [added | model for model in models]
    shapes = {name: array.shape for name, array in models[0].items()}
    for folder, model in zip(folders, models, strict=True):
        same = {name: array.shape for name, array in model.items()} == shapes
        if not same or (folder / TOKENIZER).read_text(encoding="utf-8") != tokenizer:
            raise ModelError(f"{folder}: must have the shapes and tokenizer of {first}")
    with replaced_folder(output) as folder:
        write_model(
            folder,
            read_config(first),
            tokenizer=json.loads(tokenizer),
            weights={name: _mean([model[name] for model in models]) for name in shapes},
            card=read_card(first),
        )


def _mean(arrays: list[np.ndarray]) -> np.ndarray:
    if arrays[0].dtype.kind != "f":  # a count of batches
        return arrays[0]
    return np.mean(arrays, axis=0, dtype="float64").astype("float16")


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the new model.",
)
def main(folders: tuple[Path, ...], output: Path) -> None:
    """Average the models in FOLDERS."""
    try:
        average(list(folders), output)
    except AsrError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
