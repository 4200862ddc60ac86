"""Imports go down the floors of docs/architecture.md, and starting up stays cheap."""

from __future__ import annotations

import ast
import graphlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

FLOORS = [
    {"errors", "resources", "config"},
    {
        "english", "stored", "shards", "text", "tokenizers", "audio", "recording",
        "microphone",
        "voice_activity", "segment", "word_times", "transcript", "subtitles",
        "doubts", "calibration",
        "manifest", "pairs", "withheld", "alignment", "sclite", "scoring",
        "significance", "text_scores", "pronunciation",
        "stm_ctm", "score_files", "score_report", "html_report", "run_report",
        "environment", "writers", "plots",
    },
    {
        "download", "extraction", "corpora", "piece_splitting", "distortion",
        "batching", "graph_audio",
    },
    {"tensors", "model", "decoding"},
    {"tasks"},
    {
        "ngrams", "ngram_mixture", "source_texts", "language_model", "checkpoint",
        "model_card", "predictor", "recognition_options", "draft",
        "pipeline",
        "text_pipeline",
        "evaluation", "evaluation_page", "experiment", "text_evaluation", "training",
        "run_state",
        "optimization", "monitoring", "training_data", "dev_scores", "compiled_search",
        "two_pass_search",
        "devices", "comparison", "estimation",
    },
    {"cli", "__main__"},
]  # fmt: skip
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

# What each part of the model may import of the others. `seq2seq` may import them all;
# a module that is not named here is a leaf that any of them may use.
MODEL_PARTS = {
    "bahdanau": set(),
    "attention": {"bahdanau"},
    "decoder_loop": {"bahdanau"},
    "decoder": {"attention", "copying", "decoder_loop"},
    "transformer": {"attention"},
    "encoder": {"transformer"},
    "losses": set(),
    "phone_head": set(),
    "seq2seq": {
        "attention", "copying", "decoder", "encoder", "losses", "phone_head", "pooling",
    },
}  # fmt: skip


def module_name(path: Path, package_root: Path) -> str:
    parts = path.relative_to(package_root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def type_checking_only(tree: ast.AST) -> set[ast.AST]:
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }


def imports(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Every import statement and the dotted names that it may bind."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are banned"
            for alias in node.names:
                yield node, f"{node.module}.{alias.name}"


def resolve(name: str, modules: set[str]) -> str:
    """`asr.text.normalizer` -> `asr.text`: the module that the name lives in."""
    while name not in modules:
        name = name.rpartition(".")[0]
    return name


def edges(sources: dict[str, str]) -> dict[str, set[str]]:
    """Module -> modules of the package that it imports, anywhere in its code."""
    graph = {}
    for module, source in sources.items():
        tree = ast.parse(source)
        # The package's own names are lazy: only type checkers see where they live.
        skipped = type_checking_only(tree) if module == "asr" else set()
        graph[module] = {
            resolve(name, set(sources))
            for node, name in imports(tree)
            if name.split(".")[0] == "asr" and node not in skipped
        } - {module}
    return graph


def floor_of(module: str) -> int:
    room = module.split(".")[1]
    assert room in FLOOR, f"say in FLOORS and docs/architecture.md where asr.{room} is"
    return FLOOR[room]


def faults(graph: dict[str, set[str]]) -> list[str]:
    """Every edge that goes up, or that a rule of its own forbids."""
    found = []
    for module, targets in graph.items():
        for target in targets:
            if module == "asr":
                found.append(f"asr imports {target}; its names are to be lazy")
            elif target == "asr":
                if floor_of(module) < FLOOR["cli"]:
                    found.append(f"{module} imports asr itself")
            elif floor_of(target) > floor_of(module) or forbidden(module, target):
                found.append(f"{module} imports {target}")
    return found


def forbidden(module: str, target: str) -> bool:
    if module.startswith("asr.decoding"):
        return target.startswith("asr.model")
    if module.startswith("asr.model.") and target.startswith("asr.model."):
        source, part = module.split(".")[2], target.split(".")[2]
        return part in MODEL_PARTS and part not in MODEL_PARTS.get(source, set())
    # The core knows neither files, text nor corpora.
    core = ("asr.model", "asr.decoding")
    return module.startswith(core) and floor_of(target) in (1, 2)


def at_module_level(node: ast.AST) -> Iterator[ast.AST]:
    """Statements that run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield child
        yield from at_module_level(child)


def heavy_imports(source: str) -> list[str]:
    """What a module imports of Keras and TensorFlow while it is itself imported."""
    tree = ast.parse(source)
    skipped = type_checking_only(tree)
    running = set(at_module_level(tree)) - skipped
    return [
        name
        for node, name in imports(tree)
        if node in running and name.split(".")[0] in ("keras", "tensorflow")
    ]


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    return {
        module_name(path, ROOT): path.read_text(encoding="utf-8")
        for path in sorted((ROOT / "asr").rglob("*.py"))
    }


def low(sources: dict[str, str]) -> list[str]:
    return [name for name in sources if name != "asr" and floor_of(name) <= 2]


def test_imports_go_down(sources):
    assert faults(edges(sources)) == []


def test_no_cycles(sources):
    graph = edges(sources)
    # A package's __init__ may gather its modules, and they their siblings.
    list(graphlib.TopologicalSorter(graph).static_order())


def test_low_floors_do_without_keras(sources):
    heavy = {name: heavy_imports(sources[name]) for name in low(sources)}
    assert {name: found for name, found in heavy.items() if found} == {}


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("asr.text", "from asr.corpora import CORPORA", "asr.text imports asr.corpora"),
        ("asr.text", "def f():\n from asr.cli import main", "asr.text imports asr.cli"),
        ("asr.text", "import asr", "asr.text imports asr itself"),
        ("asr", "from asr.text import x", "asr imports asr.text; its names"),
        ("asr.decoding.beam", "import asr.model.decoder", "asr.decoding.beam imports"),
        ("asr.model.decoder", "import asr.model.encoder", "asr.model.decoder imports"),
        ("asr.model.masks", "import asr.model.decoder", "asr.model.masks imports"),
        ("asr.model.decoder", "from asr.text import x", "asr.model.decoder imports"),
    ],
)
def test_a_forbidden_edge_is_found(module, source, fault):
    names = (
        "asr", "asr.text", "asr.corpora", "asr.cli", "asr.model", "asr.model.decoder",
        "asr.model.encoder",
    )  # fmt: skip
    package = {**dict.fromkeys(names, ""), module: source}
    (found,) = faults(edges(package))
    assert found.startswith(fault)


def test_an_unknown_room_is_found():
    with pytest.raises(AssertionError, match=r"where asr\.attic is"):
        faults(edges({"asr.attic": "import asr.text", "asr.text": ""}))


def test_a_cycle_is_found():
    package = {"asr.text": "import asr.audio", "asr.audio": "import asr.text"}
    with pytest.raises(graphlib.CycleError):
        list(graphlib.TopologicalSorter(edges(package)).static_order())


def test_heavy_imports_are_found_at_module_level_only():
    assert heavy_imports("if True:\n    import keras.ops as ops") == ["keras.ops"]
    assert heavy_imports("def f():\n    import tensorflow") == []
    assert heavy_imports("if TYPE_CHECKING:\n    import keras") == []


def loaded_after(program: str) -> set[str]:
    """Run Python code in a new process and list the modules that it loaded."""
    program += "\nimport sys, json; print(json.dumps(list(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return set(json.loads(result.stdout.splitlines()[-1]))


def test_low_floors_load_no_tensorflow(sources):
    loaded = loaded_after("\n".join(f"import {name}" for name in low(sources)))
    assert not loaded & {"tensorflow", "keras", "librosa", "jax"}


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        ([], {"tensorflow", "keras", "numpy", "soundfile", "rich", "yaml"}),
        (["--help"], {"tensorflow", "keras", "numpy", "soundfile", "rich", "yaml"}),
        (["score", "--help"], {"tensorflow", "keras", "soundfile"}),
        (["prepare", "--help"], {"tensorflow", "keras", "matplotlib"}),
        (["transcribe", "--help"], {"tensorflow", "keras"}),
        (["evaluate", "--help"], {"tensorflow", "keras"}),
        (["train", "--help"], {"tensorflow", "keras"}),
    ],
)
def test_help_loads_little(arguments, absent):
    loaded = loaded_after(f"from asr.cli.main import main\nmain({arguments!r})")
    assert not loaded & absent


def test_importing_the_package_loads_nothing_heavy():
    loaded = loaded_after("import asr; asr.__version__; dir(asr)")
    assert not loaded & {"tensorflow", "keras", "numpy", "click"}


def test_public_names_are_where_they_are_said_to_be():
    import asr
    from asr.transcript import Transcript

    assert asr.Transcript is Transcript
    assert set(asr.__all__) == set(asr._HOMES) <= set(dir(asr))
    with pytest.raises(AttributeError, match="no attribute 'transcrib'"):
        asr.transcrib  # noqa: B018 - the access is what is tested


def test_every_public_name_exists():
    import asr

    for name in asr.__all__:
        assert getattr(asr, name).__module__ == asr._HOMES[name]


def test_the_picture_is_true():
    """docs/architecture.md names every room, and no room that is not there."""
    picture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^(asr/[\w/]+(?:\.py)?)\s", picture, re.MULTILINE))
    there = {
        f"asr/{path.name}{'/' if path.is_dir() else ''}"
        for path in (ROOT / "asr").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert there - named - {"asr/model/"} == set()
    assert {name for name in named if not (ROOT / name).exists()} == set()
