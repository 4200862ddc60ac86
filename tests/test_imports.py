"""Imports follow the order of packages, and starting up stays cheap."""

from __future__ import annotations

import ast
import graphlib
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PACKAGES = [
    "errors", "arrays", "files", "config", "text", "formats", "audio", "metrics",
    "model", "layers", "decoding", "runtime", "data", "corpora", "reports", "tasks",
    "storage", "language_model", "inference", "evaluation", "batch", "deployment",
    "training", "cli", "__main__",
]  # fmt: skip
"""In the order of imports: a package imports only what stands before it."""

HEAVY = (
    "asr.model", "asr.layers", "asr.training",
    "asr.storage.keras_model", "asr.deployment.keras_functions",
    "asr.deployment.saved_model", "asr.deployment.litert",
)  # fmt: skip
"""Packages and modules that import Keras; all others run without it."""

MODEL_IMPORTS = {"arrays", "audio", "config", "errors", "model"}
"""What the network may import."""

POSIX = {
    "crypt", "curses", "fcntl", "grp", "nis", "ossaudiodev", "posix", "pty", "pwd",
    "readline", "resource", "spwd", "syslog", "termios", "tty",
}  # fmt: skip
"""Modules of the standard library that Windows lacks."""


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
            if name.split(".")[0] == "asr"
            and node not in skipped
            # A constant: nothing is loaded for it.
            and name != "asr.__version__"
        } - {module}
    return graph


def package_of(module: str) -> str:
    package = module.split(".")[1]
    assert package in PACKAGES, f"give asr.{package} a place in PACKAGES"
    return package


def faults(graph: dict[str, set[str]]) -> list[str]:
    """Every edge that goes to a later package, or that a rule of its own forbids."""
    found = []
    for module, targets in graph.items():
        for target in targets:
            if module == "asr":
                found.append(f"asr imports {target}; its names are to be lazy")
            elif target == "asr":
                if package_of(module) not in ("cli", "__main__"):
                    found.append(f"{module} imports asr itself")
            elif forbidden(module, target):
                found.append(f"{module} imports {target}")
    return found


def forbidden(module: str, target: str) -> bool:
    importer, imported = package_of(module), package_of(target)
    if target.startswith("asr.model.kernels") and importer != "model":
        return True
    if importer == "model":
        return imported not in MODEL_IMPORTS
    if importer == "decoding" and imported == "model":
        return True
    return PACKAGES.index(imported) > PACKAGES.index(importer)


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


def light(sources: dict[str, str]) -> list[str]:
    return [name for name in sources if not name.startswith(HEAVY)]


def test_imports_follow_the_order_of_packages(sources):
    assert faults(edges(sources)) == []


def test_no_cycles(sources):
    graph = edges(sources)
    # A package's __init__ may gather its modules, and they their siblings.
    list(graphlib.TopologicalSorter(graph).static_order())


def test_light_packages_do_without_keras(sources):
    heavy = {name: heavy_imports(sources[name]) for name in light(sources)}
    assert {name: found for name, found in heavy.items() if found} == {}


def posix_imports(source: str) -> list[str]:
    """What a module imports that Windows lacks, outside `try` and platform checks."""
    tree = ast.parse(source)
    guards = [
        node
        for node in ast.walk(tree)
        if (isinstance(node, ast.Try) and "ImportError" in catches(node))
        or (isinstance(node, ast.If) and "sys.platform" in ast.unparse(node.test))
    ]
    guarded = {inner for guard in guards for inner in ast.walk(guard)}
    return [
        name
        for node, name in imports(tree)
        if node not in guarded and name.split(".")[0] in POSIX
    ]


def catches(node: ast.Try) -> str:
    """What a `try` statement catches, as text."""
    return " ".join(ast.unparse(it.type) for it in node.handlers if it.type)


def test_light_packages_import_nothing_that_windows_lacks(sources):
    found = {name: posix_imports(sources[name]) for name in light(sources)}
    assert {name: names for name, names in found.items() if names} == {}


def test_posix_imports_are_found():
    assert posix_imports("import fcntl") == ["fcntl"]
    assert posix_imports("def f():\n from resource import getrusage") == [
        "resource.getrusage"
    ]
    assert posix_imports("try:\n import pwd\nexcept ImportError:\n pwd = None") == []
    assert posix_imports("try:\n import pwd\nexcept ValueError: pass") == ["pwd"]
    assert posix_imports("if sys.platform != 'win32':\n import termios") == []
    assert posix_imports("import signal") == []


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("asr.text.x", "from asr.corpora import CORPORA", "asr.text.x imports asr.cor"),
        (
            "asr.text.x",
            "def f():\n from asr.cli import main",
            "asr.text.x imports asr.",
        ),
        ("asr.text.x", "import asr", "asr.text.x imports asr itself"),
        ("asr", "from asr.text.x import y", "asr imports asr.text.x; its names"),
        ("asr.decoding.x", "import asr.model.decoder", "asr.decoding.x imports"),
        ("asr.model.x", "from asr.text.x import y", "asr.model.x imports"),
        ("asr.training.x", "import asr.model.kernels.gru", "asr.training.x imports"),
    ],
)
def test_a_forbidden_edge_is_found(module, source, fault):
    names = (
        "asr", "asr.text", "asr.text.x", "asr.corpora", "asr.cli", "asr.model",
        "asr.model.decoder", "asr.model.kernels.gru",
    )  # fmt: skip
    package = {**dict.fromkeys(names, ""), module: source}
    (found,) = faults(edges(package))
    assert found.startswith(fault)


def test_an_unknown_package_is_found():
    with pytest.raises(AssertionError, match=r"give asr\.attic a place"):
        faults(edges({"asr.attic": "import asr.text", "asr.text": ""}))


def test_a_cycle_is_found():
    package = {"asr.text.a": "import asr.text.b", "asr.text.b": "import asr.text.a"}
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


def test_light_packages_load_no_tensorflow(sources):
    loaded = loaded_after("\n".join(f"import {name}" for name in light(sources)))
    assert not loaded & {"tensorflow", "keras", "librosa", "jax", "ray"}


def test_the_server_alone_loads_its_libraries(sources):
    others = [it for it in light(sources) if not it.startswith("asr.deployment.server")]
    loaded = loaded_after("\n".join(f"import {name}" for name in others))
    assert not loaded & {"starlette", "uvicorn", "websockets", "multipart"}


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        ([], {"tensorflow", "keras", "numpy", "soundfile", "rich", "yaml"}),
        (["--help"], {"tensorflow", "keras", "numpy", "soundfile", "rich", "yaml"}),
        (["score", "--help"], {"tensorflow", "keras", "soundfile"}),
        (["prepare", "--help"], {"tensorflow", "keras", "matplotlib"}),
        (["transcribe", "--help"], {"tensorflow", "numpy", "soundfile", "rich"}),
        (["evaluate", "--help"], {"tensorflow", "keras"}),
        (["serve", "--help"], {"numpy", "starlette", "uvicorn"}),
        (["batch", "--help"], {"tensorflow", "keras", "onnxruntime", "ray"}),
        (["train", "--help"], {"tensorflow", "keras"}),
    ],
)
def test_help_loads_little(arguments, absent):
    loaded = loaded_after(f"from asr.cli.main import main\nmain({arguments!r})")
    assert not loaded & absent


def test_status_comes_before_what_takes_its_time():
    program = """
from asr.cli import terminal
from asr.cli.main import main
def status(text):
    assert text == "loading english ...", text
    raise KeyboardInterrupt
terminal.status = status
assert main(["transcribe", "data/samples/river.wav"]) == 130
"""
    loaded = loaded_after(program)
    assert not loaded & {"numpy", "soundfile", "onnxruntime", "rich", "jiwer"}


def test_onnx_runtime_reports_to_nobody(tmp_path, monkeypatch):
    # Its telemetry writes the number of a session into this folder.
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    loaded = loaded_after("import asr.runtime.network")
    assert "onnxruntime" in loaded
    assert list(tmp_path.iterdir()) == []


def test_importing_the_package_loads_nothing_heavy():
    loaded = loaded_after("import asr; asr.__version__; dir(asr)")
    assert not loaded & {"tensorflow", "keras", "numpy", "click"}


def test_public_names_are_where_they_are_said_to_be():
    import asr
    from asr.formats.transcript import Transcript

    assert asr.Transcript is Transcript
    assert set(asr.__all__) == set(asr._HOMES) <= set(dir(asr))
    with pytest.raises(AttributeError, match="no attribute 'transcrib'"):
        asr.transcrib  # noqa: B018 - the access is what is tested


def test_layers_are_a_public_module():
    loaded = loaded_after(
        "import asr, sys; assert 'keras' not in sys.modules; asr.layers.LuongAttention"
    )
    assert "keras" in loaded


def test_every_public_name_exists():
    import asr

    for name in asr.__all__:
        module = importlib.import_module(asr._HOMES[name])
        assert getattr(asr, name) is vars(module)[name]
        assert getattr(getattr(asr, name), "__module__", module.__name__) == (
            module.__name__
        )


def test_architecture_names_every_package():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"^asr/(\w+)(?:/|\.py)\s", page, re.MULTILINE)
    assert named == [name for name in PACKAGES if name != "__main__"]


def test_only_six_modules_stand_beside_the_packages():
    top = {path.stem for path in (ROOT / "asr").glob("*.py")}
    assert top == {"__init__", "__main__", "errors", "arrays", "files", "layers"}
    inits = (ROOT / "asr").glob("*/__init__.py")
    full = {path.parent.name for path in inits if path.read_text(encoding="utf-8")}
    assert full == {"corpora", "tasks", "model"}
