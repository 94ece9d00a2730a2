"""JupyterLab for the labs, in the current folder: `python -m labutils.course.lab [options of jupyter lab]`.

It starts as root too, says in one line where it answers, and asks nobody about news from the network. What a user has
chosen in JupyterLab's settings goes first.
"""

import glob
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

SETTINGS = Path(__file__).parent / "jupyter"  # defaults for JupyterLab and nbgrader
ROOT = "--allow-root"


def options(given: list[str]) -> list[str]:
    """The options of `jupyter lab`: those given, and what JupyterLab asks of root."""
    if getattr(os, "geteuid", lambda: None)() != 0 or ROOT in given:
        return list(given)
    print(f"You are root, so JupyterLab is started with {ROOT}.")
    return [ROOT, *given]


def plain_path(prefix: str) -> Path:
    """A path to the environment at `prefix` without `*`, `?` and `[`: itself, or a link in the user's cache.

    JupyterLab looks for its extensions by patterns that begin with this path as it is, and would find none of them.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    if not glob.has_magic(prefix) or glob.has_magic(str(cache)):
        return Path(prefix)
    link = cache / "diffusion-labs" / hashlib.sha256(os.fsencode(prefix)).hexdigest()[:16]
    if not (link.is_symlink() and os.readlink(link) == prefix):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(prefix)
    return link


def server(given: list[str]) -> Any:
    """The Jupyter server, ready to start. Its banner of several lines is left out: see `main`."""
    from jupyterlab.labapp import LabApp

    folders = [os.environ.get("JUPYTER_CONFIG_PATH"), str(SETTINGS)]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, folders))
    made = LabApp.initialize_server(options(given))
    made.log.addFilter(lambda record: "To access the server" not in record.getMessage())
    return made


def main() -> None:
    """Start JupyterLab and say where it answers."""
    path = plain_path(sys.prefix)
    if path != Path(sys.prefix):
        python = str(path / "bin" / "python")
        os.execv(python, [python, "-m", "labutils.course.lab", *sys.argv[1:]])
    made = server(sys.argv[1:])
    line = "JupyterLab answers at {} (Ctrl+C twice stops it)."  # once it has a port, which is the loop's first task
    made.io_loop.add_callback(lambda: print(line.format(made.display_url.split()[0]), flush=True))
    made.start()


if __name__ == "__main__":
    main()
