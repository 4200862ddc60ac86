"""What a recipe may say: frozen dataclasses, and YAML -> a validated `Recipe`.

An experiment is a difference from the defaults below. Keys are checked against the
fields of the dataclasses, values against their types and ranges, and every complaint
names the key (`model.encoder.layers`) and, for a mistyped one, its nearest neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeVar

T = TypeVar("T")

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

    rate: int = 16000
    mels: int = 80
    window_ms: float = 25.0
    hop_ms: float = 10.0


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

    speeds: tuple[float, ...] = (0.9, 1.0, 1.1)
    rooms: float = 0.0
    noise: float = 0.0
    telephone: float = 0.0
    frequency_masks: int = 2
    frequency_width: int = 27
    time_masks: int = 4
    time_share: float = 0.05
    ramp_steps: int = 1000


@dataclass(frozen=True)
class TextConfig:
    """Text to embedded tokens, where the source is a text.

    Attributes:
        embedding: Size of the embedding of a token.
        dropout: Dropout on embeddings.
        longest: Tokens of a source that are read; the rest is left out.
    """

    embedding: int = 256
    dropout: float = 0.2
    longest: int = 400


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
    convolutions: int = 2
    filters: int = 256
    kernel: int = 5
    stride: int = 2
    layers: int = 3
    units: int = 256
    heads: int = 4
    memory_units: int = 256
    memory_stride: int = 2
    dropout: float = 0.2

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
    units: int = 256
    embedding: int = 64
    dropout: float = 0.2
    embedding_dropout: float = 0.0
    attention_dropout: float = 0.0
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
    units: int = 128
    location_filters: int = 10
    location_width: int = 31
    score: Literal["dot", "general", "concat"] = "general"
    heads: int = 4
    window: int = 10
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
    repeat: int = 1
    limit: int = 0
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
    pieces: int = 500
    tokenizer_file: str = ""
    lexicon: str = ""
    batch_length: float = 200.0
    longest: float = 20.0
    ascending_epochs: int = 1
    dev_utterances: int = 200
    workers: int = 2
    cache_mb: int = 2500


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

    epochs: int = 30
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: float = 1e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_steps: int = 500
    clip_norm: float = 5.0
    weight_decay: float = 0.01
    accumulate: int = 1
    start: str = ""
    ctc_weight: float = 0.3
    label_smoothing: float = 0.1
    smoothing_start: int = 2000
    coverage_weight: float = 0.0
    ema: float = 0.999
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    checkpoint_minutes: float = 5.0
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

    beam_size: int = 8
    ctc_weight: float = 0.3
    phone_weight: float = 0.0
    phone_prior: float = 0.5
    length_penalty: float = 0.0
    length_ratio: float = 1.0
    length_extra: int = 0
    n_best: int = 1
    language_model: str = ""
    lm_weight: float = 0.4
    word_bonus: float = 1.0
    hotwords: tuple[str, ...] = ()
    hotword_bonus: float = 1.0
    prefix: str = ""


@dataclass(frozen=True)
class Calibration:
    """From the probability of a word to the share of such words that are right.

    Attributes:
        scale: Factor of its log odds.
        bias: What is added to them.
    """

    scale: float = 1.0
    bias: float = 0.0


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

    least: tuple[int, ...] = (1, 2, 3, 4, 6, 8)
    words: int = 0
    share: float = 0.05


@dataclass(frozen=True)
class Recipe:
    """An experiment: task, data, model, training and decoding.

    A language model (task `language_model`) is `data` and `ngrams` alone.

    In a file, `base: OTHER.yaml` names a recipe, beside this one, from which it starts.
    """

    name: str = "model"
    task: str = "speech_recognition"
    seed: int = 1
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    ngrams: NGramConfig = field(default_factory=NGramConfig)


# Inclusive ranges of the numbers; a key is the class and the field.
_SHARE = (0.0, 0.999)
RANGES: dict[tuple[type, str], tuple[float, float]] = {
    (FrontendConfig, "rate"): (4000, 192000),
    (FrontendConfig, "mels"): (8, 256),
    (FrontendConfig, "window_ms"): (5, 200),
    (FrontendConfig, "hop_ms"): (1, 100),
    (AugmentConfig, "speeds"): (0.1, 10),
    (AugmentConfig, "rooms"): (0, 1),
    (AugmentConfig, "noise"): (0, 1),
    (AugmentConfig, "telephone"): (0, 1),
    (AugmentConfig, "frequency_masks"): (0, 20),
    (AugmentConfig, "frequency_width"): (0, 256),
    (AugmentConfig, "time_masks"): (0, 50),
    (AugmentConfig, "time_share"): (0, 1),
    (AugmentConfig, "ramp_steps"): (0, 10**9),
    (TextConfig, "embedding"): (1, 8192),
    (TextConfig, "dropout"): _SHARE,
    (TextConfig, "longest"): (1, 10**6),
    (EncoderConfig, "convolutions"): (0, 8),
    (EncoderConfig, "filters"): (1, 4096),
    (EncoderConfig, "kernel"): (1, 31),
    (EncoderConfig, "stride"): (1, 8),
    (EncoderConfig, "layers"): (1, 32),
    (EncoderConfig, "units"): (1, 8192),
    (EncoderConfig, "heads"): (1, 256),
    (EncoderConfig, "memory_units"): (1, 8192),
    (EncoderConfig, "memory_stride"): (1, 8),
    (EncoderConfig, "dropout"): _SHARE,
    (DecoderConfig, "units"): (1, 8192),
    (DecoderConfig, "embedding"): (1, 8192),
    (DecoderConfig, "dropout"): _SHARE,
    (DecoderConfig, "embedding_dropout"): _SHARE,
    (DecoderConfig, "attention_dropout"): _SHARE,
    (AttentionConfig, "units"): (1, 8192),
    (AttentionConfig, "location_filters"): (0, 1024),
    (AttentionConfig, "location_width"): (1, 1001),
    (AttentionConfig, "heads"): (1, 256),
    (AttentionConfig, "window"): (0, 10**6),
    (SourceConfig, "repeat"): (1, 1000),
    (SourceConfig, "limit"): (0, 10**9),
    (DataConfig, "pieces"): (8, 100_000),
    (DataConfig, "batch_length"): (0.1, 10**6),
    (DataConfig, "longest"): (0.1, 10**6),
    (DataConfig, "ascending_epochs"): (0, 10**6),
    (DataConfig, "dev_utterances"): (0, 10**9),
    (DataConfig, "workers"): (1, 256),
    (DataConfig, "cache_mb"): (0, 10**7),
    (TrainConfig, "epochs"): (1, 10**6),
    (TrainConfig, "learning_rate"): (1e-9, 10),
    (TrainConfig, "warmup_steps"): (0, 10**9),
    (TrainConfig, "clip_norm"): (1e-6, 10**6),
    (TrainConfig, "weight_decay"): (0, 1),
    (TrainConfig, "accumulate"): (1, 4096),
    (TrainConfig, "ctc_weight"): (0, 1),
    (TrainConfig, "label_smoothing"): _SHARE,
    (TrainConfig, "smoothing_start"): (0, 10**9),
    (TrainConfig, "coverage_weight"): (0, 100),
    (TrainConfig, "ema"): (0, 0.99999),
    (TrainConfig, "checkpoint_minutes"): (0, 10**6),
    (NGramConfig, "least"): (1, 10**9),
    (NGramConfig, "words"): (0, 10**6),
    (NGramConfig, "share"): (1e-6, 0.5),
    (DecodingConfig, "beam_size"): (1, 256),
    (DecodingConfig, "lm_weight"): (0, 10),
    (DecodingConfig, "word_bonus"): (-100, 100),
    (DecodingConfig, "hotword_bonus"): (0, 100),
    (DecodingConfig, "ctc_weight"): (0, 1),
    (DecodingConfig, "phone_weight"): (0, 1),
    (DecodingConfig, "phone_prior"): (0, 10),
    (DecodingConfig, "length_penalty"): (0, 5),
    (DecodingConfig, "length_ratio"): (0, 100),
    (DecodingConfig, "length_extra"): (0, 10**5),
    (DecodingConfig, "n_best"): (1, 256),
    (Calibration, "scale"): (0, 1000),
    (Calibration, "bias"): (-1000, 1000),
    (Recipe, "seed"): (0, 2**31 - 1),
}
