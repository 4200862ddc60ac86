"""Plain data to dataclasses and back; errors name the key."""

from __future__ import annotations

import dataclasses
import math
import reprlib
import typing
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from asr.config.schema import (
    AttentionConfig,
    AugmentConfig,
    DecodingConfig,
    EncoderConfig,
    FrontendConfig,
    TrainConfig,
)
from asr.errors import RecipeError, did_you_mean

if TYPE_CHECKING:
    from asr.config.schema import T

_MOST_DIGITS = 300  # of a number

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
"""Keys of earlier releases: (section, key) -> its default then, and what to do.

Model and run folders of these releases name them. The default, which now is how
everything works, is accepted; any other value is refused.
"""


def from_dict(cls: type[T], tree: Any, where: str = "") -> T:
    """Build a config dataclass from plain data, checking names, types and ranges.

    Raises:
        RecipeError: Names the offending key.
    """
    if not isinstance(tree, Mapping):
        raise RecipeError(
            f"{where or 'recipe'}: expected keys and values, got {reprlib.repr(tree)}"
        )
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
            raise RecipeError(f"unknown key {full!r}{hint}")
        values[key] = _convert(hints[key], value, full)
        _check_range(fields[key].metadata.get("range"), values[key], full)
    missing = [
        item.name
        for item in fields.values()
        if item.name not in values
        and item.default is dataclasses.MISSING
        and item.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise RecipeError(f"{where or 'recipe'}: the key {missing[0]!r} is missing")
    return cls(**values)


def _check_range(bounds: tuple[float, float] | None, value: Any, full: str) -> None:
    if bounds is None:
        return
    low, high = bounds
    numbers = value if isinstance(value, tuple) else (value,)
    if not numbers:
        raise RecipeError(f"{full}: an empty list; it takes at least one number")
    for number in numbers:
        if not low <= number <= high:
            raise RecipeError(f"{full}: {number} is not between {low:g} and {high:g}")


def _convert(hint: Any, value: Any, full: str) -> Any:
    if hint is AttentionConfig and isinstance(value, str):
        value = {"kind": value}
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast("type", hint), value, full)
    origin = typing.get_origin(hint)
    if origin is Literal:
        choices = [str(choice) for choice in typing.get_args(hint)]
        if value not in choices:
            raise RecipeError(
                f"{full}: unknown {value!r}{did_you_mean(str(value), choices)}"
            )
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise RecipeError(f"{full}: expected a list, got {reprlib.repr(value)}")
        inner = typing.get_args(hint)[0]
        return tuple(_convert(inner, v, f"{full}[{i}]") for i, v in enumerate(value))
    return _scalar(hint, value, full)


def _scalar(hint: type, value: Any, full: str) -> Any:
    if hint is float and isinstance(value, str):
        # YAML 1.1 reads `1e-3` as text: it wants a dot in it.
        try:
            value = float(value)
        except ValueError:
            raise RecipeError(
                f"{full}: expected a number, got {reprlib.repr(value)}"
            ) from None
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) < 10**300 else math.inf
    if (hint is not bool and isinstance(value, bool)) or not isinstance(value, hint):
        names = {int: "a whole number", float: "a number", bool: "true or false"}
        kind = names.get(hint, "text")
        raise RecipeError(f"{full}: expected {kind}, got {reprlib.repr(value)}")
    if isinstance(value, int) and abs(value) >= 10**_MOST_DIGITS:
        raise RecipeError(f"{full}: a number of more than {_MOST_DIGITS} digits")
    if isinstance(value, float) and value != value:
        raise RecipeError(f"{full}: not a number")
    return value


def to_dict(config: Any) -> dict[str, Any]:
    """Return a config as plain data that `from_dict` reads back."""
    tree = dataclasses.asdict(config)
    return typing.cast("dict[str, Any]", _lists(tree))


def differences(one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the keys in which two configs of a kind differ, with both values."""
    for item in dataclasses.fields(one):
        values = getattr(one, item.name), getattr(other, item.name)
        if dataclasses.is_dataclass(values[0]):
            for key, *found in differences(*values):
                yield f"{item.name}.{key}", found[0], found[1]
        elif values[0] != values[1]:
            yield item.name, *values


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_lists(item) for item in value]
    return value
