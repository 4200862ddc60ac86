"""Recipe files: YAML, `base:` and `--set` overrides."""

from __future__ import annotations

import os
import re
import reprlib
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from asr.config.parsing import from_dict
from asr.config.schema import Recipe
from asr.errors import RecipeError
from asr.files import recipe_path

_MOST_BASES = 8
_LARGEST = 1_000_000  # bytes of a file


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Load a recipe and apply `--set` overrides.

    Args:
        path: YAML file, or a shipped recipe such as `an4` or `librispeech/mini`.
        overrides: Assignments such as `model.encoder.layers=3`; values are YAML.

    Raises:
        RecipeError: There is no such recipe, its file cannot be read, or a key or value
            is not valid.
    """
    path = recipe_path(path)
    tree = _read_tree(path)
    for override in overrides:
        _assign(tree, override)
    try:
        recipe = from_dict(Recipe, tree)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error
    if not recipe.data.train:
        raise RecipeError(f"{path}: data.train must name at least one source")
    if not re.fullmatch(r"[^\x00-\x1f/\\]+", recipe.name) or recipe.name in (".", ".."):
        raise RecipeError(f"{path}: name: {recipe.name!r} is not a valid folder name")
    return recipe


def _read_tree(path: Path, depth: int = 0) -> dict[str, Any]:
    """Read a recipe file and its bases."""
    try:
        tree = yaml.load(_read_text(path), _Loader)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise RecipeError(f"{path}: cannot read the recipe: {reason}") from error
    # ValueError: a date such as 2024-13-1
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        first = str(error).splitlines()[0]
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise RecipeError(f"{path}: not valid YAML{line}: {first}") from error
    tree = {} if tree is None else tree
    if not isinstance(tree, dict):
        raise RecipeError(f"{path}: a recipe must be a mapping of keys to values")
    base = tree.pop("base", None)
    if base is None:
        return tree
    if not isinstance(base, str):
        raise RecipeError(
            f"{path}: base: must be a file name, got {reprlib.repr(base)}"
        )
    if depth == _MOST_BASES:
        raise RecipeError(f"{path}: base: must not be more than {depth} recipes deep")
    return _merged(_read_tree(path.parent / base, depth + 1), tree)


def _read_text(path: Path) -> str:
    """Read a plain file of limited size; a device would never end."""
    with path.open("rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(0, "not a plain file")
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise OSError(0, f"larger than {_LARGEST:,} bytes")
    return content.decode()


class _Loader(yaml.SafeLoader):
    """YAML loader without `<<`, which can turn a few lines into millions of keys."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Refuse the merge key."""
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, "<< is not supported; use base:", key.start_mark
                )


def _merged(base: dict[str, Any], tree: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with the keys of `tree` on top; lists are replaced whole."""
    merged = dict(base)
    for key, value in tree.items():
        old = _expanded(key, merged.get(key))
        both = isinstance(value, dict) and isinstance(old, dict)
        _put(merged, key, _merged(old, value) if both else value)
    return merged


def _assign(tree: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key.strip():
        raise RecipeError(f"--set {override}: must have the form key.subkey=value")
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise RecipeError(f"--set {override}: the value is not valid YAML") from error
    *parents, last = key.strip().split(".")
    node = tree
    for parent in parents:
        child = _expanded(parent, node.get(parent, {}))
        if not isinstance(child, dict):
            raise RecipeError(f"--set {override}: {parent!r} has no keys below it")
        node[parent] = node = child
    _put(node, last, value)


def _expanded(key: str, value: Any) -> Any:
    """Return the keys of an attention that is given by its name."""
    by_name = key == "attention" and isinstance(value, str)
    return {"kind": value} if by_name else value


def _put(node: dict[str, Any], key: str, value: Any) -> None:
    """Set a key; a text for a section sets its `kind`."""
    if isinstance(node.get(key), dict) and isinstance(value, str):
        node[key] = {**node[key], "kind": value}
    else:
        node[key] = value
