"""A course may lie anywhere: what `*`, `?` and `[` mean in the name of its folder is themselves.

nbgrader looks for files with `glob`, by patterns that begin with the path of the course as it is.
"""

import glob
import os
from pathlib import Path
from types import SimpleNamespace

from nbgrader.apps import api
from nbgrader.converters import base

_roots: set[str] = set()


def take_literally(root: Path) -> None:
    """Let nbgrader, in this process, find the files below the folder `root` whatever its name holds."""
    _roots.add(os.path.join(str(root), ""))
    api.glob = base.glob = SimpleNamespace(glob=_glob)


def _glob(pattern):
    root = max((one for one in _roots if pattern.startswith(one)), key=len, default="")
    return glob.glob(glob.escape(root) + pattern[len(root) :])


def sqlite_url(path: Path) -> str:
    """The address of an SQLite database, in which `?` would begin a query."""
    return "sqlite:///" + str(path).replace("%", "%25").replace("?", "%3F")
