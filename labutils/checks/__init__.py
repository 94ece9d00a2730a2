"""Checks of an answer: they ask, decide and report.

Each check returns a `Report`: `.show()` displays it, `.assert_ok()` is silent when all is well, and both raise
`CheckFailed` for a wrong answer. `checks.batches`, `checks.images`, `checks.networks` and `checks.training` judge what
is made of tensors; they are loaded, and torch with them, when first used.
"""

import importlib

from labutils.checks.deterministic import (
    FAR,
    answer,
    entry,
    equal,
    follows_rng,
    from_afar,
    raises,
    refuses,
    reproducible,
    run,
    starts_at,
    values,
    when_graded,
)
from labutils.checks.report import HINTS, CheckFailed, Finding, Report, as_floats, unpacked
from labutils.checks.statistical import (
    distribution,
    invariance,
    one_step,
    one_way,
    proportion,
    same_distribution,
    share_moved,
    transition,
)


def __getattr__(name):
    if name in ("batches", "images", "networks", "training"):
        return importlib.import_module(f"labutils.checks.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
