"""The default architecture in PyTorch, for `training_throughput.py`; needs torch.

The layers are those of `asr.model`, built from PyTorch modules: fused bidirectional
GRUs, `Conv1d`, `LayerNorm`, `ctc_loss`. The decoder is a Python loop over `GRUCell`
with additive attention and location features, as in common PyTorch recipes. Features
are from `torch.stft`, with the same masks.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


class LogMel(nn.Module):
    """Normalised log-mel energies of each utterance.

    Args:
        filters: Mel filters, (bins, F).
        window: Length of the window in samples.
        hop: Hop length in samples.
    """

    def __init__(self, filters: np.ndarray, window: int, hop: int) -> None:
        super().__init__()
        self.hop = hop
        self.window = window
        self.fft_size = 2 * (filters.shape[0] - 1)
        self.register_buffer("filters", torch.from_numpy(filters))
        self.register_buffer("hann", torch.hann_window(window))

    def forward(self, samples: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, N) and (B,) to (B, T, F) and (B,)."""
        spectrum = torch.stft(
            samples,
            self.fft_size,
            self.hop,
            self.window,
            self.hann,
            pad_mode="constant",
            return_complex=True,
        )
        power = spectrum.real.square() + spectrum.imag.square()
        features = (power.transpose(1, 2) @ self.filters).clamp_min(1e-10).log()
        lengths = lengths // self.hop + 1
        real = _mask(lengths, features.shape[1])[..., None]
        count = lengths[:, None, None]
        centred = (features - (features * real).sum(1, keepdim=True) / count) * real
        variance = centred.square().sum(1, keepdim=True) / count
        return centred / (variance + 1e-5).sqrt(), lengths


class SpecAugment(nn.Module):
    """Two frequency masks and four time masks at full width."""

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Mask (B, T, F)."""
        bands = torch.full_like(lengths, features.shape[2])
        features = (
            features * _keep(features.shape[2], 2, bands, bands * 0 + 27)[:, None]
        )
        return (
            features * _keep(features.shape[1], 4, lengths, lengths * 0.05)[..., None]
        )


def _keep(size: int, count: int, extent: Tensor, widest: Tensor) -> Tensor:
    draws = torch.rand(2, len(extent), count)
    widths = (draws[0] * (widest[:, None] + 1)).floor()
    starts = (draws[1] * (extent[:, None] - widths + 1)).floor()
    position = torch.arange(size)[None, :, None]
    inside = (position >= starts[:, None]) & (position < (starts + widths)[:, None])
    return (~inside.any(-1)).float()


def _mask(lengths: Tensor, size: int) -> Tensor:
    return torch.arange(size)[None] < lengths[:, None]


class Encoder(nn.Module):
    """Two strided convolutions, bidirectional GRUs with layer normalisation.

    Args:
        config: The `encoder` part of a model's configuration.
        mels: Channels of the features.
    """

    def __init__(self, config: dict, mels: int) -> None:
        super().__init__()
        filters, width = config["filters"], 2 * config["units"]
        self.stride = config["memory_stride"]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(channels, filters, config["kernel"], 2, config["kernel"] // 2)
            for channels in (mels, filters)
        )
        sizes = [filters] + [width] * config["layers"]
        self.norms = nn.ModuleList(nn.LayerNorm(size) for size in sizes)
        self.layers = nn.ModuleList(
            nn.GRU(size, config["units"], batch_first=True, bidirectional=True)
            for size in sizes[:-1]
        )
        self.dropout = nn.Dropout(config["dropout"])
        self.memory = nn.Linear(width * self.stride, config["memory_units"])

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        """Return states (B, R, 2H), their lengths, memory (B, S, D), its lengths."""
        outputs = features.transpose(1, 2)
        for convolution in self.convolutions:
            lengths = (lengths + 1) // 2
            outputs = convolution(outputs).relu()
            outputs = outputs * _mask(lengths, outputs.shape[2])[:, None]
        outputs = self.dropout(self.norms[0](outputs.transpose(1, 2)))
        size = outputs.shape[1]
        for layer, norm in zip(self.layers, self.norms[1:], strict=True):
            # Not packed: packed sequences do not use the fused kernel and take six
            # times as long. Padding thus affects the backward direction.
            outputs, _ = layer(outputs)
            outputs = self.dropout(norm(outputs))
        states = outputs * _mask(lengths, size)[..., None]
        joined = functional.pad(states, (0, 0, 0, -size % self.stride))
        joined = joined.reshape(len(states), -1, self.stride * states.shape[2])
        memory_lengths = (lengths + self.stride - 1) // self.stride
        memory = self.memory(joined) * _mask(memory_lengths, joined.shape[1])[..., None]
        return states, lengths, memory, memory_lengths


class Decoder(nn.Module):
    """GRU with additive attention and location features, in a loop over the tokens.

    Args:
        config: A model's configuration.
        vocabulary: Number of tokens.
    """

    def __init__(self, config: dict, vocabulary: int) -> None:
        super().__init__()
        decoder, attention = config["decoder"], config["attention"]
        width, units = config["encoder"]["memory_units"], decoder["units"]
        size = attention["units"]
        self.embedding = nn.Embedding(vocabulary, decoder["embedding"])
        self.cell = nn.GRUCell(decoder["embedding"] + width, units)
        self.query = nn.Linear(units, size, bias=False)
        self.key = nn.Linear(width, size)
        self.filters = nn.Conv1d(
            1,
            attention["location_filters"],
            attention["location_width"],
            padding=(attention["location_width"] - 1) // 2,
            bias=False,
        )
        self.location = nn.Linear(attention["location_filters"], size, bias=False)
        self.energy = nn.Linear(size, 1, bias=False)
        self.bridge = nn.Linear(units + width, units)
        self.dropout = nn.Dropout(decoder["dropout"])
        self.logits = nn.Linear(units, vocabulary)

    def forward(self, tokens: Tensor, memory: Tensor, lengths: Tensor) -> Tensor:
        """Return logits, (B, U, V)."""
        batch, frames, _ = memory.shape
        padding = ~_mask(lengths, frames)
        keys = self.key(memory)
        hidden = memory.new_zeros(batch, self.cell.hidden_size)
        context = torch.zeros_like(memory[:, 0])
        total = memory.new_zeros(batch, frames)
        outputs = []
        for embedded in self.embedding(tokens).unbind(1):
            hidden = self.cell(torch.cat([embedded, context], -1), hidden)
            location = self.location(self.filters(total[:, None]).transpose(1, 2))
            scores = self.energy((keys + self.query(hidden)[:, None] + location).tanh())
            scores = scores[..., 0].masked_fill(padding, -1e9)
            weights = scores.softmax(-1)
            context = torch.bmm(weights[:, None], memory)[:, 0]
            total = total + weights
            outputs.append(torch.cat([hidden, context], -1))
        both = self.bridge(torch.stack(outputs, 1)).tanh()
        return self.logits(self.dropout(both))


class Model(nn.Module):
    """Features -> masks -> encoder -> CTC head and decoder.

    Args:
        config: A model's configuration, as in a model folder's `config.json`.
        vocabulary: Number of tokens; 0 is padding and the CTC blank.
        filters: Mel filters, (bins, F).
    """

    def __init__(self, config: dict, vocabulary: int, filters: np.ndarray) -> None:
        super().__init__()
        frontend = config["frontend"]
        per_ms = frontend["rate"] / 1000
        window = round(frontend["window_ms"] * per_ms)
        hop = round(frontend["hop_ms"] * per_ms)
        self.frontend = LogMel(filters, window, hop)
        self.augment = SpecAugment()
        self.encoder = Encoder(config["encoder"], frontend["mels"])
        self.ctc_head = nn.Linear(2 * config["encoder"]["units"], vocabulary)
        self.decoder = Decoder(config, vocabulary)

    def loss(self, batch: dict[str, Tensor], ctc_weight: float) -> Tensor:
        """Return (1 - w) * cross-entropy + w * CTC, both per label."""
        with torch.no_grad():
            features, lengths = self.frontend(batch["source"], batch["source_lengths"])
            features = self.augment(features, lengths)
        states, state_lengths, memory, memory_lengths = self.encoder(features, lengths)
        logits = self.decoder(batch["tokens"], memory, memory_lengths)
        labels, label_lengths = batch["labels"], batch["label_lengths"]
        attention_loss = functional.cross_entropy(
            logits.flatten(0, 1), labels.flatten(), ignore_index=0
        )
        ctc_loss = functional.ctc_loss(
            self.ctc_head(states).log_softmax(-1).transpose(0, 1),
            labels,
            state_lengths,
            label_lengths - 1,
            reduction="sum",
            zero_infinity=True,
        )
        ctc_loss = ctc_loss / (label_lengths - 1).sum()
        return (1 - ctc_weight) * attention_loss + ctc_weight * ctc_loss


def main(folder: Path, threads: int, warmup: int) -> None:
    """Train on the batches in a folder and print seconds of each step as JSON."""
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    filters = np.load(folder / "filters.npy")
    model = Model(facts["model"], facts["vocabulary"], filters).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=facts["learning_rate"])
    batches = []
    for path in sorted(folder.glob("batch-*.npz")):
        with np.load(path) as arrays:
            batches.append(
                {k: torch.from_numpy(v).contiguous() for k, v in arrays.items()}
            )
    for batch in batches:
        for name in batch.keys() - {"source"}:
            batch[name] = batch[name].long()
    seconds, losses, processor = [], [], []
    for batch in batches[:warmup] + batches:
        start, used = time.perf_counter(), time.process_time()
        optimizer.zero_grad(set_to_none=True)
        loss = model.loss(batch, facts["ctc_weight"])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), facts["clip_norm"])
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    count = sum(weight.numel() for weight in model.parameters())
    report = {
        "version": torch.__version__,
        "parameters": count,
        "seconds": seconds[warmup:],
        "processor": sum(processor[warmup:]),
        "losses": losses[warmup:],
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
