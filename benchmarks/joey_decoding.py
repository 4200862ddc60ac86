"""Beam search of JoeyNMT's recurrent model; run by `translation_speed.py`.

Usage: python joey_decoding.py BATCHES.npz SETTINGS.json, in a venv with joeynmt.
Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from joeynmt.batch import Batch
from joeynmt.model import build_model
from joeynmt.search import search
from joeynmt.vocabulary import Vocabulary


def main() -> None:
    """Decode all batches in several rounds; print median times and counts."""
    with np.load(sys.argv[1]) as stored:
        arrays = dict(stored)
    settings = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    special = SimpleNamespace(
        unk_token="<unk>", pad_token="<pad>", bos_token="<s>", eos_token="</s>",
        sep_token=None, unk_id=0, pad_id=1, bos_id=2, eos_id=3, sep_id=None,
        lang_tags=[],
    )  # fmt: skip
    vocabulary = Vocabulary(
        [f"t{i}" for i in range(settings["vocabulary"] - 4)], special
    )
    units = settings["units"]
    side = {
        "type": "recurrent", "rnn_type": "gru", "hidden_size": units, "num_layers": 1,
        "embeddings": {"embedding_dim": settings["embedding"]}, "dropout": 0.0,
    }  # fmt: skip
    config = {
        "encoder": {**side, "bidirectional": True},
        "decoder": {**side, "attention": "bahdanau", "input_feeding": True},
        "tied_softmax": True,
        "tied_embeddings": False,
    }
    torch.manual_seed(1)
    model = build_model(config, vocabulary, vocabulary)
    model.eval()
    batches = []
    for index in range(len(arrays) // 2):
        source = torch.from_numpy(arrays[f"source{index}"].astype("int64"))
        lengths = torch.from_numpy(arrays[f"lengths{index}"].astype("int64"))
        # In JoeyNMT, padding is token 1 and the end symbol is token 3.
        source[torch.arange(source.shape[1])[None] >= lengths[:, None]] = 1
        source[torch.arange(len(source)), lengths - 1] = 3
        rows = torch.arange(len(source))
        device = torch.device("cpu")
        batches.append(
            Batch(source, lengths, None, None, None, rows, device, 1, 3, False)
        )

    def work() -> int:
        steps = 0
        for batch in batches:
            outputs, _, _ = search(
                model=model,
                batch=batch,
                max_output_length=settings["steps"],
                beam_size=settings["beam"],
                beam_alpha=1.0,
                n_best=1,
            )
            steps += int(outputs.shape[1]) * len(batch.src)
        return steps

    work()
    clock, processor = [], []
    for _ in range(settings["rounds"]):
        start, used = time.perf_counter(), time.process_time()
        steps = work()
        clock.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    parameters = sum(weight.numel() for weight in set(model.parameters()))
    result = {
        "clock": float(np.median(clock)),
        "processor": float(np.median(processor)),
        "parameters": parameters,
        "steps": steps,
        "torch": torch.__version__,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
