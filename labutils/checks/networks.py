"""Checks of a trained net: is it the net that was asked for, and how far is it from the best possible guess?

The mean squared error of a guess of the noise splits into what nobody can know and what the net has not learned,

    E (z - f(x_t, t))**2 = E (z - E[z | x_t])**2 + E (E[z | x_t] - f(x_t, t))**2.

The first term is the optimum, the second the excess. Both are computed by Gauss-Hermite quadrature over the noise, so a
verdict on a net has no luck in it. Nets are anything that can be called with a tensor (n, inputs).
"""

import numpy as np
import torch
from scipy import stats

from labutils.arrays import plain
from labutils.builds_on import may_be_inherited
from labutils.checks import sequential
from labutils.checks.report import CheckFailed, Finding, Report, as_floats, number, share_text
from labutils.distributions import diffused_points

HINTS = {
    "excess": "Is the loss curve flat where training ended, and does the net see the time?",
    "layers": "Which layers does the contract list, from the input to the output?",
    "activation": "What stands between the layers, and what after the last one?",
    "fresh": "Where are the weights drawn: once, or in every call?",
    "side": "What does the net learn about the prompt, and what is it told when it guesses?",
}


def ask(net, *columns, what="The net"):
    """Call `net` on inputs made of `columns`, arrays (n,) or numbers; return its answers as float64, shape (n,).

    Raises CheckFailed when the net does not take so many inputs, does not return (n, 1), or answers NaN.
    """
    __tracebackhide__ = True
    inputs = torch.tensor(np.stack(np.broadcast_arrays(*columns), axis=1), dtype=torch.float32)
    try:
        with torch.no_grad():
            answers = plain(net(inputs))
    except NotImplementedError:
        raise
    except Exception as error:
        text = f"{what} · cannot be called with inputs of shape {tuple(inputs.shape)}: {error}"
        raise CheckFailed(f"{text}\nHow many inputs does it have?") from error
    if isinstance(answers, np.ndarray) and answers.size and np.isnan(answers).any():
        share = np.isnan(answers).mean()
        text = f"{what} · answers NaN for {share:.0%} of the inputs: the training diverged."
        raise CheckFailed(f"{text}\nIs the learning rate too high?", "diverged")
    return as_floats(answers, (len(inputs), 1), f"{what}, called with inputs {tuple(inputs.shape)}")[:, 0]


def as_numpy(value, what="The result"):
    """`value` itself if it is a numpy array; otherwise raises CheckFailed, for a tensor drags its gradients along."""
    __tracebackhide__ = True
    if isinstance(value, np.ndarray):
        return value
    kind = type(value).__name__
    raise CheckFailed(f"{what} · expected a numpy array, got a {kind}.\nWho asks for it, and does that speak torch?")


# The best possible guess ----------------------------------------------------------------------------------------------


def _quadrature(alpha_bar, data, nodes):
    """Return x_t, t, the noise that made x_t, the best guess of it, and the weight of each case, all of shape (m,)."""
    z, w = np.polynomial.hermite_e.hermegauss(nodes)
    cases = []
    for t in range(1, len(alpha_bar)):
        law, sigma = diffused_points(data, alpha_bar[t]), np.sqrt(1 - alpha_bar[t])
        x = (law.centres[:, None] + sigma * z).ravel()
        weight = np.outer(law.weights, w / w.sum()).ravel() / (len(alpha_bar) - 1)
        cases.append((x, np.full(x.shape, t), np.tile(z, len(law.centres)), -sigma * law.score(x), weight))
    return (np.concatenate(column) for column in zip(*cases, strict=True))


def best_noise_mse(alpha_bar, data, nodes=128):
    """The smallest mean squared error of any guess of the noise, averaged over t = 1..T; 0 for a single point.

    data: the law of x_0, {point: weight}.
    """
    _, _, z, best, weight = _quadrature(alpha_bar, data, nodes)
    return float(weight @ (z - best) ** 2)


def excess_noise_mse(predict, alpha_bar, data, nodes=128):
    """By how much the mean squared error of `predict(x_t, t) -> z_hat`, all of shape (m,), exceeds the smallest one."""
    x, t, _, best, weight = _quadrature(alpha_bar, data, nodes)
    guess = as_floats(predict(x, t), x.shape, "The guess of the noise")
    return float(weight @ (guess - best) ** 2)


def trained(net, alpha_bar, data, limit, what="The trained net"):
    """Check that a net of the inputs (x_t, t/T) has an excess of at most `limit`."""
    __tracebackhide__ = True
    T = len(alpha_bar) - 1
    excess = excess_noise_mse(lambda x, t: ask(net, x, t / T, what=what), alpha_bar, data)
    text = f"its mean squared error is {number(excess)} above the smallest possible; at most {limit:g} is asked."
    if excess <= limit:
        return Report(what, summary=text)
    return Report(what, [Finding("excess", 0.0, text)], "fail", hints=HINTS)


def at_least(successes, n, share, what="The share"):
    """Check that `successes` of `n` fit a success probability of `share` or more (one-sided exact binomial test)."""
    text = f"expected at least {share:.2f}, {share_text(successes / n, n)}."
    p = stats.binomtest(int(successes), n, share, alternative="less").pvalue
    return sequential.decide(
        lambda _: ([Finding("side", p, text, counted=True)], text, None, None), what, HINTS, stages=1
    )


# One mistake costs one exercise ---------------------------------------------------------------------------------------


def unless_inherited(check, parts, instead):
    """The report of `check()`; but when it fails because a part it rests on is wrong, the report of `instead()`.

    A net can be no better than the functions that made it. parts: for every cell that the test builds on (see
    `labutils.builds_on`), {its grade id: a check, without arguments, of the function that it graded}. A part counts if
    it is wrong now and was so when graded, for whoever spoils it afterwards has a net of another making. A part that
    was not answered excuses nothing.
    """
    __tracebackhide__ = True
    try:
        report = check()
        report.assert_ok()
        return report
    except NotImplementedError:
        raise
    except Exception:
        if any(may_be_inherited(cell) and _is_wrong(part) for cell, part in parts.items()):
            return instead()
        raise


def _is_wrong(part):
    try:
        return part().status == "fail"
    except NotImplementedError:
        return False
    except Exception:
        return True


# The architecture -----------------------------------------------------------------------------------------------------


NETS = 24  # about two in five answer above 0 everywhere, where a ReLU after the last layer does not show


def layers(make_net, n_input, width=15, what="make_net"):
    """Check that make_net(n_input) is a new ReLU net n_input -> width -> width -> 1 in every call.

    The weights are read from `state_dict`, by their sizes; the net's answers must be those of a ReLU net with them.
    """
    __tracebackhide__ = True
    nets = [make_net(n_input) for _ in range(NETS)]
    grid = np.random.default_rng(0).normal(0, 3, (n_input, 200))
    answers = [ask(net, *grid, what=f"{what}({n_input})") for net in nets]
    weights = [[np.array(plain(p), dtype=np.float64) for p in net.state_dict().values()] for net in nets]
    sizes = [w.shape for w in weights[0]]
    asked = [(width, n_input), (width,), (width, width), (width,), (1, width), (1,)]
    differ = any(sorted(w.shape for w in one) != sorted(asked) for one in weights)
    relu = not differ and all(_is_relu_net(*one, grid) for one in zip(weights, answers, strict=True))
    symptoms = [
        ("layers", differ, f"expected weights and biases of the sizes {_sizes(asked)}, got {_sizes(sizes)}."),
        ("fresh", all(map(np.array_equal, *weights[:2])), "two calls return nets with the same weights."),
        ("activation", not relu and not differ,
         "its answers are not those of two hidden layers of ReLU units with its weights."),
    ]  # fmt: skip
    kept = [Finding(symptom, 0.0, text) for symptom, wrong, text in symptoms if wrong][:1]
    text = f"{n_input} inputs, two hidden layers of {width} ReLU units, one output."
    return Report(what, kept, "fail" if kept else "pass", text, hints=HINTS)


def _is_relu_net(weights, answers, x):
    """Whether weights of the right sizes, in any order, give these answers to x, (n_input, n), as a ReLU net."""
    w1, w2, w3 = sorted((w for w in weights if w.ndim == 2), key=lambda w: (w.shape[0] == 1, w.shape[1] == w.shape[0]))
    *hidden, b3 = sorted((w for w in weights if w.ndim == 1), key=lambda w: -len(w))
    guesses = []
    for b1, b2 in (hidden, hidden[::-1]):
        first = np.maximum(w1 @ x + b1[:, None], 0)
        guesses.append((w3 @ np.maximum(w2 @ first + b2[:, None], 0) + b3)[0])
    return any(np.allclose(guess, answers, rtol=1e-4, atol=1e-4) for guess in guesses)


def _sizes(shapes):
    return ", ".join("×".join(map(str, shape)) for shape in shapes)
