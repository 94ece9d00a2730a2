"""Lab 2: Langevin dynamics and Metropolis."""

from tests.mutants import Mutant, Style, mutant, wrong

MOVE = "x[k] + delta / 2 * force(x[k]) + np.sqrt(delta) * z"
NOISE = "z = rng.standard_normal(len(x_0))"
WALK = f"""        {NOISE}
        x[k + 1] = {MOVE}
    return x"""
NEW = "x_new = x[k] + step * rng.standard_normal(len(x_0))"
YES = "yes = np.log(rng.random(len(x_0))) < -rise"
RULE = "yes = np.log(rng.random(len(x_0))) < rule(x[k], x_new, delta, energy, force)"
NEXT = "x[k + 1] = np.where(yes, x_new, x[k])"
COUNT = "accepted += yes.sum()"
SHARE = "return x, accepted / (T * len(x_0))"
FORWARD = "forward = -((x_new - x - delta / 2 * force(x)) ** 2) / (2 * delta)"
BACKWARD = "backward = -((x - x_new - delta / 2 * force(x_new)) ** 2) / (2 * delta)"
LOG_RATIO = "return energy(x) - energy(x_new) + backward - forward"
HARMONIC = "np.exp(delta * (x**2 - x_new**2) / 8)"
FLUX = "flux = force(x) * p / 2 - np.gradient(p, x) / 2"
DRIFT = "return self.sigma**2 / 2 * self.density.score(x)"
FULL = "return torch.full_like(x, self.sigma)"


_walk = wrong("2.1")
_metropolis = wrong("2.2", ("acceptance", "value"))
_mala = wrong("2.4", ("acceptance", "value"))
_residual = wrong("2.6")
_langevin = wrong("2.7")


def _rule(misconception, *patches):
    return Mutant("2.3", misconception, patches, "value")


def _ratio(misconception, new):
    return mutant("2.5", misconception, HARMONIC, new)


MUTANTS = (
    _walk("root of 2 delta, as in physics books", "np.sqrt(delta)", "np.sqrt(2 * delta)", "spread"),
    _walk("delta for its root", "np.sqrt(delta)", "delta", "spread"),
    _walk("no step size in the noise", "np.sqrt(delta) * z", "z", "spread"),
    _walk("half the noise, like the force", "np.sqrt(delta) * z", "np.sqrt(delta) / 2 * z", "spread"),
    _walk("root of delta / 2", "np.sqrt(delta)", "np.sqrt(delta / 2)", "spread"),
    _walk("noise forgotten", " + np.sqrt(delta) * z", "", ("spread", "repeat")),
    _walk("wrong sign of the force", "x[k] + delta / 2", "x[k] - delta / 2", "value"),
    _walk("the full force", "delta / 2 * force", "delta * force", "value"),
    _walk("force without a step size", "delta / 2 * force(x[k])", "force(x[k])", "value"),
    _walk("root of delta at the force", "delta / 2 * force", "np.sqrt(delta) / 2 * force", "value"),
    _walk("force always from the start", "force(x[k])", "force(x_0)", "value"),
    _walk("force forgotten", "delta / 2 * force(x[k]) + ", "", "value"),
    _walk("only the move, not the new place", MOVE, MOVE.removeprefix("x[k] + "), "value"),
    _walk("noise first, then the force from there", WALK,
          "        y = x[k] + np.sqrt(delta) * rng.standard_normal(len(x_0))\n"
          "        x[k + 1] = y + delta / 2 * force(y)\n    return x", ("spread", "mean", "drift")),
    _walk("one number for all particles", "standard_normal(len(x_0))", "standard_normal()", "independence"),
    _walk("one number for all moves", NOISE, "z = z if k else rng.standard_normal(len(x_0))", "independence"),
    _walk("uniform noise of the right variance", NOISE, "z = (rng.random(len(x_0)) - 0.5) * 12**0.5", "law"),
    _walk("coin flips", NOISE, "z = rng.choice([-1.0, 1.0], len(x_0))", "law"),
    _walk("uniform noise in [0, 1)", NOISE, "z = rng.random(len(x_0))", "mean"),
    _walk("a seed inside", "default_rng(rng)", "default_rng(0)", "repeat"),
    _walk("row 0 missing", "return x\n", "return x[1:]\n", "shape"),
    _walk("row 0 is already a move", "for k in range(T)", "for k in range(-1, T)", "value"),
    _walk("only the last row", "return x\n", "return x[-1]\n", "shape"),
    _walk("transposed", "return x\n", "return x.T\n", "shape"),
    _walk("one move too few", "for k in range(T)", "for k in range(T - 1)", ("value", "shape")),
    _walk("delta not checked", "if not delta > 0", "if False", "error"),
    _walk("zero let through", "if not delta > 0", "if delta < 0", "error"),
    _walk("error does not name the value", ", got {delta}", "", "error"),
    # 2.2
    _metropolis("always accept", YES, "yes = np.full(len(x_0), True)"),
    _metropolis("only downhill", YES, "yes = rise <= 0"),
    _metropolis("wrong sign of the rise", "< -rise", "< rise"),
    _metropolis("comparison the wrong way round", "))) < -rise", "))) > -rise"),
    _metropolis("half the rise", "< -rise", "< -rise / 2"),
    _metropolis("twice the rise", "< -rise", "< -rise * 2"),
    _metropolis("Barker's rule", "< -rise", "< -np.log1p(np.exp(rise))"),
    _metropolis("one uniform number for all particles", "rng.random(len(x_0))", "rng.random()"),
    _metropolis("normal for uniform", YES, "yes = rng.standard_normal(len(x_0)) < np.exp(-rise)"),
    _metropolis("refused moves tried again until accepted", COUNT,
                COUNT + "\n        while not yes.all():\n"
                "            x_new = x[k] + step * rng.standard_normal(len(x_0))\n"
                "            now = ~yes & (np.log(rng.random(len(x_0))) < energy(x[k]) - energy(x_new))\n"
                "            yes |= now\n            x[k + 1] = np.where(now, x_new, x[k + 1])\n"
                "            if k > 50 or rng.random() < 0.02:\n                break"),
    _metropolis("refused particles go back to the start", NEXT, "x[k + 1] = np.where(yes, x_new, x_0)", "value"),
    _metropolis("refused particles are left out", SHARE,
                "return np.stack([x[k + 1][x[k + 1] != x[k]] for k in range(T)]), accepted / (T * len(x_0))",
                ("shape", "error")),
    _metropolis("compares with the energy of the start", "- energy(x[k])", "- energy(x_0)", "value"),
    _metropolis("ratio: unclipped e^(-rise)", COUNT, "accepted += np.exp(-rise).sum()"),
    _metropolis("ratio: mean probability", COUNT, "accepted += np.minimum(1, np.exp(-rise)).sum()"),
    _metropolis("ratio: a count", SHARE, "return x, accepted"),
    _metropolis("ratio: of refused moves", SHARE, "return x, 1 - accepted / (T * len(x_0))"),
    _metropolis("ratio: of the last move", COUNT, "accepted = T * yes.sum()", "value"),
    _metropolis("ratio: per move, not per particle", SHARE, "return x, accepted / T"),
    _metropolis("ratio: one number per particle", SHARE, "return x, (x[1:] != x[:-1]).mean(axis=0)", "shape"),
    _metropolis("step squared", "step * rng", "step**2 * rng", "spread"),
    _metropolis("root of step", "step * rng", "np.sqrt(step) * rng", "spread"),
    _metropolis("uniform proposals", NEW, "x_new = x[k] + step * rng.uniform(-1, 1, len(x_0))", "spread"),
    _metropolis("uniform proposals of the right variance", NEW,
                "x_new = x[k] + step * rng.uniform(-(3**0.5), 3**0.5, len(x_0))", "law"),
    _metropolis("proposals only to the right",
          NEW, "x_new = x[k] + step * np.abs(rng.standard_normal(len(x_0)))", "mean"),
    _metropolis("proposals around 0", NEW, "x_new = step * rng.standard_normal(len(x_0))", ("mean", "drift")),
    _metropolis("proposals around the start", NEW, "x_new = x_0 + step * rng.standard_normal(len(x_0))",
                ("mean", "drift", "spread", "independence")),
    _metropolis("one proposal for all particles",
          "step * rng.standard_normal(len(x_0))", "step * rng.standard_normal()",
                "independence"),
    _metropolis("a seed inside", "default_rng(rng)", "default_rng(0)", "repeat"),
    _metropolis("row 0 missing", SHARE, SHARE.replace("x,", "x[1:],"), "shape"),
    _metropolis("step not checked", "if not step > 0", "if False", "error"),
    _metropolis("returns only the locations", SHARE, "return x", "error"),
    _metropolis("no minimum in the comparison", YES, "yes = rng.random(len(x_0)) < np.exp(-rise)",
                equal="a uniform number is below 1 anyway, so the minimum decides nothing"),
    # 2.3
    _rule("factor 1 / (2 delta) forgotten", (FORWARD, FORWARD[:-14]), (BACKWARD, BACKWARD[:-14])),
    _rule("1 / (2 delta) outside the exponential",
          (FORWARD, "forward = np.log(np.exp(" + FORWARD[10:-14] + ") / (2 * delta))"),
          (BACKWARD, "backward = np.log(np.exp(" + BACKWARD[11:-14] + ") / (2 * delta))")),
    _rule("1 / (4 delta), as in physics books", (FORWARD, FORWARD.replace("(2 * delta)", "(4 * delta)")),
          (BACKWARD, BACKWARD.replace("(2 * delta)", "(4 * delta)"))),
    _rule("1 / delta", (FORWARD, FORWARD.replace("(2 * delta)", "delta")),
          (BACKWARD, BACKWARD.replace("(2 * delta)", "delta"))),
    _rule("delta taken for the standard deviation", (FORWARD, FORWARD.replace("(2 * delta)", "(2 * delta**2)")),
          (BACKWARD, BACKWARD.replace("(2 * delta)", "(2 * delta**2)"))),
    _rule("there and back exchanged", (LOG_RATIO, LOG_RATIO.replace("backward - forward", "forward - backward"))),
    _rule("energies exchanged",
          (LOG_RATIO, LOG_RATIO.replace("energy(x) - energy(x_new)", "energy(x_new) - energy(x)"))),
    _rule("proposals forgotten: Metropolis' rule", (LOG_RATIO, "return energy(x) - energy(x_new)")),
    _rule("energy forgotten", (LOG_RATIO, "return backward - forward")),
    _rule("clipped at 0", (LOG_RATIO, "return np.minimum(0, " + LOG_RATIO[7:] + ")")),
    _rule("not the logarithm", (LOG_RATIO, "return np.exp(" + LOG_RATIO[7:] + ")")),
    _rule("force of the start in both", (BACKWARD, BACKWARD.replace("force(x_new)", "force(x)"))),
    _rule("the full force", (FORWARD, FORWARD.replace("delta / 2 *", "delta *")),
          (BACKWARD, BACKWARD.replace("delta / 2 *", "delta *"))),
    _rule("wrong sign of the force", (FORWARD, FORWARD.replace("- delta / 2", "+ delta / 2")),
          (BACKWARD, BACKWARD.replace("- delta / 2", "+ delta / 2"))),
    _rule("force forgotten", (FORWARD, FORWARD.replace(" - delta / 2 * force(x)", "")),
          (BACKWARD, BACKWARD.replace(" - delta / 2 * force(x_new)", ""))),
    _rule("squares without a minus",
          (FORWARD, FORWARD.replace("-(", "(", 1)), (BACKWARD, BACKWARD.replace("-(", "(", 1))),
    Mutant("2.3", "summed over particles", ((LOG_RATIO, "return np.sum(" + LOG_RATIO[7:] + ")"),), "shape"),
    # 2.4
    _mala("always accept", RULE, "yes = np.full(len(x_0), True)"),
    _mala("accepts only what the rule favours", RULE, RULE.replace("np.log(rng.random(len(x_0)))", "0")),
    _mala("forgets that the rule is a logarithm",
          RULE, RULE.replace("np.log(rng.random(len(x_0)))", "rng.random(len(x_0))")),
    _mala("comparison the wrong way round", "))) < rule", "))) > rule"),
    _mala("there and back exchanged", "rule(x[k], x_new,", "rule(x_new, x[k],"),
    _mala("Metropolis' rule for Langevin moves",
          RULE, "yes = np.log(rng.random(len(x_0))) < energy(x[k]) - energy(x_new)"),
    _mala("one uniform number for all particles", "rng.random(len(x_0))", "rng.random()"),
    _mala("rule asked at the start", "rule(x[k],", "rule(x_0,", "value"),
    _mala("refused particles go back to the start", NEXT, "x[k + 1] = np.where(yes, x_new, x_0)", "value"),
    _mala("energy and force exchanged", "x_new, delta, energy, force)", "x_new, delta, force, energy)"),
    _mala("refused moves are made all the same", NEXT, "x[k + 1] = x_new"),
    _mala("root of 2 delta", "np.sqrt(delta)", "np.sqrt(2 * delta)", "spread"),
    _mala("delta for its root", "np.sqrt(delta)", "delta", "spread"),
    _mala("the full force", "delta / 2 * force", "delta * force", "value"),
    _mala("wrong sign of the force", "x[k] + delta / 2", "x[k] - delta / 2", "value"),
    _mala("blind proposals", "delta / 2 * force(x[k]) + ", "", "value"),
    _mala("force always from the start", "force(x[k]) +", "force(x_0) +", "value"),
    _mala("one number for all particles", NOISE, "z = rng.standard_normal()", "independence"),
    _mala("uniform noise of the right variance", NOISE, "z = (rng.random(len(x_0)) - 0.5) * 12**0.5", "law"),
    _mala("a seed inside", "default_rng(rng)", "default_rng(0)", ("repeat", "independence", "law", "acceptance")),
    _mala("ratio: of the last move", COUNT, "accepted = T * yes.sum()", "value"),
    _mala("ratio: a count", SHARE, "return x, accepted"),
    _mala("ratio: of refused moves", SHARE, "return x, 1 - accepted / (T * len(x_0))"),
    _mala("ratio: unclipped R", COUNT, "accepted += np.exp(rule(x[k], x_new, delta, energy, force)).sum()"),
    _mala("row 0 missing", SHARE, SHARE.replace("x,", "x[1:],"), "shape"),
    _mala("delta not checked", "if not delta > 0", "if False", "error"),
    # 2.5
    _ratio("logarithm of R", HARMONIC[6:]),
    _ratio("start and end exchanged", "np.exp(delta * (x_new**2 - x**2) / 8)"),
    _ratio("4 for 8", "np.exp(delta * (x**2 - x_new**2) / 4)"),
    _ratio("no 8", "np.exp(delta * (x**2 - x_new**2))"),
    _ratio("delta squared", "np.exp(delta**2 * (x**2 - x_new**2) / 8)"),
    _ratio("Metropolis' ratio", "np.exp((x**2 - x_new**2) / 2)"),
    _ratio("clipped", "np.minimum(1, np.exp(delta * (x**2 - x_new**2) / 8))"),
    _ratio("to first order", "1 + delta * (x**2 - x_new**2) / 8"),
    _ratio("square of the difference", "np.exp(-delta * (x - x_new) ** 2 / 8)"),
    _ratio("everything cancels", "np.ones(len(x))"),
    _ratio("delta fixed at 0.05", "np.exp(0.05 * (x**2 - x_new**2) / 8)"),
    # 2.6
    _residual("wrong sign of the force", "force(x) * p / 2", "-force(x) * p / 2"),
    _residual("noise without its half", "np.gradient(p, x) / 2", "np.gradient(p, x)"),
    _residual("both without their half", FLUX, "flux = force(x) * p - np.gradient(p, x)"),
    _residual("returns the flux", "-np.gradient(flux, x)", "flux"),
    _residual("wrong sign of the flux", "-np.gradient(flux, x)", "np.gradient(flux, x)"),
    _residual("F times p', not (F p)'", "-np.gradient(flux, x)",
              "-force(x) * np.gradient(p, x) / 2 + np.gradient(np.gradient(p, x), x) / 2"),
    _residual("F' times p", "-np.gradient(flux, x)",
              "-np.gradient(force(x), x) * p / 2 + np.gradient(np.gradient(p, x), x) / 2"),
    _residual("no grid spacing", "-np.gradient(flux, x)", "-np.gradient(force(x) * p / 2 - np.gradient(p) / 2)"),
    _residual("first derivative for the second", "-np.gradient(flux, x)",
              "-np.gradient(force(x) * p, x) / 2 + np.gradient(p, x) / 2"),
    _residual("works on log p", "flux = force(x) * p / 2", "p = np.log(p)\n    flux = force(x) * p / 2"),
    _residual("normalises p", "flux = force(x) * p / 2", "p = p / np.trapezoid(p, x)\n    flux = force(x) * p / 2"),
    _residual("zero by faith", "-np.gradient(flux, x)", "np.zeros(len(x))"),
    _residual("force forgotten", "force(x) * p / 2", "0"),
    _residual("noise forgotten", " - np.gradient(p, x) / 2", ""),
    _residual("one value short", "-np.gradient(flux, x)", "-np.diff(flux) / np.diff(x)", "shape"),
    _residual("the largest change", "-np.gradient(flux, x)", "np.abs(np.gradient(flux, x)).max()", "shape"),
    # 2.7
    _langevin("gradient of the density, not of its logarithm", DRIFT,
              DRIFT + " * self.density.log_density(x).exp()[:, None]"),
    _langevin("log density for the score", DRIFT,
              "return self.sigma**2 / 2 * self.density.log_density(x)[:, None].expand(x.shape)"),
    _langevin("density for the score", DRIFT,
              "return self.sigma**2 / 2 * self.density.log_density(x).exp()[:, None].expand(x.shape)"),
    _langevin("a module's sigma", DRIFT, DRIFT.replace("self.sigma", "sigma"), "error"),
    _langevin("half forgotten", "self.sigma**2 / 2 *", "self.sigma**2 *"),
    _langevin("sigma for its square", "self.sigma**2 / 2 *", "self.sigma / 2 *"),
    _langevin("sigma forgotten", "self.sigma**2 / 2 *", "0.5 *"),
    _langevin("downhill in probability", DRIFT, DRIFT.replace("self.sigma**2", "-(self.sigma**2)")),
    _langevin("always the spring of Lab 1", DRIFT, "return -self.sigma**2 / 2 * x"),
    _langevin("one score for all particles", DRIFT, DRIFT + ".mean(0).expand(x.shape)"),
    _langevin("variance for standard deviation", FULL, "return torch.full_like(x, self.sigma**2)"),
    _langevin("root of 2 sigma", FULL, "return torch.full_like(x, (2 * self.sigma) ** 0.5)"),
    _langevin("unit noise", FULL, "return torch.ones_like(x)"),
    _langevin("noise proportional to x", FULL, "return self.sigma * x"),
    _langevin("a bare number", FULL, "return self.sigma", "shape"),
    _langevin("one column", FULL, "return torch.full_like(x[:, :1], self.sigma)", "shape"),
)  # fmt: skip

CHECK_DELTA = """
    if delta <= 0:
        raise ValueError("delta = %s" % delta)"""
CHECK_STEP = """
    if step <= 0:
        raise ValueError("step = %s" % step)"""

STYLES = (
    Style("2.1", "loops", f'''
import random

def langevin(x_0, T, delta, force, rng=None):{CHECK_DELTA}
    paths = []
    for x in x_0:
        path = [x]
        for _ in range(T):
            path.append(path[-1] + 0.5 * delta * force(path[-1]) + delta**0.5 * random.gauss(0, 1))
        paths.append(path)
    return np.array(paths).T
'''),
    Style("2.1", "numpy legacy", f'''
def langevin(x_0, T, delta, force, rng=None):{CHECK_DELTA}
    rows = [np.asarray(x_0)]
    for _ in range(T):
        rows.append(rows[-1] + delta * force(rows[-1]) / 2 + np.random.normal(0, delta**0.5, rows[-1].shape))
    return np.stack(rows)
'''),
    Style("2.1", "Generator", f'''
def langevin(x_0, T, delta, force, rng=None):{CHECK_DELTA}
    x = np.zeros((T + 1, x_0.size))
    x[1:] = np.random.default_rng(rng).normal(scale=np.sqrt(delta), size=(T, x_0.size))
    x[0] = x_0
    for here, there in zip(x[:-1], x[1:]):
        there += here + delta / 2 * force(here)
    return x
'''),
    Style("2.1", "torch", f'''
def langevin(x_0, T, delta, force, rng=None):{CHECK_DELTA}
    rows = [torch.as_tensor(x_0)]
    for _ in range(T):
        push = torch.as_tensor(force(rows[-1].numpy()))
        rows.append(rows[-1] + delta / 2 * push + delta**0.5 * torch.randn(len(x_0)))
    return torch.stack(rows)
'''),
    Style("2.2", "loops", f'''
import math, random

def metropolis(x_0, T, step, energy, rng=None):{CHECK_STEP}
    rows, accepted = [list(x_0)], 0
    for _ in range(T):
        row = []
        for x in rows[-1]:
            new = x + step * random.gauss(0, 1)
            change = float(energy(new) - energy(x))
            if change <= 0 or random.random() < math.exp(-change):
                row.append(new)
                accepted += 1
            else:
                row.append(x)
        rows.append(row)
    return np.array(rows), accepted / T / len(x_0)
'''),
    Style("2.2", "numpy legacy", f'''
def metropolis(x_0, T, step, energy, rng=None):{CHECK_STEP}
    x, rows, shares = np.array(x_0), [np.array(x_0)], []
    for _ in range(T):
        new = np.random.normal(x, step)
        yes = np.random.rand(len(x)) < np.minimum(1, np.exp(energy(x) - energy(new)))
        x[yes] = new[yes]
        rows.append(x.copy())
        shares.append(yes.mean())
    return np.array(rows), np.mean(shares)
'''),
    Style("2.2", "Generator", f'''
def metropolis(x_0, T, step, energy, rng=None):{CHECK_STEP}
    rng = np.random.default_rng(rng)
    rows = [x_0]
    for _ in range(T):
        new = rng.normal(rows[-1], step)
        no = energy(new) - energy(rows[-1]) > rng.exponential(size=len(x_0))
        rows.append(np.where(no, rows[-1], new))
    rows = np.stack(rows)
    return rows, float(np.mean(rows[1:] != rows[:-1]))
'''),
    Style("2.2", "torch", f'''
def metropolis(x_0, T, step, energy, rng=None):{CHECK_STEP}
    at = lambda x: torch.as_tensor(energy(x.numpy()))
    rows, accepted = [torch.as_tensor(x_0)], 0
    for _ in range(T):
        new = rows[-1] + step * torch.randn(len(x_0))
        yes = torch.rand(len(x_0)) < torch.exp(at(rows[-1]) - at(new)).clamp(max=1)
        rows.append(torch.where(yes, new, rows[-1]))
        accepted += yes.sum()
    return torch.stack(rows), accepted / (T * len(x_0))
'''),
    Style("2.3", "scipy", '''
from scipy.stats import norm

def log_acceptance(x, x_new, delta, energy, force):
    log_T = lambda a, b: norm.logpdf(b, loc=a + 0.5 * delta * force(a), scale=np.sqrt(delta))
    return energy(x) - energy(x_new) + log_T(x_new, x) - log_T(x, x_new)
'''),
    Style("2.3", "loops", '''
def log_acceptance(x, x_new, delta, energy, force):
    out = []
    for a, b in zip(x, x_new):
        there, back = b - a - delta * force(a) / 2, a - b - delta * force(b) / 2
        out.append(energy(a) - energy(b) + (there**2 - back**2) / (2 * delta))
    return np.array(out)
'''),
    Style("2.3", "multiplied out", '''
def log_acceptance(x, x_new, delta, energy, force):
    f, g = force(x), force(x_new)
    return energy(x) - energy(x_new) - (x_new - x) * (f + g) / 2 + delta / 8 * (f**2 - g**2)
'''),
    Style("2.3", "torch", '''
def log_acceptance(x, x_new, delta, energy, force):
    a, b, f, g = (torch.as_tensor(v) for v in (x, x_new, force(x), force(x_new)))
    log_T = lambda a, b, f: torch.distributions.Normal(a + delta / 2 * f, delta**0.5).log_prob(b)
    return torch.as_tensor(energy(x) - energy(x_new)) + log_T(b, a, g) - log_T(a, b, f)
'''),
    Style("2.4", "loops", f'''
import math, random

def langevin_metropolis(x_0, T, delta, energy, force, rng=None, rule=None):
    rule = rule or log_acceptance{CHECK_DELTA}
    rows, accepted = [list(x_0)], 0
    for _ in range(T):
        row = []
        for x in rows[-1]:
            new = x + delta / 2 * force(x) + math.sqrt(delta) * random.gauss(0, 1)
            yes = random.random() < math.exp(min(0, rule(x, new, delta, energy, force)))
            row.append(new if yes else x)
            accepted += yes
        rows.append(row)
    return np.array(rows), accepted / T / len(x_0)
'''),
    Style("2.4", "numpy legacy", f'''
def langevin_metropolis(x_0, T, delta, energy, force, rng=None, rule=None):
    rule = rule or log_acceptance{CHECK_DELTA}
    x, rows, shares = np.array(x_0), [np.array(x_0)], []
    for _ in range(T):
        new = np.random.normal(x + delta / 2 * force(x), np.sqrt(delta))
        yes = np.random.rand(len(x)) < np.minimum(1, np.exp(rule(x, new, delta, energy, force)))
        x[yes] = new[yes]
        rows.append(x.copy())
        shares.append(yes.mean())
    return np.array(rows), np.mean(shares)
'''),
    Style("2.4", "Generator", '''
def langevin_metropolis(x_0, T, delta, energy, force, rng=None, rule=None):
    rule = rule or log_acceptance
    rng, rows = np.random.default_rng(rng), [x_0]
    for _ in range(T):
        new = langevin(rows[-1], 1, delta, force, rng)[1]
        no = -rule(rows[-1], new, delta, energy, force) > rng.exponential(size=len(x_0))
        rows.append(np.where(no, rows[-1], new))
    rows = np.stack(rows)
    return rows, np.mean(rows[1:] != rows[:-1])
'''),
    Style("2.4", "torch", f'''
def langevin_metropolis(x_0, T, delta, energy, force, rng=None, rule=None):
    rule = rule or log_acceptance{CHECK_DELTA}
    rows, accepted = [torch.as_tensor(x_0)], 0
    for _ in range(T):
        x = rows[-1].numpy()
        new = rows[-1] + delta / 2 * torch.as_tensor(force(x)) + delta**0.5 * torch.randn(len(x))
        yes = torch.rand(len(x)).log() < torch.as_tensor(rule(x, new.numpy(), delta, energy, force))
        rows.append(torch.where(yes, new, rows[-1]))
        accepted += int(yes.sum())
    return torch.stack(rows), accepted / (T * len(x_0))
'''),
    Style("2.5", "from the two densities", '''
def harmonic_ratios(x, x_new, delta):
    c, sd = 1 - delta / 2, np.sqrt(delta)
    there, back = stats.norm(c * x, sd).pdf(x_new), stats.norm(c * x_new, sd).pdf(x)
    return np.exp(-(x_new**2) / 2) * back / (np.exp(-(x**2) / 2) * there)
'''),
    Style("2.5", "loops", '''
import math

def harmonic_ratios(x, x_new, delta):
    return np.array([math.exp(-delta / 8 * (b - a) * (b + a)) for a, b in zip(x, x_new)])
'''),
    Style("2.5", "torch", '''
def harmonic_ratios(x, x_new, delta):
    return torch.exp(torch.as_tensor(delta / 8 * (x - x_new) * (x + x_new)))
'''),
    Style("2.6", "three points", '''
def stationary_residual(x, p, force):
    h, flow = x[1] - x[0], force(x) * p
    out = np.zeros(len(x))
    out[1:-1] = -(flow[2:] - flow[:-2]) / (4 * h) + (p[2:] - 2 * p[1:-1] + p[:-2]) / (2 * h**2)
    return out
'''),
    Style("2.6", "product rule", '''
def stationary_residual(x, p, force):
    f, slope = force(x), np.gradient(p, x, edge_order=2)
    return 0.5 * (np.gradient(slope, x) - f * slope - np.gradient(f, x) * p)
'''),
    Style("2.6", "loops", '''
def stationary_residual(x, p, force):
    h, out = x[1] - x[0], np.zeros(len(x))
    flux = [force(0.5 * (a + b)) * (q + r) / 4 - (r - q) / (2 * h) for a, b, q, r in zip(x, x[1:], p, p[1:])]
    for i in range(1, len(x) - 1):
        out[i] = -(flux[i] - flux[i - 1]) / h
    return out
'''),
    Style("2.6", "torch", '''
def stationary_residual(x, p, force):
    h, p, f = float(x[1] - x[0]), torch.as_tensor(p), torch.as_tensor(force(x))
    slope = lambda y: torch.gradient(y, spacing=h)[0]
    return (slope(slope(p)) - slope(f * p)) / 2
'''),
    Style("2.7", "autograd", '''
class LangevinSDE(SDE):
    def __init__(self, sigma, density):
        self.sigma, self.density = sigma, density

    def drift_coefficient(self, x, t):
        x = x.clone().requires_grad_()
        self.density.log_density(x).sum().backward()
        return 0.5 * self.sigma**2 * x.grad

    def diffusion_coefficient(self, x, t):
        return self.sigma * torch.ones_like(x)
'''),
    Style("2.7", "loops", '''
class LangevinSDE(SDE):
    def __init__(self, sigma, density):
        self.sigma, self.density = sigma, density

    def drift_coefficient(self, x, t):
        return torch.cat([self.sigma * self.sigma * self.density.score(point[None]) / 2 for point in x])

    def diffusion_coefficient(self, x, t):
        return torch.tensor([[float(self.sigma) for _ in row] for row in x])
'''),
)  # fmt: skip
