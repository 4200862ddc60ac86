"""Progress of a training: bar, lines, TensorBoard, warnings."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
import tensorflow as tf

from asr.errors import OutputError
from asr.training.callbacks import (
    ProgressBar,
    TensorBoard,
    alignment_quality,
    is_dead,
    warn_of_dead_attention,
)

RECORD = {"epoch": 1, "loss": 1.25, "dev_cer": 0.5, "minutes": 0.1}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def use(bar: ProgressBar) -> None:
    with bar:
        bar.start_epoch(0, total=100.0, done=20.0)
        bar.advance(30.0, {"loss": 1.5, "ctc_loss": 2.0})
        bar.finish_epoch(RECORD, best=1)


def test_without_a_terminal_there_is_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    use(ProgressBar(3))
    assert sys.stderr.getvalue() == (
        "epoch 1/3  loss 1.250  dev CER 50.0 %  6 s so far  best so far  0 s left\n"
    )


def test_bar_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    use(ProgressBar(3))
    drawn = sys.stderr.getvalue()
    assert "epoch 1/3" in drawn
    assert " 50%" in drawn  # 20 s were done before, 30 s now
    assert "loss 1.500  ctc 2.000" in drawn
    assert " s/s" in drawn


def test_lines_within_an_epoch(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    bar = ProgressBar(3)
    bar.start_epoch(1, total=100.0, done=20.0)
    for minutes, loss in ((1, 4.0), (2, 3.0), (3, 2.0), (5, 1.5)):
        clock[0] = 60.0 * minutes
        bar.advance(10.0, {"loss": loss})
    # 20 in 2 minutes leave 60 for 6 minutes; 40 in 5 minutes leave 40 for 5 minutes.
    assert sys.stderr.getvalue().splitlines() == [
        "epoch 2/3  40%  loss 3.000  6 min left in this epoch",
        "epoch 2/3  60%  loss 1.500  5 min left in this epoch",
    ]


def test_the_line_of_an_epoch(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    bar = ProgressBar(10)
    record = {"epoch": 3, "ctc_loss": 2.5, "dev_wer": 0.123, "dev_bleu": 31.25}
    record |= {"rate": 512.4, "learning_rate": 1.5e-3, "unreadable": 2, "minutes": 7.0}
    clock[0] = 120.0  # two minutes for an epoch
    bar.finish_epoch(record, best=2)
    assert sys.stderr.getvalue() == (
        "epoch 3/10  CTC loss 2.500  dev WER 12.3 %  dev BLEU 31.250  512 s/s  "
        "learning rate 0.0015  unreadable 2  7 min so far  best: epoch 2  14 min left\n"
    )


def test_rate_is_audio_over_time(monkeypatch):
    clock = iter([0.0, 10.0, 20.0, 20.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock, 20.0))
    bar = ProgressBar(1)
    bar._started, bar._read = 0.0, 100.0
    monkeypatch.setattr("time.monotonic", lambda: 20.0)
    assert bar.rate == 5.0


def events(folder):
    (path,) = folder.iterdir()
    found = {}
    for event in tf.compat.v1.train.summary_iterator(str(path)):
        for value in event.summary.value:
            found[value.tag] = (event.step, tf.make_ndarray(value.tensor))
    return found


def test_tensorboard(tmp_path):
    board = TensorBoard(tmp_path / "logs")
    board.write(4, RECORD, np.full((5, 7, 3), 200, "uint8"))
    found = events(tmp_path / "logs")
    assert found["dev/cer"] == (4, 0.5)
    assert found["train/loss"] == (4, 1.25)
    assert "epoch" not in found  # it is the axis
    step, image = found["attention"]
    assert (step, image[0], image[1]) == (4, b"7", b"5")
    assert image[2].startswith(b"\x89PNG")


def test_tensorboard_that_cannot_be_written(tmp_path, monkeypatch):
    board = TensorBoard(tmp_path / "logs")

    def full():
        raise tf.errors.ResourceExhaustedError(None, None, "No space left\nsecond line")

    monkeypatch.setattr(board._writer, "flush", full)
    with pytest.raises(OutputError, match="cannot write TensorBoard events: No space"):
        board.write(1, RECORD, None)


def test_tensorboard_without_tensorflow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    TensorBoard(tmp_path / "logs").write(1, RECORD, None)
    assert not (tmp_path / "logs").exists()


def test_diagonal_is_an_alignment():
    weights = np.eye(6)[None]
    assert alignment_quality(weights, np.array([6])) == (1.0, 1.0)


def test_flat_weights_are_no_alignment(caplog):
    weights = np.full((1, 5, 20), 0.05)
    monotonicity, focus = alignment_quality(weights, np.array([5]))
    assert (monotonicity, focus) == (0.0, pytest.approx(0.05))
    assert is_dead(monotonicity, focus)
    warn_of_dead_attention(monotonicity, focus)
    assert "attention is not aligned yet (monotonicity 0.00, focus 0.05)" in caplog.text


def test_backward_steps_count_against_it():
    weights = np.eye(6)[[0, 2, 1, 3, 4, 5]][None]
    monotonicity, focus = alignment_quality(weights, np.array([6]))
    assert (monotonicity, focus) == (pytest.approx(4 / 5), 1.0)


def test_padding_does_not_count():
    weights = np.concatenate([np.eye(6)[:4], np.full((2, 6), 1 / 6)])[None]
    assert alignment_quality(weights, np.array([4])) == (1.0, 1.0)
    assert alignment_quality(weights[:, :1], np.array([1])) == (1.0, 1.0)
    assert not is_dead(1.0, 1.0)
