"""A training that was interrupted: it goes on after a kill, within its budget, and never loses its last checkpoint."""

import errno
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from fsspec.implementations.local import LocalFileOpener

from labutils.vpsde import checkpoint, training
from labutils.vpsde.config import Recipe
from tests.trainings import STEPS_PER_EPOCH, TINY, fit, squares, student

RUN = """
import sys, torch
from tests.trainings import fit, squares
torch.set_num_threads(1)
fit(squares(), sys.argv[1], max_epochs=int(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def data():
    return squares()


def test_a_killed_training_goes_on_where_it_was(data, tmp_path):
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    killed = subprocess.Popen([*command, "100000"], cwd=os.getcwd())
    last, deadline = tmp_path / training.LAST, time.monotonic() + 600
    while not last.exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    done = torch.load(last, weights_only=True)["global_step"]
    fit(data, tmp_path, max_epochs=done // STEPS_PER_EPOCH + 1)
    assert torch.load(last, weights_only=True)["global_step"] == STEPS_PER_EPOCH * (done // STEPS_PER_EPOCH + 1)


def test_another_recipe_does_not_go_on_in_the_same_folder_unless_it_starts_anew(data, tmp_path):
    fit(data, tmp_path, max_epochs=1)
    wider = Recipe(**{**TINY, "channels": 16})
    with pytest.raises(ValueError, match=r"channels 8 .now 16"):
        fit(data, tmp_path, max_epochs=2, recipe=wider)
    assert fit(data, tmp_path, max_epochs=1, recipe=wider, resume=False).config["channels"] == 16


def test_time_is_a_budget_too_and_counts_over_restarts(data, tmp_path):
    fit(data, tmp_path, max_seconds=1.5)
    steps = torch.load(tmp_path / training.LAST, weights_only=True)["global_step"]
    fit(data, tmp_path, max_seconds=1.5)
    again = torch.load(tmp_path / training.LAST, weights_only=True)["global_step"]
    assert steps > 0 and again <= steps + STEPS_PER_EPOCH  # the budget was spent


def test_a_full_disk_ends_the_training_and_leaves_its_last_checkpoint(data, tmp_path, monkeypatch):
    fit(data, tmp_path, max_epochs=1)
    before = {name: (tmp_path / name).read_bytes() for name in (training.LAST, training.BEST)}

    def full(self, data):
        self.f.write(data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(LocalFileOpener, "write", full)
    with pytest.raises(OSError, match="No space left"):
        fit(data, tmp_path, max_epochs=2)
    assert before == {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path) if "ckpt" in name}


def test_a_loss_that_is_not_finite_stops_the_training_and_keeps_the_checkpoint(data, tmp_path):
    fit(data, tmp_path, max_epochs=1)
    before = (tmp_path / training.LAST).read_bytes()

    def broken(score_fn, x, sde, sample_times):
        return student.dsm_loss(score_fn, x, sde, sample_times=sample_times) * torch.nan

    with pytest.raises(ValueError, match="loss is nan at step 8"):
        fit(data, tmp_path, max_epochs=2, loss=broken)
    assert (tmp_path / training.LAST).read_bytes() == before


def test_a_training_can_start_from_a_checkpoint(data, tmp_path):
    net = fit(data, tmp_path / "first", max_epochs=1)
    checkpoint.save(net, tmp_path / "net.safetensors")
    still = Recipe(**{**TINY, "learning_rate": 1e-9})
    again = fit(data, tmp_path / "second", max_epochs=1, recipe=still, start=tmp_path / "net.safetensors")
    for before, after in zip(net.parameters(), again.parameters(), strict=True):
        assert torch.allclose(before, after, atol=2e-3)
    with pytest.raises(ValueError, match="another network"):
        fit(data, tmp_path / "third", max_epochs=1, recipe=Recipe(), start=tmp_path / "net.safetensors")


def test_a_checkpoint_with_the_names_of_an_earlier_version_is_refused_by_name(data, tmp_path):
    fit(data, tmp_path, max_epochs=1)
    state = torch.load(tmp_path / training.LAST, weights_only=True)
    state["recipe"]["moved"] = state["recipe"].pop("augment_prob")
    torch.save(state, tmp_path / training.LAST)
    with pytest.raises(ValueError, match="'moved' is now called 'augment_prob'"):
        fit(data, tmp_path, max_epochs=2)
