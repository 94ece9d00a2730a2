"""From a submission to a job of the judge, and from its results to an executed notebook.

Every way to a grade comes through `prepare`, once per submission: `make grade`, `nbgrader autograde` and formgrader.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from labutils.builds_on import declared
from labutils.course.cells import grade_id, kind_of
from labutils.judge import Cell, CellResult, Job, Limits

LARGEST = 64 * 2**20  # bytes of all files beside a notebook that go with it into the sandbox, whose folder is in memory
MOST = 5_000  # of them, folders included
ALWAYS = ("numpy", "matplotlib.pyplot", "matplotlib_inline.backend_inline")  # what every notebook needs


@dataclass(frozen=True)
class Prepared:
    """A sanitized submission, the job that executes it, and the positions of the job's cells in the notebook."""

    notebook: NotebookNode
    job: Job
    positions: tuple[int, ...]

    def executed(self, results: Sequence[CellResult]) -> NotebookNode:
        """The notebook with what its cells show; no output of the student's own remains."""
        for cell in self.notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        for position, result in zip(self.positions, results, strict=True):
            cell = self.notebook.cells[position]
            cell.outputs = [nbformat.from_dict(item) for item in result.outputs]
            cell.execution_count = result.execution_count
            for item in cell.outputs:
                if item.output_type == "execute_result":
                    item.execution_count = result.execution_count
        return self.notebook


def prepare(
    notebook: NotebookNode, source: NotebookNode, files: dict[str, bytes] | None = None, limits: Limits | None = None
) -> Prepared:
    """Plan the job of a sanitized submission. source: the instructor's notebook; files: what lies beside both.

    Set-up and test cells are the instructor's, whatever the submission says. The names that they may use of the
    student's are those of the interface: what the instructor's solution cells bind.
    """
    ours = {grade_id(cell): cell for cell in source["cells"] if kind_of(cell)}
    interface = _names(bound, ours.values(), "solution")
    always = _names(mentioned, ours.values(), "setup")
    cells, positions = [], []
    for position, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] != "code" or not cell["source"].strip():
            continue
        own = ours.get(grade_id(cell))
        kind = kind_of(own) if own else ""
        if own and kind in ("setup", "test"):
            names = sorted(interface & (always | mentioned(own["source"])))
            points = own["metadata"]["nbgrader"].get("points", 0) if kind == "test" else 0
            cells.append(Cell(kind, own["source"], points, tuple(names), grade_id(own) or "", declared(own)))
        else:
            cells.append(Cell("", cell["source"]))
        positions.append(position)
    job = Job(tuple(cells), files or {}, imported_modules(source), limits or Limits())
    return Prepared(notebook, job, tuple(positions))


def _names(of, cells, kind) -> set[str]:
    return set().union(*(of(cell["source"]) for cell in cells if kind_of(cell) == kind))


def bound(source: str) -> set[str]:
    """The names that a cell binds at its top level."""
    names = set()
    for node in _outside_functions(_parsed(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return names


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda | ast.GeneratorExp):
            yield from _outside_functions(child)


def mentioned(source: str) -> set[str]:
    """All names that a cell mentions."""
    return {node.id for node in ast.walk(_parsed(source)) if isinstance(node, ast.Name)}


def _parsed(source: str) -> ast.Module:
    """The syntax tree of a cell, with IPython's magics as the calls that they stand for."""
    from IPython.core.inputtransformer2 import TransformerManager

    return ast.parse(TransformerManager().transform_cell(source))


def imported_modules(source: dict[str, Any]) -> tuple[str, ...]:
    """The modules that the instructor's set-up and test cells import, for the judge to import beforehand."""
    found = [*ALWAYS]
    for cell in source["cells"]:
        if kind_of(cell) in ("setup", "test"):
            for node in ast.walk(_parsed(cell["source"])):
                if isinstance(node, ast.Import):
                    found += [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(dict.fromkeys(found))


def files_beside(folder: Path) -> dict[str, bytes]:
    """The files that go with a notebook, {name: bytes}: plain ones; no link is followed, no module shadows ours."""
    found, room = {}, LARGEST
    for path in sorted(islice(folder.rglob("*"), MOST)):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") or part == "labutils" for part in name.parts)
        linked = any(Path(folder, *name.parts[: k + 1]).is_symlink() for k in range(len(name.parts)))
        if hidden or linked or not path.is_file() or path.suffix == ".ipynb" or name.name == "labutils.py":
            continue
        room -= path.stat().st_size
        if room >= 0:
            found[name.as_posix()] = path.read_bytes()
    return found
