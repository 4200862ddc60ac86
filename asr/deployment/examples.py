"""Programs in the README.md of an exported folder, which do without `asr`."""

from __future__ import annotations

from asr.config.schema import DecodingConfig
from asr.deployment.contents import SUBWORDS, TOKENS
from asr.runtime.frontend import EPSILON, FLOOR, LogMel
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


with open("{tokens}", encoding="utf-8") as file:
    tokens = json.load(file)
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
_SEARCH = """\
decoder, width = load("decoder"), {width}
sizes = {{"hidden": {hidden}, "context": {context}, "attention": width}}
state = {{name: np.zeros((1, 1, n), "float32") for name, n in sizes.items()}}
token, text = 1, []
for _ in range({limit}):
    found = {step}
    state = {{name: found["next_" + name] for name in state}}
    token = int(found["log_probs"][0, 0, 2:].argmax()) + 2  # no blank, no start
    if token == 2:  # the end
        break
    text.append(token)
print({text})
"""
_ONNX_STEP = 'run(decoder, values | state | {"tokens": np.array([[token]])})'
_LITERT = """\
{imports}
import numpy as np
{packages}
try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:  # TensorFlow has one, too
    from tensorflow.lite.python.interpreter import Interpreter


def load(name):
    return Interpreter(f"{{name}}.tflite").get_signature_runner()


with open("{tokens}", encoding="utf-8") as file:
    tokens = json.load(file)
{read}values = load("encoder")({name}=source, lengths=size)
{search}"""
_LITERT_SPEECH = """\
padded = np.pad(samples, ({before}, {fft}))
frames = np.lib.stride_tricks.sliding_window_view(padded, {width})[::{hop}]
frames = frames[: len(samples) // {hop} + 1]
window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange({width}) / {width})
power = np.abs(np.fft.rfft(frames * window, {fft})) ** 2
energies = np.log(np.maximum(power @ np.load("mel_filters.npy"), {floor}))
deviation = np.sqrt(energies.var(axis=0) + {epsilon})
source = (energies - energies.mean(axis=0))[None] / deviation
source, size = source.astype("float32"), np.array([source.shape[1]], "int32")
"""
_LITERT_TEXT = """\
source, size = np.array([source], "int32"), np.array([len(source)], "int32")
"""
_LITERT_STEP = 'decoder(tokens=np.array([[token]], "int32"), **state, **memory)'
_SAVED_MODEL = """\
{imports}
import numpy as np
import tensorflow as tf
{packages}
with open("{tokens}", encoding="utf-8") as file:
    tokens = json.load(file)
{read}model = tf.saved_model.load(".")
source = {source}
size = np.array([source.shape[1]], "int32")
values = model.{function}(tf.constant(source), tf.constant(size))
values = {{name: value.numpy() for name, value in values.items()}}
{search}"""
_FOUND = """\
text = values["tokens"][0, : values["lengths"][0]]
print({text})
"""
_CLASS = """\
token = int(values["log_probs"][0, 0, 2:].argmax()) + 2  # no blank, no start
print("" if token == 2 else tokens[token])
"""
_LABELS = """\
labels = {labels}
best = values["log_probs"][0, :, 3:].argmax(axis=-1)  # no special tokens
print(" ".join(labels[label] for label in best))
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
        search=search(loaded, _SEARCH, memory="memory_values", step=_ONNX_STEP),
    )


def saved_model(loaded: LoadedModel) -> str:
    """Return the program that runs a SavedModel."""
    text = loaded.network.text
    return _SAVED_MODEL.format(
        imports=imports(loaded),
        packages=tokenizer_import(loaded),
        tokens=TOKENS,
        read=source(loaded),
        source='np.array([source], "int32")' if text else "samples[None]",
        function="greedy" if _attends(loaded) else "encode",
        search=search(loaded, _FOUND),
    )


def litert(loaded: LoadedModel) -> str:
    """Return the program that runs LiteRT files."""
    text, read = loaded.network.text, source(loaded)
    if text:
        read += _LITERT_TEXT
    else:
        config = loaded.config.model.frontend
        log_mel = LogMel(config)
        width = config.window
        read += _LITERT_SPEECH.format(
            before=width // 2 + (log_mel.fft_size - width) % 2,
            fft=log_mel.fft_size,
            width=width,
            hop=log_mel.hop,
            floor=FLOOR,
            epsilon=EPSILON,
        )
    names = '{{name: values[name] for name in ("memory", "memory_lengths")}}'
    copied = ' | {{"source": source}}' if loaded.config.model.decoder.copy else ""
    return _LITERT.format(
        imports=imports(loaded),
        packages=tokenizer_import(loaded),
        tokens=TOKENS,
        read=read,
        name="source" if text else "features",
        search=search(
            loaded,
            f"memory = {names}{copied}\n{_SEARCH}",
            memory="memory",
            step=_LITERT_STEP,
        ),
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


def search(loaded: LoadedModel, steps: str, *, memory: str = "", step: str = "") -> str:
    """Return the lines that find the text in `values`.

    Args:
        loaded: The model.
        steps: Template of a greedy search with the decoder.
        memory: Name of the memory in `values`.
        step: Expression that runs the decoder once.
    """
    config, decoding = loaded.config.model, loaded.config.decoding
    if config.decoder.kind == "pooling":
        return _CLASS
    if config.decoder.kind == "labels":
        count = config.decoder.labels
        names = [loaded.task.decode([label]) for label in range(3, count)]
        return _LABELS.format(labels=names)
    if not _attends(loaded):
        return _CTC.format(text=text(loaded))
    bahdanau = config.attention.kind == "bahdanau"
    return steps.format(
        width=f'values["{memory}"].shape[1]' if bahdanau else "1",
        step=step,
        hidden=config.decoder.state_units,
        context=config.encoder.memory_size,
        limit=_limit(decoding),
        text=text(loaded),
    )


def _attends(loaded: LoadedModel) -> bool:
    """Tell whether the text comes from the decoder, token by token."""
    config = loaded.config.model
    ctc_alone = config.ctc and loaded.config.decoding.ctc_weight == 1
    return config.decoder.attends and not ctc_alone


def _limit(decoding: DecodingConfig) -> str:
    """Return the expression of the largest number of tokens."""
    ratio, extra = decoding.length_ratio, decoding.length_extra
    if not ratio:
        return str(extra)
    states = 'values["state_lengths"][0]'
    limit = states if ratio == 1 else f"int(np.ceil({ratio:g} * {states}))"
    return f"{limit} + {extra}" if extra else limit
