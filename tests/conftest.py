"""What every test starts from."""

import os

# Two processes that each spread small work over all cores wait for each other a hundred times longer than they compute.
# Set before torch is imported, and for every kernel and command that a test starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from tests import system
from tests.needs import pytest_configure, pytest_runtest_setup, pytest_terminal_summary  # noqa: F401  hooks of pytest


@pytest.fixture(autouse=True)
def single_precision():
    """torch's own default type, whatever a lab that ran before has set."""
    torch.set_default_dtype(torch.float32)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="module")
def browser():
    """Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=system.packages()["chromium"].found(), args=flags)
        yield browser
        browser.close()
