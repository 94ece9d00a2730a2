"""Whoever waits sees why, and not for long: what a cell, a function and a notebook may take."""

import os
import subprocess
import sys
import time

import pytest

from labutils.judge import Cell, Job, Limits, patience
from labutils.judge.job import CROWDED
from labutils.judge.pool import JudgePool
from labutils.judge.sandbox import confine

QUICK = Limits(timeout=5, grace=1)


@pytest.mark.needs("sandbox")
def test_a_function_that_ran_out_of_time_is_not_waited_for_again():
    slow = "import time\ndef f(x):\n    time.sleep(1000)\ndef g(x):\n    return 2 * x"
    names = ("f", "g")
    cells = [Cell("setup", "x = 1"), Cell("", slow)] + [Cell("test", "f(x)", 1, names, f"ex_{k}") for k in range(3)]
    cells += [Cell("test", "assert g(2) == 4", 1, names, "ex_g")]
    pool = JudgePool((), QUICK)
    try:
        first, *later, right = pool.run(Job(tuple(cells), limits=QUICK))[2:]
    finally:
        pool.close()
    ((name, text),) = [(e["ename"], e["evalue"]) for e in first.outputs]
    assert name in ("OutOfTime", CROWDED) and text.startswith("ex_0 took longer than 5 s, most of it in f")
    text = f"f is not called again: it ran out of time before: {text}"
    assert [[(e["ename"], e["evalue"]) for e in one.outputs] for one in later] == [[("Stopped", text)]] * 2
    assert right.outputs == []


def test_each_cell_that_is_late_halves_the_time_of_the_next(monkeypatch):
    monkeypatch.setattr(patience, "waited", lambda _: 20)
    one, seconds = patience.Patience(Limits(timeout=120)), []
    for k in range(7):
        assert one.start()
        seconds.append(one.seconds)
        late = one.over(f"ex_{k}", "f", 5 * k)
        assert (late["ename"] == CROWDED) == (k > 2), "what was waited for counts once"
    assert seconds == [120, 60, 30, 15, 7.5, 5, 5]
    assert "the cores for 5 s" in late["evalue"]
    one = patience.Patience(Limits(timeout=120, total=0))
    assert not one.start() and one.all_over(0)["ename"] == CROWDED
    assert patience.Patience(Limits()).all_over(0)["evalue"] == "the 1800 s for the whole notebook are over"


@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="this kernel keeps no account of waiting")
def test_who_waits_for_a_core_is_seen():
    core = {min(os.sched_getaffinity(0))}
    code = f"import os\nos.sched_setaffinity(0, {core})\nwhile True:\n    pass"
    crowd = [subprocess.Popen([sys.executable, "-c", code]) for _ in "ab"]
    try:
        while confine.waited(crowd[0].pid) < 0.2:  # for ever, if nothing is seen
            time.sleep(0.05)
    finally:
        for one in crowd:
            one.kill()
            one.wait()
