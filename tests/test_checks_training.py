"""Checks of loops and trials: right ones pass, wrong ones are told their symptom."""

import io
from contextlib import redirect_stderr
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from labutils import checks
from labutils.checks.report import CheckFailed

torch.set_num_threads(1)


def train(net, steps, batch_size, lr, draw, *, reset=True, step=True, scheduled=True, loss_of=None, once=False):
    optimizer = torch.optim.Adam(net.parameters(), lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=lr, total_steps=steps) if scheduled else None
    losses, kept = [], draw(batch_size) if once else None
    for _ in range(steps):
        inputs, target = kept or draw(batch_size)
        loss = (loss_of or torch.nn.functional.mse_loss)(net(inputs), target)
        if reset:
            optimizer.zero_grad()
        loss.backward()
        if step:
            optimizer.step()
        if schedule and step:
            schedule.step()
        losses.append(loss.item())
    return losses


def variant(**options):
    return lambda *arguments: train(*arguments, **options)


@pytest.mark.parametrize("right", [train, variant(scheduled=False), lambda *a: np.array(train(*a))])
def test_right_loops_pass(right):
    assert checks.training.loop_losses(right).status == "pass"
    assert checks.training.loop_learns(right).status == "pass"


@pytest.mark.parametrize("scheduled", [True, False])
@pytest.mark.parametrize("wrong", [{"reset": False}, {"step": False}])
def test_loops_that_do_not_learn_fail(wrong, scheduled):
    report = checks.training.loop_learns(variant(scheduled=scheduled, **wrong))
    assert (report.status, report.symptom) == ("fail", "learning")


@pytest.mark.parametrize(
    "wrong",
    [
        variant(loss_of=lambda a, b: torch.mean((a - b[:, 0]) ** 2)),
        variant(loss_of=lambda a, b: torch.sum((a - b) ** 2)),
        variant(loss_of=lambda a, b: torch.mean(abs(a - b))),
        variant(once=True),
        lambda net, steps, size, lr, draw: train(net, steps, 256, lr, draw),
        lambda net, steps, size, lr, draw: train(net, steps, size, 0.03, draw),
    ],
)
def test_losses_of_other_things_fail(wrong):
    report = checks.training.loop_losses(wrong)
    assert (report.status, report.symptom) == ("fail", "losses")


def test_one_batch_for_all_steps_is_named():
    assert "new batch" in str(checks.training.loop_losses(variant(once=True)))


@pytest.mark.parametrize("wrong", [lambda *a: train(*a)[-1], lambda *a: train(*a)[1:], lambda *a: None])
def test_a_loop_returns_one_loss_a_step(wrong):
    with pytest.raises(CheckFailed, match="losses of 6 steps"):
        checks.training.loop_losses(wrong)


def test_a_progress_bar_stays_out_of_the_test_cell():
    def noisy(*arguments):
        import sys

        print("50%", file=sys.stderr)
        return train(*arguments)

    with redirect_stderr(io.StringIO()) as outer:
        checks.training.loop_learns(noisy)
    assert outer.getvalue() == ""


def test_a_flat_line_answers_flat_and_batches_repeat():
    inputs, target = checks.training.LineBatches()(5)
    assert checks.training.Line(flat=True)(inputs).shape == (5,)
    assert torch.equal(target, checks.training.LineBatches()(5)[1])


# Trials ---------------------------------------------------------------------------------------------------------------


def test_what_arrives_of_searched_values():
    def trial(values, train, measure):
        recipe = SimpleNamespace(**values | {"width": 16})
        return {"bpd": measure(train(recipe), 1e-5)}

    reached = checks.training.recipe_values(trial, ("rate", "width"))
    assert reached(0.25, 32).tolist() == [0.25, 16], "the searched width does not arrive, and that shows"
    assert checks.training.recipe_values(trial, ["multipliers"])((2, 4)).tolist() == [2, 4]
