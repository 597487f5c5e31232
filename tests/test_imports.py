"""The direction of imports, read from the source: no file of the project is imported for it.

Imports inside functions and under ``if TYPE_CHECKING`` count too, and `importlib.import_module` of
a name that is written out.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 350
"""Lines of a module."""

TRUNK_ORDER = (
    "labels", "svdb", "mitdb", "recognise", "lead_names", "records", "blocks", "signals",
    "detector", "r_peaks", "rr", "p_wave", "polarity", "origin", "beats", "leads", "sequences",
    "templates", "slopes", "delineate", "limits", "rhythm", "fusion", "second_stage",
    "model_settings",
    "decision", "forward", "model", "classifier", "predictions", "naming",
)  # fmt: skip
"""The order of the data, in which the trunk is read; each imports only from those before it."""

BASE = ("errors", "files", "backend")
"""Modules that every module may import."""

FACES = (
    "arrhythmia", "arrhythmia.__main__", "arrhythmia.interface", "arrhythmia.record_commands",
    "arrhythmia.stream_command", "predict",
)  # fmt: skip
"""What users call: may import anything of the package."""

MAY_IMPORT = {
    "trunk": {"trunk", "formats"},
    "formats": {"trunk", "formats"},
    "train": {"trunk", "train"},
    "trust": {"trunk", "trust"},
    "explain": {"trunk", "trust", "explain"},
    "evaluate": {"trunk", "trust", "stream", "evaluate"},
    "annotate": {"trunk", "trust", "annotate"},
    "stream": {"trunk", "stream"},
    "app": {"trunk", "trust", "explain", "annotate", "stream", "faces", "app"},
    "faces": {
        "trunk",
        "train",
        "trust",
        "explain",
        "evaluate",
        "annotate",
        "stream",
        "faces",
        "app",
    },
    "studies": {
        "trunk",
        "train",
        "trust",
        "explain",
        "evaluate",
        "annotate",
        "stream",
        "faces",
        "studies",
    },
}
"""Part of the project to the parts that it may import."""

Graph = dict[str, set[str]]


def modules(root: Path) -> dict[str, Path]:
    """Name of every module of the package, of the studies and of ``predict.py`` to its file."""
    files = [*root.glob("arrhythmia/**/*.py"), *root.glob("studies/**/*.py")]
    files += root.glob("predict.py")
    named = {}
    for file in sorted(files):
        parts = file.relative_to(root).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return named


def names_imported(module: str, file: Path) -> Iterator[tuple[str, str | None]]:
    """Each module that a file names, and what it takes from it (None for all of it)."""
    package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((source, alias.name) for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            target = node.args[0]
            if name == "import_module" and isinstance(target, ast.Constant):
                yield str(target.value), None


def import_graph(root: Path) -> Graph:
    """Every module of the project to those of the project that it imports."""
    named = modules(root)
    graph: Graph = {}
    for module, file in named.items():
        found = set()
        for source, name in names_imported(module, file):
            inner = f"{source}.{name}"
            found.add(inner if inner in named else source)
        graph[module] = (found & named.keys()) - {module}
    return graph


def part_of(module: str) -> str:
    """The part of the project, a key of `MAY_IMPORT`, that a module belongs to."""
    if module in FACES:
        return "faces"
    top, *rest = module.split(".")
    if top == "studies":
        return "studies"
    return rest[0] if rest[0] in MAY_IMPORT else "trunk"


def against_direction(graph: Graph) -> list[str]:
    """Imports that the direction does not allow."""
    return [
        f"{module} imports {imported}"
        for module, found in graph.items()
        for imported in sorted(found)
        if part_of(imported) not in MAY_IMPORT[part_of(module)]
    ]


def against_order(graph: Graph) -> list[str]:
    """Imports of the trunk that point to a later module."""
    allowed = {f"arrhythmia.{name}" for name in BASE}
    bad = []
    for module in [*sorted(allowed), *(f"arrhythmia.{name}" for name in TRUNK_ORDER)]:
        bad += [f"{module} imports {found}" for found in sorted(graph[module] - allowed)]
        allowed.add(module)
    return bad


def cycles(graph: Graph) -> list[set[str]]:
    """Modules that import each other, directly or through others."""
    names = sorted(graph)
    links = np.array([[imported in graph[module] for imported in names] for module in names])
    count, numbers = connected_components(csr_array(links), connection="strong")
    groups = [set(np.array(names)[numbers == number].tolist()) for number in range(count)]
    return [group for group in groups if len(group) > 1]


# --- the project ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def graph() -> Graph:
    return import_graph(ROOT)


def test_imports_go_in_one_direction(graph: Graph) -> None:
    assert against_direction(graph) == []


def test_the_trunk_is_in_the_order_of_the_data(graph: Graph) -> None:
    assert against_order(graph) == []


def test_no_modules_import_each_other(graph: Graph) -> None:
    assert cycles(graph) == []


def test_the_package_imports_neither_studies_nor_tests() -> None:
    for module, file in modules(ROOT).items():
        sources = {source.split(".")[0] for source, _ in names_imported(module, file)}
        assert not sources & {"tests", "conftest"}, module
        assert module.startswith("studies") or "studies" not in sources, module


def test_every_module_is_seen(graph: Graph) -> None:
    """A part that is renamed must not slip through."""
    assert {part_of(module) for module in graph} == set(MAY_IMPORT)
    assert {f"arrhythmia.{name}" for name in (*TRUNK_ORDER, *BASE)} <= graph.keys()
    assert sum(map(len, graph.values())) > 100
    folders = {file.parent.name for file in ROOT.glob("arrhythmia/*/*.py")}
    assert folders <= MAY_IMPORT.keys()


@pytest.mark.parametrize("module", modules(ROOT))
def test_no_module_is_too_long(module: str) -> None:
    lines = modules(ROOT)[module].read_text("utf-8").count("\n")
    assert lines <= LONGEST


@pytest.mark.slow
def test_tensorflow_and_matplotlib_are_imported_when_they_are_needed() -> None:
    """They take seconds: input is checked before."""
    trunk = ", ".join(f"arrhythmia.{name}" for name in TRUNK_ORDER if name != "model")
    code = (
        f"import sys, arrhythmia.cli, arrhythmia.drawing, {trunk}\n"
        "print([name for name in ('keras', 'matplotlib', 'tensorflow') if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("command", ["import predict", "import arrhythmia.__main__ as predict"])
def test_help_is_shown_without_what_takes_long_to_import(command: str) -> None:
    slow = ("h5py", "matplotlib", "pandas", "pooch", "scipy", "sklearn", "tensorflow", "wfdb")
    code = (
        f"import sys\n{command}\ntry: predict.main(['--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {slow} if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_annotate_imports_neither_tensorflow_nor_matplotlib(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom arrhythmia.__main__ import main\n"
        f"assert main(['annotate', '208-excerpt', '--output-dir', {str(tmp_path)!r}]) == 0\n"
        "slow = ('keras', 'matplotlib', 'plotly', 'pooch', 'tensorflow')\n"
        "print([name for name in slow if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == "[]"


# --- the tests above can fail ---------------------------------------------------------------


def made_project(root: Path, **changes: str) -> Graph:
    """Graph of a project of empty modules but for those given: ``train__fit="import …"``."""
    texts = dict.fromkeys((*BASE, *TRUNK_ORDER, "train__fit", "explain__case"), "") | changes
    for name, text in texts.items():
        top = root if name == "predict" or name.startswith("studies") else root / "arrhythmia"
        file = top.joinpath(*name.split("__")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n", "utf-8")
    return import_graph(root)


@pytest.mark.parametrize(
    "text",
    [
        "from arrhythmia.train.fit import train",
        "from arrhythmia.train import fit",
        "import arrhythmia.train.fit as fitting",
        "from .train import fit",
        "from . import train as t, errors\nfrom .train.fit import train",
        "def later():\n    from arrhythmia.train.fit import train",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import arrhythmia.train.fit",
        "from importlib import import_module\nimport_module('arrhythmia.train.fit')",
        "import importlib\nimportlib.import_module('arrhythmia.train.fit')",
    ],
)
def test_an_import_against_the_direction_is_found(tmp_path: Path, text: str) -> None:
    graph = made_project(tmp_path, beats=text)
    assert against_direction(graph) == ["arrhythmia.beats imports arrhythmia.train.fit"]
    assert against_direction(made_project(tmp_path, beats="import numpy.train.fit")) == []


@pytest.mark.parametrize(
    ("module", "text", "allowed"),
    [
        ("train__fit", "from arrhythmia.explain.case import Case", False),
        ("trust__fit", "from arrhythmia.train.fit import train", False),
        ("explain__figure", "from arrhythmia.trust import fit", True),
        ("evaluate__scores", "from arrhythmia.explain.case import Case", False),
        ("interface", "from arrhythmia.explain.case import Case", True),
        ("studies__arms", "from arrhythmia.train.fit import train", True),
        ("beats", "import studies.arms", False),
        ("predict", "from studies import arms", False),
        ("predict", "from arrhythmia import interface", True),
    ],
)
def test_each_part_imports_what_it_may(
    tmp_path: Path, module: str, text: str, allowed: bool
) -> None:
    others = {"trust__fit": "", "studies__arms": "", "interface": ""}
    graph = made_project(tmp_path, **others | {module: text})
    assert sum(map(len, graph.values())) == 1
    assert (against_direction(graph) == []) == allowed


def test_an_import_of_a_later_module_is_found(tmp_path: Path) -> None:
    graph = made_project(tmp_path, beats="from arrhythmia.signals import bandpass")
    assert against_order(graph) == []
    graph = made_project(tmp_path, beats="from arrhythmia.model import build_network")
    assert against_order(graph) == ["arrhythmia.beats imports arrhythmia.model"]
    graph = made_project(tmp_path, beats="", errors="from arrhythmia.labels import is_beat")
    assert against_order(graph) == ["arrhythmia.errors imports arrhythmia.labels"]


def test_a_cycle_is_found_however_long(tmp_path: Path) -> None:
    graph = made_project(
        tmp_path,
        beats="from arrhythmia.signals import x",
        signals="def f():\n    from arrhythmia import labels",
        labels="from . import beats",
        model="from arrhythmia.beats import y",
    )
    assert cycles(graph) == [{"arrhythmia.beats", "arrhythmia.signals", "arrhythmia.labels"}]
    assert cycles(made_project(tmp_path, labels="")) == []
