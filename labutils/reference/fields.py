"""What the hidden tests of Lab 1 ask a step for: a curved field, places and times, and Euler's answer."""

import torch


def curved_field():
    """A field u(x, t), Euler's step in it, and inputs (x, t, h) to ask the step for: x of shape (4, 3).

    The functions are made anew, not named in this module, so that the judge never looks for them on the student's side.
    """

    def field(x, t):
        return torch.cos(x) * x + t**2

    def euler_step(x, t, h):
        return x + h * field(x, t)

    places = torch.linspace(-2, 3, 12, dtype=torch.float64).reshape(4, 3)
    times = ((0.7, 0.3), (1.9, 2.0))
    return field, euler_step, [(places, *torch.tensor(pair, dtype=torch.float64)) for pair in times]
