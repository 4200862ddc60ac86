"""Programs in the README.md of an exported folder, which do without `asr`."""

from __future__ import annotations

from asr.config.schema import DecodingConfig
from asr.deployment.contents import SUBWORDS, TOKENS
from asr.storage.model_folder import LoadedModel
from asr.text.sentencepiece import SubwordTokenizer
from asr.text.tokenizers import LabelTokenizer

_WAVE = """\
with wave.open(sys.argv[1]) as file:  # 16 bit, one channel, {rate} Hz
    samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
samples = samples.astype("float32") / 32768
"""
_ONNX = """\
{imports}
import numpy as np
import onnxruntime
{packages}

def run(session, values):
    names = [it.name for it in session.get_outputs()]
    used = {{it.name: values[it.name] for it in session.get_inputs()}}
    return dict(zip(names, session.run(names, used)))


def load(name):
    return onnxruntime.InferenceSession(f"{{name}}.onnx")


tokens = json.load(open("{tokens}", encoding="utf-8"))
{source}{search}"""
_ONNX_SPEECH = """\
size = np.array([len(samples)])
values = {"samples": samples[None], "sample_lengths": size}
values |= run(load("frontend"), values)
values |= run(load("encoder"), values)
"""
_ONNX_TEXT = """\
values = {"source": np.array([source]), "lengths": np.array([len(source)])}
values |= run(load("encoder"), values)
"""
_ONNX_SEARCH = """\
decoder, width = load("decoder"), {width}
sizes = {{"hidden": {hidden}, "context": {context}, "attention": width}}
state = {{name: np.zeros((1, 1, n), "float32") for name, n in sizes.items()}}
token, text = 1, []
for _ in range({limit}):
    found = run(decoder, values | state | {{"tokens": np.array([[token]])}})
    state = {{name: found["next_" + name] for name in state}}
    token = int(found["log_probs"][0, 0, 2:].argmax()) + 2  # no blank, no start
    if token == 2:  # the end
        break
    text.append(token)
print({text})
"""
_CLASS = """\
token = int(values["log_probs"][0, 0, 2:].argmax()) + 2  # no blank, no start
print("" if token == 2 else tokens[token])
"""
_CTC = """\
best = values["ctc"][0, : values["state_lengths"][0]].argmax(axis=-1)
text = best[np.insert(best[1:] != best[:-1], 0, True)]  # repeats are one token
text = text[text > 2]  # no blank
print({text})
"""


def onnx(loaded: LoadedModel) -> str:
    """Return the program that runs ONNX files."""
    run = _ONNX_TEXT if loaded.network.text else _ONNX_SPEECH
    return _ONNX.format(
        imports=imports(loaded),
        packages=tokenizer_import(loaded),
        tokens=TOKENS,
        source=source(loaded) + run,
        search=search(loaded, _ONNX_SEARCH),
    )


def tokenizer_packages(loaded: LoadedModel) -> tuple[str, ...]:
    """Return the package that turns a source text into tokens, if one does."""
    subwords = isinstance(loaded.task.tokenizer, SubwordTokenizer)
    return ("sentencepiece",) if subwords and loaded.network.text else ()


def tokenizer_import(loaded: LoadedModel) -> str:
    """Return the line that imports this package."""
    return "".join(f"import {name}\n" for name in tokenizer_packages(loaded))


def imports(loaded: LoadedModel) -> str:
    """Return the imports of the standard library."""
    names = ["json", "sys"] if loaded.network.text else ["json", "sys", "wave"]
    return "".join(f"import {name}\n" for name in names)


def source(loaded: LoadedModel) -> str:
    """Return the lines that read the source: `samples`, or `source`, its tokens."""
    if not loaded.network.text:
        return _WAVE.format(rate=loaded.task.rate)
    if tokenizer_packages(loaded):
        processor = f'sentencepiece.SentencePieceProcessor(model_file="{SUBWORDS}")'
        read = f"processor = {processor}\nsource = processor.encode(sys.argv[1])"
    else:
        read = "source = [tokens.index(character) for character in sys.argv[1]]"
    return f"{read}\nsource = [*source, 2][:{loaded.config.model.text.longest}]\n"


def text(loaded: LoadedModel) -> str:
    """Return the expression of a text, from its tokens."""
    tokenizer = loaded.task.tokenizer
    space = " " if isinstance(tokenizer, LabelTokenizer) else ""
    joined = f'"{space}".join(tokens[token] for token in text)'
    if isinstance(tokenizer, SubwordTokenizer):
        return joined + '.replace("\\u2581", " ").strip()'
    return joined


def search(loaded: LoadedModel, steps: str) -> str:
    """Return the lines that find the text in `values`.

    Args:
        loaded: The model.
        steps: Template of a greedy search with the decoder.
    """
    config, decoding = loaded.config.model, loaded.config.decoding
    if config.decoder.kind == "pooling":
        return _CLASS
    if config.ctc and decoding.ctc_weight == 1:  # the decoder has no part in the score
        return _CTC.format(text=text(loaded))
    bahdanau = config.attention.kind == "bahdanau"
    return steps.format(
        width='values["memory_values"].shape[1]' if bahdanau else "1",
        hidden=config.decoder.units,
        context=config.encoder.memory_units,
        limit=_limit(decoding),
        text=text(loaded),
    )


def _limit(decoding: DecodingConfig) -> str:
    """Return the expression of the largest number of tokens."""
    ratio, extra = decoding.length_ratio, decoding.length_extra
    if not ratio:
        return str(extra)
    states = 'values["state_lengths"][0]'
    limit = states if ratio == 1 else f"int(np.ceil({ratio:g} * {states}))"
    return f"{limit} + {extra}" if extra else limit
