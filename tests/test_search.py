"""The search: every searched value reaches the training, figures compare, and the best becomes a recipe file."""

import os
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from labutils.plots.search import parallel_coordinates
from labutils.vpsde import definitions, mnist, training, tune
from labutils.vpsde.config import Recipe
from labutils.vpsde.train import NOTEBOOK
from tests.graded import ROOT

LAB = ROOT / NOTEBOOK
student = definitions.definitions(LAB, ("VPSDE", "dsm_loss", "bits_per_dim"))
SMALL = {"blocks": 1, "channels": 8, "multipliers": (1, 1), "batch_size": 8}
TINY = Recipe(**SMALL, warm_up=1, ema_decay=0.5, log_uniform_fraction=0.5)


@pytest.fixture
def one_trial(tmp_path, monkeypatch):
    """Runs one trial and returns what it came down to: the network, rates, batches and times that were really used."""

    def run(**values):
        seen = {"rates": set(), "batches": set(), "times": [], "measured_at": []}

        class Watching(training.ScoreTraining):
            def on_fit_start(self):
                seen["net"] = self.net.config

            def on_before_optimizer_step(self, optimizer):
                seen["rates"].add(optimizer.param_groups[0]["lr"])

        def loss(score_fn, x, sde, sample_times):
            t = sample_times(len(x))
            if torch.is_grad_enabled():
                seen["batches"].add(len(x))
                seen["times"].append(t)
            return student.dsm_loss(score_fn, x, sde, sample_times=lambda *_, **__: t)

        def log_likelihood(x, score_fn, sde, eps):
            seen["measured_at"].append((len(x), eps))
            return torch.zeros(len(x))

        functions = {"VPSDE": student.VPSDE, "dsm_loss": loss, "log_likelihood": log_likelihood}
        found = SimpleNamespace(**functions, bits_per_dim=student.bits_per_dim)
        monkeypatch.setattr(tune.definitions, "definitions", lambda *_: found)
        monkeypatch.setattr(training, "ScoreTraining", Watching)
        images = torch.zeros(32, 1, 28, 28, dtype=torch.uint8)
        digits, reports = mnist.Digits(images, torch.arange(32) % 10), []
        folder = tmp_path / "-".join(map(str, values.values()))
        tune.trial(values, notebook=LAB, folder=folder, epochs=2, measured=3, report=reports.append,
                     base=TINY, data=(digits, digits))  # fmt: skip
        assert reports == [{"bpd": 7.0, "epoch": 1}, {"bpd": 7.0, "epoch": 2}]
        return seen

    return run


REACHES = {
    "learning_rate": ((1e-2, 2e-3), lambda seen: max(seen["rates"])),
    "batch_size": ((8, 16), lambda seen: max(seen["batches"])),
    "blocks": ((1, 3), lambda seen: seen["net"]["blocks"]),
    "multipliers": (((1, 2), (2, 1)), lambda seen: tuple(seen["net"]["multipliers"])),
    "epsilon": ((1e-4, 0.1), lambda seen: torch.cat(seen["times"]).min().item()),
}


def test_there_is_a_proof_for_every_searched_value():
    assert set(REACHES) == set(tune.SEARCHED)


@pytest.mark.parametrize("name", REACHES)
def test_a_searched_value_reaches_the_training_and_not_the_measurement(one_trial, name):
    values, used = REACHES[name]
    for value in values:
        seen = one_trial(**{name: value})
        if name == "epsilon":
            assert value <= used(seen) < 5 * value
        else:
            assert used(seen) == value
        assert seen["measured_at"] == [(3, 1e-5)] * 2


def test_the_best_trial_becomes_a_recipe_that_make_train_reads(tmp_path):
    rows = [
        [2e-3, 32, 3, [1, 3], 1e-5, 1.9, 9],
        [4e-4, 64, 1, [1, 2], 1e-4, 2.3, 3],
        [1e-2, 16, 2, [2, 3], 1e-3, 2.9, 1],
    ]
    best = tune.write(pd.DataFrame(rows, columns=[*tune.SEARCHED, "bpd", "epochs"]), tmp_path / "new", base=TINY)
    assert Recipe.read(tmp_path / "new/best.json") == best
    assert (best.learning_rate, best.blocks, best.multipliers, best.channels) == (2e-3, 3, (1, 3), 8)
    assert sorted(os.listdir(tmp_path / "new")) == ["best.json", "results.csv", "results.png"]


def test_the_picture_spreads_wide_numbers_by_their_logarithm_and_marks_the_best():
    rows = [
        [1e-2, 16, 1, (1, 2), 1e-5, 3.0, 1],
        [1e-4, 32, 2, (2, 3), 1e-4, 2.0, 1],
        [1e-3, 64, 3, (1, 3), 1e-3, 2.4, 1],
    ]
    ax = plt.subplots()[1]
    parallel_coordinates(pd.DataFrame(rows, columns=[*tune.SEARCHED, "bpd", "epochs"]), "bpd", ax=ax)
    lines = [line.get_ydata() for line in ax.lines if len(line.get_xdata()) == 6]
    assert [list(line) for line in np.round(lines, 2)] == [
        [1, 0, 0, 0, 0, 1], [0.5, 1, 1, 0.5, 1, 0.4], [0, 0.33, 0.5, 1, 0.5, 0]]  # fmt: skip
    widths = [line.get_lw() for line in ax.lines if len(line.get_xdata()) == 6]
    assert widths[2] > widths[0] == widths[1]
    plt.close(ax.figure)


def test_without_the_extra_the_command_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(SystemExit, match=r"error: .*pip install .*\[ray\]"):
        tune.main(["--notebook", str(LAB)])


@pytest.mark.needs("ray")
def test_four_tiny_trials_on_a_local_cluster(tmp_path, capfd):
    TINY.write(tmp_path / "base.json")
    places = ["--notebook", str(LAB), "--folder", str(tmp_path / "run"), "--recipe", str(tmp_path / "base.json")]
    tune.main([*places, "--trials=4", "--epochs=2", "--measured=2", "--images=64"])
    table = pd.read_csv(tmp_path / "run/results.csv")
    assert len(table) == 4 and table["bpd"].is_monotonic_increasing and table["learning_rate"].nunique() == 4
    assert "make train RECIPE=" in capfd.readouterr().out
