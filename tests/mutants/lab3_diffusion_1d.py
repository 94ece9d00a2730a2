"""Lab 3: diffuse, fast-forward, undiffuse."""

from tests.mutants import Mutant, Style, mutants

STEP = "x[t] = np.sqrt(1 - beta[t]) * x[t - 1] + np.sqrt(beta[t]) * z"
WALK_NOISE = "z = rng.standard_normal(len(x_0))"
JUMP = "x_t = np.sqrt(alpha_bar[t]) * x_0 + np.sqrt(1 - alpha_bar[t]) * z"
GUESS = "(x_t - np.sqrt(alpha_bar[t]) * 0.4) / np.sqrt(1 - alpha_bar[t])"
BACK = "(x_t - beta[t] / np.sqrt(1 - alpha_bar[t]) * guess_z(x_t, t)) / np.sqrt(1 - beta[t])"
BACK_NOISE = "np.sqrt(variance) * rng.standard_normal(len(x_t))"
VARIANCE = "variance = beta[t] * (1 - alpha_bar[t - 1]) / (1 - alpha_bar[t])"
WALK_TIMES = "range(len(beta) - 1, t_end, -1)"
CHOICE = "rng.choice([0.4, -0.6], size=n, p=[0.8, 0.2])"
ORIGINS = "np.array([(x_t - np.sqrt(alpha_bar[t]) * a) / np.sqrt(1 - alpha_bar[t]) for a in (0.4, -0.6)])"
MEAN = "(w * z).sum(axis=0) / w.sum(axis=0)"
DATA = "(x_t - np.sqrt(1 - alpha_bar[t]) * z_hat) / np.sqrt(alpha_bar[t])"
SHARED = ("independence", "spread")  # few numbers that happen to lie close together show as a spread first
NO_NOISE = ("spread", "repeat")
SPREAD = ("spread", "mean", "law")  # both coefficients are wrong, or the spread is wrong enough to bend the law


DIFFUSE = mutants(
    "3.1",
    ("no root on beta", STEP, "x[t] = np.sqrt(1 - beta[t]) * x[t - 1] + beta[t] * z", "spread"),
    ("no root on 1 - beta", STEP, "x[t] = (1 - beta[t]) * x[t - 1] + np.sqrt(beta[t]) * z", "mean"),
    ("coefficients swapped", STEP, "x[t] = np.sqrt(beta[t]) * x[t - 1] + np.sqrt(1 - beta[t]) * z", SPREAD),
    ("no shrinking", STEP, "x[t] = x[t - 1] + np.sqrt(beta[t]) * z", "mean"),
    ("no noise", STEP, "x[t] = np.sqrt(1 - beta[t]) * x[t - 1]", NO_NOISE),
    (
        "noise subtracted from the shrinking",
        STEP,
        "x[t] = np.sqrt(1 - beta[t]) * (x[t - 1] + np.sqrt(beta[t]) * z)",
        "spread",
    ),
    ("beta off by one", STEP, "x[t] = np.sqrt(1 - beta[t - 1]) * x[t - 1] + np.sqrt(beta[t - 1]) * z", SPREAD),
    ("schedule reversed", STEP, STEP.replace("beta[t]", "beta[-t]"), SPREAD),
    ("starts every step at x_0", "x[t - 1]", "x[0]", ("mean", "drift")),
    ("one noise for all particles", WALK_NOISE, "z = rng.standard_normal()", SHARED),
    ("uniform noise", WALK_NOISE, "z = rng.uniform(-1, 1, len(x_0))", SPREAD),
    ("uniform noise of variance 1", WALK_NOISE, "z = rng.uniform(-(3**0.5), 3**0.5, len(x_0))", "law"),
    ("noise that is only ±1", WALK_NOISE, "z = rng.choice([-1.0, 1.0], len(x_0))", "law"),
    ("seed fixed inside", "np.random.default_rng(rng)", "np.random.default_rng(0)", "repeat"),
    ("start is noised, too", "x[0] = x_0", "x[0] = x_0 + 0.1 * rng.standard_normal(len(x_0))"),
    ("start at 0", "x[0] = x_0", "x[0] = 0"),
    ("only the end", "return x", "return x[-1]", "shape"),
    ("without the start", "return x", "return x[1:]", "shape"),
    ("one row a particle", "return x", "return x.T", "shape"),
    (
        "one step short",
        "range(1, len(beta))",
        "range(1, len(beta) - 1)",
        ("spread", "mean", "law", "drift", "shape", "independence"),
    ),
    ("any schedule goes", "schedules.check_beta(beta)", "pass", "error"),
)

JUMPS = mutants(
    "3.2",
    ("ᾱ for its root", "np.sqrt(alpha_bar[t]) * x_0 +", "alpha_bar[t] * x_0 +", ("mean", "drift")),
    ("1 - ᾱ as the noise scale", "np.sqrt(1 - alpha_bar[t]) * z", "(1 - alpha_bar[t]) * z", "spread"),
    ("α for ᾱ", JUMP, "a = alpha_bar[t] / alpha_bar[t - 1]\n    x_t = np.sqrt(a) * x_0 + np.sqrt(1 - a) * z", SPREAD),
    ("off by one", JUMP, JUMP.replace("[t]", "[t - 1]"), SPREAD),
    ("off by one the other way", JUMP, JUMP.replace("[t]", "[(t + 1) % len(alpha_bar)]"), SPREAD),
    ("schedule reversed", JUMP, JUMP.replace("[t]", "[len(alpha_bar) - 1 - t]"), SPREAD),
    ("coefficients swapped", JUMP, "x_t = np.sqrt(1 - alpha_bar[t]) * x_0 + np.sqrt(alpha_bar[t]) * z", SPREAD),
    (
        "reads the schedule of the notebook",
        JUMP,
        "a = np.cumprod(1 - beta)[t]\n    x_t = np.sqrt(a) * x_0 + np.sqrt(1 - a) * z",
        SPREAD,
    ),
    ("returns another z", "return x_t, z", "return x_t, rng.standard_normal(len(x_0))"),
    ("returns the scaled noise", "return x_t, z", "return x_t, np.sqrt(1 - alpha_bar[t]) * z", "spread"),
    ("returns minus z", "return x_t, z", "return x_t, -z"),
    ("order swapped", "return x_t, z", "return z, x_t", ("mean", "drift")),
    ("returns x_t only", "return x_t, z", "return x_t", ("shape", "error")),
    ("one noise for all particles", "rng.standard_normal(len(x_0))", "rng.standard_normal() + 0 * x_0", SHARED),
    ("uniform noise of variance 1", "rng.standard_normal(len(x_0))", "rng.uniform(-(3**0.5), 3**0.5, len(x_0))", "law"),
    ("seed fixed inside", "np.random.default_rng(rng)", "np.random.default_rng(0)", "repeat"),
    ("one time for all particles", JUMP, "t = np.ravel(t)[0]\n    " + JUMP, SPREAD),
    (
        "every particle at every time",
        JUMP,
        JUMP.replace("alpha_bar[t]", "alpha_bar[np.atleast_1d(t)][:, None]")
        + "\n    x_t = x_t[0] if len(x_t) == 1 else x_t",
        "shape",
    ),
    ("numbers for times only", JUMP, "t = int(t)\n    " + JUMP, "error"),
    ("any time goes", "schedules.check_times(t, len(alpha_bar) - 1)", "pass", "error"),
    (
        "T itself is refused",
        "schedules.check_times(t, len(alpha_bar) - 1)",
        "schedules.check_times(t, len(alpha_bar) - 2)",
        "error",
    ),
    (
        "fractions are cut",
        "schedules.check_times(t, len(alpha_bar) - 1)",
        "t = np.asarray(t, dtype=int)\n    schedules.check_times(t, len(alpha_bar) - 1)",
        "error",
    ),
    ("theory: variance for the spread", "x_0, np.sqrt(1 - alpha_bar[t])", "x_0, 1 - alpha_bar[t]"),
    ("theory: ᾱ for its root", "return np.sqrt(alpha_bar[t]) * x_0,", "return alpha_bar[t] * x_0,"),
    ("theory: N(0, 1)", "return np.sqrt(alpha_bar[t]) * x_0, np.sqrt(1 - alpha_bar[t])", "return 0.0, 1.0"),
    (
        "theory: off by one",
        "return np.sqrt(alpha_bar[t]) * x_0, np.sqrt(1 - alpha_bar[t])",
        "return np.sqrt(alpha_bar[t - 1]) * x_0, np.sqrt(1 - alpha_bar[t - 1])",
    ),
)

GUESSES = mutants(
    "3.3",
    ("ᾱ for its root", GUESS, GUESS.replace("np.sqrt(alpha_bar[t])", "alpha_bar[t]")),
    ("1 - ᾱ for its root", GUESS, GUESS.replace("np.sqrt(1 - alpha_bar[t])", "(1 - alpha_bar[t])")),
    ("sign", GUESS, "-" + GUESS),
    ("the data forgotten", GUESS, "x_t / np.sqrt(1 - alpha_bar[t])"),
    ("the data not shrunk", GUESS, GUESS.replace("np.sqrt(alpha_bar[t]) * 0.4", "0.4")),
    ("not divided", GUESS, "x_t - np.sqrt(alpha_bar[t]) * 0.4"),
    ("divided by the other root", GUESS, GUESS.replace("np.sqrt(1 - alpha_bar[t])", "np.sqrt(alpha_bar[t])")),
    ("off by one", GUESS, GUESS.replace("[t]", "[(t + 1) % len(alpha_bar)]")),
    ("time reversed", GUESS, GUESS.replace("[t]", "[len(alpha_bar) - t]")),
    ("the last time only", GUESS, GUESS.replace("[t]", "[-1]")),
    ("α for ᾱ", GUESS, GUESS.replace("alpha_bar[t]", "(alpha_bar[t] / alpha_bar[t - 1])")),
    ("fresh noise", GUESS, "np.random.default_rng().standard_normal(len(x_t))"),
    ("guess of the data", GUESS, "0 * x_t + 0.4"),
    ("reads the schedule of the notebook", GUESS, GUESS.replace("alpha_bar[t]", "np.cumprod(1 - beta)[t]")),
    ("numbers for times only", "return " + GUESS, "t = int(t)\n    return " + GUESS, "error"),
    ("mean over the particles", "return " + GUESS, f"return 0 * x_t + ({GUESS}).mean()"),
    ("data: a number", "np.full(n, 0.4)", "0.4", "shape"),
    ("data: a column", "np.full(n, 0.4)", "np.full((n, 1), 0.4)", "shape"),
    ("data: noise around the point", "np.full(n, 0.4)", "np.random.default_rng().normal(0.4, 1, n)"),
    ("data: at 0", "np.full(n, 0.4)", "np.zeros(n)"),
    ("data: a list", "np.full(n, 0.4)", "[0.4] * n", "shape"),
)

UNDIFFUSE = mutants(
    "3.4",
    ("β for β̃", VARIANCE, "variance = beta[t]", "spread"),
    ("variance for the spread", BACK_NOISE, BACK_NOISE.replace("np.sqrt(variance)", "variance"), "spread"),
    ("noise on the last step", VARIANCE, VARIANCE + " if t > 1 else beta[1]"),
    (
        "no-noise rule backwards",
        BACK_NOISE,
        BACK_NOISE.replace("np.sqrt(variance)", "(t == 1) * np.sqrt(beta[t])"),
        NO_NOISE,
    ),
    (
        "no noise but at the start",
        BACK_NOISE,
        BACK_NOISE.replace("np.sqrt(variance)", "(t == len(beta) - 1) * np.sqrt(variance)"),
        NO_NOISE,
    ),
    ("no noise at all", "mean + " + BACK_NOISE, "mean", NO_NOISE),
    (
        "no noise on the last two steps",
        BACK_NOISE,
        BACK_NOISE.replace("np.sqrt(variance)", "(t > 2) * np.sqrt(variance)"),
        NO_NOISE,
    ),
    ("x_t added once too often", "return mean +", "return x_t + mean +", ("mean", "drift")),
    ("sign of the guess", BACK, BACK.replace("x_t - beta", "x_t + beta"), ("mean", "drift")),
    ("guess not scaled by β", BACK, BACK.replace("beta[t] / np.sqrt(1 - alpha_bar[t]) * ", ""), ("mean", "drift")),
    ("1 - ᾱ for its root", BACK, BACK.replace("np.sqrt(1 - alpha_bar[t])", "(1 - alpha_bar[t])"), ("mean", "drift")),
    ("root of β in the pull", BACK, BACK.replace("beta[t] / np", "np.sqrt(beta[t]) / np"), ("mean", "drift")),
    ("not divided by the root of α", BACK, BACK.removesuffix(" / np.sqrt(1 - beta[t])"), ("mean", "drift")),
    ("α for its root", BACK, BACK.removesuffix("np.sqrt(1 - beta[t])") + "(1 - beta[t])", ("mean", "drift")),
    (
        "divided by the root of ᾱ",
        BACK,
        BACK.removesuffix("np.sqrt(1 - beta[t])") + "np.sqrt(alpha_bar[t])",
        ("mean", "drift"),
    ),
    (
        "times the root of α",
        BACK,
        BACK.replace(") / np.sqrt(1 - beta[t])", ") * np.sqrt(1 - beta[t])"),
        ("mean", "drift"),
    ),
    ("α for ᾱ", "alpha_bar = np.cumprod(1 - beta)", "alpha_bar = 1 - beta", ("mean", "drift", "spread")),
    ("β̃ with ᾱ of the next time", VARIANCE, VARIANCE.replace("[t - 1]", "[min(t + 1, len(beta) - 1)]"), "spread"),
    ("β̃ upside down", VARIANCE, "variance = beta[t] * (1 - alpha_bar[t]) / (1 - alpha_bar[max(t - 1, 1)])", "spread"),
    ("guess asked for the time before", "guess_z(x_t, t)", "guess_z(x_t, t - 1)", ("mean", "drift")),
    ("schedule off by one", BACK, BACK.replace("beta[t]", "beta[t - 1]"), ("mean", "drift")),
    (
        "schedule reversed",
        "    alpha_bar = np.cumprod",
        "    beta = np.append(0, beta[:0:-1])\n    alpha_bar = np.cumprod",
        ("mean", "drift", "spread"),
    ),
    (
        "reads the schedule of the notebook",
        "alpha_bar = np.cumprod(1 - beta)",
        "beta, alpha_bar = globals()['beta'], np.cumprod(1 - globals()['beta'])",
        ("mean", "drift", "spread", "error"),
    ),
    (
        "a step forward",
        "return mean +",
        "return np.sqrt(1 - beta[t]) * x_t + np.sqrt(beta[t]) * rng.standard_normal(len(x_t)) + 0 *",
        ("mean", "drift"),
    ),
    (
        "a jump to the data and back",
        BACK,
        "np.sqrt(alpha_bar[t - 1] / alpha_bar[t]) * (x_t - np.sqrt(1 - alpha_bar[t]) * guess_z(x_t, t))",
        ("mean", "drift"),
    ),
    ("one noise for all particles", BACK_NOISE, "np.sqrt(variance) * rng.standard_normal()", SHARED),
    ("uniform noise of variance 1", "rng.standard_normal(len(x_t))", "rng.uniform(-(3**0.5), 3**0.5, len(x_t))", "law"),
    (
        "seed fixed inside the step",
        "rng = np.random.default_rng(rng)\n    alpha_bar",
        "rng = np.random.default_rng(0)\n    alpha_bar",
        "repeat",
    ),
    ("any time goes", "schedules.check_times(t, len(beta) - 1, first=1)", "pass", "error"),
    (
        "time 0 goes, too",
        "schedules.check_times(t, len(beta) - 1, first=1)",
        "schedules.check_times(t, len(beta) - 1)",
        "error",
    ),
    ("walk: one step too far", WALK_TIMES, "range(len(beta) - 1, max(t_end - 1, 0), -1)", "shape"),
    ("walk: one step short", WALK_TIMES, "range(len(beta) - 1, t_end + 1, -1)", "shape"),
    ("walk: always to the data", WALK_TIMES, "range(len(beta) - 1, 0, -1)", "shape"),
    ("walk: from data up", WALK_TIMES, "range(t_end + 1, len(beta))", ("mean", "drift", "spread", "support", "value")),
    (
        "walk: same time at every step",
        "undiffuse_step(x[-1], t, beta",
        "undiffuse_step(x[-1], len(beta) - 1, beta",
        ("mean", "drift", "spread"),
    ),
    ("walk: always from x_T", "undiffuse_step(x[-1], t", "undiffuse_step(x_T, t", ("mean", "drift", "spread")),
    ("walk: starts from N(0, 1)", "x = [x_T]", "x = [rng.standard_normal(len(x_T))]"),
    ("walk: rows in the order of t", "np.array(x)", "np.array(x[::-1])"),
    ("walk: only the end", "np.array(x)", "x[-1]", "shape"),
    ("walk: without the start", "np.array(x)", "np.array(x[1:])", "shape"),
    ("walk: one row a particle", "np.array(x)", "np.array(x).T", "shape"),
    ("walk: one seed for every step", "guess_z, rng)", "guess_z, 7)", ("repeat", *SHARED)),
)
TWO_POINTS = mutants(
    "3.5",
    ("weights swapped", "np.log([[0.8], [0.2]])", "np.log([[0.2], [0.8]])"),
    ("no prior weights", "np.log([[0.8], [0.2]]) - z**2 / 2", "-(z**2) / 2"),
    ("only the prior weights", "w = np.exp(log_w - log_w.max(axis=0))", "w = np.array([[0.8], [0.2]]) + 0 * z"),
    (
        "the nearest point",
        MEAN,
        "np.where(np.abs(x_t - 0.4 * np.sqrt(alpha_bar[t])) < np.abs(x_t + 0.6 * np.sqrt(alpha_bar[t])), z[0], z[1])",
    ),
    ("the nearest point, not shrunk", MEAN, "np.where(x_t > -0.1, z[0], z[1])"),
    ("the most probable point", MEAN, "np.where(w[0] > w[1], z[0], z[1])"),
    ("x_0 drawn from the prior", MEAN, "np.where(np.random.default_rng().uniform(size=len(x_t)) < 0.8, z[0], z[1])"),
    (
        "x_0 drawn from the posterior",
        MEAN,
        "np.where(np.random.default_rng().uniform(size=len(x_t)) < w[0] / w.sum(axis=0), z[0], z[1])",
    ),
    ("noise from the mean of the data", MEAN, "(x_t - np.sqrt(alpha_bar[t]) * 0.2) / np.sqrt(1 - alpha_bar[t])"),
    ("still one point", MEAN, "z[0]"),
    ("no half in the exponent", "z**2 / 2", "z**2"),
    ("distances not in units of the noise", "z**2 / 2", "(z * np.sqrt(1 - alpha_bar[t])) ** 2 / 2"),
    ("absolute value for the square", "z**2 / 2", "np.abs(z)"),
    ("weights do not sum to 1", " / w.sum(axis=0)", ""),
    ("averaged over the particles", MEAN, MEAN + " * 0 + ((w * z).sum() / w.sum())"),
    ("ᾱ for its root", ORIGINS, ORIGINS.replace("np.sqrt(alpha_bar[t])", "alpha_bar[t]")),
    ("1 - ᾱ for its root", ORIGINS, ORIGINS.replace("np.sqrt(1 - alpha_bar[t])", "(1 - alpha_bar[t])")),
    ("off by one", ORIGINS, ORIGINS.replace("[t]", "[(t + 1) % len(alpha_bar)]")),
    ("points swapped", "(0.4, -0.6)", "(-0.6, 0.4)"),
    ("0.6 for -0.6", "(0.4, -0.6)", "(0.4, 0.6)"),
    ("reads the schedule of the notebook", ORIGINS, ORIGINS.replace("alpha_bar[t]", "np.cumprod(1 - beta)[t]")),
    ("0/0 far out", "log_w - log_w.max(axis=0)", "log_w", "shape"),
    ("0/0 patched by a small number", MEAN, "(np.exp(log_w) * z).sum(axis=0) / (np.exp(log_w).sum(axis=0) + 1e-12)"),
    ("one number for all particles", "log_w.max(axis=0)", "log_w.max()", "shape"),
    ("data: weights swapped", CHOICE, CHOICE.replace("0.8, 0.2", "0.2, 0.8"), "weights"),
    ("data: equally often", CHOICE, CHOICE.replace(", p=[0.8, 0.2]", ""), "weights"),
    ("data: 0.6 for -0.6", CHOICE, CHOICE.replace("-0.6", "0.6"), "support"),
    ("data: one draw for all", CHOICE, "np.ones(n) * rng.choice([0.4, -0.6], p=[0.8, 0.2])", ("weights", "repeat")),
    ("data: always exactly 80 %", CHOICE, "np.where(np.arange(n) < 0.8 * n, 0.4, -0.6)", "repeat"),
    ("data: between the points", CHOICE, "0.4 - rng.uniform(size=n)", "support"),
    ("data: a cloud", CHOICE, f"rng.normal({CHOICE}, 0.05)", "support"),
    ("data: seed fixed inside", "np.random.default_rng(rng)", "np.random.default_rng(0)", "repeat"),
    ("data: a number", CHOICE, CHOICE.replace("size=n, ", ""), "shape"),
)

ORIGIN_GUESSES = mutants(
    "3.6",
    ("1 - ᾱ for its root", DATA, DATA.replace("np.sqrt(1 - alpha_bar[t])", "(1 - alpha_bar[t])")),
    ("ᾱ for its root", DATA, DATA.removesuffix("np.sqrt(alpha_bar[t])") + "alpha_bar[t]"),
    ("not divided", DATA, DATA.removesuffix(" / np.sqrt(alpha_bar[t])")),
    ("times the root", DATA, DATA.replace(") / np.sqrt(alpha_bar[t])", ") * np.sqrt(alpha_bar[t])")),
    ("sign", DATA, DATA.replace("x_t - np", "x_t + np")),
    ("noise not scaled", DATA, DATA.replace("np.sqrt(1 - alpha_bar[t]) * ", "")),
    (
        "divided by the other root",
        DATA,
        DATA.removesuffix("np.sqrt(alpha_bar[t])") + "np.sqrt(1 - alpha_bar[max(1, np.max(t))])",
    ),
    ("off by one", DATA, DATA.replace("[t]", "[(t + 1) % len(alpha_bar)]")),
    ("α for ᾱ", DATA, DATA.replace("alpha_bar[t]", "(alpha_bar[t] / alpha_bar[np.maximum(t, 1) - 1])")),
    ("time reversed", DATA, DATA.replace("[t]", "[len(alpha_bar) - 1 - t]")),
    ("always the point", DATA, "0 * x_t + 0.4"),
    ("division first", DATA, "x_t / np.sqrt(alpha_bar[t]) - np.sqrt(1 - alpha_bar[t]) * z_hat"),
    ("reads the schedule of the notebook", DATA, DATA.replace("alpha_bar[t]", "np.cumprod(1 - beta)[t]")),
    ("noise of all particles averaged", DATA, DATA.replace("z_hat", "z_hat.mean()")),
    ("arguments swapped", DATA, DATA.replace("x_t", "_").replace("z_hat", "x_t").replace("_ -", "z_hat -")),
)

REUSED = (
    Mutant(
        "3.1",
        "one noise for all steps",
        (("        " + WALK_NOISE + "\n", ""), ("    x = np.empty", "    " + WALK_NOISE + "\n    x = np.empty")),
        SHARED,
    ),
    Mutant(
        "3.4",
        "walk: one noise for all steps",
        (
            ("guess_z, rng)", "guess_z, np.random.default_rng(seed))"),
            ("    x = [x_T]", "    seed = rng.integers(10**9)\n    x = [x_T]"),
        ),
        SHARED,
    ),
)

MUTANTS = (*DIFFUSE, *JUMPS, *GUESSES, *UNDIFFUSE, *TWO_POINTS, *ORIGIN_GUESSES, *REUSED)

STYLES = (
    Style(
        "3.1",
        "loops over particles",
        """
def forward_diffusion(x_0, beta, rng=None):
    schedules.check_beta(beta)
    rng = np.random.default_rng(rng)
    rows = [[float(x) for x in x_0]]
    for b in beta[1:]:
        rows.append([np.sqrt(1 - b) * x + np.sqrt(b) * rng.normal() for x in rows[-1]])
    return np.array(rows)
""",
    ),
    Style(
        "3.1",
        "numpy legacy, its own validation",
        """
def forward_diffusion(x_0, beta, rng=None):
    for b in beta:
        if b < 0 or b >= 1:
            raise ValueError(f"beta holds {b}")
    if beta[0] != 0:
        raise ValueError(f"beta starts with {beta[0]}")
    x = np.zeros((len(beta), x_0.size), dtype=np.float32)
    x[0] = x_0
    for t, b in enumerate(beta[1:], 1):
        x[t] = x[t - 1] * (1 - b) ** 0.5 + np.random.randn(x_0.size) * b**0.5
    return x
""",
    ),
    Style(
        "3.1",
        "Generator, all noise at once",
        """
def forward_diffusion(x_0, beta, rng=None):
    schedules.check_beta(beta)
    x = np.random.default_rng(rng).normal(0, np.sqrt(beta)[:, None], (len(beta), len(x_0)))
    x[0] = x_0
    for t in range(1, len(beta)):
        x[t] += np.sqrt(1 - beta[t]) * x[t - 1]
    return x
""",
    ),
    Style(
        "3.1",
        "torch",
        """
import torch
def forward_diffusion(x_0, beta, rng=None):
    schedules.check_beta(beta)
    x = [torch.as_tensor(x_0, dtype=torch.float32)]
    for b in torch.as_tensor(beta, dtype=torch.float32)[1:]:
        x.append((1 - b).sqrt() * x[-1] + b.sqrt() * torch.randn_like(x[-1]))
    return torch.stack(x)
""",
    ),
    Style(
        "3.2",
        "loops over particles",
        """
def forward_diffusion_fast(x_0, alpha_bar, t, rng=None):
    schedules.check_times(t, len(alpha_bar) - 1)
    rng = np.random.default_rng(rng)
    pairs = []
    for x, s in zip(x_0, np.broadcast_to(t, len(x_0))):
        z = rng.normal(0, 1)
        pairs.append((alpha_bar[s] ** 0.5 * x + (1 - alpha_bar[s]) ** 0.5 * z, z))
    return np.array(pairs)[:, 0], np.array(pairs)[:, 1]

def mean_and_std(x_0, alpha_bar, t):
    return [float(alpha_bar[t] ** 0.5 * x_0), float((1 - alpha_bar[t]) ** 0.5)]
""",
    ),
    Style(
        "3.2",
        "numpy legacy, its own validation",
        """
def forward_diffusion_fast(x_0, alpha_bar, t, rng=None):
    for s in np.ravel(t):
        if s != int(s) or not 0 <= s < len(alpha_bar):
            raise ValueError(f"no such time: {s}")
    a = np.take(alpha_bar, t)
    noise = np.random.normal(size=np.shape(x_0))
    return x_0 * a**0.5 + noise * (1 - a) ** 0.5, noise
""",
    ),
    Style(
        "3.2",
        "Generator, noise drawn with its spread",
        """
def forward_diffusion_fast(x_0, alpha_bar, t, rng=None):
    schedules.check_times(t, len(alpha_bar) - 1)
    mean, std = mean_and_std(x_0, alpha_bar, t)
    x_t = np.random.default_rng(rng).normal(mean, std)
    return x_t, (x_t - mean) / std

def mean_and_std(x_0, alpha_bar, t):
    return np.array([np.sqrt(alpha_bar[t]) * x_0, np.sqrt(1 - alpha_bar[t]) + 0 * x_0])
""",
    ),
    Style(
        "3.2",
        "torch",
        """
import torch
def forward_diffusion_fast(x_0, alpha_bar, t, rng=None):
    schedules.check_times(t, len(alpha_bar) - 1)
    a, x_0 = torch.as_tensor(alpha_bar)[torch.as_tensor(t)], torch.as_tensor(x_0)
    z = torch.randn(x_0.shape, dtype=x_0.dtype)
    return a.sqrt() * x_0 + (1 - a).sqrt() * z, z

def mean_and_std(x_0, alpha_bar, t):
    return torch.tensor(alpha_bar[t]).sqrt() * x_0, torch.tensor(1 - alpha_bar[t]).sqrt()
""",
    ),
    Style(
        "3.3",
        "loops over particles",
        """
def sample_p_init(n):
    return 0.4 * np.ones((n,), dtype=np.float32)

def guess_z(x_t, t, alpha_bar):
    bars = [alpha_bar[s] for s in np.broadcast_to(t, len(x_t))]
    return np.array([(x - 0.4 * a**0.5) / (1 - a) ** 0.5 for x, a in zip(x_t, bars)])
""",
    ),
    Style(
        "3.3",
        "torch",
        """
import torch
def sample_p_init(n):
    return torch.full((n,), 0.4)

def guess_z(x_t, t, alpha_bar):
    a = torch.as_tensor(alpha_bar)[torch.as_tensor(t)]
    return (torch.as_tensor(x_t) - a.sqrt() * 0.4) / (1 - a).sqrt()
""",
    ),
    Style(
        "3.4",
        "loops over particles",
        """
def undiffuse_step(x_t, t, beta, guess_z, rng=None):
    schedules.check_times(t, len(beta) - 1, first=1)
    rng = np.random.default_rng(rng)
    before, now = np.prod(1 - beta[:t]), np.prod(1 - beta[: t + 1])
    out = []
    for x, z_hat in zip(x_t, guess_z(x_t, t)):
        x = (x - beta[t] / (1 - now) ** 0.5 * z_hat) / (1 - beta[t]) ** 0.5
        out.append(x + (beta[t] * (1 - before) / (1 - now)) ** 0.5 * rng.normal() if t > 1 else x)
    return np.array(out)
""",
    ),
    Style(
        "3.4",
        "numpy legacy",
        """
def undiffuse_step(x_t, t, beta, guess_z, rng=None):
    if t < 1 or t >= len(beta):
        raise ValueError(f"t is {t}")
    a = 1 - beta
    bar = a.cumprod()
    x = 1 / np.sqrt(a[t]) * (x_t - (1 - a[t]) / np.sqrt(1 - bar[t]) * guess_z(x_t, t))
    return x + np.sqrt((1 - a[t]) * (1 - bar[t - 1]) / (1 - bar[t])) * np.random.randn(*x_t.shape)

def undiffuse(x_T, beta, guess_z, t_end=0, rng=None):
    T = len(beta) - 1
    x = np.zeros((T - t_end + 1, len(x_T)))
    x[0] = x_T
    for i in range(T - t_end):
        x[i + 1] = undiffuse_step(x[i], T - i, beta, guess_z)
    return x
""",
    ),
    Style(
        "3.4",
        "Generator, by the guess of the data",
        """
def undiffuse_step(x_t, t, beta, guess_z, rng=None):
    schedules.check_times(t, len(beta) - 1, first=1)
    bar = np.cumprod(1 - beta)
    x_0 = (x_t - np.sqrt(1 - bar[t]) * guess_z(x_t, t)) / np.sqrt(bar[t])
    tilde = beta[t] * (1 - bar[t - 1]) / (1 - bar[t])
    mean = (np.sqrt(1 - beta[t]) * (1 - bar[t - 1]) * x_t + beta[t] * np.sqrt(bar[t - 1]) * x_0) / (1 - bar[t])
    return np.random.default_rng(rng).normal(mean, np.sqrt(tilde))
""",
    ),
    Style(
        "3.4",
        "torch",
        """
import torch
def undiffuse_step(x_t, t, beta, guess_z, rng=None):
    schedules.check_times(t, len(beta) - 1, first=1)
    beta, x_t = torch.as_tensor(beta), torch.as_tensor(x_t)
    bar = torch.cumprod(1 - beta, 0)
    mean = (x_t - beta[t] / (1 - bar[t]).sqrt() * guess_z(x_t, t)) / (1 - beta[t]).sqrt()
    return mean + (beta[t] * (1 - bar[t - 1]) / (1 - bar[t])).sqrt() * torch.randn(x_t.shape, dtype=x_t.dtype)

def undiffuse(x_T, beta, guess_z, t_end=0, rng=None):
    x = [torch.as_tensor(x_T)]
    for t in reversed(range(t_end + 1, len(beta))):
        x.append(undiffuse_step(x[-1], t, beta, guess_z))
    return torch.stack(x)
""",
    ),
    Style(
        "3.5",
        "loops over particles",
        """
def sample_two_points(n, rng=None):
    rng = np.random.default_rng(rng)
    return np.array([0.4 if rng.random() < 0.8 else -0.6 for _ in range(n)])

def guess_z_two_points(x_t, t, alpha_bar):
    out = []
    for x, s in zip(x_t, np.broadcast_to(t, len(x_t))):
        a = alpha_bar[s]
        z = [(x - p * a**0.5) / (1 - a) ** 0.5 for p in (0.4, -0.6)]
        least = min(z[0] ** 2, z[1] ** 2)
        w = [0.8 * np.exp((least - z[0] ** 2) / 2), 0.2 * np.exp((least - z[1] ** 2) / 2)]
        out.append((w[0] * z[0] + w[1] * z[1]) / (w[0] + w[1]))
    return np.array(out)
""",
    ),
    Style(
        "3.5",
        "numpy legacy, scipy's logistic function",
        """
from scipy.special import expit
def sample_two_points(n, rng=None):
    return np.where(np.random.rand(n) < 0.8, 0.4, -0.6)

def guess_z_two_points(x_t, t, alpha_bar):
    a = alpha_bar[t]
    z = [(x_t - p * np.sqrt(a)) / np.sqrt(1 - a) for p in (0.4, -0.6)]
    w = expit(np.log(4) + (z[1] ** 2 - z[0] ** 2) / 2)
    return w * z[0] + (1 - w) * z[1]
""",
    ),
    Style(
        "3.5",
        "Generator, indices",
        """
def sample_two_points(n, rng=None):
    return np.array([0.4, -0.6])[np.random.default_rng(rng).binomial(1, 0.2, n)]
""",
    ),
    Style(
        "3.5",
        "torch",
        """
import torch
def sample_two_points(n, rng=None):
    return 0.4 - 1.0 * torch.bernoulli(torch.full((n,), 0.2))

def guess_z_two_points(x_t, t, alpha_bar):
    a, x_t = torch.as_tensor(alpha_bar)[torch.as_tensor(t)], torch.as_tensor(x_t)
    z = torch.stack([(x_t - p * a.sqrt()) / (1 - a).sqrt() for p in (0.4, -0.6)])
    w = torch.softmax(torch.tensor([[0.8], [0.2]], dtype=z.dtype).log() - z**2 / 2, dim=0)
    return (w * z).sum(0)
""",
    ),
    Style(
        "3.6",
        "loops over particles",
        """
def guess_x0(x_t, z_hat, t, alpha_bar):
    bars = [alpha_bar[s] for s in np.broadcast_to(t, len(x_t))]
    return np.array([(x - z * (1 - a) ** 0.5) / a**0.5 for x, z, a in zip(x_t, z_hat, bars)])
""",
    ),
    Style(
        "3.6",
        "torch",
        """
import torch
def guess_x0(x_t, z_hat, t, alpha_bar):
    a = torch.as_tensor(alpha_bar)[torch.as_tensor(t)]
    return (torch.as_tensor(x_t) - (1 - a).sqrt() * torch.as_tensor(z_hat.copy())) / a.sqrt()
""",
    ),
)
