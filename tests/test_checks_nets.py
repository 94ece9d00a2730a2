"""Checks of nets: the optimum and the excess are those of theory, and what is wrong with a net is said clearly."""

import numpy as np
import pytest
import torch
from torch import nn

from labutils import checks, schedules
from labutils.checks.report import CheckFailed
from labutils.reference import expected_noise

torch.set_num_threads(1)
T = 200
_, _, ALPHA_BAR = schedules.linear_schedule(T, beta_max=0.02)
TWO_POINTS = {0.4: 0.8, -0.6: 0.2}


def exact(x, t):
    """The best guess at every (x, t) of flat arrays."""
    out = np.empty(x.shape)
    for step in np.unique(t):
        at = t == step
        out[at] = expected_noise(x[at], TWO_POINTS, ALPHA_BAR[step])
    return out


class Formula(nn.Module):
    """A net that is a formula of its inputs (n, columns), with one answer each."""

    def __init__(self, formula):
        super().__init__()
        self.formula = formula

    def forward(self, inputs):
        return self.formula(inputs)


def sequential(n_input=2, width=15, activation=nn.ReLU, last=()):
    return nn.Sequential(
        nn.Linear(n_input, width), activation(), nn.Linear(width, width), activation(), nn.Linear(width, 1), *last
    )


def test_the_optimum_is_that_of_the_issue_and_of_simulation():
    best = checks.networks.best_noise_mse(ALPHA_BAR, TWO_POINTS)
    assert best == pytest.approx(0.1425, abs=5e-5)
    rng = np.random.default_rng(1)
    x_0, t = rng.choice([0.4, -0.6], 200_000, p=[0.8, 0.2]), rng.integers(1, T + 1, 200_000)
    z = rng.standard_normal(200_000)
    squares = (z - exact(np.sqrt(ALPHA_BAR[t]) * x_0 + np.sqrt(1 - ALPHA_BAR[t]) * z, t)) ** 2
    assert abs(squares.mean() - best) < 4 * squares.std() / np.sqrt(len(squares))


def test_one_point_leaves_nothing_to_guess_and_more_nodes_change_nothing():
    assert checks.networks.best_noise_mse(ALPHA_BAR, {0.4: 1.0}) == pytest.approx(0, abs=1e-12)
    few, many = (checks.networks.best_noise_mse(ALPHA_BAR, TWO_POINTS, nodes) for nodes in (128, 200))
    assert few == pytest.approx(many, abs=2e-5)


def test_the_excess_is_zero_for_the_best_guess_and_exact_for_a_constant_error():
    assert checks.networks.excess_noise_mse(exact, ALPHA_BAR, TWO_POINTS) == pytest.approx(0, abs=1e-15)
    off = checks.networks.excess_noise_mse(lambda x, t: exact(x, t) + 0.3, ALPHA_BAR, TWO_POINTS)
    assert off == pytest.approx(0.09)


def test_a_guess_of_zero_misses_the_rest_of_the_variance():
    best = checks.networks.best_noise_mse(ALPHA_BAR, TWO_POINTS)
    assert checks.networks.excess_noise_mse(lambda x, t: 0 * x, ALPHA_BAR, TWO_POINTS) == pytest.approx(1 - best)


@pytest.mark.parametrize(("shift", "status"), [(0.2, "pass"), (0.25, "fail")])
def test_a_net_is_judged_by_its_excess(shift, status):
    def net(inputs):
        x, t = inputs[:, 0].double().numpy(), np.round(inputs[:, 1].numpy() * T).astype(int)
        return torch.tensor(exact(x, t) + shift)[:, None]

    report = checks.networks.trained(net, ALPHA_BAR, TWO_POINTS, limit=0.05)
    assert report.status == status
    assert f"{shift**2:.3g}" in str(report)


@pytest.mark.parametrize(
    ("net", "says", "symptom"),
    [
        (sequential(3), "inputs of shape (51200, 2)", "shape"),
        (nn.Linear(2, 2), "(51200, 1), got shape (51200, 2)", "shape"),
        (Formula(lambda a: a[:, 0]), "(51200, 1), got shape (51200,)", "shape"),
        (Formula(lambda a: a[:, :1] * float("nan")), "training diverged", "diverged"),
        (Formula(lambda a: a[:, :1] * float("inf")), "NaN or infinite", "shape"),
        (Formula(lambda a: "left"), "got a str", "shape"),
    ],
)
def test_what_is_wrong_with_a_net_is_said(net, says, symptom):
    with pytest.raises(CheckFailed) as failure:
        checks.networks.trained(net, ALPHA_BAR, TWO_POINTS, limit=0.05)
    assert says in str(failure.value)
    assert failure.value.symptom == symptom


def test_a_net_that_is_not_answered_yet_says_only_that():
    def net(inputs):
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        checks.networks.ask(net, np.zeros(3), 0.5)


def test_asking_repeats_numbers_and_takes_no_gradients():
    seen = []
    answers = checks.networks.ask(lambda a: (seen.append(a), a.sum(1, keepdim=True))[1], np.arange(3.0), 0.5, -1)
    assert answers.tolist() == [-0.5, 0.5, 1.5]
    assert seen[0].dtype == torch.float32


@pytest.mark.parametrize("n_input", [2, 3, 15])
def test_the_asked_net_passes(n_input):
    assert checks.networks.layers(sequential, n_input).status == "pass"


class Backwards(nn.Module):
    """The asked net with its layers defined in another order."""

    def __init__(self, n_input):
        super().__init__()
        self.out, self.second, self.first = nn.Linear(15, 1), nn.Linear(15, 15), nn.Linear(n_input, 15)

    def forward(self, x):
        return self.out(torch.relu(self.second(torch.relu(self.first(x)))))


def test_the_order_of_definition_does_not_matter():
    assert checks.networks.layers(Backwards, 2).status == "pass"


@pytest.mark.parametrize(
    ("make", "symptom"),
    [
        (lambda n: sequential(n, width=16), "layers"),
        (lambda n: sequential(n, activation=nn.Tanh), "activation"),
        (lambda n: sequential(n, activation=nn.Identity), "activation"),
        (lambda n: sequential(n, last=[nn.ReLU()]), "activation"),
        (lambda n, net=sequential(2): net, "fresh"),  # noqa: B008  one net for all calls is the mistake
    ],
)
def test_another_net_fails(make, symptom):
    report = checks.networks.layers(make, 2)
    assert (report.status, report.symptom) == ("fail", symptom)


def test_nets_that_all_answer_0_are_not_called_the_same_net():
    def dead(n):
        net = sequential(n, last=[nn.ReLU()])
        nn.init.constant_(net[4].bias, -100)
        return net

    assert checks.networks.layers(dead, 2).symptom == "activation"


@pytest.mark.parametrize(("successes", "status"), [(1000, "pass"), (990, "pass"), (975, "warn"), (950, "fail")])
def test_at_least_is_one_sided(successes, status):
    assert checks.networks.at_least(successes, 1000, 0.99).status == status
    assert checks.networks.at_least(1000, 1000, 0.5).status == "pass"


def test_a_tensor_is_no_numpy_array():
    assert checks.networks.as_numpy(np.ones(2)).tolist() == [1, 1]
    with pytest.raises(CheckFailed, match="got a Tensor"):
        checks.networks.as_numpy(torch.ones(2))
