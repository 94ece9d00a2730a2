"""JupyterLab for the labs, in the current folder: `python -m labutils.course.lab [options of jupyter lab]`.

It starts as root too, says in one line where it answers, and asks nobody about news from the network. What a user has
chosen in JupyterLab's settings goes first.
"""

import os
import sys
from pathlib import Path

from jupyterlab.labapp import LabApp

SETTINGS = Path(__file__).parent / "jupyter"  # defaults for JupyterLab and nbgrader
ROOT = "--allow-root"


def options(given):
    """The options of `jupyter lab`: those given, after a quiet log, and with what JupyterLab asks of root."""
    own = ["--ServerApp.log_level=WARN", "--LabApp.log_level=WARN"]
    if getattr(os, "geteuid", lambda: None)() == 0 and ROOT not in given:
        print(f"You are root, so JupyterLab is started with {ROOT}.")
        own.append(ROOT)
    return [*own, *given]


def server(given):
    """The Jupyter server, ready to start. Its banner of several lines is left out: see `main`."""
    folders = [os.environ.get("JUPYTER_CONFIG_PATH"), str(SETTINGS)]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, folders))
    made = LabApp.initialize_server(options(given))
    made.log.addFilter(lambda record: "To access the server" not in record.getMessage())
    return made


def main():
    """Start JupyterLab and say where it answers."""
    made = server(sys.argv[1:])
    print(f"JupyterLab answers at {made.display_url.split()[0]} (Ctrl+C twice stops it).", flush=True)
    made.start()


if __name__ == "__main__":
    main()
