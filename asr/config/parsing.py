"""Plain data to dataclasses and back, with errors that name the key."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from asr.config.schema import (
    AttentionConfig,
    AugmentConfig,
    DecodingConfig,
    EncoderConfig,
    FrontendConfig,
    T,
    TrainConfig,
)
from asr.errors import RecipeError, did_you_mean, quoted

_MOST_DIGITS = 300  # of a number
_KINDS: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}

_RENAMED: dict[tuple[type, str], dict[str, str]] = {
    (AttentionConfig, "kind"): {"none": "cho"},
}
"""Values of earlier releases: (section, key) -> old name -> name."""

_RETIRED: dict[tuple[type, str], tuple[Any, str]] = {
    (AugmentConfig, "split_pieces"): (0.0, "it has no replacement"),
    (FrontendConfig, "preemphasis"): (0.0, "features have no pre-emphasis"),
    (FrontendConfig, "normalization"): (
        "utterance",
        "features are normalised over each utterance",
    ),
    (EncoderConfig, "recurrent_dropout"): (0.0, "use model.encoder.dropout"),
    (TrainConfig, "patience"): (3, "it belonged to the schedule `plateau`"),
    (DecodingConfig, "end_threshold"): (0.0, "use decoding.length_penalty"),
}
"""Keys of earlier releases: (section, key) -> old default, and advice.

Model and run folders of these releases name them. The old default is accepted, since
it means what happens now; any other value is refused.
"""


def from_dict(cls: type[T], tree: Any, where: str = "") -> T:
    """Build a config dataclass from plain data, checking names, types and ranges.

    Raises:
        RecipeError: Names the offending key.
    """
    name = where or "recipe"
    if not isinstance(tree, Mapping):
        raise RecipeError(f"{name}: must be keys and values, got {quoted(tree)}")
    hints = typing.get_type_hints(cls)
    fields = {item.name: item for item in dataclasses.fields(cls)}  # type: ignore[arg-type]  # T is always a dataclass here
    values = {}
    for key, value in tree.items():
        full = f"{where}.{key}" if where else str(key)
        if (cls, key) in _RETIRED:
            default, advice = _RETIRED[cls, key]
            if value == default:
                continue
            raise RecipeError(f"{full} was removed in 0.2: {advice}")
        if key not in hints:
            hint = did_you_mean(str(key), sorted(hints))
            raise RecipeError(f"unknown key {quoted(full)}{hint}")
        values[key] = _convert(hints[key], _renamed(cls, key, value), full)
        _check_range(fields[key].metadata.get("range"), values[key], full)
    for item in fields.values():
        required = item.default is item.default_factory is dataclasses.MISSING
        if required and item.name not in values:
            raise RecipeError(f"{name}: the key {item.name!r} is missing")
    return cls(**values)


def _check_range(bounds: tuple[float, float] | None, value: Any, full: str) -> None:
    if bounds is None:
        return
    low, high = bounds
    numbers = value if isinstance(value, tuple) else (value,)
    if not numbers:
        raise RecipeError(f"{full}: must have at least one number, got an empty list")
    for x in numbers:
        if not low <= x <= high:
            raise RecipeError(f"{full}: must be between {low:g} and {high:g}, got {x}")


def _convert(hint: Any, value: Any, full: str) -> Any:
    if hint is AttentionConfig and isinstance(value, str):
        value = {"kind": value}
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast("type", hint), value, full)
    hint = _member(hint, value)
    origin = typing.get_origin(hint)
    if origin is Literal:
        choices = [str(choice) for choice in typing.get_args(hint)]
        if value not in choices:
            advice = did_you_mean(str(value), choices)
            raise RecipeError(f"{full}: unknown {quoted(value)}{advice}")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise RecipeError(f"{full}: must be a list, got {quoted(value)}")
        inner = typing.get_args(hint)[0]
        return tuple(_convert(inner, v, f"{full}[{i}]") for i, v in enumerate(value))
    value = _scalar(hint, value, full)
    if isinstance(value, str) and "\0" in value:
        raise RecipeError(f"{full}: must not contain NUL, got {quoted(value)}")
    return value


def _scalar(hint: type, value: Any, full: str) -> Any:
    def wrong() -> RecipeError:
        kind = _KINDS.get(hint, "text")
        return RecipeError(f"{full}: must be {kind}, got {quoted(value)}")

    if hint is float and isinstance(value, str | int) and not isinstance(value, bool):
        # YAML 1.1 takes `1e-3` for text: its numbers have a dot.
        try:
            value = float(value)
        except ValueError:
            raise wrong() from None
        except OverflowError:
            value = math.inf
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise wrong()
    if isinstance(value, int) and abs(value) >= 10**_MOST_DIGITS:
        raise RecipeError(f"{full}: must have at most {_MOST_DIGITS} digits")
    if value != value:  # nan
        raise wrong()
    return value


def _renamed(cls: type, key: str, value: Any) -> Any:
    """Return the present name of a value."""
    if not isinstance(value, str):
        return value
    return _RENAMED.get((cls, key), {}).get(value, value)


def _member(hint: Any, value: Any) -> Any:
    """Return what a value must be; of a number or a list of them, one of both."""
    if typing.get_origin(hint) is not types.UnionType:
        return hint
    return typing.get_args(hint)[isinstance(value, list | tuple)]


def to_dict(config: Any) -> dict[str, Any]:
    """Return a config as plain data that `from_dict` reads back."""
    tree: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return tree


def differences(one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield each key in which two configs of a class differ, with both values."""
    for item in dataclasses.fields(one):
        values = getattr(one, item.name), getattr(other, item.name)
        if dataclasses.is_dataclass(values[0]):
            for key, *pair in differences(*values):
                yield f"{item.name}.{key}", pair[0], pair[1]
        elif values[0] != values[1]:
            yield item.name, *values
