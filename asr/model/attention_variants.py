"""Every kind of attention that a recipe can name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asr.config.schema import AttentionConfig
from asr.errors import RecipeError, did_you_mean, quoted
from asr.model.attention import Attention
from asr.model.bahdanau import BahdanauAttention
from asr.model.fixed_vector import FixedVector, NoContext
from asr.model.luong import HardAttention, LocalAttention, LuongAttention
from asr.model.multi_head import MultiHeadAttention


def _energies(config: AttentionConfig) -> dict[str, Any]:
    """Return the options that all multiplicative attentions share."""
    return {"units": config.units, "score": config.score}


ATTENTIONS: dict[str, Callable[..., Attention]] = {
    "bahdanau": lambda config, **options: BahdanauAttention(
        config.units, config.location_filters, config.location_width, **options
    ),
    "luong": lambda config, **options: LuongAttention(**_energies(config), **options),
    "local": lambda config, **options: LocalAttention(
        config.window, config.centre, **_energies(config), **options
    ),
    "multi_head": lambda config, **options: MultiHeadAttention(
        config.heads, config.units // config.heads, **options
    ),
    "cho": lambda _, **options: FixedVector(**options),
    "sutskever": lambda _, **options: NoContext(**options),
    "hard": lambda config, **options: HardAttention(
        **_energies(config), seed=0, **options
    ),
}
"""What makes the attention of a kind from its part of a recipe."""


def check_kind(kind: str) -> None:
    """Check that there is a kind of attention.

    Raises:
        RecipeError: The kind is unknown.
    """
    if kind not in ATTENTIONS:
        hint = did_you_mean(kind, list(ATTENTIONS))
        raise RecipeError(f"model.attention.kind: unknown {quoted(kind)}{hint}")


def build_attention(config: AttentionConfig) -> Attention:
    """Return the attention of a recipe; it runs in float32 under mixed precision.

    Raises:
        RecipeError: The kind is unknown.
    """
    check_kind(config.kind)
    return ATTENTIONS[config.kind](config, dtype="float32", name="attention")
