"""Hotwords outside the vocabulary: names found, and errors of the other words.

    python benchmarks/hotwords.py english
    python benchmarks/hotwords.py english --part dev --bonus 1.5

espeak-ng reads sentences that each hold a name that the language model lacks. They are
transcribed without hotwords, with all names as hotwords, and with all names as `words`.
The part `dev` has other names and sentences, to choose bonuses on.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import asr
from asr.errors import DataError
from asr.language_model.open_vocabulary import UNKNOWN, token_of
from asr.metrics.alignment import align
from asr.text.normalizers import normalizer

VOICES = ("en-us", "en-us+f2", "en-gb", "en-us+f3", "en-gb+f2", "en-gb+f4")
SENTENCES = {
    "dev": """
        We met Kravelson at the station yesterday.
        The train to Brindleforth leaves in ten minutes.
        My doctor is called Zabrinski and she is very good.
        Please send the letter to Ottokvist before Friday.
        They built a new school in Mellingwick last year.
        I bought a Vexaroni because it was cheap.
        Have you ever read a book by Drosselmann?
        The river runs through Harkenvale to the sea.
        Tomorrow Professor Quillander will speak about the moon.
        She moved from Tressingdale to London with her children.
        The company Nuvolix makes small machines.
        Our neighbour Pellicotti has three dogs and a cat.
        There is no bridge between Osterwyke and the island.
        I think that Farnsbeck wrote the first part of it.
        The old church in Grelmont was closed for the winter.
        You can order the Trilobyne at the counter.
        His friend Jarosvik plays the piano every evening.
        The road from Cantlebury was covered with snow.
        Ask Wendelhart if he has seen the keys.
        The people of Zorantia live on a high mountain.
        """,
    "test": """
        Last night Bramwick came home very late.
        The doctor gave Szymkowiak a glass of water.
        We stayed in Thistlemoor for a week in the summer.
        I would like to speak to Varnikov about the house.
        The Solvexa was the best machine in the shop.
        Nobody in Eskerholm knew where the old man lived.
        My sister works for Quantrellis in the city.
        Mister Pendragast opened the door and looked outside.
        The bus stops in Widdlecombe every half hour.
        They asked Lindqvara to sing another song.
        A man named Ferrolito bought the farm on the hill.
        The children of Ballyvorn go to school by boat.
        When will Oskarsdale have a new hospital?
        Her teacher was Grumbacher and she liked him.
        You should visit Montevarra in the spring.
        The market in Jellowby is open on Sunday.
        It was Tarkovitz who found the money.
        I wrote a long letter to Hesselgrave in March.
        The captain told Nakamoru to wait by the ship.
        We drove from Pondersley to the coast in two hours.
        The new phone from Zentrola costs too much.
        There was a fire in Kettlewick on Monday night.
        I have never heard of Bartolescu before.
        The king sent Wulfgarten into the forest.
        Our train was late so we missed Svendahl at the airport.
        The garden of Missus Applethorne is full of roses.
        He drank a cold Fizzolade after the game.
        The soldiers marched to Drabowice in the rain.
        Please call Okonwezi and tell her the news.
        The water in Lake Tamarindo was as clear as glass.
        Doctor Plimsworth said that it was nothing serious.
        The story begins in Ravensholt a hundred years ago.
        Did you give the book to Mirabelka?
        The boys from Stanwickle won the match again.
        I took a picture of Castelvorno from the tower.
        The farmer sold his horses to Dunnigree.
        She learned to paint from Yevtukova in Paris.
        The Brontexil helped him to sleep at night.
        They will open a shop in Hollenbrook next month.
        Everyone at the table laughed when Gudrunsen fell asleep.
        """,
}


def name_of(sentence: str) -> str:
    """Return the name in a sentence: the last capital letter that it does not need."""
    known = set(COMMON.split())
    words = normalizer("librispeech-1")(sentence).split()
    written = sentence.rstrip(".?").split()
    return next(
        word
        for word, spelled in list(zip(words, written, strict=True))[1:]
        if spelled[0].isupper() and word not in known
    )


COMMON = "I MISTER MISSUS DOCTOR PROFESSOR LAKE LONDON PARIS MARCH FRIDAY SUNDAY MONDAY"


def read_aloud(sentence: str, voice: str, path: Path) -> None:
    """Write a recording of a sentence."""
    command = ["espeak-ng", "-v", voice, "-s", "150", "-w", str(path), sentence]
    subprocess.run(command, check=True)


def measure(
    recordings: Sequence[Path],
    sentences: Sequence[str],
    names: Sequence[str],
    recognizer: asr.Recognizer,
    decoding: asr.DecodingConfig,
) -> str:
    """Return the share of names found and the errors of other words, as a row."""
    normalize = normalizer("librispeech-1")
    found = false = errors = words = 0
    texts = recognizer.transcribe_many(recordings, decoding=decoding, vad=False)
    for (_, transcript), sentence, name in zip(texts, sentences, names, strict=True):
        if not isinstance(transcript, asr.Transcript):
            raise transcript
        hypothesis = normalize(transcript.text)
        found += name in hypothesis.split()
        false += sum(word in names and word != name for word in hypothesis.split())
        reference = normalize(sentence)
        words += len(reference.split()) - 1
        errors += sum(
            step.operation != "C" and step.reference != name
            for step in align(reference, hypothesis)
        )
    return (
        f"{found:3} of {len(names)} ({found / len(names):4.0%})  "
        f"{errors / words:6.1%}  {false:3}"
    )


def main() -> None:
    """Print a row for each way of transcribing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="english")
    parser.add_argument("--part", choices=SENTENCES, default="test")
    parser.add_argument("--bonus", type=float)
    arguments = parser.parse_args()
    lines = SENTENCES[arguments.part].strip().splitlines()
    sentences = [line.strip() for line in lines]
    names = [name_of(sentence) for sentence in sentences]
    recognizer = asr.load(arguments.model, threads=1)
    decoding = recognizer.decoding
    if arguments.bonus is not None:
        decoding = replace(decoding, hotword_bonus=arguments.bonus)
    words = asr.load_language_model(decoding.language_model).words
    if words and (known := [x for x in names if token_of(words, x) != UNKNOWN]):
        raise DataError(f"in the vocabulary: {' '.join(known)}")
    ways = {
        "without": decoding,
        "words": replace(decoding, words=tuple(names)),
        "hotwords": replace(decoding, hotwords=tuple(names)),
    }
    print(f"{len(names)} sentences: names found, WER of other words, wrong names")
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.wav" for name in names]
        for index, (path, sentence) in enumerate(zip(paths, sentences, strict=True)):
            read_aloud(sentence, VOICES[index % len(VOICES)], path)
        for way, options in ways.items():
            row = measure(paths, sentences, names, recognizer, options)
            print(f"{way:10} {row}", flush=True)


if __name__ == "__main__":
    main()
