"""Training: it learns, its figures judge, and the notebook's functions are the ones used."""

import os

import numpy as np
import pytest
import torch

from labutils.vpsde import mnist, training
from labutils.vpsde.callbacks import ExponentialMovingAverage
from labutils.vpsde.config import Recipe
from tests.trainings import TINY, fit, squares, student


@pytest.fixture(scope="module")
def data():
    return squares()


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


def test_a_moving_average_forgets_its_start_and_then_remembers():
    average = ExponentialMovingAverage(0.9)._kwargs["multi_avg_fn"]
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


def test_bad_input_is_named(data, tmp_path):
    with pytest.raises(ValueError, match="max_seconds"):
        fit(data, tmp_path)
    with pytest.raises(ValueError, match="batch of 128"):
        fit(data, tmp_path, max_epochs=1, recipe=Recipe(batch_size=128))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_labels_are_dropped_as_often_as_the_recipe_says(data, tmp_path, share):
    recipe = Recipe(**TINY, label_dropout=share, weight_decay=0.0)
    torch.manual_seed(recipe.seed)
    before = recipe.network().embed.label.weight
    changed = (fit(data, tmp_path, max_epochs=2, recipe=recipe).embed.label.weight != before).any(1)
    assert changed.tolist() == [share < 1] * 10 + [share > 0]
