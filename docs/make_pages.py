"""Writes the pages that are made from code, and the tutorial as a notebook.

`cli.md` is made from `--help`, `recipe-keys.md` from the schema, `api.md` from the public
names, `tutorial.ipynb` from `tutorial.md`.

    python docs/make_pages.py

A test fails where a page is not what this writes.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner

import asr
from asr.cli.main import COMMANDS, cli
from asr.config import schema

DOCS = Path(__file__).resolve().parent

CLI = """\
# Commands

What `asr COMMAND --help` prints (`python docs/make_pages.py` writes this page). Results go to standard output,
everything else to standard error. A bad recording never stops a batch.

An error is one line; `asr --debug COMMAND` shows the traceback, and `asr --log-level info COMMAND` more messages. The exit status is that of the first error:

| status | kind | status | kind |
| --- | --- | --- | --- |
| 2 | usage | 6 | model folder |
| 3 | recipe | 7 | training |
| 4 | recording | 8 | output |
| 5 | manifest or corpus | 130, 143 | interrupted (Ctrl-C), ended (SIGTERM) |
| 1 | out of memory, or a fault in asr | 141 | standard output closed by its reader |

The shell completes commands, options and corpora after this line in `~/.bashrc`. It is `zsh_source` in `~/.zshrc`, and
`_ASR_COMPLETE=fish_source asr | source` in fish's `config.fish`:

```sh
eval "$(_ASR_COMPLETE=bash_source asr)"
```
"""

KEYS = """\
# Keys of a recipe

A recipe is a YAML file with the keys that differ from these defaults. `python docs/make_pages.py` writes this page
from `asr/config/schema.py`. `--set train.epochs=40` changes one key; `base: other.yaml` takes the rest from another
recipe. An unknown key, or a value out of range, is an error that names the key.
"""


API = """\
# Reference of the Python interface

All names of `asr.__all__`, and the layers, from their docstrings. [From Python](python.md) and the
[tutorial](tutorial.md) show how they are used. A name is imported when it is first used: `import asr` takes no time,
and only training and the layers need TensorFlow.
"""


def commands() -> str:
    """Return the page of the commands."""
    parts = [CLI]
    for name in COMMANDS:
        parts.append(f"## asr {name}\n\n```text\n{_help(name)}```\n")
        command = cli.get_command(None, name)
        parts += (
            f"### asr {name} {part}\n\n```text\n{_help(name, part)}```\n"
            for part in getattr(command, "commands", ())
        )
    return "\n".join(parts)


def _help(*command: str) -> str:
    result = CliRunner().invoke(
        cli, [*command, "--help"], prog_name="asr", terminal_width=100
    )
    return "\n".join(line.rstrip() for line in result.output.splitlines()) + "\n"


def keys() -> str:
    """Return the page of the keys of a recipe."""
    return "\n".join([KEYS, *_sections(schema.Recipe, "")])


def _sections(kind: type, prefix: str) -> Iterator[str]:
    """Yield a section for a dataclass, then those of dataclasses inside it."""
    meanings, hints = _meanings(kind), typing.get_type_hints(kind)
    rows, inner = [], []
    for field in dataclasses.fields(kind):
        name = prefix + field.name
        (used,) = typing.get_args(hints[field.name])[:1] or (hints[field.name],)
        if dataclasses.is_dataclass(hints[field.name]):
            inner.append((hints[field.name], f"{name}."))
            continue
        if dataclasses.is_dataclass(used):  # a list of them
            inner.append((used, f"{name}: "))
        default = _default(field)
        range_ = " to ".join(f"{x:,}" for x in field.metadata.get("range", ()))
        rows.append(f"| `{name}` | {default} | {range_} | {meanings[field.name]} |")
    title = prefix.rstrip(".: ") or "Top level"
    if rows:
        yield f"## {title}\n\n{inspect.getdoc(kind).splitlines()[0]}\n"
        yield "| key | default | range | meaning |\n| --- | --- | --- | --- |"
        yield "\n".join(rows) + "\n"
    seen = set()
    for part, name in inner:
        if part not in seen:  # sources have the same keys everywhere
            seen.add(part)
            yield from _sections(part, name)


def _default(field: dataclasses.Field[Any]) -> str:
    value = field.default
    if value is dataclasses.MISSING:
        if field.default_factory is dataclasses.MISSING:
            return "(required)"
        value = field.default_factory()
    if isinstance(value, (list, tuple)):
        value = list(value)
    return f"`{value!r}`" if value not in ("", []) else ""


def _meanings(kind: type) -> dict[str, str]:
    """Return the meaning of each field, from the docstring of the class."""
    text = inspect.getdoc(kind).partition("Attributes:")[2]
    found = re.findall(r"^    (\w+): (.*?)(?=^    \w|^\S|\Z)", text, re.M | re.S)
    return {name: " ".join(meaning.split()) for name, meaning in found}


def api() -> str:
    """Return the page of the public names, functions first; MkDocs fills it in."""
    names = sorted(asr.__all__, key=lambda name: (not name[0].islower(), name))
    return "\n".join([API, *(f"::: asr.{name}\n" for name in [*names, "layers"])])


def notebook() -> str:
    """Return the tutorial as a notebook: Python blocks are code, the rest is text."""
    page = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    cells = []
    # Odd parts are what stands between the fences.
    for place, part in enumerate(re.split(r"```python\n(.*?)```\n", page, flags=re.S)):
        cell: dict[str, Any] = {"id": f"cell-{place}", "metadata": {}}
        cell["cell_type"] = "code" if place % 2 else "markdown"
        if place % 2:
            cell |= {"execution_count": None, "outputs": []}
        cell["source"] = part.strip("\n").splitlines(keepends=True)
        if cell["source"]:
            cells.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    file = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(file, ensure_ascii=False, indent=1) + "\n"


PAGES = {
    "api.md": api,
    "cli.md": commands,
    "recipe-keys.md": keys,
    "tutorial.ipynb": notebook,
}

if __name__ == "__main__":
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")
