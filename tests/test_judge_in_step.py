"""Requests and replies stay in step, whenever the time of one is over, and inputs are left alone on both sides."""

import multiprocessing
import os
import select
import signal
import socket
import threading
import time

import numpy as np
import pytest

from labutils import checks
from labutils.judge import protocol
from labutils.judge.connection import WorkerConnection
from labutils.judge.sandbox import confine
from labutils.judge.shell import new_shell
from labutils.judge.transport import OutOfTime
from labutils.judge.worker import Worker

STUDENTS = """
import time
import numpy as np

def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
    return "spun"

def lend(function):
    while True:
        function(np.ones(3))

def stubborn(function):
    for _ in range(10**9):
        try:
            function(np.ones(3))
        except BaseException:
            return "I go on"

def nested(function):
    return function(lend)

def echo(x):
    return x

def overwrite(x, others=(), *, y=None):
    x[0] = -1
    for one in others:
        one[...] = 5
    if y is not None:
        y += 1
    return x
"""


def _serve(data, control):
    """A worker, and in a thread of it what its supervisor does."""
    worker = Worker(data, new_shell())
    worker._frames = lambda error: []  # a tenth of a second each
    signal.signal(signal.SIGINT, worker.interrupt)

    rng = np.random.default_rng(1)

    def supervise():
        while control.recv(10) == b"i":
            time.sleep(rng.choice([0, 0.01]))  # it may come when the reply is already there
            os.kill(os.getpid(), signal.SIGINT)
            control.send(f"{confine.INTERRUPTED}0.5".encode())

    threading.Thread(target=supervise, daemon=True).start()
    worker.serve()


@pytest.fixture
def connection():
    """A connection to a worker without a sandbox, which knows `STUDENTS`."""
    (data, theirs), (control, their_control) = socket.socketpair(), socket.socketpair(type=socket.SOCK_SEQPACKET)
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(theirs, their_control), daemon=True)
    process.start()
    theirs.close()
    their_control.close()
    connection = WorkerConnection(data, control, grace=20)
    assert connection.request("execute", STUDENTS, 1) == []
    yield connection
    connection.close()
    process.kill()
    process.join()


def rung(connection, seconds, function, *arguments):
    """Call a function as the runner does in a test cell: a timer rings inside; returns its value or OutOfTime."""

    def alarm(*_):
        if connection.ring():
            raise OutOfTime("it took too long")

    before = signal.signal(signal.SIGALRM, alarm)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds, 0.05)
            return function(*arguments)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except OutOfTime as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_whenever_the_time_is_over_the_next_request_gets_its_own_reply(connection):
    rng, late = np.random.default_rng(14), 0
    connection.set_deadline(60)
    names = {name: connection.request("fetch", name) for name in ("spin", "lend", "stubborn", "nested", "echo")}
    lent = {
        "quick": lambda x: x.sum(),
        "slow": lambda x: time.sleep(0.002),
        "asks": lambda x: names["echo"](x).sum(),
        "spins": lambda x: names["spin"](1),
        "swallows": lambda x: [swallowed(x) for _ in range(3)],
    }

    def swallowed(x):
        try:
            return names["spin"](0.001)
        except Exception:
            return x

    for k in range(200):
        deadline, timer = rng.uniform(0.0005, 0.02, 2) * (1, rng.choice([0.5, 1, 20]))
        connection.set_deadline(deadline)
        name, function = rng.choice(["spin", "lend", "stubborn", "nested"]), lent[rng.choice(list(lent))]
        if name == "nested":
            function = lambda inner: inner(lambda x: names["echo"](x).sum())  # noqa: E731
        result = rung(connection, timer, names[name], 10 if name == "spin" else function)
        late += isinstance(result, OutOfTime)
        assert not connection.dead, (k, name, connection.dead)
        connection.set_deadline(60)
        connection.withdraw_callbacks()
        assert names["echo"](float(k)) == k
        assert connection.depth == 0 and not connection.shielded
    assert late >= 190


def test_a_reply_to_something_else_is_dropped():
    (data, theirs), (control, _other) = socket.socketpair(), socket.socketpair()
    connection = WorkerConnection(data, control, grace=1)
    for node in (
        ["value", 7, "stale"],
        ["error", -1, "A", [], "", []],
        ["callback", 8, 1, [], {}],
        ["value", 1, "own"],
    ):
        protocol.send(theirs, node)
    assert connection.request("fetch", "name") == "own"


@pytest.mark.parametrize("node", [["value"], ["value", True, 1], [[], 1], None, 5, {}, ["value", 1.0, 2], ["new", 1]])
def test_a_reply_without_a_number_ends_the_process(node):
    (data, theirs), (control, _other) = socket.socketpair(), socket.socketpair()
    connection = WorkerConnection(data, control, grace=1)
    protocol.send(theirs, node)
    with pytest.raises(BaseException, match="it sent what no worker sends"):
        connection.request("fetch", "name")


def test_an_answer_that_overwrites_its_inputs_spoils_ours_and_updates_our_lists(connection):
    torch = pytest.importorskip("torch")
    overwrite = connection.request("fetch", "overwrite")
    x, inner, y = np.arange(6.0)[::2], [np.zeros(2), torch.zeros(3)], torch.tensor([1, 2])
    overwrite(x, inner, y=y)
    assert np.isnan(x).all() and x.base[1] == 1 and np.isnan(x.base[::2]).all()
    assert (inner[0] == 5).all() and (inner[1] == 5).all() and y.dtype == torch.int64 and y.tolist() != [1, 2]
    assert y.tolist() != [2, 3], "what it is compared with is not the answer's to choose"
    inner, flags = (torch.zeros(2), np.zeros(64, bool)), np.zeros(64, bool)
    overwrite(np.full(64, True), inner, y=np.zeros(3, np.int16))
    assert torch.isnan(inner[0]).all() and 0 < inner[1].sum() < 64 and not flags.any()
    alone = np.array([np.nan, 1.0])
    before = alone.tobytes()
    connection.request("fetch", "echo")(alone)
    assert alone.tobytes() == before
    locked = np.zeros(2)
    locked.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        overwrite(locked)


def test_a_check_refuses_an_answer_that_overwrites_its_input_as_in_one_process(connection):
    overwrite = connection.request("fetch", "overwrite")
    here = {}
    exec(STUDENTS, here)
    reports = [
        checks.values(f, lambda x: np.r_[-1.0, x[1:]], [(np.arange(3.0),)]) for f in (overwrite, here["overwrite"])
    ]
    assert [str(report.findings[0]) for report in reports] == [str(reports[0].findings[0])] * 2
    assert "wrote into its own input" in str(reports[0].findings[0])


def test_a_worker_ends_with_its_judge_even_if_that_has_not_read_what_it_was_told():
    """A reset connection once ended the supervisor alone, and an endless loop went on for ever."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = os.fork()
    if child == 0:
        ours.close()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            time.sleep(1)
    supervisor = threading.Thread(target=confine.supervise, args=(child, theirs, 10_000))
    supervisor.start()
    ours.send(b"i")
    assert select.select([ours], [], [], 30)[0], "the interrupt is acknowledged"
    ours.close()
    supervisor.join(30)
    assert not supervisor.is_alive()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
