"""A process with everything imported, that forks in milliseconds where a fresh Python takes seconds.

Two of them serve the judge: one inside the sandbox, whose forks run students' cells, and one outside, whose forks run
the tests. `labutils.judge.pool` starts them.
"""

import argparse
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import traceback
from collections.abc import Iterable

from labutils.judge.job import Limits


def _prepare(modules: Iterable[str], side: str) -> None:
    """Import what a notebook and this side of the judge will import, and make the shell."""
    from labutils.judge.shell import new_shell

    importlib.import_module(f"labutils.judge.{side}")
    for name in modules:
        with contextlib.suppress(Exception):  # the cell itself will say what is wrong
            importlib.import_module(name)
    new_shell()
    gc.collect()
    gc.freeze()  # forks share these pages


def _serve(connection: socket.socket, options: dict) -> None:
    """Fork for each message on the socket; the fork gets the sockets that come with it. Ends with the connection."""
    connection.send(b"ready")
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, 4, 2)
        if not message:
            break
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        child = os.fork()
        if child == 0:
            connection.close()
            _run(options, sockets)  # does not return
        for one in sockets:
            one.close()
        connection.send(str(child).encode())
        _reap(os.WNOHANG)
    _reap(0)


def _reap(how: int) -> None:
    """Collect the exit status of the forks that have ended (or, with 0, wait for all)."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, how) != (0, 0):
            pass


def _run(options: dict, sockets: list[socket.socket]) -> None:
    """What a fork does, until it exits."""
    status, limits = 1, Limits(**options["limits"])
    try:
        if options["role"] == "student":
            from labutils.judge.worker import run_worker

            run_worker(limits, options["confined"], *sockets)
        else:
            from labutils.judge.runner import run_job

            run_job(limits, *sockets)
        status = 0
    except (ConnectionError, EOFError):  # whoever asked for it has gone
        pass
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(status)


def main() -> None:
    """Serve forks on the socket whose number is given, until it closes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("socket", type=int)
    parser.add_argument("options", type=json.loads)
    given = parser.parse_args()
    if given.options["confined"]:
        from labutils.judge.sandbox.confine import drop_root

        drop_root()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is the parent's to handle
    _prepare(given.options["modules"], "worker" if given.options["role"] == "student" else "runner")
    _serve(socket.socket(fileno=given.socket), given.options)


if __name__ == "__main__":
    main()
