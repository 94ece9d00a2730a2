"""Tests that need more than Python: `@pytest.mark.needs("chromium")`. A pytest plugin, loaded by conftest.py.

What is missing on a person's machine is left out, and listed at the end with the reason; with CI=true it is a failure.
"""

import importlib.util
import sys
from collections import Counter
from functools import cache

import pytest

from tests import system

OTHERS = {
    "sandbox": "grading, which runs submissions in a sandbox",
    "ray": "grading and searching on a Ray cluster",
}


@cache
def missing(name):
    """Why a need is not met here, or ""."""
    if name == "sandbox":
        return _no_sandbox()
    if name == "ray":
        return "" if importlib.util.find_spec("ray") else "Ray is not installed (make search installs it)"
    found = system.packages()[name].found()
    return "" if found else f"{name} is missing ({system.how_to([name])})"


def _no_sandbox():
    from labutils.judge.sandbox import SandboxError, bubblewrap

    try:
        bubblewrap.require.__wrapped__()
    except SandboxError as error:
        return str(error)
    return ""


def purpose(name):
    """What is not checked without it."""
    return OTHERS[name] if name in OTHERS else system.packages()[name].purpose


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(name): a package of system-packages.txt, or sandbox, or ray")


def pytest_runtest_setup(item):
    for marker in item.iter_markers("needs"):
        (name,) = marker.args
        if reason := missing(name):
            elsewhere = name == "sandbox" and sys.platform != "linux"  # there is none outside Linux, in CI neither
            if system.in_ci() and not elsewhere:
                pytest.fail(f"{purpose(name)}: {reason}", pytrace=False)
            pytest.skip(f"{purpose(name)}: {reason}")


def pytest_terminal_summary(terminalreporter):
    """The list of what was not checked."""
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", ()))
    if reasons:
        terminalreporter.section("not checked")
        for reason, count in sorted(reasons.items()):
            terminalreporter.write_line(f"{reason} [{count} test{'s' * (count > 1)}]")


def _reason(report):
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return " ".join(text.removeprefix("Skipped: ").split())
