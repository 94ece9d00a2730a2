"""Answers through the real judge and through the tests in one process, cell by cell: the two must give equal points.

`tests.power` measures in one process, many times; students are graded in the sandbox. `differences` says where these
differ, for `make power JUDGE=yes` and for `tests/test_one_truth.py`.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import nbformat
from nbgrader.utils import determine_grade
from tqdm import tqdm

from labutils import judge
from labutils.course.prepare import prepare
from tests.graded import ROOT, grade, graded_cells, patched, restyled


def answered(lab, variant, whole=True):
    """The cells of a lab with a mutant or a style in them; not whole: of the tests, only those of its exercise."""
    cells = (patched if hasattr(variant, "misconception") else restyled)(graded_cells(lab), variant)
    return tuple(c for c in cells if whole or c.kind != "test" or c.exercise == variant.exercise)


def in_process(cells):
    """{test: whether it passes}, in one process."""
    return {name: error is None for name, error in grade(cells).items()}


def in_sandbox(lab, cells):
    """{test: whether it gives all its points}, by the judge; its answer cells are handed in as a student's."""
    source = nbformat.read(ROOT / "notebooks" / lab / f"{lab}.ipynb", as_version=4)
    metadata = {c.metadata.nbgrader.grade_id: c.metadata for c in source.cells if "nbgrader" in c.metadata}
    made = [nbformat.v4.new_code_cell(c.source, metadata=metadata.get(c.grade_id, {})) for c in cells]
    prepared = prepare(nbformat.v4.new_notebook(cells=made), source)
    notebook = prepared.executed(judge.run(prepared.job))
    tests = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")]
    points = {c.metadata.nbgrader.grade_id: determine_grade(c)[0] for c in tests}
    return {c.grade_id: points[c.grade_id] == c.points for c in cells if c.kind == "test"}


def difference(lab, variant, whole=True):
    """{test: (in process, in the sandbox)} where an answer's verdicts differ, twice: once may be chance."""
    cells = answered(lab, variant, whole)
    found = {}
    for _ in range(2):
        ours, theirs = in_process(cells), in_sandbox(lab, cells)
        found = {name: (ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]}
        if not found:
            break
    return found


def differences(lab, variants, workers=1):
    """[(variant, its difference)] of those that have one; shows a progress bar."""
    with ThreadPoolExecutor(workers) as pool:
        found = list(tqdm(pool.map(partial(difference, lab), variants), lab, len(variants), disable=None))
    return [(variant, one) for variant, one in zip(variants, found, strict=True) if one]


def report(lab, found, total):
    """What `differences` found, as lines of text."""
    lines = [f"{lab}: {len(found)} of {total} answers get other points from the judge than in one process"]
    for variant, tests in found:
        said = ", ".join(
            f"{name} passes in {'process' if ours else 'the sandbox'} only" for name, (ours, _) in tests.items()
        )
        lines.append(f"  {variant.exercise} {getattr(variant, 'misconception', '') or variant.name}: {said}")
    return "\n".join(lines)
