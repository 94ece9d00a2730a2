"""Lab 1: Brownian motion and the Ornstein–Uhlenbeck process."""

from tests.mutants import Mutant, Style, mutant, wrong

EULER = "return x + self.process.drift_coefficient(x, t) * h"
KICK = "self.process.diffusion_coefficient(x, t) * torch.sqrt(h) * z"
NOISE = "z = torch.randn(x.shape, generator=self.rng)"
FULL = "return torch.full_like(x, self.sigma)"
STD = "torch.sqrt(D * (1 - torch.exp(-2 * theta * t)))"


_maruyama = wrong("1.2", "spread")


def _euler(misconception, new, symptom="value"):
    return mutant("1.1", misconception, EULER, new, symptom)


MUTANTS = (
    _euler("time step forgotten", "return x + self.process.drift_coefficient(x, t)"),
    _euler("only the move, not the new place", "return self.process.drift_coefficient(x, t) * h"),
    _euler("backwards in time", "return x - self.process.drift_coefficient(x, t) * h"),
    _euler("root of the time step", "return x + self.process.drift_coefficient(x, t) * h**0.5"),
    _euler("velocity at the end of the step in time", "return x + self.process.drift_coefficient(x, t + h) * h"),
    _euler("velocity always at time 0", "return x + self.process.drift_coefficient(x, 0 * t) * h"),
    _euler("writes into its input", "x += self.process.drift_coefficient(x, t) * h\n        return x", "input"),
    _euler("half a step", "return x + self.process.drift_coefficient(x, t) * h / 2"),
    _euler("one velocity for all particles", "return x + self.process.drift_coefficient(x, t).mean(0) * h"),
    _euler("returns one coordinate", "return (x + self.process.drift_coefficient(x, t) * h)[:, 0]", "shape"),
    _euler("returns a list", "return (x + self.process.drift_coefficient(x, t) * h).tolist()", "shape"),
    _euler("multiplies instead of adding", "return x * self.process.drift_coefficient(x, t) * h"),
    _maruyama("h for its root", "torch.sqrt(h)", "h"),
    _maruyama("no time step in the noise", " * torch.sqrt(h)", ""),
    _maruyama("sigma squared", KICK, "self.process.diffusion_coefficient(x, t) ** 2 * torch.sqrt(h) * z"),
    _maruyama("root of sigma", KICK, "self.process.diffusion_coefficient(x, t) ** 0.5 * torch.sqrt(h) * z"),
    _maruyama("root of 2h, as in physics books", "torch.sqrt(h)", "torch.sqrt(2 * h)"),
    _maruyama("one number for all particles", "x.shape", "(1, x.shape[1])", "independence"),
    _maruyama("one number for all coordinates", "x.shape", "(x.shape[0], 1)", "independence"),
    _maruyama("uniform noise of the right variance", NOISE, "z = (torch.rand(x.shape) - 0.5) * 12**0.5", "law"),
    _maruyama("coin flips of the right variance", NOISE, "z = torch.randint(0, 2, x.shape) * 2.0 - 1", "law"),
    _maruyama("uniform noise in [0, 1]", "torch.randn", "torch.rand", "mean"),
    _maruyama("a seed inside the step", NOISE, "torch.manual_seed(0)\n        z = torch.randn(x.shape)", "repeat"),
    _maruyama("noise forgotten", " + " + KICK, "", ("spread", "repeat")),
    _maruyama("drift forgotten", "return x + drift * h + ", "return x + ", "value"),
    _maruyama("time step of the drift forgotten", "drift * h", "drift", "value"),
    _maruyama("noise enters the drift", "drift * h", "(drift + z) * h", "value"),
    _maruyama("noise strength at the end of the step", KICK, KICK.replace("(x, t)", "(x, t + h)")),
    _maruyama("noise strength of one particle for all", KICK, KICK.replace("(x, t)", "(x[:1], t)"), ("spread", "law")),
    _maruyama("noise is only ever positive", NOISE, "z = torch.randn(x.shape).abs()", "mean"),
    mutant("1.3", "the drift of a constant wind", "torch.zeros_like(x)", "torch.full_like(x, self.sigma)"),
    mutant("1.3", "the drift is x", "return torch.zeros_like(x)", "return x"),
    mutant("1.3", "a number instead of a tensor", "torch.zeros_like(x)", "0.0", "shape"),
    mutant("1.3", "sigma as a number", FULL, "return self.sigma", "shape"),
    mutant("1.3", "sigma squared", FULL, "return torch.full_like(x, self.sigma**2)"),
    mutant("1.3", "always 1", FULL, "return torch.ones_like(x)"),
    mutant("1.3", "grows with x", FULL, "return self.sigma * x"),
    mutant("1.3", "grows with time", FULL, "return torch.full_like(x, self.sigma) * t**0.5"),
    mutant("1.3", "random already here", FULL, "return self.sigma * torch.randn_like(x)"),
    Mutant("1.3", "a module-level sigma", (("class Brown", "sigma = 0.5\n\n\nclass Brown"), ("self.sigma)", "sigma)")),
           "value"),
    mutant("1.4", "pushed away", "-self.theta * x", "self.theta * x"),
    mutant("1.4", "a constant pull", "-self.theta * x", "torch.full_like(x, -self.theta)"),
    mutant("1.4", "theta forgotten", "-self.theta * x", "-x"),
    mutant("1.4", "sigma pulls", "-self.theta * x", "-self.sigma * x"),
    mutant("1.4", "half the pull", "-self.theta * x", "-self.theta * x / 2"),
    mutant("1.4", "the solution instead of the drift", "-self.theta * x", "x * torch.exp(-self.theta * t)"),
    mutant("1.4", "noise that scales with theta", FULL, "return torch.full_like(x, self.theta * self.sigma)"),
    mutant("1.4", "sigma squared", FULL, "return torch.full_like(x, self.sigma**2)"),
    mutant("1.4", "noise that scales with x", FULL, "return self.sigma * x"),
    mutant("1.4", "root of 2 D", FULL, "return torch.full_like(x, self.sigma / self.theta**0.5)"),
    mutant("1.4", "arguments swapped", "theta, self.sigma = theta, sigma", "theta, self.sigma = sigma, theta"),
    mutant("1.5", "the variance instead of the standard deviation", STD, "D * (1 - torch.exp(-2 * theta * t))"),
    mutant("1.5", "factor 2 in the exponent forgotten", STD, STD.replace("-2 * theta", "-theta")),
    mutant("1.5", "D without its 2", "sigma**2 / (2 * theta)", "sigma**2 / theta"),
    mutant("1.5", "sigma for sigma squared", "sigma**2 / (2 * theta)", "sigma / (2 * theta)"),
    mutant("1.5", "always the stationary spread", STD, "torch.sqrt(D + 0 * t)"),
    mutant("1.5", "Brownian spread", STD, "sigma * torch.sqrt(t)"),
    mutant("1.5", "the mean grows", "x0 * torch.exp(-theta * t)", "x0 * torch.exp(theta * t)"),
    mutant("1.5", "the mean forgets its start at once", "x0 * torch.exp(-theta * t)", "0 * x0 * t"),
    mutant("1.5", "the mean decays twice too fast", "x0 * torch.exp(-theta * t)", "x0 * torch.exp(-2 * theta * t)"),
    mutant("1.5", "Euler's mean", "x0 * torch.exp(-theta * t)", "x0 * (1 - theta * t)"),
    mutant("1.5", "mean and spread swapped", "return x0 * torch.exp(-theta * t), " + STD,
            "return " + STD + ", x0 * torch.exp(-theta * t)", ("value", "shape")),
    mutant("1.6", "the 2 forgotten", "sigma**2 / (2 * D)", "sigma**2 / D"),
    mutant("1.6", "sigma for sigma squared", "sigma**2 / (2 * D)", "sigma / (2 * D)"),
    mutant("1.6", "upside down", "sigma**2 / (2 * D)", "2 * D / sigma**2"),
    mutant("1.6", "multiplied by D", "sigma**2 / (2 * D)", "sigma**2 * D / 2"),
    mutant("1.6", "D taken as a standard deviation", "sigma**2 / (2 * D)", "sigma**2 / (2 * D**2)"),
    mutant("1.6", "the same time for all", "5 / theta", "5 + 0 * theta"),
    mutant("1.6", "time grows with the rate", "5 / theta", "5 * theta"),
    mutant("1.6", "one relaxation time", "5 / theta", "1 / theta"),
    mutant("1.6", "time and rate swapped", "return theta, 5 / theta", "return 5 / theta, theta"),
)  # fmt: skip

STYLES = (
    Style("1.1", "loops", '''
class EulerSimulator(Simulator):
    def step(self, x, t, h):
        u, new = self.process.drift_coefficient(x, t), torch.empty_like(x)
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                new[i, j] = x[i, j] + float(h) * u[i, j]
        return new
'''),
    Style("1.1", "numpy", '''
import numpy as np

class EulerSimulator(Simulator):
    def step(self, x, t, h):
        return torch.from_numpy(x.numpy() + np.asarray(self.process.drift_coefficient(x, t)) * h.item())
'''),
    Style("1.1", "torch in place on a copy", '''
class EulerSimulator(Simulator):
    def step(self, x, t, h):
        return x.clone().add_(self.process.drift_coefficient(x, t), alpha=float(h))
'''),
    Style("1.2", "loops", '''
import math, random

class EulerMaruyamaSimulator(Simulator):
    def step(self, x, t, h):
        u, s = self.process.drift_coefficient(x, t), self.process.diffusion_coefficient(x, t)
        rows = []
        for i in range(x.shape[0]):
            kicks = [random.gauss(0, 1) * math.sqrt(h) for _ in range(x.shape[1])]
            rows.append(x[i] + u[i] * h + s[i] * torch.tensor(kicks))
        return torch.stack(rows)
'''),
    Style("1.2", "numpy", '''
import numpy as np

class EulerMaruyamaSimulator(Simulator):
    def step(self, x, t, h):
        kick = np.random.normal(0, np.sqrt(float(h)), size=tuple(x.shape))
        return x + self.process.drift_coefficient(x, t) * h + self.process.diffusion_coefficient(x, t) * kick
'''),
    Style("1.2", "own rng", '''
import numpy as np

class EulerMaruyamaSimulator(Simulator):
    generator = np.random.default_rng()

    def step(self, x, t, h):
        move = self.process.drift_coefficient(x, t) * h
        kick = self.generator.normal(size=tuple(x.shape)) * np.asarray(self.process.diffusion_coefficient(x, t))
        return x + move + torch.from_numpy(kick) * h**0.5
'''),
    Style("1.2", "torch", '''
def kick(scale):
    return torch.normal(torch.zeros_like(scale), scale)

class EulerMaruyamaSimulator(EulerSimulator):
    def step(self, x, t, h):
        return super().step(x, t, h) + kick(self.process.diffusion_coefficient(x, t) * h.sqrt())
'''),
    Style("1.2", "float32 noise", '''
class EulerMaruyamaSimulator(Simulator):
    def step(self, x, t, h):
        z = torch.randn(x.shape, dtype=torch.float32, generator=self.rng)
        drift, diffusion = self.process.drift_coefficient, self.process.diffusion_coefficient
        return x + h * (drift(x, t) + diffusion(x, t) * z / h**0.5)
'''),
    Style("1.3", "numpy", '''
import numpy as np

class BrownianMotion(SDE):
    def __init__(self, sigma=1.0):
        self.strength = sigma

    def drift_coefficient(self, x, t):
        return torch.from_numpy(np.zeros(x.shape))

    def diffusion_coefficient(self, x, t):
        return torch.from_numpy(np.full(x.shape, float(self.strength)))
'''),
    Style("1.3", "torch, by arithmetic", '''
class BrownianMotion(SDE):
    def __init__(self, sigma=1.0):
        self.sigma = torch.as_tensor(sigma)

    def drift_coefficient(self, x, t):
        return x - x

    def diffusion_coefficient(self, x, t):
        return torch.ones(*x.shape) * self.sigma
'''),
    Style("1.4", "loops", '''
class OUProcess(SDE):
    def __init__(self, theta, sigma):
        self.theta, self.sigma = theta, sigma

    def drift_coefficient(self, x, t):
        return torch.stack([torch.stack([-self.theta * entry for entry in row]) for row in x])

    def diffusion_coefficient(self, x, t):
        return torch.stack([torch.stack([self.sigma + 0 * entry for entry in row]) for row in x])
'''),
    Style("1.4", "inherits", '''
class OUProcess(BrownianMotion):
    def __init__(self, theta, sigma):
        super().__init__(sigma)
        self.theta = theta

    def drift_coefficient(self, x, t):
        return torch.mul(x, -1) * self.theta
'''),
    Style("1.5", "numpy", '''
import numpy as np

def ou_mean_and_std(x0, theta, sigma, t):
    x0, t = np.asarray(x0), np.asarray(t)
    return x0 * np.exp(-theta * t), sigma * np.sqrt((1 - np.exp(-2 * theta * t)) / (2 * theta))
'''),
    Style("1.5", "torch, another formula", '''
def ou_mean_and_std(x0, theta, sigma, t):
    decay = torch.exp(-theta * t)
    return x0 * decay, (sigma**2 * (1 - decay**2) / theta / 2) ** 0.5
'''),
    Style("1.6", "numpy", '''
import numpy as np

def ou_settings(D, sigma):
    rate = np.asarray(sigma) ** 2 / np.asarray(D) / 2
    return torch.from_numpy(rate), torch.from_numpy(5 / rate)
'''),
    Style("1.6", "loops", '''
def ou_settings(D, sigma):
    D, sigma = torch.broadcast_tensors(D, sigma)
    rates = torch.tensor([float(s) ** 2 / 2 / float(d) for d, s in zip(D.flatten(), sigma.flatten())])
    return rates.reshape(D.shape), (5 / rates).reshape(D.shape)
'''),
)  # fmt: skip
