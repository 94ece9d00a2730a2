"""An exercise that builds on others: what its tests may know of theirs.

A test cell names the test cells that it builds on in its metadata, `{"labutils": {"builds_on": [grade ids]}}`. Whoever
runs the cells in their order knows which of these were wrong when they were graded, and says so with `wrong_before`
while the cell runs. Where nobody does (a kernel, nbgrader's own autograde) nothing is known, and a check asks anew.
"""

import contextlib
from contextvars import ContextVar

_WRONG = ContextVar("wrong_before", default=None)


def declared(cell):
    """The grade ids of the test cells that a notebook's cell builds on, a tuple."""
    ours = cell["metadata"].get("labutils")
    return tuple(ours.get("builds_on", ())) if isinstance(ours, dict) else ()


@contextlib.contextmanager
def wrong_before(grade_ids):
    """While a test cell runs: these of the cells that it builds on were wrong (and not unanswered) when graded."""
    token = _WRONG.set(frozenset(grade_ids))
    try:
        yield
    finally:
        _WRONG.reset(token)


def may_be_inherited(grade_id):
    """Whether a mistake of this cell's functions may be the reason why what builds on them is wrong."""
    known = _WRONG.get()
    return known is None or grade_id in known
