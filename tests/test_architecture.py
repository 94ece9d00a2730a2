"""The shape of the house: which package may import which, what stays light, how long things get, what is typed.

ARCHITECTURE.md draws the same arrows. A new package or module at the top of labutils gets a line in ARROWS.
"""

import ast
import subprocess
import sys
import tomllib
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
CODE = sorted(path.relative_to(ROOT) for folder in ("labutils", "tests") for path in (ROOT / folder).rglob("*.py"))
LABUTILS = [path for path in CODE if path.parts[0] == "labutils" and len(path.parts) > 1]
NOTEBOOKS = sorted(path.relative_to(ROOT) for path in ROOT.glob("notebooks/*/*.ipynb"))
TYPED = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["files"]

# What each part of labutils may import of labutils, besides itself.
ARROWS = {
    "arrays": set(),
    "builds_on": set(),
    "files": set(),
    "mcmc": set(),
    "schedules": set(),
    "sde": set(),
    "distributions": set(),
    "plots": {"arrays", "mcmc"},
    "checks": {"arrays", "builds_on", "distributions", "plots", "reference"},
    "reference": {"distributions", "schedules", "vpsde.toy"},
    "vpsde": {"distributions", "files", "plots"},
    "judge": {"builds_on", "files"},
    "course": {"builds_on", "files", "judge"},
}
FOR_STUDENTS = {"sde", "schedules", "distributions", "mcmc", "checks", "plots", "vpsde"}


def code_of(path):
    """The source of a module; of a notebook, all its code cells without their magics."""
    if path.suffix == ".py":
        return (ROOT / path).read_text()
    cells = nbformat.read(ROOT / path, as_version=4).cells
    lines = "\n".join(cell.source for cell in cells if cell.cell_type == "code").splitlines()
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)


def without_hidden_tests(source):
    """What is left of a notebook's code when it is released."""
    kept, hidden = [], False
    for line in source.splitlines():
        hidden = hidden or "BEGIN HIDDEN TESTS" in line
        kept += [] if hidden else [line]
        hidden = hidden and "END HIDDEN TESTS" not in line
    return "\n".join(kept)


@cache
def is_module(name):
    path = ROOT / Path(*name.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


def imported(tree):
    """The dotted names of all modules that a syntax tree imports, in functions too; `from a import b` may name a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute here"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if is_module(name) else node.module for name in names)


def parts_imported(source):
    """The parts of labutils that a source imports, such as "checks.report"."""
    names = imported(ast.parse(source))
    return {name.removeprefix("labutils.") for name in names if name.startswith("labutils.")}


def beyond(used, allowed):
    """What is used and neither allowed nor inside something that is."""
    return sorted(name for name in used if not any(f"{name}.".startswith(f"{prefix}.") for prefix in allowed))


def part_of(path):
    """ "checks" for labutils/checks/report.py, "sde" for labutils/sde.py."""
    return path.with_suffix("").parts[1]


# Arrows ---------------------------------------------------------------------------------------------------------------


def test_every_part_of_labutils_has_its_arrows():
    assert {part_of(path) for path in LABUTILS} - {"__init__"} == set(ARROWS)


@pytest.mark.parametrize("part", ARROWS)
def test_a_part_imports_only_what_its_arrows_allow(part):
    used = {path: parts_imported(code_of(path)) for path in LABUTILS if part_of(path) == part}
    wrong = {str(path): names for path, seen in used.items() if (names := beyond(seen, ARROWS[part] | {part}))}
    assert not wrong


def test_the_arrows_make_no_cycle():
    known = {part: {name.split(".")[0] for name in allowed} for part, allowed in ARROWS.items()}
    assert set(TopologicalSorter(known).static_order()) == set(ARROWS)


@pytest.mark.parametrize("package, at_home", [("tests", ()), ("nbgrader", ("course",))])
def test_a_package_stays_where_it_belongs(package, at_home):
    elsewhere = [path for path in LABUTILS if part_of(path) not in at_home]
    wrong = [path for path in elsewhere if any(n.split(".")[0] == package for n in imported(ast.parse(code_of(path))))]
    assert not wrong, f"import {package}"


def test_checks_know_the_reference_only_while_a_hidden_test_runs():
    """A student has labutils.checks, but no labutils.reference."""
    for path in (path for path in LABUTILS if part_of(path) == "checks"):
        functions = [n for n in ast.walk(ast.parse(code_of(path))) if isinstance(n, ast.FunctionDef)]
        late = [name for function in functions for name in imported(function) if "reference" in name]
        assert [name for name in imported(ast.parse(code_of(path))) if "reference" in name] == late, path


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_imports_what_students_have_and_its_hidden_tests_the_reference_too(path):
    source = code_of(path)
    assert not beyond(parts_imported(without_hidden_tests(source)), FOR_STUDENTS)
    assert not beyond(parts_imported(source), FOR_STUDENTS | {"reference"})


@pytest.mark.parametrize(
    "statement, heavy",
    [
        ("import labutils", {"torch", "matplotlib", "numpy"}),
        ("from labutils import checks, distributions, schedules", {"torch", "matplotlib"}),
        ("from labutils import judge", {"torch", "matplotlib", "nbgrader"}),
    ],
)
def test_imports_stay_light(statement, heavy):
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "labutils" in run.stdout and not heavy & set(run.stdout.split())


# Sizes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CODE, ids=str)
def test_files_and_functions_are_short(path):
    """In tests, top-level assignments are not counted: a table of wrong answers is data, as long as it has to be."""
    tree = ast.parse(source := code_of(path))
    tables = [n for n in tree.body if isinstance(n, ast.Assign | ast.AnnAssign | ast.AugAssign)]
    data = sum(n.end_lineno - n.lineno + 1 for n in tables) if path.parts[0] == "tests" else 0
    assert len(source.splitlines()) - data <= 250
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert not {f.name: lines for f in functions if (lines := f.end_lineno - f.lineno + 1) > 40}


# Types ----------------------------------------------------------------------------------------------------------------


def public(body):
    """The public functions among some statements, with those of public classes; __init__ and __call__ are public."""
    for node in body:
        if node.__class__ is ast.ClassDef and not node.name.startswith("_"):
            yield from public(node.body)
        elif isinstance(node, ast.FunctionDef) and (node.name[0] != "_" or node.name in ("__init__", "__call__")):
            yield node


def without_types(function):
    """The names of a function's parameters, and "return", that have no annotation."""
    a = function.args
    given = [*a.posonlyargs, *a.args, *a.kwonlyargs, *(p for p in (a.vararg, a.kwarg) if p)]
    bare = [p.arg for p in given if p.annotation is None and p.arg not in ("self", "cls")]
    return bare + ([] if function.returns else ["return"])


@pytest.mark.parametrize("package", TYPED)
def test_public_functions_say_their_types(package):
    """Those of the packages that mypy looks at: see pyproject.toml."""
    paths = [path for path in LABUTILS if Path(package) in path.parents]
    assert paths
    functions = [(path, f) for path in paths for f in public(ast.parse(code_of(path)).body)]
    assert not [f"{path}:{f.lineno} {f.name}: {bare}" for path, f in functions if (bare := without_types(f))]
