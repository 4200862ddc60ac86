"""Recipe files: YAML, `base:` and `--set` overrides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from asr.config.parsing import from_dict
from asr.config.schema import Recipe
from asr.errors import RecipeError, quoted
from asr.files import read_text, recipe_path, unread_reason

_LONGEST_NAME = 4096  # characters of a path
_MOST_BASES = 8
_LARGEST = 200_000  # bytes of a file
_MOST_VALUES = 100_000  # of a file, aliases resolved


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
        assign(tree, override)
    try:
        recipe = from_dict(Recipe, tree)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error
    if not recipe.data.train:
        raise RecipeError(f"{path}: data.train must name at least one source")
    if not re.fullmatch(r"[^\x00-\x1f/\\]+", recipe.name) or recipe.name in (".", ".."):
        raise RecipeError(
            f"{path}: name: {quoted(recipe.name)} is not a valid folder name"
        )
    return recipe


def _read_tree(path: Path, depth: int = 0) -> dict[str, Any]:
    """Read a recipe file and its bases."""
    try:
        tree = parse_yaml(read_text(path, _LARGEST))
    except (OSError, UnicodeDecodeError) as error:
        reason = unread_reason(error)
        raise RecipeError(f"{path}: cannot read the recipe: {reason}") from error
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error
    tree = {} if tree is None else tree
    if not isinstance(tree, dict):
        raise RecipeError(f"{path}: a recipe must be a mapping of keys to values")
    base = tree.pop("base", None)
    if base is None:
        return tree
    if not isinstance(base, str) or len(base) > _LONGEST_NAME:
        raise RecipeError(f"{path}: base: must be a file name, got {quoted(base)}")
    if "\0" in base:
        raise RecipeError(f"{path}: base: must not contain NUL, got {quoted(base)}")
    if depth == _MOST_BASES:
        raise RecipeError(f"{path}: base: must not be more than {depth} recipes deep")
    return _merged(_read_tree(path.parent / base, depth + 1), tree)


def parse_yaml(text: str) -> Any:
    """Parse YAML with limited aliases and depth.

    Raises:
        RecipeError: It is not valid, or expands to too many values.
    """
    try:
        tree = yaml.load(text, _Loader)
        count = _count(tree, {})
    # ValueError: a date such as 2024-13-1
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        nested = isinstance(error, RecursionError)
        first = "nested too deeply" if nested else str(error).splitlines()[0]
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise RecipeError(f"not valid YAML{line}: {first}") from error
    if count > _MOST_VALUES:
        raise RecipeError(f"must have at most {_MOST_VALUES:,} values")
    return tree


def _count(value: Any, known: dict[int, int]) -> int:
    """Count the values in a tree; one with several aliases counts several times."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = _MOST_VALUES + 1  # seen inside itself: it has no end
        inner = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_count(item, known) for item in inner)
    return known[id(value)]


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


def assign(tree: dict[str, Any], override: str) -> None:
    """Apply a `--set` override to a tree.

    Raises:
        RecipeError: It is not an assignment of YAML to a key.
    """
    key, separator, text = override.partition("=")
    shown = override if len(override) <= 200 else override[:197] + "..."
    if not separator or not key.strip():
        raise RecipeError(f"--set {shown}: must have the form key.subkey=value")
    try:
        value = parse_yaml(text)
    except RecipeError as error:
        raise RecipeError(f"--set {shown}: {error}") from error
    *parents, last = key.strip().split(".")
    node = tree
    for parent in parents:
        child = _expanded(parent, node.get(parent, {}))
        if not isinstance(child, dict):
            raise RecipeError(f"--set {shown}: {quoted(parent)} has no keys below it")
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
