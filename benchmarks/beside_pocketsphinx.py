"""Recognition: speed and word error rate against PocketSphinx with its English model.

Both transcribe the same WAV files, one after the other. `asr` uses batches on all
cores; PocketSphinx decodes clip by clip on one core. With `--same-language-model`,
PocketSphinx has the words, pronunciations and n-grams of our language model.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import beside
import harness

from asr.files import model_path
from asr.language_model.arpa import vocabulary_of, write_arpa
from asr.language_model.storage import load_language_model
from asr.language_model.tables import unpacked
from asr.storage.model_folder import read_config
from asr.text.pronunciation import write_lexicon

FASTER = 4.0


def language_model(model: str, folder: Path) -> list[Path]:
    """Write the language model of a model as an ARPA file and a dictionary."""
    name = read_config(model_path(model)).decoding.language_model
    ours = load_language_model(name)
    if ours.words is None:
        raise SystemExit(f"{name}: has no words")
    write_arpa(unpacked(ours.words.ngrams), vocabulary_of(ours), folder / "lm.arpa")
    write_lexicon(folder / "words.dict", ours.words.pronunciations)
    return [folder / "lm.arpa", folder / "words.dict"]


def main() -> None:
    """Run the benchmark."""
    parser = beside.parser(__doc__.splitlines()[0])
    parser.add_argument("--sphinx-python", type=Path, help="with pocketsphinx")
    parser.add_argument("--same-language-model", action="store_true")
    options = parser.parse_args()
    python = harness.python_of(
        options.sphinx_python, "pocketsphinx", ["pocketsphinx==5.1.*"]
    )
    with contextlib.ExitStack() as stack:
        files: list[Path] = []
        if options.same_language_model:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            # In a process of its own, whose memory would count for both systems.
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                files = pool.submit(language_model, options.model, folder).result()
        worker = Path(__file__).with_name("sphinx_decoding.py")
        beside.run(options, "pocketsphinx", [python, worker, *files], FASTER)


if __name__ == "__main__":
    main()
