"""Training: it learns, its figures judge, it goes on after a kill, and the notebook's functions are the ones used."""

import errno
import json
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from fsspec.implementations.local import LocalFileOpener

from labutils.vpsde import checkpoint, definitions, mnist, training
from labutils.vpsde.callbacks import MovingAverage, tiles
from labutils.vpsde.config import Recipe
from labutils.vpsde.train import NOTEBOOK
from tests.graded import ROOT

student = definitions.definitions(ROOT / NOTEBOOK, ("VPSDE", "dsm_loss", "ode_sampler"))
TINY = {
    "blocks": 1,
    "channels": 8,
    "multipliers": (1, 1),
    "batch_size": 8,
    "warm_up": 5,
    "average": 0.5,
    "learning_rate": 1e-2,
}


@pytest.fixture(scope="module")
def data():
    """Sixty-four "digits": a bright square somewhere on black, so that no time goes into reading MNIST."""
    images, labels = torch.zeros(64, 1, 28, 28, dtype=torch.uint8), torch.arange(64) % 10
    for image, label in zip(images, labels, strict=True):
        image[0, 4 + label : 12 + label, 8:20] = 200
    digits = mnist.Digits(images, labels)
    return digits, digits


def fit(data, folder, loss=student.dsm_loss, **options):
    options = {"recipe": Recipe(**TINY), "data": data, "accelerator": "cpu", "enable_progress_bar": False, **options}
    return training.fit(student.VPSDE(), loss, folder, **options)


def test_training_lowers_the_loss_and_leaves_logs_and_checkpoints(data, tmp_path):
    net = fit(data, tmp_path, max_epochs=12)
    columns = np.genfromtxt(tmp_path / "log/version_0/metrics.csv", delimiter=",", names=True)
    losses = columns["validation_loss"][np.isfinite(columns["validation_loss"])]
    assert len(losses) == 12 and losses[-1] < 0.7 * losses[0]
    assert (tmp_path / training.LAST).exists() and (tmp_path / training.BEST).exists()
    assert not net.training and not any(name.endswith(".part") for name in os.listdir(tmp_path))


def test_tensorboard_gets_the_log_too(data, tmp_path):
    fit(data, tmp_path, max_epochs=1)
    assert [name for name in os.listdir(tmp_path / "tensorboard/version_0") if name.startswith("events")]


def test_two_trainings_with_one_seed_are_equal_and_another_seed_differs(data, tmp_path):
    nets = [fit(data, tmp_path / str(i), max_epochs=1, recipe=Recipe(**TINY, seed=s)) for i, s in enumerate((1, 1, 2))]
    weights = [torch.cat([p.flatten() for p in net.parameters()]) for net in nets]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_the_rate_warms_up_stays_and_falls_to_zero():
    recipe = Recipe(learning_rate=2.0, warm_up=10, decay=0.25)
    rates = [
        recipe.rate(*place) for place in ((0, 0), (4, 0.1), (20, 0.5), (20, 0.75), (20, 0.875), (20, 1.0), (20, 1.1))
    ]
    assert rates == pytest.approx([0.2, 1.0, 2.0, 2.0, 1.0, 0.0, 0.0])


def test_the_rate_of_the_optimiser_follows_the_share_of_the_training(data, tmp_path):
    seen = []

    class Watching(training.ScoreTraining):
        def on_before_optimizer_step(self, optimizer):
            seen.append(optimizer.param_groups[0]["lr"])

    recipe = Recipe(**{**TINY, "learning_rate": 1.0, "warm_up": 1, "decay": 1.0})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "ScoreTraining", Watching)
        fit(data, tmp_path, max_epochs=2, recipe=recipe)
    assert seen == pytest.approx([1 - i / 16 for i in range(16)])


def test_times_cover_all_of_the_interval_and_reach_down_to_epsilon():
    recipe = Recipe(epsilon=1e-4, fine_times=0.25)
    t = recipe.times(100_000, student.VPSDE()).sort().values
    assert recipe.times(7, student.VPSDE()).shape == (7,) and t[0] >= 1e-4 and t[-1] <= 1
    fine = 0.25 * torch.log10(t / 1e-4) / 4  # a quarter evenly in log t ...
    broad = 0.75 * ((t - 1e-4) / (1 - 1e-4)) ** (1 / 1.5)  # ... and the others as u^1.5
    assert torch.allclose(fine + broad, torch.linspace(0, 1, len(t)), atol=1e-3)


def test_times_for_the_likelihood_are_even_in_log_snr():
    t = Recipe(likelihood=True).times(1000, student.VPSDE()).double().sort().values
    alpha, sigma = student.VPSDE().marginal_prob(torch.ones_like(t), t)
    gaps = -2 * torch.log(alpha / sigma).diff()
    even = math.log(math.expm1(10.05) / math.expm1(1e-6)) / 1000  # log SNR at 1e-5, less that at 1, in 1000 parts
    assert gaps.mean() == pytest.approx(even, rel=0.01) and gaps.max() < 2.1 * even


def test_a_moving_average_forgets_its_start_and_then_remembers():
    average = MovingAverage(0.9)._kwargs["multi_avg_fn"]
    value = [torch.tensor([100.0])]
    average(value, [torch.tensor([0.0])], 0)
    assert value[0].item() == pytest.approx(5.0)
    average(value, [torch.tensor([0.0])], 10**6)
    assert value[0].item() == pytest.approx(4.5)


def test_the_early_stop_keeps_the_best_weights(data, tmp_path):
    """A "bits per dimension" that gets worse from the second validation on stops the training after `patience` more."""
    figures, seen = iter([3.0, 2.0, 4.0, 5.0, 6.0, 7.0]), []

    def bits(score_fn, x, sde):
        seen.append(score_fn(x[:1], 0.3))
        return torch.full((len(x),), next(figures))

    net = fit(data, tmp_path, max_epochs=6, bits_per_dim=bits, patience=2)
    assert len(seen) == 4
    now = training.score_function(net, student.VPSDE())
    x = mnist.dequantise(data[0].images[:1])
    stopped = torch.load(tmp_path / training.BEST, weights_only=True)
    assert stopped["epoch"] == 1
    assert all(torch.equal(value, stopped["state_dict"]["net." + name]) for name, value in net.state_dict().items())
    assert now(x, 0.3).shape == x.shape


def test_a_score_that_is_not_finite_is_an_error_not_an_endless_search_for_smaller_steps():
    net = Recipe(**TINY).network()
    torch.nn.init.constant_(net.stem.bias, torch.nan)
    score_fn = training.score_function(net, student.VPSDE())
    with pytest.raises(ValueError, match="not finite at t = 1"):
        student.ode_sampler(torch.zeros(2, 1, 28, 28), score_fn, student.VPSDE())


def test_a_score_function_takes_any_dtype_scalar_times_and_labels():
    net, x = Recipe(**TINY).network().eval(), torch.randn(3, 1, 28, 28, dtype=torch.float64)
    for weights in net.parameters():
        torch.nn.init.normal_(weights, std=0.2)  # a new network is the Gaussian's score, whatever the label
    score_fn = training.score_function(net, student.VPSDE())
    assert score_fn(x, 0.5).dtype == torch.float64
    assert torch.equal(score_fn(x, 0.5), score_fn(x, torch.full((3,), 0.5)))
    asked = training.score_function(net, student.VPSDE(), torch.tensor([3, 3, -1]))(x, 0.5)
    assert torch.allclose(asked[2], score_fn(x, 0.5)[2], atol=1e-4) and not torch.allclose(
        asked[0], score_fn(x, 0.5)[0]
    )


def test_samples_are_drawn_at_each_validation_and_a_failing_sampler_ends_nothing(data, tmp_path):
    samplers = {"pc": lambda score_fn, shape: score_fn(torch.zeros(shape), 0.5), "ode": lambda *_: 1 / 0}
    with pytest.warns(UserWarning, match="no samples by ode: division"):
        fit(data, tmp_path, max_epochs=2, samplers=samplers)
    assert sorted(os.listdir(tmp_path / "samples")) == ["epoch_0000_pc.png", "epoch_0001_pc.png"]


def test_tiles_lie_in_rows():
    grid = tiles(torch.arange(3.0)[:, None, None, None].expand(3, 1, 2, 2), columns=2)
    assert grid.tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, -1, -1], [2, 2, -1, -1]]


def test_bad_input_is_named(data, tmp_path):
    with pytest.raises(ValueError, match="max_seconds"):
        fit(data, tmp_path)
    with pytest.raises(ValueError, match="batch of 128"):
        fit(data, tmp_path, max_epochs=1, recipe=Recipe(batch_size=128))
    for wrong in ({"epsilon": 0.0}, {"epsilon": -1e-3}, {"learning_rate": 0}, {"dropout": 1.5}):
        name, value = next(iter(wrong.items()))
        with pytest.raises(ValueError, match=f"{name}.*{value}"):
            Recipe(**wrong)


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


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_labels_are_dropped_as_often_as_the_recipe_says(data, tmp_path, share):
    recipe = Recipe(**TINY, label_dropout=share, weight_decay=0.0)
    torch.manual_seed(recipe.seed)
    before = recipe.network().embed.label.weight
    changed = (fit(data, tmp_path, max_epochs=2, recipe=recipe).embed.label.weight != before).any(1)
    assert changed.tolist() == [share < 1] * 10 + [share > 0]


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


# Going on after a kill ------------------------------------------------------------------------------------------------

RUN = """
import torch, sys
from labutils.vpsde import mnist, training
from labutils.vpsde.config import Recipe
from tests import test_training as this
torch.set_num_threads(1)
images = torch.zeros(64, 1, 28, 28, dtype=torch.uint8)
digits = mnist.Digits(images, torch.arange(64) % 10)
this.fit((digits, digits), sys.argv[1], max_epochs=int(sys.argv[2]))
"""


def test_a_killed_training_goes_on_where_it_was(tmp_path):
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    killed = subprocess.Popen([*command, "100000"], cwd=os.getcwd())
    last, deadline = tmp_path / training.LAST, time.monotonic() + 600
    while not last.exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    done = torch.load(last, weights_only=True)["global_step"]
    digits = mnist.Digits(torch.zeros(64, 1, 28, 28, dtype=torch.uint8), torch.arange(64) % 10)
    fit((digits, digits), tmp_path, max_epochs=done // 8 + 1)
    assert torch.load(last, weights_only=True)["global_step"] == 8 * (done // 8) + 8


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
    assert steps > 0 and again <= steps + 8  # of 8 steps an epoch: the budget was spent


# The command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def notebook(tmp_path):
    cells = json.loads((ROOT / NOTEBOOK).read_text())["cells"]
    for source in ("raise SystemExit('a cell that must not run')", "%matplotlib inline\nVPSDE.name = 'the VP-SDE'"):
        cells.append({"cell_type": "code", "source": source.splitlines(keepends=True)})
    path = tmp_path / "lab.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    return path


def test_the_command_trains_with_a_notebooks_functions_and_exports(notebook, data, tmp_path, monkeypatch):
    from labutils.vpsde import train as command

    monkeypatch.setattr(mnist, "embedded", lambda split: data[0])
    monkeypatch.setattr(command, "STEPS", 4)
    monkeypatch.setattr(command, "MEASURED", 2)
    Recipe(**TINY).write(tmp_path / "recipe.json")
    places = ["--notebook", str(notebook), "--folder", str(tmp_path / "run"), "--recipe", str(tmp_path / "recipe.json")]
    command.main([*places, "--minutes=0.01", "--bpd", "--samples=both", "--validate-every=1", "--accelerator=cpu"])
    net = checkpoint.load(tmp_path / "run/score_net.safetensors")
    assert net.config["channels"] == 8
    facts = checkpoint.record(tmp_path / "run/score_net.safetensors")
    assert facts["recipe"]["seed"] == 5 and facts["data"]["train"] == 64
    assert {name.split("_")[-1] for name in os.listdir(tmp_path / "run/samples")} == {"ode.png", "pc.png"}
    places[3], start = str(tmp_path / "on"), str(tmp_path / "run/score_net.safetensors")
    command.main([*places, "--start", start, "--minutes=0.001", "--samples=none", "--accelerator=cpu"])
    assert checkpoint.record(tmp_path / "on/score_net.safetensors")["started from"]["minutes"] == 0.01


def test_the_command_explains_what_is_missing_in_one_line(tmp_path):
    from labutils.vpsde import train as command

    empty = tmp_path / "empty.ipynb"
    empty.write_text('{"cells": []}')
    with pytest.raises(SystemExit, match=r"error: .*does not define VPSDE, dsm_loss"):
        command.main(["--notebook", str(empty)])
