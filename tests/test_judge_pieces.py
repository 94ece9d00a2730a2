"""Pieces of the judge by themselves: the interface of a notebook, the protocol, deadlines, files beside a notebook."""

import itertools
import socket
from types import SimpleNamespace

import numpy as np
import pytest

from labutils import checks
from labutils.course.prepare import bound, files_beside
from labutils.judge import outputs, protocol
from labutils.judge.connection import WorkerConnection
from labutils.judge.requests import encode_request
from labutils.judge.transport import OutOfTime, Stopped


def test_the_interface_is_what_the_solutions_bind():
    text = "import a.b as c, d.e\nfrom f import g\nx, (y, *z) = 1, (2, 3)\nfor i in x: w = 1\ndef f(q): r = 1\n%time\n"
    assert bound(text) == {"c", "d", "g", "x", "y", "z", "i", "w", "f"}


@pytest.mark.parametrize(
    "node",
    [
        ["array", "float64", [10**9], 0, 8],
        ["array", "float64", [-1], 0, 8],
        ["array", "float64", [2], 0, 8],
        ["array", "float64", [1], 1, 8],
        ["array", "object", [1], 0, 8],
        ["array", "float64", [True], 0, 8],
        ["tensor", "qint8", [8], 0, 8],
        ["function", 1],
        ["__class__"],
        ["_bytes_of", [1], 0, 8, 8],
        ["dict", [[["list", []], 1]]],
        ["set", [k * (2**61 - 1) for k in range(2001)]],  # all of one hash
        ["dict", [[k, k] for k in range(2001)]],
        ["list", 5],
        [],
        {"list": []},
    ],
)
def test_forged_nodes_are_refused(node):
    with pytest.raises(protocol.ProtocolError):
        protocol.Decoder(bytes(8), None, {}.__getitem__)(node)


def test_who_never_stops_sending_has_no_more_time_than_others():
    ours, theirs = socket.socketpair()
    worker = WorkerConnection(ours, socket.socketpair()[0], grace=0)
    theirs.send(b"more than we can read in time")
    worker.set_deadline(-1)
    with pytest.raises(OutOfTime):
        worker._wait(worker.data, write=False)


def test_no_check_takes_the_end_of_a_process_for_an_error_of_the_answer():
    def crash():
        raise Stopped("os._exit")

    with pytest.raises(Stopped):
        checks.raises(crash, RuntimeError)


def test_values_survive_the_way():
    torch = pytest.importorskip("torch")
    values = [
        None,
        True,
        3,
        2**70,
        -1.5,
        float("inf"),
        1j,
        "ä",
        [1, (2, {"k": 3})],
        np.float32(2.5),
        np.arange(6).reshape(2, 3),
    ]
    values += [np.zeros((0, 3)), np.array([True, False]), np.arange(8)[::-2], torch.eye(3)[:, :2], torch.tensor(2)]
    values += [
        np.array([[1j, 2]]),
        np.array([1j], np.complex64),
        torch.tensor([1j]),
        torch.eye(2).T.to(torch.complex128),
    ]
    values += [torch.zeros(0, 2), torch.ones(2, dtype=torch.bfloat16), torch.tensor([True]), np.array(1.5)]
    for value in values:
        encode = protocol.Encoder(None)
        node = encode(value)
        back = protocol.Decoder(b"".join(encode.buffers), None, None)(node)
        assert type(back) is type(value) and getattr(back, "shape", None) == getattr(value, "shape", None)
        assert getattr(back, "dtype", None) == getattr(value, "dtype", None)
        plain = not hasattr(value, "shape")
        assert back == value if plain else np.array_equal(np.array(back.tolist()), np.array(value.tolist()))


@pytest.mark.parametrize("kind, close", [(np.longdouble, np.float64), (np.clongdouble, np.complex128)])
def test_long_doubles_are_converted(kind, close):
    for value in (np.arange(4).reshape(2, 2).astype(kind) / 3, kind(1) / 3):
        encode = protocol.Encoder(None)
        node = encode(value)
        back = protocol.Decoder(b"".join(encode.buffers), None, None)(node)
        assert back.dtype == close and back.shape == value.shape and np.array_equal(back, value.astype(close))


def test_links_are_not_followed(tmp_path):
    (tmp_path / "data.csv").write_text("1")
    (tmp_path / "labutils.py").write_text("")
    (tmp_path / "passwd").symlink_to("/etc/passwd")
    (tmp_path / "etc").symlink_to("/etc")
    assert files_beside(tmp_path) == {"data.csv": b"1"}


def test_an_object_of_the_reference_never_leaves_and_its_functions_are_called_here():
    Law = type("Law", (), {"__module__": "labutils.reference.laws", "score": lambda self, x: -x})
    connection = SimpleNamespace(callbacks={}, numbers=itertools.count(1))
    with pytest.raises(TypeError, match=r"a Law of labutils\.reference stays with the tests"):
        encode_request(("call", Law()), connection)
    data = encode_request(("call", Law().score), connection)
    assert b"reference" not in data and connection.callbacks[1](2) == -2


def test_the_outputs_of_a_submission_have_a_limit():
    items = [{"output_type": "stream", "name": "stdout", "text": "x" * 1000}] * 5
    kept, used = outputs.truncated_outputs(items, 2500)
    assert kept[:2] == items[:2] and len(kept) == 3 and "left out" in kept[2]["text"] and used < 2500
    assert outputs.truncated_outputs(items, 10_000)[0] == items
