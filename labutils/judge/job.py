"""What is to be executed of a submission, and where: the one function of a notebook and its source."""

import ast
import hashlib
import json
import re
from pathlib import Path

from labutils.builds_on import declared

LARGEST = 64 * 2**20  # bytes of all files beside a notebook that go with it into the sandbox


def grade_id(cell):
    """The name of a cell in the gradebook, or None."""
    meta = cell["metadata"].get("nbgrader")
    name = meta.get("grade_id") if isinstance(meta, dict) else None
    return name if isinstance(name, str) else None


def kind_of(cell):
    """ "setup", "solution" or "test" for a code cell of the instructor's that has a name; else ""."""
    meta = cell["metadata"].get("nbgrader") or {}
    if cell["cell_type"] != "code" or not meta:
        return ""
    return (
        "solution" if meta.get("solution") else "test" if meta.get("grade") else "setup" if meta.get("locked") else ""
    )


def exercise_of(name):
    """The exercise of a cell, "1.2" for ex_1_2_law; "" for a cell of none."""
    number = re.match(r"ex_(\d+)_(\d+)", name)
    return f"{number[1]}.{number[2]}" if number else ""


def in_order(name):
    """A sort key for exercises and cells, which puts 1.10 after 1.9."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def bound(source):
    """The names that a cell binds at its top level."""
    names = set()
    for node in _outside_functions(ast.parse(_python(source))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return names


def _outside_functions(node):
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda | ast.GeneratorExp):
            yield from _outside_functions(child)


def mentioned(source):
    """All names that a cell mentions."""
    return {node.id for node in ast.walk(ast.parse(_python(source))) if isinstance(node, ast.Name)}


def _python(source):
    """A cell without IPython's magics."""
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(source)


def modules(source):
    """The modules that the instructor's set-up and test cells import, to be loaded beforehand."""
    found = ["numpy", "matplotlib.pyplot", "matplotlib_inline.backend_inline"]
    for cell in source["cells"]:
        if kind_of(cell) in ("setup", "test"):
            for node in ast.walk(ast.parse(_python(cell["source"]))):
                if isinstance(node, ast.Import):
                    found += [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return list(dict.fromkeys(found))


def plan(notebook, source):
    """The code cells of a submission in order, each {"kind", "source", "points", "names"}, and their positions.

    Set-up and test cells are the instructor's, whatever the submission says. names: those of the interface, which
    are what the instructor's solution cells bind, that the cell or what was set up before may use. A test has its
    "name" too, and those of the tests that it "builds_on".
    """
    ours = {grade_id(cell): cell for cell in source["cells"] if kind_of(cell)}
    interface = set().union(*(bound(cell["source"]) for cell in ours.values() if kind_of(cell) == "solution"))
    always = set().union(*(mentioned(cell["source"]) for cell in ours.values() if kind_of(cell) == "setup"))
    cells, positions = [], []
    for position, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] != "code" or not cell["source"].strip():
            continue
        own = ours.get(grade_id(cell))
        kind = kind_of(own) if own else ""
        text = own["source"] if kind in ("setup", "test") else cell["source"]
        names = sorted(interface & (always | mentioned(text))) if kind in ("setup", "test") else []
        points = own["metadata"]["nbgrader"].get("points", 0) if kind == "test" else 0
        tests = {"name": grade_id(own), "builds_on": declared(own)} if kind == "test" else {}
        cells.append({"kind": kind, "source": text, "points": points, "names": names, **tests})
        positions.append(position)
    return cells, positions


def files_beside(folder):
    """The files that go with a notebook, {name: bytes}: plain ones; no link is followed, no module shadows ours."""
    found, room = {}, LARGEST
    for path in sorted(Path(folder).rglob("*")) if folder else []:
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") or part == "labutils" for part in name.parts)
        linked = any(Path(folder, *name.parts[: k + 1]).is_symlink() for k in range(len(name.parts)))
        if hidden or linked or not path.is_file() or path.suffix == ".ipynb" or name.name == "labutils.py":
            continue
        room -= path.stat().st_size
        if room >= 0:
            found[name.as_posix()] = path.read_bytes()
    return found


def key(cells, files, limits, version):
    """The name of an outcome: a hash of everything it depends on."""
    digest = hashlib.sha256(json.dumps([cells, limits, version], sort_keys=True).encode())
    for name, data in sorted(files.items()):
        digest.update(json.dumps([name, len(data)]).encode() + data)
    return digest.hexdigest()
