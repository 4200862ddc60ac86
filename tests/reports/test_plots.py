"""Plots are complete files of the right kind, and change no global state."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from PIL import Image

from asr.audio.mel import band_centres
from asr.errors import OutputError, UsageError
from asr.reports import curves, plots
from asr.reports.animation import save_animation

PNG = b"\x89PNG\r\n\x1a\n"


def diagonal(rows: int, columns: int) -> np.ndarray:
    distance = np.arange(rows)[:, None] / rows - np.arange(columns) / columns
    weights = np.exp(-0.5 * (distance / 0.03) ** 2)
    return weights / weights.sum(axis=1, keepdims=True)


def log_mel(frames: int) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal((frames, 80))
    return noise.astype(np.float32) - 8.0


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that a test draws."""
    drawn: list[Figure] = []
    save = plots.save_figure

    def keep(figure: Figure, path: str | Path, **options: Any) -> None:
        drawn.append(figure)
        save(figure, path, **options)

    monkeypatch.setattr(plots, "save_figure", keep)
    monkeypatch.setattr(curves, "save_figure", keep)
    return drawn


def labels(figure: Figure, panel: int = -1) -> list[str]:
    return [label.get_text() for label in figure.axes[panel].get_yticklabels()]


@pytest.mark.parametrize(("name", "start"), [("a.png", PNG), ("a.SVG", b"<?xml")])
@pytest.mark.parametrize("sound", [True, False])
def test_attention(tmp_path: Path, name: str, start: bytes, sound: bool) -> None:
    tokens = [*"HELLO WORLD IT IS TIME TO SEE ALL SIXTY TOKENS $5 & MORE", "</s>"]
    plots.attention(
        diagonal(len(tokens), 100),
        tokens,
        frame_seconds=0.04,
        features=log_mel(400) if sound else None,
        path=tmp_path / name,
    )
    assert (tmp_path / name).read_bytes().startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_attention_shares_its_time_axis(tmp_path: Path, figures: list[Figure]) -> None:
    plots.attention(
        diagonal(3, 50),
        ["A", " ", "B"],
        frame_seconds=0.04,
        features=log_mel(199),
        path=tmp_path / "a.png",
    )
    sound, heat = figures[0].axes[:2]
    assert sound.get_xlim() == heat.get_xlim() == (0.0, 2.0)
    assert sound.get_position().x0 == pytest.approx(heat.get_position().x0)
    assert sound.get_position().x1 == pytest.approx(heat.get_position().x1)
    assert sound.images[0].get_extent() == pytest.approx([0.0, 1.99, -0.5, 79.5])
    assert labels(figures[0], 1) == ["A", "\u2423", "B"]
    assert heat.get_ylim() == (2.5, -0.5)  # the first token on top


def test_sixty_tokens_have_a_label_each(tmp_path: Path, figures: list[Figure]) -> None:
    tokens = list("ABCDE " * 10)
    path = tmp_path / "a.png"
    plots.attention(diagonal(60, 100), tokens, frame_seconds=0.04, path=path)
    assert labels(figures[0], 0) == [t if t != " " else "\u2423" for t in tokens]


def test_many_tokens_are_labelled_by_their_words(
    tmp_path: Path, figures: list[Figure]
) -> None:
    tokens = [*" ".join(f"WORD{n:02d}" for n in range(30)), "</s>"]
    path = tmp_path / "a.png"
    plots.attention(diagonal(len(tokens), 300), tokens, frame_seconds=0.04, path=path)
    assert labels(figures[0], 0)[:30] == [f"WORD{n:02d}" for n in range(30)]


def test_many_tokens_without_words_are_thinned(
    tmp_path: Path, figures: list[Figure]
) -> None:
    path = tmp_path / "a.png"
    plots.attention(diagonal(400, 9), ["A"] * 400, frame_seconds=0.04, path=path)
    assert 50 < len(labels(figures[0], 0)) <= 112


@pytest.mark.parametrize("rows", [1, 2])
def test_the_smallest_pictures(tmp_path: Path, rows: int) -> None:
    one = np.ones((rows, 1), np.float32)
    path = tmp_path / "a.png"
    plots.attention(one, ["$"] * rows, frame_seconds=0.04, features=one, path=path)
    plots.spectrogram(np.zeros((rows, 80)), 0.01, tmp_path / "b.png")
    assert path.stat().st_size > 0 < (tmp_path / "b.png").stat().st_size


@pytest.mark.parametrize(("name", "start"), [("s.png", PNG), ("s.svg", b"<?xml")])
def test_spectrogram(tmp_path: Path, name: str, start: bytes) -> None:
    path = tmp_path / name
    plots.spectrogram(log_mel(200), 0.01, path, title="a_$b$_c.flac")
    assert path.read_bytes().startswith(start)


def test_equal_figures_give_equal_svg_files(tmp_path: Path) -> None:
    history = [{"epoch": 1, "loss": 2.0}]
    with mpl.rc_context({"svg.hashsalt": "test"}):
        curves.learning_curves(history, tmp_path / "a.svg")
        curves.learning_curves(history, tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_spectrogram_of_real_speech(
    speech_data: Path, tmp_path: Path, figures: list[Figure]
) -> None:
    soundfile = pytest.importorskip("soundfile")
    feature = pytest.importorskip("librosa.feature")
    clip = min((speech_data / "LibriSpeech" / "dev-clean").rglob("*.mp3"), default=None)
    if clip is None:
        pytest.skip("no clip of dev-clean")
    samples, rate = soundfile.read(clip, dtype="float32")
    mel = feature.melspectrogram(
        y=samples, sr=rate, n_fft=400, hop_length=rate // 100, n_mels=80
    )
    features = np.log(mel + 1e-6).T
    plots.spectrogram(features, 0.01, tmp_path / "s.png", title=clip.name)
    assert figures[0].axes[0].get_xlim()[1] == pytest.approx(len(features) / 100)
    # Speech has a hundred shades at the least, whatever the padding around it.
    assert len(np.unique(imread(tmp_path / "s.png").reshape(-1, 4), axis=0)) > 100


def test_learning_curves(tmp_path: Path, figures: list[Figure]) -> None:
    history = [
        {"epoch": 1, "loss": 9.0, "ctc_loss": 12.0, "dev_cer": 1.4, "dev_loss": 7.0},
        {"epoch": 2, "loss": 5.0, "ctc_loss": math.nan, "dev_cer": 0.9},
        {"epoch": 3, "loss": 4.0, "ctc_loss": 6.0, "dev_cer": 0.5, "dev_loss": 5.0},
    ]
    curves.learning_curves(history, tmp_path / "h.png")
    losses, rates = figures[0].axes
    drawn = {line.get_label(): line.get_xydata().tolist() for line in losses.lines}
    assert drawn == {
        "training": [[1, 9], [2, 5], [3, 4]],
        "dev": [[1, 7], [3, 5]],
        "training, CTC": [[1, 12], [3, 6]],
    }
    assert [line.get_label() for line in rates.lines] == ["dev CER"]
    assert rates.get_ylim() == (0.0, 1.0)
    assert imread(tmp_path / "h.png").size > 0


def test_learning_curves_of_one_epoch(tmp_path: Path, figures: list[Figure]) -> None:
    curves.learning_curves([{"epoch": 1, "loss": 9.0}], tmp_path / "h.svg")
    (axes,) = figures[0].axes
    assert [tick for tick in axes.get_xticks() if tick % 1] == []


@pytest.mark.parametrize("history", [[], [{"epoch": 1}], [{"epoch": 1, "loss": None}]])
def test_a_history_without_values_is_refused(
    tmp_path: Path, history: list[dict[str, float]]
) -> None:
    with pytest.raises(UsageError, match="nothing to draw"):
        curves.learning_curves(history, tmp_path / "h.png")


def test_attention_image_is_rgb_with_axes() -> None:
    image = plots.attention_image(np.eye(10, 50))
    assert image.shape == (480, 640, 3)
    assert image.dtype == np.uint8
    # The first token looks at the first frame: dark there, and light beside it.
    middle = image[30:60, 60:620].sum(axis=2)
    assert middle.min() < 200
    assert image[:, :20].min() < 100  # the label of the axis
    other = plots.attention_image(np.eye(10, 50)[::-1])
    assert (image != other).any()


@pytest.mark.parametrize("pieces", [3, 300])
def test_no_side_has_more_than_1600_pixels(tmp_path: Path, pieces: int) -> None:
    weights = diagonal(pieces, 2 * pieces)
    tokens = [f"piece{i}" for i in range(pieces)]
    plots.text_attention(weights, tokens, [*tokens, *tokens], tmp_path / "a.png")
    plots.attention(weights, tokens, frame_seconds=0.1, path=tmp_path / "b.png")
    plots.spectrogram(log_mel(3000), 0.01, tmp_path / "c.png")
    plots.attention(weights[:3], tokens[:3], frame_seconds=0.1, path=tmp_path / "a.gif")
    for path in tmp_path.iterdir():
        with Image.open(path) as picture:
            assert max(picture.size) <= 1600


def test_pieces_are_joined_to_words(tmp_path: Path, figures: list[Figure]) -> None:
    written = ["\u2581n", "'", "ai", "\u2581", "\u00e0", "</s>"]
    read = ["\u2581to", "\u2581go", "."]
    weights = np.array(
        [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0.5, 0.5], [0, 1, 0], [0, 0, 1]]
    )
    plots.text_attention(weights, written, read, tmp_path / "a.png", title="t")
    axes = figures[0].axes[0]
    assert [x.get_text() for x in axes.get_yticklabels()] == ["n'ai", "\u00e0", "</s>"]
    assert [x.get_text() for x in axes.get_xticklabels()] == ["to", "go."]
    shown = np.asarray(axes.images[0].get_array())
    np.testing.assert_allclose(shown, [[1 / 3, 2 / 3], [0, 1], [0, 1]], rtol=1e-6)
    assert axes.get_title(loc="left") == "t"
    # Grid lines lie between the cells, none through their middle.
    assert not any(line.get_visible() for line in axes.get_xgridlines())
    assert axes.get_xticks(minor=True).tolist() == [-0.5, 0.5, 1.5]


def test_bands_are_labelled_in_hertz(tmp_path: Path, figures: list[Figure]) -> None:
    plots.spectrogram(log_mel(90), 0.01, tmp_path / "a.png", rate=16000, title="x.wav")
    axes = figures[0].axes[0]
    assert axes.get_ylabel() == "frequency (Hz)"
    assert labels(figures[0], 0) == ["200", "500", "1000", "2000", "4000"]
    centres = band_centres(16000, 80)
    for place, hertz in zip(
        axes.get_yticks(), (200, 500, 1000, 2000, 4000), strict=True
    ):
        assert np.interp(place, np.arange(80), centres) == pytest.approx(hertz)
    assert axes.get_title(loc="left") == "x.wav"


def test_frames_of_an_animation_share_their_palette(tmp_path: Path) -> None:
    plots.text_attention(np.eye(3), list("abc"), list("xyz"), tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as picture:
        last = []
        for number in range(3):
            picture.seek(number)
            last.append(np.asarray(picture.convert("RGB"))[2, 2].tolist())
    assert last == [[255, 255, 255]] * 3


def test_an_animation_has_the_colours_of_the_picture(tmp_path: Path) -> None:
    figure = plots.new_figure(6.0, 4.0)
    one, two = figure.subplots(2, 1)
    one.imshow(log_mel(160).T, cmap="magma")
    two.imshow(diagonal(12, 40), cmap="Blues")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # each drawing would move the panels a little
    save_animation(figure, tmp_path / "a.gif", [None])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    with Image.open(tmp_path / "a.gif") as picture:
        errors = np.abs(np.asarray(picture.convert("RGB"), int) - drawn)
    assert errors.mean() < 3
    assert errors.max() < 48  # rare colours, as the darkest blue, are among them


def test_curves_mark_the_best_epoch_and_small_errors(
    tmp_path: Path, figures: list[Figure]
) -> None:
    rows = [
        {"epoch": e, "dev_wer": 0.5 / e**3, "learning_rate": 0.1} for e in (1, 2, 3)
    ]
    curves.learning_curves(rows, tmp_path / "a.png", best=2)
    errors, rate = figures[0].axes
    assert errors.get_yscale() == "log"
    assert rate.get_ylabel() == "learning rate"
    (line,) = [x for x in errors.lines if x.get_label() == "best epoch: 2"]
    assert list(line.get_xdata()) == [2, 2]
    curves.learning_curves(rows[:1], tmp_path / "b.png")
    assert figures[1].axes[0].get_yscale() == "linear"
    assert len(figures[1].axes[0].lines) == 1


def attention_of(weights: np.ndarray, path: Path) -> None:
    plots.attention(weights, ["A", "B"], frame_seconds=0.04, path=path)


def spectrogram_of(features: np.ndarray, path: Path) -> None:
    plots.spectrogram(features, 0.01, path)


def image_of(weights: np.ndarray, _: Path) -> None:
    plots.attention_image(weights)


@pytest.mark.parametrize("draw", [attention_of, spectrogram_of, image_of])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones(3), r"shape \(3,\)"),
        (np.ones((0, 3)), r"shape \(0, 3\)"),
        (np.full((2, 3), np.nan), "NaN or infinity"),
    ],
)
def test_invalid_matrices_are_refused(
    tmp_path: Path,
    draw: Callable[[np.ndarray, Path], None],
    values: np.ndarray,
    message: str,
) -> None:
    with pytest.raises(UsageError, match=message):
        draw(values, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_rows_and_tokens_must_agree(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="3 rows of attention weights but 2 tokens"):
        attention_of(np.ones((3, 4)), tmp_path / "a.png")


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.png or \.svg"):
        attention_of(np.ones((2, 4)), tmp_path / "a.pdf")
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        attention_of(np.ones((2, 4)), tmp_path / "none" / "a.png")


def test_pyplot_stays_out(tmp_path: Path) -> None:
    code = (
        "import sys, numpy, matplotlib as mpl; from asr.reports import plots\n"
        # Reading the key `backend` is what would load pyplot.
        "keys = sorted(set(mpl.rcParams) - {'backend'})\n"
        "before = [mpl.rcParams[key] for key in keys]\n"
        f"plots.spectrogram(numpy.ones((9, 80)), 0.01, {str(tmp_path / 'a.png')!r})\n"
        f"plots.spectrogram(numpy.ones((9, 80)), 0.01, {str(tmp_path / 'a.svg')!r})\n"
        "assert [mpl.rcParams[key] for key in keys] == before\n"
        "print(sorted({'matplotlib.pyplot', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_text_attention_labels_both_sides(
    tmp_path: Path, figures: list[Figure]
) -> None:
    source = [f"piece{i}" for i in range(60)]
    written = [f"$w{i}" for i in range(40)]
    weights = np.random.default_rng(0).dirichlet(np.ones(60), 40)
    plots.text_attention(weights, written, source, tmp_path / "a.png")
    (figure,) = figures
    axes = figure.axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == source
    assert [tick.get_text() for tick in axes.get_yticklabels()] == written
    # No label touches the next: each has its own stretch of the axis.
    figure.draw_without_rendering()
    boxes = [tick.get_window_extent() for tick in axes.get_xticklabels()]
    edges = sorted((box.x0, box.x1) for box in boxes)
    assert all(a[1] <= b[0] + 1 for a, b in itertools.pairwise(edges))


def test_an_animation_grows(tmp_path: Path) -> None:
    weights = np.eye(3, 4)
    plots.text_attention(weights, list("abc"), list("wxyz"), tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.n_frames == 3
        frames = []
        for number in range(3):
            picture.seek(number)
            frames.append(np.asarray(picture.convert("RGB"), int))
    assert np.abs(frames[0] - frames[1]).sum() > 0
    assert np.abs(frames[1] - frames[2]).sum() > 0
    plots.attention(weights, list("abc"), frame_seconds=0.1, path=tmp_path / "b.gif")
    assert (tmp_path / "b.gif").read_bytes().startswith(b"GIF89a")


def test_a_long_animation_has_few_frames_and_shows_all_in_the_end(
    tmp_path: Path,
) -> None:
    weights = np.zeros((100, 4))
    weights[:-1, 0] = weights[-1, 3] = 1.0  # only the last row looks at the end
    path = tmp_path / "a.gif"
    plots.attention(weights, ["a"] * 100, frame_seconds=0.1, path=path)
    with Image.open(path) as picture:
        assert picture.n_frames == 60
        frames = []
        for number in (57, 58, 59):
            picture.seek(number)
            frames.append(np.asarray(picture.convert("RGB"), int))
    right = slice(frames[0].shape[1] * 6 // 10, frames[0].shape[1] * 8 // 10)
    before, last = (
        np.abs(b - a)[:, right].max() for a, b in itertools.pairwise(frames)
    )
    assert before < 30 < 100 < last


def test_text_attention_of_wrong_shape(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a row for each token"):
        plots.text_attention(np.eye(3), list("ab"), list("abc"), tmp_path / "a.png")
    with pytest.raises(UsageError, match="animations"):
        plots.text_attention(np.eye(2), list("ab"), list("ab"), tmp_path / "a.bmp")


def test_curves_of_other_tasks(tmp_path: Path, figures: list[Figure]) -> None:
    rows = [
        {"epoch": e, "loss": 3 / e, "dev_bleu": 9.0 * e, "dev_chrf": 20.0 * e}
        for e in (1, 2)
    ]
    curves.learning_curves(rows, tmp_path / "a.png")
    assert [axes.get_ylabel() for axes in figures[0].axes] == ["loss", "score"]
    curves.learning_curves([{"epoch": 1, "dev_rouge1": 0.3}], tmp_path / "b.png")
    assert [axes.get_ylabel() for axes in figures[1].axes] == ["ROUGE"]
    curves.learning_curves([{"epoch": 1, "dev_accuracy": 0.9}], tmp_path / "c.png")
    assert [axes.get_ylabel() for axes in figures[2].axes] == ["accuracy"]
