"""What nbgrader's steps lack, as preprocessors that `nbgrader_config.py` plugs in.

`Judge` belongs to autograde and uses `Sanitize`, `HideTests` belongs to the feedback.
"""

import re
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader import preprocessors as stock
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade
from traitlets import Integer

from labutils.course.cells import grade_id
from labutils.course.layout import CourseError, instructors_notebook
from labutils.course.prepare import Prepared, bound, files_beside, prepare
from labutils.course.recover import defines, owners, released_cells
from labutils.judge import Limits
from labutils.judge.cache import Cache

DEFAULT = Limits()


class Sanitize(NbGraderPreprocessor):
    """Bring the cells of a submission back to what the gradebook holds, whatever happened to them.

    Cell flags and points are set anew, of several cells with one id the last keeps it, and a cell that is missing comes
    back after its predecessor: a student's cell as its stub, or empty if another cell defines what it should. All other
    metadata goes: widgets without state, for one, stop nbconvert.
    """

    def preprocess(self, notebook: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """The sanitized notebook."""
        who = resources["nbgrader"]
        with Gradebook(who["db_url"]) as gradebook:
            record = gradebook.find_notebook(who["notebook"], who["assignment"])
            ours = instructors_notebook(self.config, resources)[0]
            place = {grade_id(cell): at for at, cell in enumerate(ours.cells)}  # a database keeps no order
            ordered = sorted(record.source_cells, key=lambda cell: (place.get(cell.name, len(place)), cell.name))
            sources = {cell.name: cell for cell in ordered}
            points = {cell.name: cell.max_score for cell in record.grade_cells}
            solutions = {cell.name for cell in record.solution_cells}
            metadata = {name: _metadata(cell, points.get(name), name in solutions) for name, cell in sources.items()}
            position = _claim(notebook, metadata, released_cells(ours, self.config))
            notebook.metadata = NotebookNode(language_info=NotebookNode(name="python"))
            self._complete(notebook, sources, position, metadata)
        return notebook, resources

    def _complete(self, notebook: NotebookNode, sources: dict, position: dict, metadata: dict) -> None:
        """Put back the cells that are missing; an answer that stands elsewhere is not overwritten by its stub."""
        theirs = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        at = -1
        for name, source in sources.items():
            if name in position:
                at = notebook.cells.index(position[name])
                continue
            self.log.warning("Cell %s was missing, it is put back", name)
            code, text, at = source.cell_type == "code", source.source, at + 1
            if code and metadata[name]["solution"] and any(defines(one, bound(text)) for one in theirs):
                text = ""
            new = new_code_cell if code else new_markdown_cell
            notebook.cells.insert(at, new(text, metadata={"nbgrader": metadata[name]}))


def _metadata(source: Any, points: float | None, solution: bool) -> dict:
    """The nbgrader metadata of a cell, from the gradebook alone."""
    kept = {
        "schema_version": 3,
        "grade_id": source.name,
        "grade": points is not None,
        "solution": solution,
        "locked": bool(source.locked),
        "task": False,
        "cell_type": source.cell_type,
        "checksum": source.checksum,
    }
    return kept if points is None else {**kept, "points": points}


def _claim(notebook: NotebookNode, metadata: dict, released: list[NotebookNode]) -> dict:
    """Give every cell that is one of the lab's its metadata, all others none; return {name: cell}."""
    owner = {name: notebook.cells[k] for name, k in owners(notebook.cells, released).items() if name in metadata}
    for cell in notebook.cells:
        cell.metadata = NotebookNode()
    for name, cell in owner.items():
        cell.metadata["nbgrader"] = metadata[name]
    return owner


class Judge(NbGraderPreprocessor):
    """Sanitizes a submission and puts what its cells show into it: students' cells run in the sandbox, tests outside.

    Results are kept in build/executed; a submission that was executed before, from equal cells by an equal judge, is
    not executed again.
    """

    timeout = Integer(DEFAULT.timeout, help="seconds per cell").tag(config=True)
    grace = Integer(DEFAULT.grace, help="seconds from an interrupt to the end of the process").tag(config=True)
    total = Integer(DEFAULT.total, help="seconds per notebook").tag(config=True)
    memory = Integer(DEFAULT.memory, help="MiB of memory per submission").tag(config=True)
    processes = Integer(DEFAULT.processes, help="processes and threads per submission").tag(config=True)
    scratch = Integer(DEFAULT.scratch, help="MiB of files per submission").tag(config=True)
    steps = (stock.ClearOutput, Sanitize, stock.OverwriteKernelspec, stock.OverwriteCells, stock.CheckCellMetadata)

    def preprocess(self, notebook: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """The executed notebook."""
        prepared = self.prepare(notebook, resources)
        return prepared.executed(self.cache().run(prepared.job)), resources

    def prepare(self, notebook: NotebookNode, resources: dict) -> Prepared:
        """What is to be executed for a submission; CourseError for a link in the place of its notebook."""
        place, who = CourseDirectory(config=self.config), resources["nbgrader"]
        submitted = Path(place.format_path(place.submitted_directory, who["student"], who["assignment"]))
        if (submitted / f"{who['notebook']}.ipynb").is_symlink():
            raise CourseError(f"{who['notebook']}.ipynb is a link to another file")
        for step in self.steps:
            notebook, resources = step(config=self.config).preprocess(notebook, resources)
        source, path = instructors_notebook(self.config, resources)
        files = files_beside(submitted) | files_beside(path.parent)
        limits = Limits(self.timeout, self.grace, self.total, self.memory, self.processes, self.scratch)
        return prepare(notebook, source, files, limits)

    def cache(self) -> Cache:
        """Where the results of this course are kept."""
        return Cache(Path(CourseDirectory(config=self.config).root, "build", "executed"))


class HideTests(NbGraderPreprocessor):
    """Take the hidden tests, and tracebacks through them, out of a graded notebook; messages and pictures stay."""

    region = re.compile(r"^[ \t]*### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS[^\n]*$", re.DOTALL | re.MULTILINE)

    def preprocess_cell(self, cell: NotebookNode, resources: dict, cell_index: int) -> tuple[NotebookNode, dict]:
        """The cell without what students do not see."""
        if not is_grade(cell) or cell.cell_type != "code":
            return cell, resources
        cell.source = self.region.sub("# hidden tests", cell.source)
        for output in cell.outputs:
            if output.output_type == "error":
                output.traceback = _own_frames(output, cell.execution_count)
        return cell, resources


def _own_frames(error: NotebookNode, execution_count: int) -> list[str]:
    """The traceback of an error in a test cell: the frames in the student's cells, and the message."""
    frames = [re.sub(r"\x1b\[[\d;]*m", "", entry) for entry in error.traceback[:-1]]
    cells = [re.match(r"\s*Cell In\s?\[(\d+)\]", frame) for frame in frames]
    own = [frame for frame, cell in zip(frames, cells, strict=True) if cell and int(cell[1]) != execution_count]
    message = error.traceback[-1] if error.traceback else f"{error.ename}: {error.evalue}"
    return [*own, message]
