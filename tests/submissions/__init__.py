"""A small lab whose answers a program varies: right, unlucky and hostile ones, each with the points it must get."""

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

SETUP = """import numpy as np
from scipy import stats

from labutils import checks

start = np.array([1.0, -0.5, 2.0])


class Kick:
    size = 0.25"""
SOLUTIONS = {
    "ex_1_1": '''def double(x):
    """Twice x, shape (n,)."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION''',
    "ex_1_2": '''class Walker:
    """move(x): x, shape (n,), after a normal kick of standard deviation `size`."""

    def __init__(self, size, rng=None):
        self.size, self.rng = size, np.random.default_rng(rng)

    def move(self, x):
        ### BEGIN SOLUTION
        return x + self.size * self.rng.standard_normal(len(x))
        ### END SOLUTION''',
    "ex_1_3": '''def push(x, force):
    """x moved by half the force there. ValueError for an empty x."""
    ### BEGIN SOLUTION
    if not len(x):
        raise ValueError("x is empty: 0 particles")
    return x + force(x) / 2
    ### END SOLUTION''',
    "ex_1_4": '''def share():
    """How many of three small questions you answer."""
    ### BEGIN SOLUTION
    return 3.0
    ### END SOLUTION''',
}
TESTS = {
    "ex_1_1_values": (
        2,
        """@checks.run
def test():
    checks.values(double, lambda x: x + x, [(start,)], what="Twice").show()
    ### BEGIN HIDDEN TESTS
    probe = np.linspace(-3, 4, 11)
    assert np.allclose(double(probe), 2 * probe), "twice the probe"
    checks.values(double, lambda x: x + x, [(probe,), (5 * probe,)], what="Twice").assert_ok()
    ### END HIDDEN TESTS""",
    ),
    "ex_1_2_law": (
        3,
        """@checks.run
def test():
    walk = lambda n: Walker(Kick.size, np.random.default_rng()).move(np.ones(n))
    checks.distribution(walk, stats.norm(1, Kick.size), what="One kick").show()
    ### BEGIN HIDDEN TESTS
    walker = Walker(0.5)
    assert walker.size == 0.5
    twice = lambda n: np.stack([np.zeros(n), walker.move(np.zeros(n)), np.zeros(n)])[:2]
    checks.transition(twice, lambda x, k: x, lambda x, k: 0.5, what="The kicks").assert_ok()
    ### END HIDDEN TESTS""",
    ),
    "ex_1_3_push": (
        2,
        """@checks.run
def test():
    checks.raises(lambda: push(np.zeros(0), lambda x: x), ValueError, naming="0").show()
    ### BEGIN HIDDEN TESTS
    force = lambda x: np.cos(x) + secret
    secret = 4.25
    checks.values(lambda x: push(x, force), lambda x: x + force(x) / 2, [(start,)], what="Push").assert_ok()
    ### END HIDDEN TESTS""",
    ),
    "ex_1_4_share": (3, "credit = share()\ncredit"),
}
ALL = {name: points for name, (points, _) in TESTS.items()}


def _cell(source, name, points=None, solution=False, locked=True):
    meta = {"schema_version": 3, "grade_id": name, "grade": points is not None, "solution": solution, "task": False}
    meta |= {"locked": locked} | ({} if points is None else {"points": points})
    return new_code_cell(source, metadata={"nbgrader": meta}, id=name)


def source():
    """The instructor's notebook."""
    cells = [_cell(SETUP, "setup")]
    for name, text in SOLUTIONS.items():
        cells.append(_cell(text, name, solution=True, locked=False))
        cells += [_cell(test, t, points) for t, (points, test) in TESTS.items() if t.startswith(f"{name}_")]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def answered(changes):
    """A submission with the right answers, but for `changes`: {grade id of a cell: its source}."""
    notebook = nbformat.from_dict(source())
    for cell in notebook.cells:
        cell.source = changes.get(cell.metadata.nbgrader.grade_id, cell.source)
    return notebook
