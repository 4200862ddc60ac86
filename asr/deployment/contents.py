"""What an exported folder holds, and the README.md that says so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.config.schema import DecodingConfig
from asr.errors import ModelError
from asr.files import atomic_write
from asr.storage.model_folder import LoadedModel
from asr.text.sentencepiece import SubwordTokenizer

TOKENS, SUBWORDS = "tokens.json", "tokenizer.model"
README = "README.md"
LARGEST = 2_000_000_000
"""Bytes of weights that one file can hold: protocol buffers end at 2 GiB."""

_LETTERS = {
    "B": "sources in a batch",
    "N": "samples",
    "T": "frames of features, or tokens of a source text",
    "R": "states of the encoder, one for each CTC frame",
    "S": "memory frames",
    "K": "hypotheses of one source",
    "U": "tokens of a text",
    "L": "tokens of the longest text of a batch",
}


@dataclass(frozen=True)
class Tensor:
    """An input or output.

    Attributes:
        name: Its name.
        dtype: Name of its NumPy type.
        shape: Its sizes; letters are open.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class Signature:
    """A function that was exported.

    Attributes:
        name: Its file or its name.
        use: What it computes.
        inputs: What it takes.
        outputs: What it gives.
    """

    name: str
    use: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


@dataclass(frozen=True)
class Contents:
    """What a format wrote into a folder.

    Attributes:
        title: Name of the format.
        signatures: The exported functions.
        files: Other file -> what it holds, apart from tokens and README.md.
        packages: Packages that the example needs.
        example: A Python program that runs in the folder.
        notes: What users of the format must know, a sentence or two each.
    """

    title: str
    signatures: tuple[Signature, ...]
    files: Mapping[str, str]
    packages: Sequence[str]
    example: str
    notes: tuple[str, ...] = ()


def sizes(loaded: LoadedModel) -> dict[str, int | str]:
    """Return the sizes of a model by the letters that the graphs declare."""
    config = loaded.config.model
    attention, memory = config.attention, config.encoder.memory_size
    keys: tuple[int | str, int | str] = "S", attention.units
    if attention.score != "concat":
        general = attention.score == "general"
        keys = config.decoder.units if general else memory, "S"
    return {
        "V": loaded.task.vocabulary,
        "P": 1 + len(config.phones),
        "D": memory,
        "H": config.decoder.state_units,
        "A": attention.units,
        "h": attention.heads,
        "a": attention.units // attention.heads,
        "n": "S" if attention.kind == "bahdanau" else 1,
        "k": keys[0],
        "s": keys[1],
    }


def write_tokens(folder: Path, loaded: LoadedModel) -> dict[str, str]:
    """Write the tokenizer of a model; return the files with what they hold."""
    tokenizer = loaded.task.tokenizer
    with atomic_write(folder / TOKENS) as file:
        json.dump(tokenizer.pieces, file, ensure_ascii=False)
    files = {TOKENS: "text of each token: 0 blank, 1 start, 2 end"}
    if isinstance(tokenizer, SubwordTokenizer):
        with atomic_write(folder / SUBWORDS, "wb") as file:
            file.write(tokenizer.model)
        files[SUBWORDS] = "the tokenizer, for the package `sentencepiece`"
    return files


def check_size(source: Path, loaded: LoadedModel) -> None:
    """Refuse a model whose weights one file cannot hold."""
    size = sum(array.nbytes for array in loaded.network.weights.values())
    if size > LARGEST:
        raise ModelError(
            f"{source}: {size:,} bytes of weights do not fit into a file of this "
            f"format, which holds {LARGEST:,}; use savedmodel"
        )


def write_phones(folder: Path, loaded: LoadedModel) -> dict[str, str]:
    """Write the phones of a CTC head, if it has one, with their priors."""
    phones = loaded.config.model.phones
    if not phones:
        return {}
    prior = loaded.network.weights["phones/log_prior"].tolist()
    with atomic_write(folder / "phones.json") as file:
        json.dump({"phones": ["<blank>", *phones], "log_prior": prior}, file)
    return {"phones.json": "phones of `phone_logits`, and their log priors"}


def phone_notes(loaded: LoadedModel) -> tuple[str, ...]:
    """Return how to use the logits of phones."""
    if not loaded.config.model.phones:
        return ()
    prior = loaded.config.decoding.phone_prior
    return (
        f"`asr` subtracts {prior:g} * `log_prior` from `phone_logits` before their "
        "log softmax, and searches a lexicon with them. The example does not use them.",
    )


def readme(loaded: LoadedModel, contents: Contents) -> str:
    """Return the README.md of an exported folder."""
    config = loaded.config
    name = config.training.get("name", "model")
    files = "\n".join(_table(("file", "content"), contents.files.items()))
    signatures = "\n\n".join(map(_section, contents.signatures))
    shapes = [
        tensor.shape
        for signature in contents.signatures
        for tensor in (*signature.inputs, *signature.outputs)
    ]
    open_sizes = {size for shape in shapes for size in shape}
    letters = "; ".join(
        f"{letter}: {use}" for letter, use in _LETTERS.items() if letter in open_sizes
    )
    notes = "\n".join(f"- {note}" for note in (*contents.notes, *_absent(loaded)))
    return f"""# {name} as {contents.title}

Exported by `asr export`; task `{config.task}`, language `{config.language}`. The
licences of the training data apply to the model.

{files}

## Inputs and outputs

{letters}.

{signatures}

## Notes

{notes}

## Example

It needs only {", ".join(f"`{it}`" for it in contents.packages)} and this folder, where
it runs. Its argument is {_argument(loaded)}.

```python
{contents.example.strip()}
```
"""


def _section(signature: Signature) -> str:
    rows = [
        (way, f"`{it.name}`", it.dtype, f"({', '.join(map(str, it.shape))})")
        for way, tensors in (("in", signature.inputs), ("out", signature.outputs))
        for it in tensors
    ]
    table = "\n".join(_table(("", "name", "type", "shape"), rows))
    return f"### `{signature.name}`\n\n{signature.use}\n\n{table}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{' --- |' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _argument(loaded: LoadedModel) -> str:
    if loaded.task.modality == "speech":
        return f"a WAV file: 16 bit, one channel, {loaded.task.rate} Hz"
    return "a source text"


def _absent(loaded: LoadedModel) -> Iterator[str]:
    """Yield what `asr` does with the model and the export does not."""
    decoding, task = loaded.config.decoding, loaded.task
    if task.modality == "speech":
        yield (
            f"A source is one clip of speech at {task.rate} Hz, of up to 20 s or so. "
            "`asr` also resamples, skips non-speech, and cuts recordings at pauses."
        )
    else:
        yield (
            f"A source text must be normalised as in training: `{task.normalizer}` of "
            f"`asr`. Its tokens end with the end symbol (2), {task.model.text.longest} "
            "at most."
        )
    if task.model.decoder.attends:
        yield from _search(decoding)


def _search(decoding: DecodingConfig) -> Iterator[str]:
    """Yield what the search of the example lacks."""
    yield (
        "The example searches greedily. `asr` keeps "
        f"{decoding.beam_size} hypotheses with this model, so its texts may differ."
    )
    if decoding.language_model:
        yield (
            f"The language model `{decoding.language_model}` is not in the export: the "
            "texts have more errors than those of `asr`, and words that do not exist. "
            f"`asr arpa {decoding.language_model} FILE.arpa` exports it."
        )
