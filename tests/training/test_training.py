"""The loop over epochs: training, files, reports and failures."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from dataclasses import replace
from typing import ClassVar

import keras
import numpy as np
import pytest
from keras import ops

import asr
from asr.audio import io as audio_io
from asr.config.loading import load_recipe
from asr.config.schema import DecodingConfig
from asr.data.manifest import read_manifest, write_manifest
from asr.errors import DataError, ModelError, RecipeError, TrainingError
from asr.files import CONFIG
from asr.inference.rescoring import RescoringDecoder
from asr.metrics import wer
from asr.storage import keras_model, model_folder
from asr.storage.model_folder import describe, read_model, write_model
from asr.training import export, setup, train, trainer
from asr.training.collect import collect
from asr.training.dataset import spread
from asr.training.run_folder import (
    CHECKPOINT,
    LOG,
    MODEL,
    TRAIN,
    load_run_recipe,
    save_recipe,
)
from asr.training.strategies import connect
from asr.training.validation import DevScorer

SCORE = DevScorer.score


class Toy(keras.Model):
    """Replaces the network: learns the number of labels from the loudness."""

    heads: ClassVar[dict[str, keras.layers.Layer]] = {}

    def __init__(self) -> None:
        source = keras.Input((None,), name="source")
        lengths = keras.Input((), name="source_lengths", dtype="int32")
        tokens = keras.Input((None,), name="tokens", dtype="int32")
        loudness = ops.mean(ops.abs(source), axis=1, keepdims=True)
        hidden = keras.layers.Dense(4, activation="tanh")(loudness)
        hidden = keras.layers.Dropout(0.3, seed=3)(hidden)
        super().__init__(
            {"source": source, "source_lengths": lengths, "tokens": tokens},
            keras.layers.Dense(1)(hidden),
        )
        self.heads = {}

    def set_losses(self, config):
        pass

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        wanted = ops.cast(y["label_lengths"], "float32")
        return ops.mean(ops.square(y_pred[:, 0] - wanted))


@pytest.fixture
def recipe(tones, tiny_recipe, monkeypatch):
    """Load the tiny recipe with changes: `recipe("train.epochs=2")`."""
    monkeypatch.setenv("ASR_DATA", str(tones))

    def load(*changes: str):
        quiet = ("train.tensorboard=false", "data.batch_length=2", "train.epochs=2")
        return load_recipe(tiny_recipe, [*quiet, *changes])

    return load


@pytest.fixture
def scores():
    """Dev scores of the epochs; the last one is repeated."""
    return [0.5]


@pytest.fixture
def toy(monkeypatch, scores):
    """Train `Toy` in the place of the network, and read the dev scores from a list."""

    def score(self):
        return {"dev_wer": scores.pop(0) if len(scores) > 1 else scores[0]}, None

    monkeypatch.setattr(keras_model, "build", lambda *_, **__: Toy())
    monkeypatch.setattr(DevScorer, "score", score)


@pytest.fixture
def stop(monkeypatch):
    """End a training, once, after so many batches: `stop(3)`."""
    step = trainer.Trainer._count_step
    stopped = []

    def after(count: int) -> None:
        def count_step(self, *position):
            step(self, *position)
            if self.training.progress.step == count and not stopped:
                stopped.append(count)
                self._save()  # like a time-based checkpoint
                raise KeyboardInterrupt

        monkeypatch.setattr(trainer.Trainer, "_count_step", count_step)

    return after


def history(folder):
    return [json.loads(line) for line in (folder / LOG).read_text().splitlines()]


def state(folder):
    with np.load(folder / CHECKPOINT) as stored:
        found = {name: stored[name] for name in stored.files}
    facts = json.loads(found.pop("facts").tobytes())["progress"]
    return facts, found


def test_the_tiny_recipe_overfits(tiny_run):
    records = history(tiny_run)
    assert [record["epoch"] for record in records] == list(range(1, 37))
    assert records[-1]["loss"] < 0.4 * records[0]["loss"]
    assert records[-1]["ctc_loss"] < 0.1
    assert records[-1]["dev_cer"] < 0.5 < records[0]["dev_cer"]
    described = describe(tiny_run / MODEL)
    assert described["utterances"] == 16
    assert (tiny_run / "curves.png").read_bytes().startswith(b"\x89PNG")
    last = history(tiny_run)[-1]
    share = load_run_recipe(tiny_run).train.ctc_weight
    both = (1 - share) * last["attention_loss"] + share * last["ctc_loss"]
    assert last["loss"] == pytest.approx(both, rel=1e-5)
    card = (tiny_run / MODEL / "README.md").read_text()
    assert "| clips.jsonl | jsonl | all |" in card
    assert "| dev_wer | 0." in card


def test_ctc_alone_leaves_the_decoder_and_can_be_started_from(
    recipe, tiny_run, tmp_path
):
    ctc = recipe(
        "train.ctc_weight=1",
        "decoding.ctc_weight=1",
        f"train.start={tiny_run / MODEL}",
        "train.epochs=1",
    )
    folder = train.train(ctc, tmp_path / "ctc")
    before, after = (
        read_model(path).network.weights for path in (tiny_run / MODEL, folder)
    )
    (record,) = history(tmp_path / "ctc")
    assert "attention_loss" not in record
    assert record["ctc_loss"] < 0.5 * history(tiny_run)[0]["ctc_loss"]
    moved = {path for path in before if not np.array_equal(before[path], after[path])}
    assert {"ctc/kernel", "encoder/gru_0/forward_kernel"} <= moved
    assert not any(path.startswith(("decoder/", "encoder/memory/")) for path in moved)


def test_dev_clips_come_from_all_over_the_part():
    assert spread("aaabbbccc", 3) == ["a", "b", "c"]
    assert spread("abcde", 4) == ["a", "b", "c", "d"]
    assert spread("ab", 9) == ["a", "b"]
    assert spread("ab", 0) == []


def test_sources_of_the_start_model_are_listed(recipe, tiny_run, tmp_path):
    start = tmp_path / "start"
    shutil.copytree(tiny_run / MODEL, start)
    config = json.loads((start / CONFIG).read_text())
    (source,) = config["training"]["sources"]
    config["training"]["sources"] = [source, {**source, "path": "others.jsonl"}]
    (start / CONFIG).write_text(json.dumps(config))
    model_folder._write_sums(start)
    plan = recipe(f"train.start={start}", "train.epochs=1")
    folder = train.train(plan, tmp_path / "run")
    found = describe(folder)
    assert [it["path"] for it in found["sources"]] == ["others.jsonl", "clips.jsonl"]
    card = (folder / "README.md").read_text()
    assert f"Training started from the weights of `{start}`." in card
    assert "| others.jsonl | jsonl | all |" in card
    # What has begun needs it no more.
    shutil.rmtree(start)
    train.begin(plan, tmp_path / "run")
    train.resume(tmp_path / "run")


def test_start_models_that_do_not_fit(recipe, tiny_run, tmp_path):
    start = f"train.start={tiny_run / MODEL}"
    with pytest.raises(ModelError, match="no model nowhere"):
        train.train(recipe("train.start=nowhere"), tmp_path / "a")
    assert not (tmp_path / "a").exists()
    with pytest.raises(RecipeError, match="with 1 the decoder is not trained"):
        train.train(recipe("train.ctc_weight=1"), tmp_path / "a")
    with pytest.raises(ModelError, match=r"has shape .* but the model needs"):
        train.train(recipe(start, "model.decoder.units=24"), tmp_path / "b")
    with pytest.raises(ModelError, match="is not that of the recipe's data"):
        train.train(recipe(start, "data.characters=' ABCDEFG'"), tmp_path / "c")


@pytest.fixture
def lexicon(tones, tmp_path):
    """Write a lexicon, `lexicon(without="BAD")`; return its recipe keys."""

    def write(without="", phones="A,B,C,D,E"):
        path = tmp_path / "lexicon.txt"
        return (
            f"data.lexicon={write_letters(path, tones, without)}",
            f"model.phones=[{phones}]",
        )

    return write


def write_letters(path, tones, without=""):
    """Write a lexicon with a phone for each letter."""
    texts = [entry.text for entry in read_manifest(tones / "clips.jsonl")]
    words = {word for text in texts for word in text.split()} - {without}
    path.write_text("".join(f"{word} {' '.join(word)}\n" for word in words))
    return path


@pytest.fixture(scope="module")
def phone_run(tones, tiny_recipe, tiny_run, tmp_path_factory):
    """A run that goes on from `tiny_run` with a head of phones, and its folder."""
    folder = tmp_path_factory.mktemp("phones")
    changes = (
        f"train.start={tiny_run / MODEL}",
        f"data.lexicon={write_letters(folder / 'lexicon.txt', tones)}",
        "model.phones=[A,B,C,D,E]",
        "train.tensorboard=false",
        "data.batch_length=2",
        "train.epochs=6",
        "train.learning_rate=5e-3",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASR_DATA", str(tones))
        train.train(load_recipe(tiny_recipe, changes), folder / "run")
    return folder / "run"


def test_the_phone_head_trains_beside_the_others(phone_run):
    first, *_, last = history(phone_run)
    assert last["phone_loss"] < 0.5 * first["phone_loss"]
    weights = read_model(phone_run / MODEL).network.weights
    assert weights["phones/kernel"].shape[1] == 6
    assert [name for name in weights if name.startswith("phones/")] == [
        "phones/kernel",
        "phones/bias",
        "phones/log_prior",
    ]
    prior = np.exp(weights["phones/log_prior"])
    assert 0.5 < prior[0] < 0.6  # blanks stand before, between and after phones
    assert prior.sum() == pytest.approx(1)


def test_a_phone_head_is_kept_for_the_same_phones_only(
    recipe, lexicon, phone_run, tmp_path
):
    start = (f"train.start={phone_run / MODEL}", "train.epochs=1")
    still = (*start, "train.learning_rate=1e-9")
    train.train(recipe(*lexicon(), *still), tmp_path / "again")
    (found,) = history(tmp_path / "again")
    assert found["phone_loss"] < 0.2 * history(phone_run)[0]["phone_loss"]
    without = train.train(recipe(*still), tmp_path / "no")
    assert "phones/kernel" not in read_model(without).network.weights
    (found,) = history(tmp_path / "no")
    assert found["ctc_loss"] < 0.1  # a fresh one has some 10
    other = recipe(*start, *lexicon(phones="E,D,C,B,A"))
    with pytest.raises(ModelError, match=r"model\.phones are not those"):
        train.train(other, tmp_path / "other")


def test_phones_learn_to_be_likelier_than_all_others(
    recipe, lexicon, phone_run, tmp_path
):
    changes = (
        f"train.start={phone_run / MODEL}",
        "train.crf_weight=1",
        "train.epochs=3",
        "train.learning_rate=2e-3",
        "train.warmup_steps=0",
    )
    train.train(recipe(*lexicon(), *changes), tmp_path / "run")
    first, *_, last = history(tmp_path / "run")
    assert 0 < last["phone_loss"] < 0.8 * first["phone_loss"]


@pytest.fixture
def language_model(tones, tmp_path, monkeypatch):
    """Count the texts of `tones`: `language_model("data.lexicon=...")`."""
    monkeypatch.setenv("ASR_DATA", str(tones))
    path = tmp_path / "lm.yaml"
    path.write_text("""
task: language_model
data:
  train: [{corpus: jsonl, path: clips.jsonl, repeat: 2}]
ngrams: {least: [1, 1, 1], words: 100}
""")

    def count(*changes):
        folder = tmp_path / f"lm{len(changes)}"
        return str(asr.train_language_model(load_recipe(path, changes), folder))

    return count


def test_words_are_found_by_their_phones(
    phone_run, lexicon, language_model, tones, caplog
):
    recognizer = asr.load(phone_run / MODEL)
    known = language_model(lexicon()[0])
    decoding = DecodingConfig(phone_weight=0.5, language_model=known)
    entries = list(read_manifest(tones / "clips.jsonl"))
    found = recognizer.transcribe_many(entries, decoding=decoding, vad=False)
    texts = [transcript.text for _, transcript in found]
    assert wer.score([it.text for it in entries], texts).wer < 0.2
    word = next(it for it in entries[-1].text.split() if it not in texts[0].split())
    hoping = replace(decoding, phone_weight=1.0, hotwords=(word,), hotword_bonus=10.0)
    hopeful = recognizer.search(hoping)
    assert isinstance(hopeful, RescoringDecoder)
    found = hopeful.hypotheses([audio_io.read(entries[0].audio, recognizer.rate)])
    written = recognizer.task.tokenizer.decode(found.tokens[0, 0])
    assert word in written.split()
    assert not caplog.text
    # A word that cannot be pronounced in these phones changes nothing.
    unheard = recognizer.search(replace(hoping, hotwords=(word, "EEE")))
    samples = audio_io.read(entries[0].audio, recognizer.rate)
    np.testing.assert_array_equal(unheard.hypotheses([samples]).tokens, found.tokens)
    assert "no pronunciation of 'EEE': it cannot be found" in caplog.text
    begun = recognizer.search(replace(decoding, prefix=word)).decode(
        [samples] * 2, [True, False]
    )
    texts = map(recognizer.task.tokenizer.decode, begun.hypotheses.tokens[:, 0])
    assert [text.split()[0] == word for text in texts] == [True, False]
    for changes, why in (
        ({"phone_weight": 0.0}, ""),
        ({"language_model": ""}, ""),
        ({"language_model": language_model()}, "does not know how to pronounce words"),
    ):
        caplog.clear()
        other = recognizer.search(replace(decoding, **changes))
        assert not isinstance(other, RescoringDecoder)
        assert bool(caplog.text) == bool(why)
        assert re.search(f"{why}: searching by characters" if why else "", caplog.text)


def test_words_that_the_lexicon_lacks(recipe, lexicon, tones, tmp_path, caplog):
    entries = list(read_manifest(tones / "clips.jsonl"))
    word = entries[0].text.split()[0]
    keys = lexicon(without=word)
    lacking = sum(word in entry.text.split() for entry in entries)
    train.begin(recipe(*keys), tmp_path / "a")
    run = setup.build(recipe(*keys), tmp_path / "a", connect())
    assert len(run.data.examples) == len(entries) - lacking
    expected = (
        f"left out {lacking} of the training data: a word that data.lexicon lacks"
    )
    assert expected in caplog.text
    with pytest.raises(DataError, match=r"'E' is not among model\.phones"):
        train.train(recipe(*lexicon(phones="A,B,C,D")), tmp_path / "b")
    (tmp_path / "lexicon.txt").unlink()
    with pytest.raises(DataError, match=r"lexicon\.txt: cannot read the lexicon"):
        train.train(recipe(*keys), tmp_path / "b")
    assert not (tmp_path / "b").exists()  # before any corpus is read
    with pytest.raises(RecipeError, match=r"must be 0 without model\.phones"):
        train.train(recipe("decoding.phone_weight=0.5"), tmp_path / "c")
    for alone in keys:
        with pytest.raises(RecipeError, match="set both or neither"):
            train.train(recipe(alone), tmp_path / "c")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["model.ctc=false"], r"model\.phones: needs the CTC head"),
        (["model.phones=[A,B,A]"], r"each phone must be listed once"),
        (
            [
                "train.ctc_weight=1",
                "decoding.ctc_weight=1",
                "decoding.phone_weight=0.5",
            ],
            r"set decoding\.phone_weight to 0 or 1",
        ),
    ],
)
def test_phones_that_cannot_be_trained(recipe, lexicon, tmp_path, changes, message):
    with pytest.raises(RecipeError, match=message):
        train.train(recipe(*lexicon(), *changes), tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_more_phones_than_frames(recipe, lexicon, tones, tmp_path, caplog):
    keys = lexicon()
    path = tmp_path / "lexicon.txt"
    word, *rest = path.read_text().splitlines()
    name = word.split()[0]
    path.write_text("\n".join([f"{name} " + "A B " * 200, *rest]))
    train.begin(recipe(*keys), tmp_path / "a")
    examples = setup.build(recipe(*keys), tmp_path / "a", connect()).data.examples
    texts = [entry.text.split() for entry in read_manifest(tones / "clips.jsonl")]
    long = sum(name in text for text in texts)
    assert len(examples) == len(texts) - long
    assert f"left out {long} of the training data: more phones than" in caplog.text
    # What is read is the run's own, whatever becomes of the recipe's.
    path.unlink()
    again = setup.build(recipe(*keys), tmp_path / "a", connect()).data.examples
    assert len(again) == len(examples)


def test_the_best_epoch_is_exported(toy, recipe, scores, tmp_path):
    scores[:] = [0.5, 0.3, 0.4, 0.9]
    folder = train.train(recipe("train.epochs=4"), tmp_path / "run")
    assert describe(folder)["epochs"] == 2
    assert describe(folder)["scores"]["dev_wer"] == 0.3


def test_equal_score_takes_the_newer(toy, recipe, tmp_path):
    assert describe(train.train(recipe(), tmp_path / "run"))["epochs"] == 2


def test_the_model_knows_its_language(toy, recipe, tmp_path):
    trained = train.train(recipe("data.language=cy"), tmp_path / "run")
    assert describe(trained)["language"] == "cy"


def test_without_a_dev_part_the_loss_chooses(recipe, toy, monkeypatch, tmp_path):
    monkeypatch.setattr(DevScorer, "score", SCORE)  # the real one
    train.train(recipe("data.dev=[]"), tmp_path / "run")
    facts, _ = state(tmp_path / "run")
    assert facts["best"] == min(r["loss"] for r in history(tmp_path / "run"))


@pytest.mark.parametrize("count", [3, 8])
def test_interrupted_in_an_epoch(toy, recipe, stop, tmp_path, count):
    changes = ("train.accumulate=2", "train.ema=0.9", "augment.speeds=[0.9, 1.1]")
    train.train(recipe(*changes), tmp_path / "whole")
    stop(count)
    with pytest.raises(KeyboardInterrupt):
        train.train(recipe(*changes), tmp_path / "run")
    train.resume(tmp_path / "run")
    expected, arrays = state(tmp_path / "whole")
    found, others = state(tmp_path / "run")
    for name, array in arrays.items():
        np.testing.assert_array_equal(others[name], array, err_msg=name)
    for one, two in zip(expected["history"], found["history"], strict=True):
        assert one["loss"] == two["loss"]


def test_each_checkpoint_leads_to_the_next(recipe, toy, monkeypatch, tmp_path):
    """Killed at 30 moments, of which some are the last batch of an epoch.

    From each, the next state is that of the whole run; so all that follow are.
    """
    whole, run, moments, limit = tmp_path / "whole", tmp_path / "run", [], [10**9]
    save_state = trainer.save_state

    def save(folder, *position):
        save_state(folder, *position)
        facts, arrays = state(folder)
        content = (folder / CHECKPOINT).read_bytes()
        moments.append((content, untimed(facts), arrays))
        if len(moments) == limit[0]:
            raise KeyboardInterrupt

    def untimed(facts):
        timed = ("seconds", "rate", "minutes")
        records = [facts, *facts["history"]]
        return [{k: r[k] for k in r if k not in (*timed, "history")} for r in records]

    monkeypatch.setattr(trainer, "save_state", save)
    changes = ("train.accumulate=2", "train.ema=0.9", "augment.speeds=[0.9, 1.1]")
    every = ("train.checkpoint_minutes=0", "train.epochs=5")
    train.train(recipe(*changes, *every), whole)
    expected, limit[0] = moments.copy(), 1
    places = [(facts[0]["epoch"], facts[0]["batch"]) for _, facts, _ in expected]
    ends = [n for n, (_, batch) in enumerate(places) if not batch]
    assert len(ends) == 5
    around = [*(n - 1 for n in ends), *ends[:-1]]  # the last batches, and the ends
    chosen = list(dict.fromkeys([*around, *range(len(expected) - 1)]))[:30]
    assert len(chosen) == 30
    shutil.copytree(whole, run)
    for number in chosen:
        (run / CHECKPOINT).write_bytes(expected[number][0])
        moments.clear()
        with pytest.raises(KeyboardInterrupt):
            train.resume(run)
        ((_, facts, arrays),) = moments
        _, known_facts, known_arrays = expected[number + 1]
        assert facts == known_facts, places[number]
        for name in known_arrays:
            np.testing.assert_array_equal(arrays[name], known_arrays[name], name)


def test_the_average_is_what_is_scored_and_written(toy, recipe, tmp_path, monkeypatch):
    seen = []

    def score(self):
        seen.append([np.array(v.numpy()) for v in self.model.trainable_variables])
        return {"dev_wer": 0.5}, None

    monkeypatch.setattr(DevScorer, "score", score)
    folder = train.train(recipe("train.ema=0.99"), tmp_path / "run")
    _, arrays = state(tmp_path / "run")
    averages = [arrays[f"a{i}"] for i in range(4)]
    with np.load(folder / "model.weights.npz") as stored:
        written = [stored[name] for name in stored.files]
    for average, scored, saved in zip(averages, seen[-1], written, strict=True):
        np.testing.assert_array_equal(average, scored)
        np.testing.assert_array_equal(average, saved)
    # Training itself goes on from the weights as they were.
    trained = [arrays[name] for name in arrays if name.startswith("v")]
    assert not any(np.array_equal(average, trained[0]) for average in averages)


def test_loss_that_is_no_number(recipe, toy, monkeypatch, tmp_path):
    loss = Toy.compute_loss

    def poisoned(self, *args, **kwargs):
        value = loss(self, *args, **kwargs)
        return ops.where(self.optimizer.iterations >= 4, np.nan, value)

    monkeypatch.setattr(Toy, "compute_loss", poisoned)
    with pytest.raises(TrainingError, match="the loss is not a number") as caught:
        train.train(recipe("train.checkpoint_minutes=0"), tmp_path / "run")
    assert "after batch 5 of epoch 1" in str(caught.value)
    assert f"--resume {tmp_path / 'run'}" in str(caught.value)
    facts, arrays = state(tmp_path / "run")
    assert facts["step"] == 4
    assert all(np.isfinite(array).all() for array in arrays.values())
    monkeypatch.setattr(Toy, "compute_loss", loss)
    train.resume(tmp_path / "run")
    assert len(history(tmp_path / "run")) == 2


def test_weights_that_are_no_numbers_replace_no_checkpoint(
    recipe, toy, monkeypatch, tmp_path
):
    """The loss of a batch is known before what its update did to the weights."""
    step = trainer.Trainer._count_step

    def count_step(self, *position):
        step(self, *position)
        if self.training.progress.step == 3:
            weight = self.training.model.trainable_variables[0]
            weight.assign(weight * np.nan)

    monkeypatch.setattr(trainer.Trainer, "_count_step", count_step)
    with pytest.raises(TrainingError, match=r"kernel is not a number after batch 3"):
        train.train(recipe("train.checkpoint_minutes=0"), tmp_path / "run")
    assert state(tmp_path / "run")[0]["step"] == 2
    with pytest.raises(TrainingError, match="not a number"):
        train.train(recipe(), tmp_path / "other")
    assert not (tmp_path / "other" / MODEL).exists()


def test_full_disk_leaves_checkpoint_and_model(recipe, toy, monkeypatch, tmp_path):
    train.train(recipe("train.epochs=1"), tmp_path / "run")
    before = (tmp_path / "run" / CHECKPOINT).read_bytes()
    path = tmp_path / "run" / "recipe.yaml"
    path.write_text(path.read_text().replace("epochs: 1", "epochs: 2"))

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(TrainingError, match="No space left on device") as caught:
            train.resume(tmp_path / "run")
    assert "the last checkpoint is intact: free some space" in str(caught.value)
    assert (tmp_path / "run" / CHECKPOINT).read_bytes() == before
    assert describe(tmp_path / "run" / MODEL)["epochs"] == 1  # the sums still hold
    train.resume(tmp_path / "run")
    assert describe(tmp_path / "run" / MODEL)["epochs"] == 2


def test_killed_before_the_last_epoch_was_reported(recipe, toy, monkeypatch, tmp_path):
    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainer.Trainer, "_report", die)
        with pytest.raises(KeyboardInterrupt):
            train.train(recipe("train.epochs=1"), tmp_path / "run")
    assert not train.is_finished(tmp_path / "run")
    train.resume(tmp_path / "run")
    assert train.is_finished(tmp_path / "run")
    assert len(history(tmp_path / "run")) == 1
    assert (tmp_path / "run" / "curves.png").is_file()


def test_killed_between_model_and_checkpoint(recipe, toy, monkeypatch, tmp_path):
    """The epoch is closed again, with the same result."""

    class Killed(BaseException):
        pass

    def die(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "save_state", die)
        with pytest.raises(Killed):
            train.train(recipe("train.epochs=1"), tmp_path / "run")
    (tmp_path / "run" / ".lock").write_text("12 on host\n")  # killed
    (tmp_path / "run" / ".asr-12-ab.tmp").write_bytes(b"half a file")
    train.resume(tmp_path / "run")
    assert not list((tmp_path / "run").glob(".*"))
    assert len(history(tmp_path / "run")) == 1


def test_model_folder_is_whole_or_the_old_one(recipe, toy, monkeypatch, tmp_path):
    train.train(recipe("train.epochs=1"), tmp_path / "run")
    path = tmp_path / "run" / "recipe.yaml"
    path.write_text(path.read_text().replace("epochs: 1", "epochs: 2"))

    def half(folder, *args, **options):
        write_model(folder, *args, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(export, "write_model", half)
        with pytest.raises(KeyboardInterrupt):
            train.resume(tmp_path / "run")
    assert describe(tmp_path / "run" / MODEL)["epochs"] == 1
    train.resume(tmp_path / "run")
    assert describe(tmp_path / "run" / MODEL)["epochs"] == 2
    assert {path.name for path in (tmp_path / "run").glob("model*")} == {"model"}


@pytest.fixture
def broken(recipe, tones, tmp_path):
    """Prepare a run on copies of the clips, some of which are then destroyed."""

    def prepare(*numbers: int):
        folder = tmp_path / "clips"
        folder.mkdir()
        clips = []
        for clip in read_manifest(tones / "clips.jsonl"):
            copy = folder / clip.audio.name
            copy.write_bytes(clip.audio.read_bytes())
            clips.append(type(clip)(copy, clip.text, clip.duration, id=clip.id))
        write_manifest(folder / "clips.jsonl", clips)
        data = f"data.train=[{{path: {folder}/clips.jsonl}}]"
        run = tmp_path / "run"
        run.mkdir()
        save_recipe(run, recipe(data, "train.checkpoint_minutes=0"))
        collect(recipe(data), run)
        for number in numbers:
            clips[number].audio.write_bytes(b"RIFF nothing of the kind")
        return run

    return prepare


def test_unreadable_clip_is_named_and_counted(toy, broken, caplog):
    run = broken(7)
    train.resume(run)
    assert caplog.text.count("clip07.wav") == 1
    assert [record["unreadable"] for record in history(run)] == [1, 1]


def test_too_many_unreadable_clips(toy, broken):
    with pytest.raises(DataError, match=r"2 of 16 clips cannot be read, the first: .*"):
        train.resume(broken(7, 8))


def test_batch_of_unreadable_clips_does_not_shift_the_rest(
    toy, broken, stop, monkeypatch, recipe
):
    run = broken(1)  # the shortest clip: a batch of its own
    text = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(
        text.replace("batch_length: 2.0", "batch_length: 0.3")
    )
    stop(3)
    with pytest.raises(KeyboardInterrupt):
        train.resume(run)
    facts, _ = state(run)
    assert (facts["step"], facts["batch"]) == (3, 4)


def test_clips_that_cannot_be_trained_on(toy, recipe, tones, tmp_path, caplog):
    clips = list(read_manifest(tones / "clips.jsonl"))
    odd = [
        type(clips[0])(clips[1].audio, "ABCDE ABCDE ABCDE", clips[1].duration),
        type(clips[0])(clips[2].audio, "?!", clips[2].duration),
    ]
    write_manifest(tmp_path / "odd.jsonl", [*clips, *odd])
    train.train(
        recipe(
            f"data.train=[{{path: {tmp_path}/odd.jsonl}}]",
            "data.longest=0.9",
            "data.characters=' ABCDE'",
        ),
        tmp_path / "run",
    )
    warned = [record.getMessage() for record in caplog.records]
    assert "left out 1 of the training data: more characters than CTC frames" in warned
    assert "left out 1 of the training data: no text after normalisation" in warned
    assert any("longer than 0.9 s (data.longest)" in line for line in warned)


def test_nothing_to_train_on(recipe, tmp_path):
    with pytest.raises(DataError, match=r"nothing can be trained on: 16 longer than"):
        train.train(recipe("data.longest=0.1"), tmp_path / "run")
    (tmp_path / "empty.jsonl").write_text("")
    empty = f"data.train=[{{path: {tmp_path}/empty.jsonl}}]"
    with pytest.raises(DataError, match=r"empty\.jsonl: no utterances"):
        train.train(recipe(empty), tmp_path / "other")
    assert not (tmp_path / "other" / TRAIN).exists()
    with pytest.raises(DataError, match="gone"):
        train.train(recipe("data.train=[{path: gone.jsonl}]"), tmp_path / "third")


def test_a_ctc_head_without_a_loss(recipe, tmp_path):
    with pytest.raises(RecipeError, match=r"set model\.ctc to false"):
        train.train(recipe("train.ctc_weight=0"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_folder_that_holds_a_run(recipe, tiny_run):
    with pytest.raises(TrainingError, match="contains a run; go on with"):
        train.train(recipe(), tiny_run)


def test_run_that_is_done(caplog, toy, tmp_path, recipe):
    train.train(recipe("train.epochs=1"), tmp_path / "run")
    before = (tmp_path / "run" / CHECKPOINT).read_bytes()
    assert train.resume(tmp_path / "run") == tmp_path / "run" / MODEL
    assert "all 1 epochs are done" in caplog.text
    assert (tmp_path / "run" / CHECKPOINT).read_bytes() == before


def test_unknown_fault_in_the_step_is_not_hidden(toy, recipe, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise ZeroDivisionError("of its own")

    monkeypatch.setattr(Toy, "compute_loss", fail)
    with pytest.raises(ZeroDivisionError, match="of its own"):
        train.train(recipe(), tmp_path / "run")


def test_a_limit_takes_the_first(tones, tiny_recipe, monkeypatch, tmp_path):
    monkeypatch.setenv("ASR_DATA", str(tones))
    source = "data.train=[{path: clips.jsonl, limit: 3, repeat: 2}]"
    collect(load_recipe(tiny_recipe, [source]), tmp_path)
    found = [clip.id for clip in read_manifest(tmp_path / TRAIN)]
    assert found == ["clip00", "clip01", "clip02"] * 2
