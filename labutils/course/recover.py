"""Which cell of a submission is which, also where a program has dropped their metadata."""

import copy
import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from nbformat import NotebookNode
from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions
from traitlets.config import Config

from labutils.course.cells import grade_id
from labutils.course.prepare import bound

MARKER = re.compile(r"###?\s*(BEGIN|END)\b")


def released_cells(source: NotebookNode, config: Config) -> list[NotebookNode]:
    """The cells of the instructor's notebook as students got them."""
    notebook = copy.deepcopy(source)
    if any(MARKER.search(cell.source) for cell in notebook.cells):  # else it is a release already
        for step in (ClearSolutions, ClearHiddenTests):
            notebook, _ = step(config=config).preprocess(notebook, {"language": "python"})
    return notebook.cells


def certain(cells: Sequence[Any], released: Sequence[Any]) -> dict[str, int]:
    """{grade_id: position} of the cells that are told by their metadata, their id, or by text that is as released.

    Of several with one grade_id it is the last.
    """
    names = {name for cell in released if (name := grade_id(cell))}
    found = {name: k for k, cell in enumerate(cells) if (name := grade_id(cell)) in names and name}
    if len(found) == len(names):
        return found
    ids = {cell.get("id"): k for k, cell in enumerate(cells) if not grade_id(cell)}
    for cell in released:
        k, name = ids.get(cell.get("id")), grade_id(cell)
        if name and name not in found and k is not None and _alike(cell, cells[k]):
            found[name] = k
    for same, i, _, j, _ in _blocks(cells, released, found):
        name = grade_id(released[i]) if same else None
        if name and name not in found:
            found[name] = j
    return found


def owners(cells: Sequence[Any], released: Sequence[Any]) -> dict[str, int]:
    """As `certain`, and answers that stand where they belong, or define what they should.

    Other cells need no more: those that are not found are put back as they were.
    """
    found = certain(cells, released)
    answers = [(grade_id(cell), cell) for cell in released if is_answer(cell)]
    missing = [(name, cell) for name, cell in answers if name and name not in found]
    if not missing:
        return found
    taken = set(found.values()) | {j for same, _, _, j, _ in _blocks(cells, released, found) if same}
    for name, cell in missing:
        free = [k for k, one in enumerate(cells) if k not in taken and not grade_id(one) and _alike(one, cell)]
        fits = [k for k in free if cell["cell_type"] == "code" and defines(cells[k]["source"], bound(cell["source"]))]
        fits = fits or _in_place(cells, released, found, cell, free)
        if fits:
            found[name] = fits[-1]
            taken.add(fits[-1])
    return found


def is_answer(cell: Any) -> bool:
    """Whether students write into a cell of the lab."""
    return bool((cell["metadata"].get("nbgrader") or {}).get("solution"))


def defines(source: str, names: set[str]) -> bool:
    """Whether a student's cell defines one of the names, by its text alone."""
    either = "|".join(map(re.escape, sorted(names)))
    pattern = rf"^(?:(?:async +)?def|class) +(?:{either})\b|^(?:{either}) *[:=](?!=)"
    return bool(names) and re.search(pattern, source, re.MULTILINE) is not None


def _in_place(cells: Any, released: Any, found: Any, cell: Any, free: list[int]) -> list[int]:
    """The only cell of its kind between the neighbours of a cell, if these have been found."""
    for same, i1, i2, j1, j2 in _blocks(cells, released, found):
        ours = [one for one in released[i1:i2] if _alike(one, cell)]
        theirs = [k for k in free if j1 <= k < j2]
        if not same and any(one is cell for one in ours) and len(ours) == len(theirs) == 1:
            return theirs
    return []


def _blocks(cells: Any, released: Any, found: dict[str, int]) -> list[tuple[bool, int, int, int, int]]:
    """What is equal, cell by cell, in what was released and handed in, and what lies between: equal, i1, i2, j1, j2."""
    known = {k: name for name, k in found.items()}
    ours = [grade_id(one) if grade_id(one) in found else (one["cell_type"], _text(one)) for one in released]
    theirs = [known.get(k, (one["cell_type"], _text(one))) for k, one in enumerate(cells)]
    blocks = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        same = tag == "equal"
        blocks += [(True, i1 + d, i1 + d + 1, j1 + d, j1 + d + 1) for d in range(i2 - i1)] if same else []
        blocks += [] if same else [(False, i1, i2, j1, j2)]
    return blocks


def _text(cell: Any) -> str:
    source = cell["source"]
    return "\n".join(line.rstrip() for line in ("".join(source)).strip().splitlines())


def _alike(one: Any, other: Any) -> bool:
    return one["cell_type"] == other["cell_type"]
