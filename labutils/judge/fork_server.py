"""Processes with everything imported, that fork in milliseconds where a fresh Python takes seconds.

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

from labutils.judge.protocol import take


def _prepare(modules):
    """Import what a notebook will import, and make the shell."""
    from labutils.judge.shell import new_shell

    for name in modules:
        with contextlib.suppress(Exception):  # the cell itself will say what is wrong
            importlib.import_module(name)
    new_shell()
    gc.collect()
    gc.freeze()  # forks share these pages


def _serve(connection, options):
    connection.send(b"ready")
    while sockets := take(connection):
        child = os.fork()
        if child == 0:
            connection.close()
            _run(options, sockets)  # does not return
        for one in sockets:
            one.close()
        connection.send(str(child).encode())
        _reap(os.WNOHANG)
    _reap(0)


def _reap(how):
    """Take leave of the forks that have ended (or, with 0, wait for all)."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, how) != (0, 0):
            pass


def _run(options, sockets):
    """The life of a fork."""
    status = 1
    try:
        if options["role"] == "student":
            from labutils.judge import worker as side
        else:
            from labutils.judge import runner as side
        side.live(options, *sockets)
        status = 0
    except (ConnectionError, EOFError):  # whoever asked for it has gone
        pass
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(status)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("socket", type=int)
    parser.add_argument("options", type=json.loads)
    given = parser.parse_args()
    if given.options["confined"]:
        from labutils.judge.sandbox.confine import drop_root

        drop_root()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is the parent's to handle
    _prepare(given.options["modules"])
    _serve(socket.socket(fileno=given.socket), given.options)


if __name__ == "__main__":
    main()
