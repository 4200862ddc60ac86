"""Keys of a recipe, with their defaults and ranges, as frozen dataclasses.

A recipe file names the keys that differ from these defaults; see `asr.config.loading`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeVar

T = TypeVar("T")


def number(default: T, low: float, high: float) -> T:
    """Declare a field for numbers in [low, high]; `from_dict` checks the range."""
    return field(default=default, metadata={"range": (low, high)})


BATCH_SECONDS = 60.0
"""Default length of padded audio transcribed at once, in seconds."""

LANGUAGE_MODEL = "language_model"
"""Task of language models, which score texts for other models."""

LINES = "lines"
"""Corpus of a language model: a text file, one text a line."""

PARAGRAPHS = "paragraphs"
"""Corpus of a language model: running prose, divided into sentences."""

STAGES = ("prepare", "train", "evaluate")
"""Stages of `asr run`, in their order."""


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

    @property
    def window(self) -> int:
        """Length of the analysis window in samples."""
        return round(self.rate * self.window_ms / 1000)

    @property
    def hop(self) -> int:
        """Distance between frames in samples."""
        return round(self.rate * self.hop_ms / 1000)

    @property
    def fft_size(self) -> int:
        """Length of the Fourier transform in samples."""
        return 1 << (self.window - 1).bit_length()


@dataclass(frozen=True)
class AugmentConfig:
    """Augmentation of waveforms and features in training.

    Attributes:
        speeds: Playback speeds; one is drawn for each clip and epoch.
        rooms: Share of recordings with the echoes of a room.
        noise: Share of recordings with steady noise, at 0 to 25 dB.
        telephone: Share of recordings with the frequency band of a telephone.
        frequency_masks: Number of frequency masks (SpecAugment).
        frequency_width: Widest frequency mask in mel bands, at most a third of all.
        time_masks: Number of time masks.
        time_share: Widest time mask as a share of the utterance.
        ramp_steps: Batches until the masks have their full width.
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
    """Text to embedded tokens, for tasks with texts as sources.

    Attributes:
        embedding: Size of the embedding of a token.
        dropout: Dropout on embeddings.
        longest: Tokens of a source that are used; the rest is left out.
    """

    embedding: int = number(256, 1, 8192)
    dropout: float = number(0.2, 0, 0.999)
    longest: int = number(400, 1, 10**6)


@dataclass(frozen=True)
class EncoderConfig:
    """Strided convolutions, then bidirectional GRUs, LSTMs or Transformer blocks.

    Attributes:
        kind: `gru`, `lstm`, or `self` for self-attention.
        convolutions: Number of convolutions.
        filters: Channels of each convolution: a number, or a list with one for each.
        kernel: Width of each convolution in frames.
        stride: Stride of each convolution in frames.
        layers: Number of bidirectional GRUs or LSTMs, or of Transformer blocks.
        units: Units of each direction, and half the size of a Transformer's frames.
        heads: Heads of each Transformer block.
        norms: Whether each layer, and the convolutions, end in layer normalisation.
        memory_units: Size of a memory frame; 0 leaves out the dense layer that makes
            it, so that the states are the memory.
        memory_stride: Encoder frames joined into one memory frame.
        dropout: Dropout after each layer.
    """

    kind: Literal["gru", "lstm", "self"] = "gru"
    convolutions: int = number(2, 0, 8)
    filters: int | tuple[int, ...] = number(256, 1, 4096)
    kernel: int = number(5, 1, 31)
    stride: int = number(2, 1, 8)
    layers: int = number(3, 1, 32)
    units: int = number(256, 1, 8192)
    heads: int = number(4, 1, 256)
    norms: bool = True
    memory_units: int = number(256, 0, 8192)
    memory_stride: int = number(2, 1, 8)
    dropout: float = number(0.2, 0, 0.999)

    @property
    def reduction(self) -> int:
        """Input frames for each state of the encoder."""
        return int(self.stride**self.convolutions)

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each convolution."""
        if isinstance(self.filters, tuple):
            return self.filters
        return (self.filters,) * self.convolutions

    @property
    def memory_size(self) -> int:
        """Size of a memory frame."""
        return self.memory_units or 2 * self.units * self.memory_stride


@dataclass(frozen=True)
class DecoderConfig:
    """Memory to tokens.

    Attributes:
        kind: `gru` or `lstm`; `pooling` for a classifier, attentive pooling and one
            token; or `labels` for a label at each element of the source.
        labels: Number of labels of the kind `labels`, the special tokens included.
        units: Units of the GRU or LSTM.
        start: State before the first token: `zeros`, or `encoder` for a function of
            both ends of the memory.
        embedding: Size of the embedding of the previous token.
        dropout: Dropout before the output layer.
        embedding_dropout: Dropout on embeddings.
        attention_dropout: Dropout on attention weights; `hard` has none.
        tied: Whether the embedding serves as the kernel of the output layer.
        copy: Whether tokens of a source text may be copied (pointer-generator). A
            translation then has words of the training targets and of its source alone.
    """

    kind: Literal["gru", "lstm", "pooling", "labels"] = "gru"
    labels: int = number(31, 4, 100_000)
    units: int = number(256, 1, 8192)
    start: Literal["zeros", "encoder"] = "zeros"
    embedding: int = number(64, 1, 8192)
    dropout: float = number(0.2, 0, 0.999)
    embedding_dropout: float = number(0.0, 0, 0.999)
    attention_dropout: float = number(0.0, 0, 0.999)
    tied: bool = False
    copy: bool = False

    @property
    def attends(self) -> bool:
        """Whether it writes token by token, with attention."""
        return self.kind in ("gru", "lstm")

    @property
    def state_units(self) -> int:
        """Size of the state of its cell."""
        return 2 * self.units if self.kind == "lstm" else self.units


@dataclass(frozen=True)
class AttentionConfig:
    """Attention of the decoder; in a recipe, its name alone sets the kind.

    Attributes:
        kind: A key of `asr.model.attention_variants.ATTENTIONS`. `cho` and `sutskever`
            are decoders without attention.
        units: Size of projected queries and keys.
        location_filters: Filters over the accumulated weights; 0 for none.
        location_width: Width of these filters in memory frames.
        score: Score function of `luong`, `local` and `hard`: `dot`, `general` or
            `concat`.
        heads: Number of heads of `multi_head`; they divide the units.
        window: Memory frames on each side of the centre of `local`.
        centre: Centre of the window of `local`: `monotonic`, `predicted` or `previous`;
            see `LocalAttention`.
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
    """Architecture of a model; stored in the model folder.

    Attributes:
        frontend: Waveform to features.
        text: Text to features.
        encoder: Features to memory.
        decoder: Memory to tokens.
        attention: Attention of the decoder over the memory.
        ctc: Whether the encoder has a CTC head.
        phones: Phones of a second CTC head, as in the lexicon; empty for no such head.
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
    """Part of a data set: a subset of a corpus, or a manifest.

    Attributes:
        path: Folder of the corpus, or manifest; below `ASR_DATA` unless absolute.
        corpus: A key of `asr.corpora.CORPORA` (`jsonl` for a manifest) or, for texts,
            of `asr.corpora.text.TEXT_CORPORA`; language models have `lines` and
            `paragraphs` too.
        subset: Subset of the corpus; manifests have only `all`.
        repeat: Copies of each record in one epoch.
        limit: Number of records, from the first; 0 takes all.
        domain: For language models: name of a group of sources, such as `spelled`;
            its n-grams are interpolated with those of the others.
    """

    path: str
    corpus: str = "jsonl"
    subset: str = "all"
    repeat: int = number(1, 1, 1000)
    limit: int = number(0, 0, 10**9)
    domain: str = ""


@dataclass(frozen=True)
class DataConfig:
    """Data of a recipe, and their batches.

    Attributes:
        train: Training set.
        dev: Validation set, which chooses the best epoch.
        test: Test sets of `asr run`.
        withhold: Decontamination: training records are left out, and counted, if they
            repeat a text of these parts, or eight of its words in a row.
        normalizer: A key of `asr.text.normalizers.NORMALIZERS`.
        language: ISO 639-1 code of the language; transcripts name it.
        tokenizer: `characters`, `unigram`, `bpe`, `labels` (each text is one token), or
            `symbols` (letters and phones, with spaces between them).
        characters: Alphabet; empty takes the characters of the training text.
        pieces: Number of subwords.
        tokenizer_file: A tokenizer of `asr prepare`, below the data directory, in place
            of the three keys above.
        lexicon: For `model.phones`, and for language models of words: a pronunciation
            dictionary in the format of CMUdict, below the data directory. Records with
            an unknown word are left out, and counted. For `model.phones` also
            `english-lm`, whose unknown words the bundled `pronounce` says.
        batch_length: Padded length of a batch, in seconds of audio or source tokens.
        longest: Sources of more seconds, or tokens, are left out, and counted.
        ascending_epochs: First epochs, in order of length, from short to long.
        dev_utterances: Records of `dev`, at equal distances, decoded after each epoch.
        workers: Threads that decode audio.
        cache_mb: Decoded audio kept in memory, in MB.
    """

    train: tuple[SourceConfig, ...] = ()
    dev: tuple[SourceConfig, ...] = ()
    test: tuple[SourceConfig, ...] = ()
    withhold: tuple[SourceConfig, ...] = ()
    normalizer: str = "librispeech-1"
    language: str = "en"
    tokenizer: Literal["characters", "unigram", "bpe", "labels", "symbols"] = (
        "characters"
    )
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
    """Optimisation of the weights.

    Attributes:
        epochs: Passes over the training data.
        optimizer: `adam` or `adamw`.
        learning_rate: Peak learning rate.
        schedule: After the warm-up: `cosine`, to 1 % of the peak, or `constant`.
        warmup_steps: Steps from zero to the peak.
        clip_norm: Maximum global norm of the gradient.
        weight_decay: Decoupled weight decay of `adamw`, without biases and gains.
        accumulate: Batches for each update (gradient accumulation). The update has the
            mean of their gradients, each of which is a mean over labels: a label in a
            short batch counts more than in one large batch.
        start: Start model: folder or bundled name; empty for random weights.
        ctc_weight: Share of the CTC loss, or of the mean of both CTC losses with
            `model.phones`; the cross-entropy has the rest. With 1 the decoder is not
            trained.
        crf_weight: Share of the CTC-CRF loss in that of the phones; CTC has the rest.
            It makes the phones of a text likelier than all others.
        label_smoothing: Probability mass spread evenly over all tokens.
        smoothing_start: First update with label smoothing.
        coverage_weight: Weight of the coverage loss, against repeated attention.
        ema: Highest momentum of the moving average of the weights; 0 disables it.
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
    crf_weight: float = number(0.0, 0, 1)
    label_smoothing: float = number(0.1, 0, 0.999)
    smoothing_start: int = number(2000, 0, 10**9)
    coverage_weight: float = number(0.0, 0, 100)
    ema: float = number(0.999, 0, 0.99999)
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    checkpoint_minutes: float = number(5.0, 0, 10**6)
    tensorboard: bool = True


@dataclass(frozen=True)
class DecodingConfig:
    """Search for the best hypotheses.

    Attributes:
        beam_size: Hypotheses kept for each utterance; 1 is greedy search.
        ctc_weight: Share of the CTC prefix score; 0 decodes by attention alone.
        phone_weight: Share of the phone score in lexicon decoding; the attention score
            has the rest. 0 searches by characters. Lexicon decoding needs
            `model.phones` and a language model with pronunciations, and finds only its
            words. A first pass with phones keeps 40 nodes of the lexicon for each of
            `beam_size` texts, with the language model times `lm_weight / phone_weight`;
            attention rescores the best texts. `ctc_weight`, `word_bonus` and `length_*`
            have no effect. Words of `hotwords`, `words` and `prefix` that the language
            model lacks are pronounced by the bundled `pronounce`.
        phone_prior: Exponent of the prior that divides the posterior of a phone.
        length_penalty: Exponent of the divisor, length / 10 tokens; 0 disables it.
        length_ratio: Maximum tokens of a hypothesis for each state of the encoder.
        length_extra: Tokens added to this maximum.
        n_best: Hypotheses returned for each utterance.
        language_model: Folder or bundled name, for shallow fusion; empty for none.
        lm_weight: Factor of its log probabilities.
        word_bonus: Word insertion bonus with a language model (character search).
            Single letters get none from a language model of words.
        hotwords: Words and phrases to boost.
        hotword_bonus: Bonus for each character of a hotword; half of it in lexicon
            decoding if the language model lacks the hotword.
        words: Words that lexicon decoding can find beside those of the language model,
            such as names; without a bonus.
        prefix: Text at the beginning of each transcript.
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
    words: tuple[str, ...] = ()
    prefix: str = ""


@dataclass(frozen=True)
class Calibration:
    """Probability of a word to confidence: the share of such words that are right.

    Attributes:
        scale: Factor of its log odds.
        bias: Constant added to the log odds.
    """

    scale: float = number(1.0, 0, 1000)
    bias: float = number(0.0, -1000, 1000)


@dataclass(frozen=True)
class NGramConfig:
    """N-grams of a language model.

    Attributes:
        least: Minimum count of a context of one token, of two, ..., up to the longest
            context; no number may be lower than the one before.
        words: Number of frequent words, seen twice or more, that are predicted as
            wholes too, from the two words before; 0 for characters alone.
        most: Maximum number of n-grams of words; entropy pruning leaves the others out.
            0 for no limit.
        share: Prior of a domain, beside texts without one and domains with an earlier
            name; the words of the utterance then change its weight.
    """

    least: tuple[int, ...] = number((1, 2, 3, 4, 6, 8), 1, 10**9)
    words: int = number(0, 0, 10**6)
    most: int = number(0, 0, 10**9)
    share: float = number(0.05, 1e-6, 0.5)


@dataclass(frozen=True)
class Recipe:
    """Experiment: task, data, model, training and decoding.

    A language model (task `language_model`) has only `data` and `ngrams`. A recipe file
    may name another one in its folder, `base: OTHER.yaml`, whose keys it changes.

    Attributes:
        name: Name of the model.
        task: A key of `asr.tasks.TASKS`, or `language_model`.
        seed: Seed of weights, order, masks and noise.
        data: Data, and their batches.
        augment: Changes of the recordings in training.
        model: Network.
        train: Optimisation.
        decoding: Search for hypotheses.
        ngrams: N-grams of a language model.
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
