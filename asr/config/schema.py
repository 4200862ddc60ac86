"""What a recipe may say: frozen dataclasses, and YAML -> a validated `Recipe`.

An experiment is a difference from the defaults below. Keys are checked against the
fields of the dataclasses, values against their types and ranges, and every complaint
names the key (`model.encoder.layers`) and, for a mistyped one, its nearest neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeVar

T = TypeVar("T")


def number(default: T, low: float, high: float) -> T:
    """Declare a field for a number, or for numbers, from `low` to `high` inclusive."""
    return field(default=default, metadata={"range": (low, high)})


BATCH_SECONDS = 96.0
"""Padded audio transcribed at once, in seconds, unless the caller says otherwise."""


LANGUAGE_MODEL = "language_model"
"""Task of recipes and models that only help others."""

LINES = "lines"
"""Corpus of a language model that is a text file, a text on each line."""

STAGES = ("prepare", "train", "evaluate")
"""What `asr run` does with a recipe, in this order."""


@dataclass(frozen=True)
class FrontendConfig:
    """Waveform to log-mel energies.

    Attributes:
        rate: Sample rate of the model in hertz.
        mels: Number of mel bands.
        window_ms: Length of the analysis window in milliseconds.
        hop_ms: Distance between frames in milliseconds.
    """

    rate: int = number(16000, 4000, 192000)
    mels: int = number(80, 8, 256)
    window_ms: float = number(25.0, 5, 200)
    hop_ms: float = number(10.0, 1, 100)


@dataclass(frozen=True)
class AugmentConfig:
    """What training does to a recording or a text before the model reads it.

    Attributes:
        speeds: Playback speeds, one drawn for each clip and epoch.
        rooms: Share of recordings that get the echoes of a room.
        noise: Share of recordings with steady noise, at 0 to 25 dB.
        telephone: Share of recordings in the band of a telephone.
        frequency_masks: Number of frequency masks (SpecAugment).
        frequency_width: Widest frequency mask in mel bands; a third of all at most.
        time_masks: Number of time masks.
        time_share: Widest time mask as a share of the utterance.
        ramp_steps: Batches over which the masks grow from nothing to full width.
    """

    speeds: tuple[float, ...] = number((0.9, 1.0, 1.1), 0.1, 10)
    rooms: float = number(0.0, 0, 1)
    noise: float = number(0.0, 0, 1)
    telephone: float = number(0.0, 0, 1)
    frequency_masks: int = number(2, 0, 20)
    frequency_width: int = number(27, 0, 256)
    time_masks: int = number(4, 0, 50)
    time_share: float = number(0.05, 0, 1)
    ramp_steps: int = number(1000, 0, 10**9)


@dataclass(frozen=True)
class TextConfig:
    """Text to embedded tokens, where the source is a text.

    Attributes:
        embedding: Size of the embedding of a token.
        dropout: Dropout on embeddings.
        longest: Tokens of a source that are read; the rest is left out.
    """

    embedding: int = number(256, 1, 8192)
    dropout: float = number(0.2, 0, 0.999)
    longest: int = number(400, 1, 10**6)


@dataclass(frozen=True)
class EncoderConfig:
    """Strided convolutions, then bidirectional GRUs or Transformer blocks.

    Attributes:
        kind: `gru`, or `self` for self-attention.
        convolutions: Number of convolutions.
        filters: Channels of each convolution.
        kernel: Width of each convolution in frames.
        stride: Frames from one output of a convolution to the next.
        layers: Number of bidirectional GRUs, or of Transformer blocks.
        units: Units of each direction; a Transformer's frames have twice as many.
        heads: Heads of each Transformer block.
        memory_units: Size of the memory the decoder reads.
        memory_stride: Encoder frames joined into one memory frame.
        dropout: Dropout after each layer.
    """

    kind: Literal["gru", "self"] = "gru"
    convolutions: int = number(2, 0, 8)
    filters: int = number(256, 1, 4096)
    kernel: int = number(5, 1, 31)
    stride: int = number(2, 1, 8)
    layers: int = number(3, 1, 32)
    units: int = number(256, 1, 8192)
    heads: int = number(4, 1, 256)
    memory_units: int = number(256, 1, 8192)
    memory_stride: int = number(2, 1, 8)
    dropout: float = number(0.2, 0, 0.999)

    @property
    def reduction(self) -> int:
        """Input frames that one state of the encoder stands for."""
        return int(self.stride**self.convolutions)


@dataclass(frozen=True)
class DecoderConfig:
    """What writes tokens.

    Attributes:
        kind: `gru`, or `pooling`, which looks once and writes one token, a label.
        units: Units of the GRU.
        embedding: Size of the embedding of the previous token.
        dropout: Dropout before the output layer.
        embedding_dropout: Dropout on embeddings.
        attention_dropout: Dropout on attention weights; `hard` has none.
        tied: Whether the embedding serves as the kernel of the output layer.
        copy: Whether tokens of the source may be copied (pointer-generator); for
            texts.
    """

    kind: Literal["gru", "pooling"] = "gru"
    units: int = number(256, 1, 8192)
    embedding: int = number(64, 1, 8192)
    dropout: float = number(0.2, 0, 0.999)
    embedding_dropout: float = number(0.0, 0, 0.999)
    attention_dropout: float = number(0.0, 0, 0.999)
    tied: bool = False
    copy: bool = False


@dataclass(frozen=True)
class AttentionConfig:
    """How the decoder looks at the memory; a mere name stands for the kind.

    Attributes:
        kind: A key of `asr.model.attention_variants.ATTENTIONS`.
        units: Size of the space in which query and keys meet.
        location_filters: Filters over the accumulated weights; 0 switches location
            features off.
        location_width: Width of these filters in memory frames.
        score: How `luong`, `local` and `hard` compare query and memory.
        heads: Number of heads of `multi_head`; they share the units.
        window: Frames that `local` sees on each side of the centre.
        centre: Where `local` puts its window; see `LocalAttention`.
    """

    kind: str = "bahdanau"
    units: int = number(128, 1, 8192)
    location_filters: int = number(10, 0, 1024)
    location_width: int = number(31, 1, 1001)
    score: Literal["dot", "general", "concat"] = "general"
    heads: int = number(4, 1, 256)
    window: int = number(10, 0, 10**6)
    centre: Literal["monotonic", "predicted", "previous"] = "previous"


@dataclass(frozen=True)
class ModelConfig:
    """The whole shape of a model; stored in the model folder.

    Attributes:
        frontend: How a waveform is read.
        text: How a text is read.
        encoder: Features to memory.
        decoder: Memory to tokens.
        attention: How the decoder looks at the memory.
        ctc: Whether the encoder has a CTC head.
        phones: What a second CTC head on the encoder writes: phones, by the names that
            the lexicon gives them. Without any there is no such head.
    """

    frontend: FrontendConfig = field(default_factory=FrontendConfig)
    text: TextConfig = field(default_factory=TextConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    attention: AttentionConfig = field(default_factory=AttentionConfig)
    ctc: bool = True
    phones: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourceConfig:
    """One part of a data set: a subset of a corpus, or a manifest.

    Attributes:
        path: Folder of the corpus or manifest file, below the data directory
            (`ASR_DATA`) unless absolute.
        corpus: A key of `asr.corpora.CORPORA`, where `jsonl` reads a manifest; for
            texts one of `asr.corpora.text.TEXT_CORPORA`, and for language models
            `lines` too.
        subset: Which part of the corpus; manifests have just `all`.
        repeat: How often each record is seen in one epoch.
        limit: Only the first so many records; 0 takes all.
        domain: For language models: the texts of all sources of one name, such as
            `spelled`, make n-grams of their own, which are mixed in.
    """

    path: str
    corpus: str = "jsonl"
    subset: str = "all"
    repeat: int = number(1, 1, 1000)
    limit: int = number(0, 0, 10**9)
    domain: str = ""


@dataclass(frozen=True)
class DataConfig:
    """What is read, and how it is put into batches.

    Attributes:
        train: Parts to learn from.
        dev: Parts that choose the best epoch; never learned from.
        test: Parts that `asr run` scores the model on in the end.
        withhold: Parts whose texts are not learned either: what repeats one of them, or
            eight words of one in a row, is left out of the training data, and counted.
        normalizer: A key of `asr.text.normalizers.NORMALIZERS`.
        language: ISO 639-1 code of what is spoken or written; transcripts name it.
        tokenizer: `characters`, pieces of words that SentencePiece finds in the
            training text by a `unigram` model or by `bpe`, or `labels`, where each
            text is one token.
        characters: Alphabet; empty takes the characters of the training text.
        pieces: Number of pieces of words.
        tokenizer_file: A tokenizer that `asr prepare` wrote, below the data directory;
            the three keys above then do not matter.
        lexicon: For `model.phones`, and for language models of words: a pronunciation
            dictionary in the format of CMUdict, below the data directory. Speech with
            a word that it lacks is left out, and counted.
        batch_length: Padded length of a batch, in seconds of audio or source tokens.
        longest: Sources of more seconds, or tokens, are left out, and counted.
        ascending_epochs: Epochs read from the shortest clip to the longest.
        dev_utterances: Clips of the dev part, spread evenly over it, decoded after each
            epoch.
        workers: Threads that decode audio.
        cache_mb: Decoded audio kept in memory, in MB.
    """

    train: tuple[SourceConfig, ...] = ()
    dev: tuple[SourceConfig, ...] = ()
    test: tuple[SourceConfig, ...] = ()
    withhold: tuple[SourceConfig, ...] = ()
    normalizer: str = "librispeech-1"
    language: str = "en"
    tokenizer: Literal["characters", "unigram", "bpe", "labels"] = "characters"
    characters: str = ""
    pieces: int = number(500, 8, 100_000)
    tokenizer_file: str = ""
    lexicon: str = ""
    batch_length: float = number(200.0, 0.1, 10**6)
    longest: float = number(20.0, 0.1, 10**6)
    ascending_epochs: int = number(1, 0, 10**6)
    dev_utterances: int = number(200, 0, 10**9)
    workers: int = number(2, 1, 256)
    cache_mb: int = number(2500, 0, 10**7)


@dataclass(frozen=True)
class TrainConfig:
    """How the weights are found.

    Attributes:
        epochs: Passes over the training data.
        optimizer: `adam` or `adamw`.
        learning_rate: Peak learning rate.
        schedule: What follows the warm-up: `cosine` to 1 % of the peak at the last
            step, or `constant`.
        warmup_steps: Steps from zero to the peak.
        clip_norm: Bound on the global norm of the gradient.
        weight_decay: Decoupled weight decay (`adamw`), of all but biases and gains.
        accumulate: Batches whose gradients make one update.
        start: Model whose weights training starts from, as its folder or a bundled
            one's name; nothing starts from random weights.
        ctc_weight: Share of the CTC loss, or of the mean of both with `model.phones`;
            the cross-entropy has the rest. With 1 the decoder is neither computed nor
            changed.
        label_smoothing: Probability mass spread evenly over all tokens.
        smoothing_start: Update from which labels are smoothed.
        coverage_weight: Weight of the coverage loss, which grows where attention
            returns to what it has seen.
        ema: Momentum of the moving average of the weights; 0 keeps the last weights.
        precision: `float32`, `mixed_bfloat16` or `mixed_float16`.
        checkpoint_minutes: Longest time between two checkpoints.
        tensorboard: Whether to write TensorBoard logs.
    """

    epochs: int = number(30, 1, 10**6)
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: float = number(1e-3, 1e-9, 10)
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_steps: int = number(500, 0, 10**9)
    clip_norm: float = number(5.0, 1e-6, 10**6)
    weight_decay: float = number(0.01, 0, 1)
    accumulate: int = number(1, 1, 4096)
    start: str = ""
    ctc_weight: float = number(0.3, 0, 1)
    label_smoothing: float = number(0.1, 0, 0.999)
    smoothing_start: int = number(2000, 0, 10**9)
    coverage_weight: float = number(0.0, 0, 100)
    ema: float = number(0.999, 0, 0.99999)
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    checkpoint_minutes: float = number(5.0, 0, 10**6)
    tensorboard: bool = True


@dataclass(frozen=True)
class DecodingConfig:
    """How a hypothesis is searched for.

    Attributes:
        beam_size: Hypotheses kept for each utterance; 1 is greedy search.
        ctc_weight: Share of the CTC prefix score; 0 decodes by attention alone.
        phone_weight: Share of the score of phones, for models with `model.phones` and
            language models that know how their words sound: only these words are
            found, by phones first, and the best `beam_size` texts of them are read
            again by attention, which has the rest. The first pass keeps 25 places in
            words for each of these texts, and weighs the language model by `lm_weight`
            divided by this. `ctc_weight`, `word_bonus` and `length_*`
            do not matter then. 0 searches by characters, and so it is done with a
            `prefix`, and with `hotwords` that are no such words.
        phone_prior: Exponent of each phone's share of the training data, by which its
            probabilities are divided; 0 leaves them as they are.
        length_penalty: Exponent of the length normalisation
            (length / 10 tokens) ** penalty; 0 switches it off.
        length_ratio: Longest hypothesis in tokens for each state of the encoder.
        length_extra: Tokens allowed beside that.
        n_best: Hypotheses returned for each utterance.
        language_model: Language model that guides the search, as its folder or a
            bundled one's name; nothing searches without.
        lm_weight: Factor of its log probabilities.
        word_bonus: What each word adds to the score beside a language model, which
            alone wants few words. One that knows words gives none for a single letter.
        hotwords: Words and phrases to look out for.
        hotword_bonus: What each character of a hotword adds to the score.
        prefix: What each recording begins with.
    """

    beam_size: int = number(8, 1, 256)
    ctc_weight: float = number(0.3, 0, 1)
    phone_weight: float = number(0.0, 0, 1)
    phone_prior: float = number(0.5, 0, 10)
    length_penalty: float = number(0.0, 0, 5)
    length_ratio: float = number(1.0, 0, 100)
    length_extra: int = number(0, 0, 10**5)
    n_best: int = number(1, 1, 256)
    language_model: str = ""
    lm_weight: float = number(0.4, 0, 10)
    word_bonus: float = number(1.0, -100, 100)
    hotwords: tuple[str, ...] = ()
    hotword_bonus: float = number(1.0, 0, 100)
    prefix: str = ""


@dataclass(frozen=True)
class Calibration:
    """From the probability of a word to the share of such words that are right.

    Attributes:
        scale: Factor of its log odds.
        bias: What is added to them.
    """

    scale: float = number(1.0, 0, 1000)
    bias: float = number(0.0, -1000, 1000)


@dataclass(frozen=True)
class NGramConfig:
    """What a language model counts.

    Attributes:
        least: How often a context of one token, of two, ... must be seen in the
            training text to be kept; it must not fall. There are as many as the
            longest context has tokens.
        words: So many of the words that were seen twice and more, the most frequent
            ones, are predicted as a whole as well, by the two words before; 0 for
            characters alone.
        share: Probability of a domain of the data before anything was said, beside the
            texts without one and the domains that come before it in the alphabet; what
            was said then decides.
    """

    least: tuple[int, ...] = number((1, 2, 3, 4, 6, 8), 1, 10**9)
    words: int = number(0, 0, 10**6)
    share: float = number(0.05, 1e-6, 0.5)


@dataclass(frozen=True)
class Recipe:
    """An experiment: task, data, model, training and decoding.

    A language model (task `language_model`) is `data` and `ngrams` alone.

    In a file, `base: OTHER.yaml` names a recipe, beside this one, from which it starts.
    """

    name: str = "model"
    task: str = "speech_recognition"
    seed: int = number(1, 0, 2**31 - 1)
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    ngrams: NGramConfig = field(default_factory=NGramConfig)
