"""Checks of batches: right ones pass with uniform p-values, wrong ones are told their symptom."""

import numpy as np
import pytest
import torch
from scipy import stats

from labutils import checks, schedules
from labutils.checks import sequential
from labutils.checks.report import CheckFailed
from tests.calibration import Recorder

torch.set_num_threads(1)
T = 200
_, _, ALPHA_BAR = schedules.linear_schedule(T, beta_max=0.02)
LAW, PROMPTS = {0.4: 0.8, -0.6: 0.2}, {0.4: 1, -0.6: -1}
RNG = np.random.default_rng(20261122)


def tensors(*columns, z):
    inputs = np.stack(np.broadcast_arrays(*columns), axis=1)
    return torch.tensor(inputs, dtype=torch.float32), torch.tensor(z[:, None], dtype=torch.float32)


def batch(n, x_0=None, t=None, z=None, target=lambda z: z, time=lambda t: t / T, prompt=None):
    """A right batch, unless a part of it is given; prompt: a function of x_0, for a third input."""
    x_0 = RNG.choice([0.4, -0.6], n, p=[0.8, 0.2]) if x_0 is None else x_0
    t = RNG.integers(1, T + 1, n) if t is None else t
    z = RNG.standard_normal(n) if z is None else z
    x_t = np.sqrt(ALPHA_BAR[t]) * x_0 + np.sqrt(1 - ALPHA_BAR[t]) * z
    return tensors(x_t, time(t), *([] if prompt is None else [prompt(x_0)]), z=target(z))


def side(x_0):
    return np.where(x_0 > 0, 1, -1)


def check_inputs(draw, prompts=None, n=2000):
    return checks.batches.inputs(draw, ALPHA_BAR, LAW, prompts, n)


@pytest.mark.parametrize(
    "right",
    [
        lambda: checks.batches.noise(batch, 2),
        lambda: check_inputs(batch),
        lambda: check_inputs(lambda n: batch(n, prompt=side), PROMPTS, 500),
        lambda: checks.batches.dropped_prompts(drop, 0.3),
    ],
)
def test_right_answers_pass_and_their_p_values_are_uniform(right, monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(sequential, "decide", recorder)
    assert not [report for report in (right() for _ in range(200)) if report.status == "fail"]
    for symptom, p_values in recorder.p_values.items():
        assert stats.kstest(p_values, "uniform").pvalue > 1e-4, symptom


def test_single_precision_is_precise_enough():
    kept = torch.cumprod(torch.tensor(1 - np.concatenate([[0], np.linspace(1e-4, 0.02, T)]), dtype=torch.float32), 0)

    def draw(n):
        x_0 = torch.where(torch.rand(n, 1) < 0.8, 0.4, -0.6)
        t, z = torch.randint(1, T + 1, (n, 1)), torch.randn(n, 1)
        return torch.cat([kept[t].sqrt() * x_0 + (1 - kept[t]).sqrt() * z, t / T], 1), z

    assert all(check_inputs(draw).status != "fail" for _ in range(50))


@pytest.mark.parametrize(
    ("symptom", "wrong"),
    {
        "constant time": ("times", lambda n: batch(n, t=np.full(n, 50))),
        "no last time": ("times", lambda n: batch(n, t=RNG.integers(1, T, n))),
        "no first time": ("times", lambda n: batch(n, t=RNG.integers(2, T + 1, n))),
        "small times": ("times", lambda n: batch(n, t=np.ceil(T * RNG.random(n) ** 1.3).astype(int))),
        "raw time": ("time", lambda n: batch(n, time=lambda t: t)),
        "time 0": ("time", lambda n: batch(n, t=RNG.integers(0, T + 1, n))),
        "time reversed": ("match", lambda n: batch(n, time=lambda t: (T + 1 - t) / T)),
        "minus z": ("match", lambda n: batch(n, target=lambda z: -z)),
        "fresh noise": ("match", lambda n: batch(n, target=lambda z: RNG.standard_normal(n))),
        "even weights": ("weights", lambda n: batch(n, x_0=RNG.choice([0.4, -0.6], n))),
        "noise after data": (
            "independence",
            lambda n: (lambda x_0: batch(n, x_0=x_0, z=RNG.normal(0.5 * x_0)))(
                RNG.choice([0.4, -0.6], n, p=[0.8, 0.2])
            ),
        ),
        "noise after time": (
            "independence",
            lambda n: (lambda t: batch(n, t=t, z=RNG.normal(t / T - 0.5)))(RNG.integers(1, T + 1, n)),
        ),
        "data after time": (
            "independence",
            lambda n: (lambda t: batch(n, t=t, x_0=np.where(RNG.random(n) < 0.7 + 0.2 * (t > 100), 0.4, -0.6)))(
                RNG.integers(1, T + 1, n)
            ),
        ),
        "noise in pairs": ("independence", lambda n: batch(n, z=np.repeat(RNG.standard_normal(n // 2), 2))),
    }.values(),
)
def test_wrong_batches_are_told_their_symptom(symptom, wrong):
    for _ in range(10):
        report = check_inputs(wrong)
        assert (report.status, report.symptom) == ("fail", symptom)


@pytest.mark.parametrize(
    "prompt", [lambda x_0: -side(x_0), lambda x_0: 0 * x_0, lambda x_0: RNG.choice([-1, 1], len(x_0)), lambda x_0: x_0]
)
def test_wrong_prompts_are_told(prompt):
    report = check_inputs(lambda n: batch(n, prompt=prompt), PROMPTS)
    assert (report.status, report.symptom) == ("fail", "prompt")


@pytest.mark.parametrize("z", [lambda n: 2 * RNG.standard_normal(n), lambda n: RNG.uniform(-1.73, 1.73, n), np.zeros])
def test_wrong_noise_fails(z):
    assert checks.batches.noise(lambda n: batch(n, z=z(n)), 2).status == "fail"


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda n: batch(n)[0], "pair"),
        (lambda n: (batch(n)[0], batch(n)[1][:, 0]), r"target · expected a tensor of shape \(64, 1\)"),
        (lambda n: tuple(part.double() for part in batch(n)), "dtype float32"),
        (lambda n: (batch(n)[0][:, :1], batch(n)[1]), r"inputs · expected a tensor of shape \(64, 2\)"),
        (lambda n: batch(n, z=np.full(n, np.nan)), "finite"),
    ],
)
def test_shapes_come_first(draw, says):
    checks.batches.shapes(batch, 2).assert_ok()
    with pytest.raises(CheckFailed, match=says):
        checks.batches.shapes(draw, 2)


# Dropped prompts ------------------------------------------------------------------------------------------------------


def drop(inputs, p_drop):
    out = inputs.clone()
    out[torch.tensor(RNG.random(len(inputs)) < p_drop), 2] = 0
    return out


def overwrite(inputs, p_drop):
    inputs[torch.tensor(RNG.random(len(inputs)) < p_drop), 2] = 0
    return inputs


@pytest.mark.parametrize(
    ("symptom", "wrong"),
    [
        ("dropped", lambda inputs, p: drop(inputs, 1 - p)),
        ("dropped", lambda inputs, p: drop(inputs, float(RNG.random() < p))),
        ("dropped", lambda inputs, p: torch.where(torch.arange(len(inputs))[:, None] < p * len(inputs),
                                                  inputs * torch.tensor([1, 1, 0]), inputs)),
        ("dropped", lambda inputs, p: torch.where(inputs[:, 2:] > 0, drop(inputs, 2 * p), inputs)),
    ],
)  # fmt: skip
def test_wrong_shares_of_dropped_prompts_are_told(symptom, wrong):
    report = checks.batches.dropped_prompts(wrong, 0.3)
    assert (report.status, report.symptom) == ("fail", symptom)


@pytest.mark.parametrize("wrong", [overwrite, lambda inputs, p: drop(inputs, p) * 2])
def test_dropping_prompts_leaves_the_rest_alone(wrong):
    with pytest.raises(CheckFailed, match="changed") as failure:
        checks.batches.dropped_prompts(wrong, 0.3)
    assert failure.value.symptom == "untouched"
