"""Shape of each weight of a network, by its path in the model folder."""

from __future__ import annotations

from asr.config.schema import AttentionConfig, DecoderConfig, EncoderConfig, ModelConfig
from asr.errors import RecipeError, did_you_mean, quoted
from asr.runtime.attention_variants import ATTENTIONS

GATES = {"gru": 3, "lstm": 4}
"""Gates of each kind of cell, counting the candidate."""

Shapes = dict[str, tuple[int, ...]]


def weight_shapes(config: ModelConfig, vocabulary: int, *, text: bool) -> Shapes:
    """Return the shapes of all weights that inference uses.

    Args:
        config: Sizes of the network.
        vocabulary: Number of tokens.
        text: Whether sources are tokens of texts; otherwise they are waveforms.

    Raises:
        RecipeError: There is no such attention, or heads do not divide its units.
    """
    encoder, decoder, attention = config.encoder, config.decoder, config.attention
    states, memory = 2 * encoder.units, encoder.memory_size
    shapes = _encoder(encoder, config.text.embedding if text else config.frontend.mels)
    if encoder.memory_units:
        shapes |= _dense("encoder/memory", states * encoder.memory_stride, memory)
    if text:
        shapes["frontend/table"] = (vocabulary, config.text.embedding)
    if config.ctc:
        shapes |= _dense("ctc", states, vocabulary)
    if config.phones:
        count = 1 + len(config.phones)
        shapes |= _dense("phones", states, count) | {"phones/log_prior": (count,)}
    if decoder.kind == "pooling":
        return shapes | _pooling(memory, attention.units, vocabulary)
    if decoder.kind == "labels":
        return shapes | _dense("decoder/logits", memory, decoder.labels)
    if attention.kind == "multi_head":
        _check_heads("model.attention", attention.heads, attention.units)
    return (
        shapes
        | _decoder(decoder, memory, vocabulary)
        | _below("decoder/attention", _attention(attention, decoder.units, memory))
    )


def _check_heads(section: str, heads: int, units: int) -> None:
    if units % heads:
        raise RecipeError(f"{section}.heads: {heads} heads do not divide {units} units")


def _below(path: str, shapes: Shapes) -> Shapes:
    return {f"{path}/{name}": shape for name, shape in shapes.items()}


def _dense(path: str, inputs: int, outputs: int) -> Shapes:
    return {f"{path}/kernel": (inputs, outputs), f"{path}/bias": (outputs,)}


def _norm(path: str, size: int) -> Shapes:
    return {f"{path}/gamma": (size,), f"{path}/beta": (size,)}


def _encoder(config: EncoderConfig, width: int) -> Shapes:
    shapes: Shapes = {}
    for i, filters in enumerate(config.channels):
        path = f"encoder/convolution_{i}"
        shapes[f"{path}/kernel"] = config.kernel, width, filters
        shapes[f"{path}/bias"] = (filters,)
        width = filters
    widths = [width]  # of what each norm takes
    if config.kind == "self":
        shapes |= _below("encoder/transformer", _transformer(config, width))
        widths.append(2 * config.units)
    else:
        shapes |= _recurrent(config, width)
        widths += [2 * config.units] * config.layers
    if config.norms:
        for i, width in enumerate(widths):
            shapes |= _norm(f"encoder/norm_{i}", width)
    return shapes


def _recurrent(config: EncoderConfig, width: int) -> Shapes:
    units = config.units
    shapes: Shapes = {}
    wide = GATES[config.kind] * units
    for i in range(config.layers):
        for way in ("forward", "backward"):
            path = f"encoder/{config.kind}_{i}/{way}"
            shapes[f"{path}_kernel"] = width, wide
            shapes[f"{path}_recurrent_kernel"] = units, wide
            shapes[f"{path}_bias"] = 2, wide
        width = 2 * units
    return shapes


def _transformer(config: EncoderConfig, width: int) -> Shapes:
    units = 2 * config.units
    _check_heads("model.encoder", config.heads, units)
    attention = AttentionConfig(kind="multi_head", units=units, heads=config.heads)
    block = (
        _below("attention", _attention(attention, units, units))
        | _norm("norm_0", units)
        | _norm("norm_1", units)
        | _dense("wide", units, 4 * units)
        | _dense("narrow", 4 * units, units)
    )
    shapes = _dense("entry", width, units)
    for i in range(config.layers):
        shapes |= _below(f"block_{i}", block)
    return shapes


def _pooling(memory: int, units: int, vocabulary: int) -> Shapes:
    return _below(
        "decoder",
        _dense("keys", memory, units)
        | _dense("logits", memory, vocabulary)
        | {"energy/kernel": (units, 1), "following": (vocabulary,)},
    )


def _decoder(config: DecoderConfig, memory: int, vocabulary: int) -> Shapes:
    units, embedding = config.units, config.embedding
    wide = GATES[config.kind] * units
    shapes: Shapes = {
        "embedding/embeddings": (vocabulary, embedding),
        "embedding_kernel": (embedding, wide),
        "context_kernel": (memory, wide),
        "recurrent_kernel": (units, wide),
        "bias": (2, wide),
    }
    if config.start == "encoder":
        shapes |= _dense("start", 2 * memory, config.state_units)
    if config.tied:
        shapes |= _dense("bridge", units + memory, embedding)
        shapes["output_bias"] = (vocabulary,)
    else:
        shapes |= _dense("bridge", units + memory, units)
        shapes |= _dense("logits", units, vocabulary)
    if config.copy:
        shapes |= _dense("gate", units + memory, 1)
    return _below("decoder", shapes)


def _attention(config: AttentionConfig, query: int, memory: int) -> Shapes:
    """Return the shapes of an attention with queries (B, query) over (B, S, memory)."""
    kind, units = config.kind, config.units
    if kind not in ATTENTIONS:
        hint = did_you_mean(kind, list(ATTENTIONS))
        raise RecipeError(f"model.attention.kind: unknown {quoted(kind)}{hint}")
    if kind == "sutskever":
        return {}
    if kind == "cho":
        return {"kernel": (2 * memory, memory)}
    if kind == "bahdanau":
        return _bahdanau(config, query, memory)
    if kind == "multi_head":
        inputs = {"query": query, "key": memory, "value": memory}
        sizes = {name: (size, units) for name, size in inputs.items()}
        sizes["output"] = units, memory
        shapes: Shapes = {f"{name}_kernel": shape for name, shape in sizes.items()}
        return shapes | {f"{name}_bias": shape[1:] for name, shape in sizes.items()}
    return _luong(config, query, memory)


def _bahdanau(config: AttentionConfig, query: int, memory: int) -> Shapes:
    units, filters = config.units, config.location_filters
    shapes: Shapes = {
        "query_kernel": (query, units),
        "key_kernel": (memory, units),
        "bias": (units,),
        "energy": (units, 1),
    }
    if filters:
        shapes["filters"] = config.location_width, filters
        shapes["filter_kernel"] = filters, units
    return shapes


def _luong(config: AttentionConfig, query: int, memory: int) -> Shapes:
    units = config.units
    shapes: Shapes = {}
    if config.score == "general":
        shapes["kernel"] = memory, query
    elif config.score == "concat":
        shapes["kernel"] = memory, units
        shapes["query_kernel"] = query, units
        shapes["energy"] = units, 1
    if config.kind == "local" and config.centre == "predicted":
        shapes["place_kernel"] = query, units
        shapes["place"] = units, 1
    return shapes
