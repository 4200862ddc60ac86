"""Layers of attention, for models of your own: ordinary Keras layers.

They are the layers of the recogniser. `layer(query, values, mask=None)` returns the
contexts and the weights, for one query (B, H) or a sequence of them (B, T, H):

    from asr.layers import BahdanauAttention

    context, weights = BahdanauAttention(256)(query, values)

They need Keras; `import asr` does not load it. `docs/tutorial.md` uses all of them.
"""

from __future__ import annotations

from asr.model.attention import Attention
from asr.model.bahdanau import BahdanauAttention
from asr.model.decoder import AttentionDecoder
from asr.model.luong import HardAttention, LocalAttention, LuongAttention
from asr.model.multi_head import MultiHeadAttention
from asr.model.simple_attention import SimpleAttention
from asr.model.transformer import TransformerBlock

__all__ = [
    "Attention",
    "AttentionDecoder",
    "BahdanauAttention",
    "HardAttention",
    "LocalAttention",
    "LuongAttention",
    "MultiHeadAttention",
    "SimpleAttention",
    "TransformerBlock",
]
