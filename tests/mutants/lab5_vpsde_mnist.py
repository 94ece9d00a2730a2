"""Lab 5: the VP-SDE, its loss, its samplers and its likelihood."""

from tests.mutants import Style, mutants

SLOW = ("5.6", "5.7")  # they solve differential equations

DRIFT = "-along(beta, x) * x / 2"
STD = "torch.sqrt(-torch.expm1(-total))"
TOTAL = "t**2 / 2 * (self.beta_max - self.beta_min) + t * self.beta_min"
NORMAL_LOGP = "(-(z**2) / 2 - math.log(2 * math.pi) / 2).flatten(1).sum(1)"
PRIOR = "torch.randn(shape, generator=rng)"
JUMP = "return mean + along(std, x) * z, z, std"
NOISE = "z = torch.randn(x.shape, generator=rng)"
TIMES = "eps + (1 - eps) * torch.rand(n, generator=rng)"
ERROR = "along(std, x) * score_fn(x_t, t) + z"
LOSS = "error.square().flatten(1).sum(1).mean()"
ASKED = "net(x, alpha[:, 0], sigma)"
AVERAGE = "mean.mul_(decay).add_(new, alpha=1 - decay)"
BACK = "mean = x - (drift - diffusion**2 * score_fn(x, t)) * h"
KICK = "mean + diffusion * torch.sqrt(h) * z, mean"
SIZE = "2 * (snr * d**0.5 / norm) ** 2"
LANGEVIN = "x + size * score + torch.sqrt(2 * size) * z"
NORM = "score.flatten(1).norm(dim=1).mean()"
CORRECT = "x = corrector(x, t, score_fn, snr, rng)"
PREDICT = "x, mean = predictor(x, t, t - t_next, score_fn, sde, rng)"
FLOW = "drift - diffusion**2 * score_fn(x, t) / 2"
SOLVED = "solve_ivp(slope, (1.0, eps), z.flatten().numpy(), rtol=tol, atol=tol)"
AHEAD = "probability_flow(x + (t_next - t) * velocity, t_next, score_fn, sde)"
HEUN = "x + (t_next - t) * (velocity + ahead) / 2"
TRACE = "(product * probe).flatten(1).sum(1)"
PROBE = "2.0 * torch.randint(0, 2, x.shape, generator=rng).to(x.dtype) - 1"
RESULT = "sde.prior_logp(end[:-n].reshape(x.shape)) + end[-n:]"
STACKED = "torch.cat([v.flatten(), change]).numpy()"
BITS = "-logp / (d * math.log(2)) + 7"
GUIDED = "without + w * (asked(x, t) - without)"
BENT = ("mean", "spread", "drift", "law")


PROCESS = mutants(
    "5.1",
    ("drift without its half", DRIFT, "-along(beta, x) * x"),
    ("drift pushes away", DRIFT, "along(beta, x) * x / 2"),
    ("root of beta in the drift", DRIFT, "-along(torch.sqrt(beta), x) * x / 2"),
    ("diffusion without its root", "torch.sqrt(beta)", "beta"),
    ("diffusion halved", "torch.sqrt(beta)", "torch.sqrt(beta) / 2"),
    ("time runs the other way in beta", "self.beta_min + t *", "self.beta_max - t *"),
    ("beta at its default values", "self.beta_min + t * (self.beta_max - self.beta_min)", "0.1 + t * 19.9"),
    ("beta_max for the difference", "t * (self.beta_max - self.beta_min)", "t * self.beta_max"),
    ("variance for the standard deviation", STD, "-torch.expm1(-total)"),
    ("cancellation in single precision", STD, "torch.sqrt(1 - torch.exp(-total))"),
    ("square of 1 - e for its root", STD, "torch.expm1(-total) ** 2"),
    ("half of B in the spread", STD, "torch.sqrt(-torch.expm1(-total / 2))"),
    ("Brownian spread", STD, "torch.sqrt(total)"),
    ("spread clamped from below", STD, "torch.sqrt(-torch.expm1(-total)).clamp(min=0.01)"),
    ("mean decays twice too fast", "torch.exp(-total / 2)", "torch.exp(-total)"),
    ("mean grows", "torch.exp(-total / 2)", "torch.exp(total / 2)"),
    ("B without its half", TOTAL, "t**2 * (self.beta_max - self.beta_min) + t * self.beta_min"),
    ("B is beta times t", TOTAL, "self.beta(t) * t"),
    ("B forgets beta_min", TOTAL, "t**2 / 2 * (self.beta_max - self.beta_min)"),
    ("times not checked", "if outside.numel():", "if False:", "error"),
    ("times checked from above only", "t[(t < 0) | (t > 1)]", "t[t > 1]", "error"),
    ("log density averaged over pixels", NORMAL_LOGP, NORMAL_LOGP.replace("sum(1)", "mean(1)")),
    ("log density of the whole batch", NORMAL_LOGP, NORMAL_LOGP.replace("flatten(1).sum(1)", "sum()"), "shape"),
    ("log density without its constant", NORMAL_LOGP, "(-(z**2) / 2).flatten(1).sum(1)"),
    ("one constant an image", NORMAL_LOGP, "(-(z**2) / 2).flatten(1).sum(1) - math.log(2 * math.pi) / 2"),
    ("the density, not its logarithm", NORMAL_LOGP, NORMAL_LOGP + ".exp()"),
    ("uniform prior", PRIOR, "torch.rand(shape, generator=rng)", "mean"),
    ("one number for all pixels of an image", PRIOR, "torch.randn(shape[0], *[1] * (len(shape) - 1)).expand(shape)",
     ("independence", "spread", "mean", "law")),
    ("a seed inside", PRIOR, "torch.randn(shape, generator=torch.Generator().manual_seed(0))", "repeat"),
)  # fmt: skip

PERTURB = mutants(
    "5.2",
    ("variance multiplies the noise", JUMP, "return mean + along(std**2, x) * z, z, std", "spread"),
    ("root of the standard deviation", JUMP, "return mean + along(std**0.5, x) * z, z, std", "spread"),
    ("image not shrunk", JUMP, "return x + along(std, x) * z, z, std", ("mean", "drift")),
    ("image forgotten", JUMP, "return along(std, x) * z, z, std", ("mean", "drift")),
    ("noise of unit size", JUMP, "return mean + z, z, std", ("spread", "law")),
    ("other noise returned", JUMP, "return mean + along(std, x) * z, torch.randn(x.shape), std"),
    ("scaled noise returned", JUMP, "return mean + along(std, x) * z, along(std, x) * z, std"),
    ("noise with the wrong sign returned", JUMP, "return mean + along(std, x) * z, -z, std"),
    ("variance returned", JUMP, "return mean + along(std, x) * z, z, std**2"),
    ("mean returned for the noise", JUMP, "return mean + along(std, x) * z, mean, std"),
    ("one noise for all images", NOISE, "z = torch.randn(x[:1].shape, generator=rng).expand(x.shape)", "independence"),
    ("one noise for all pixels", NOISE,
     "z = torch.randn(len(x), *[1] * (x.ndim - 1), generator=rng).expand(x.shape)", "independence"),
    ("uniform noise of the right variance", NOISE, "z = (torch.rand(x.shape, generator=rng) - 0.5) * 12**0.5", "law"),
    ("noise is only ever positive", NOISE, "z = torch.randn(x.shape, generator=rng).abs()", "mean"),
    ("time of the first image for all", "sde.marginal_prob(x, t)", "sde.marginal_prob(x, t[:1].expand(len(x)))",
     (*BENT, "value")),
    ("noise of t = 1 for all", "sde.marginal_prob(x, t)", "sde.marginal_prob(x, torch.ones(len(x)))", (*BENT, "value")),
    ("a seed inside", NOISE, "z = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))", "repeat"),
    ("times from 0 on", TIMES, "torch.rand(n, generator=rng)", ("mean", "spread")),
    ("times beyond 1", TIMES, "eps + torch.rand(n, generator=rng)", ("mean", "spread")),
    ("times pushed to eps", TIMES, "torch.rand(n, generator=rng).clamp(min=eps)", ("mean", "spread", "law")),
    ("one time for the batch", TIMES, "(eps + (1 - eps) * torch.rand(1, generator=rng)).expand(n)",
     ("independence", "mean")),
    ("times on a grid", TIMES, "torch.linspace(eps, 1, n)", "repeat"),
    ("times too often early", TIMES, "eps + (1 - eps) * torch.rand(n, generator=rng) ** 1.5",
     ("mean", "spread", "law")),
    ("eps not checked", "if not 0 < eps < 1:", "if False:", "error"),
    ("eps = 0 allowed", "if not 0 < eps < 1:", "if not 0 <= eps < 1:", "error"),
)  # fmt: skip

MATCHING = mutants(
    "5.3",
    ("sigma forgotten", ERROR, "score_fn(x_t, t) + z"),
    ("sigma squared for sigma", ERROR, "along(std**2, x) * score_fn(x_t, t) + z"),
    ("root of sigma", ERROR, "along(std**0.5, x) * score_fn(x_t, t) + z"),
    ("score compared with the noise, not minus the noise", ERROR, "along(std, x) * score_fn(x_t, t) - z"),
    ("score of the jump without its 1/sigma", ERROR, "along(std, x) * (score_fn(x_t, t) + z)"),
    ("not weighted", ERROR, "score_fn(x_t, t) + z / along(std, x)"),
    ("noise predicted, not the score", ERROR, "score_fn(x_t, t) - z"),
    ("score of the clean image", ERROR, "along(std, x) * score_fn(x, t) + z"),
    ("sigma in the place of the time", ERROR, "along(std, x) * score_fn(x_t, std) + z"),
    ("other noise", ERROR, "along(std, x) * score_fn(x_t, t) + torch.randn(x.shape)"),
    ("score cut off from its gradient", ERROR, "along(std, x) * score_fn(x_t, t).detach() + z", "error"),
    ("averaged over pixels", LOSS, "error.square().mean()"),
    ("summed over images", LOSS, "error.square().sum()"),
    ("lengths not squared", LOSS, "error.square().flatten(1).sum(1).sqrt().mean()"),
    ("absolute values", LOSS, "error.abs().flatten(1).sum(1).mean()"),
    ("half of the loss", LOSS, "error.square().flatten(1).sum(1).mean() / 2"),
    ("one loss an image", LOSS, "error.square().flatten(1).sum(1)", ("shape", "error")),
    ("one time for all images", "sample_times(len(x), rng=rng)", "sample_times(len(x), rng=rng)[:1].expand(len(x))"),
)  # fmt: skip

PARTS = mutants(
    "5.4",
    ("alpha and sigma exchanged", ASKED, "net(x, sigma, alpha[:, 0])"),
    ("alpha squared", ASKED, "net(x, alpha[:, 0] ** 2, sigma)"),
    ("variance for sigma", ASKED, "net(x, alpha[:, 0], sigma**2)"),
    ("raw time for alpha", ASKED, "net(x, t, sigma)"),
    ("shapes (n, 1)", ASKED, "net(x, alpha, sigma[:, None])"),
    ("the noise level of t = 1", ASKED, "net(x, 0 * t + 0.1, 0 * t + 1)"),
    ("mean of the image for alpha", "torch.ones(len(x), 1, dtype=x.dtype)", "x.flatten(1)"),
    ("image shrunk before the net", ASKED, "net(along(alpha[:, 0], x) * x, alpha[:, 0], sigma)"),
    ("score divided by sigma", ASKED, "net(x, alpha[:, 0], sigma) / along(sigma, x)"),
    ("average: decay and its rest exchanged", AVERAGE, "mean.mul_(1 - decay).add_(new, alpha=decay)"),
    ("average: not in place", AVERAGE, "mean = decay * mean + (1 - decay) * new"),
    ("average: the new weights copied", AVERAGE, "mean.copy_(new)"),
    ("average: never forgets", AVERAGE, "mean.add_(new, alpha=1 - decay)"),
    ("average: all of the new", AVERAGE, "mean.mul_(decay).add_(new)"),
    ("average: changes the weights", AVERAGE, "new.mul_(1 - decay).add_(mean, alpha=decay)", ("value", "input")),
    ("average: half and half", AVERAGE, "mean.add_(new).div_(2)"),
    ("average: the first tensor only", "zip(averaged, weights, strict=True)", "[(averaged[0], weights[0])]"),
)

PREDICTOR = mutants(
    "5.5",
    ("forward in time", BACK, "mean = x + (drift - diffusion**2 * score_fn(x, t)) * h", ("value", *BENT)),
    ("sign of the drift", BACK, "mean = x - (-drift - diffusion**2 * score_fn(x, t)) * h", ("value", *BENT)),
    ("sign of the score", BACK, "mean = x - (drift + diffusion**2 * score_fn(x, t)) * h", ("value", *BENT)),
    ("diffusion not squared", BACK, "mean = x - (drift - diffusion * score_fn(x, t)) * h", ("value", *BENT)),
    ("half the score, as in the ODE", BACK, "mean = x - (drift - diffusion**2 * score_fn(x, t) / 2) * h"),
    ("score forgotten", BACK, "mean = x - drift * h", ("value", *BENT)),
    ("drift forgotten", BACK, "mean = x + diffusion**2 * score_fn(x, t) * h", ("value", *BENT)),
    ("time step forgotten in the drift", BACK, "mean = x - (drift - diffusion**2 * score_fn(x, t))"),
    ("coefficients at the end of the step", "sde.sde(x, t)", "sde.sde(x, t - h)", ("value", *BENT)),
    ("h for its root", "torch.sqrt(h)", "h", "spread"),
    ("no time step in the noise", "* torch.sqrt(h) * z", "* z", ("spread", "law")),
    ("root of 2h", "torch.sqrt(h)", "torch.sqrt(2 * h)", "spread"),
    ("noise without the diffusion", KICK, "mean + torch.sqrt(h) * z, mean", "spread"),
    ("diffusion squared in the noise", KICK, "mean + diffusion**2 * torch.sqrt(h) * z, mean", "spread"),
    ("noise forgotten", KICK, "mean, mean", ("spread", "repeat")),
    ("noise in the mean", KICK, "mean + diffusion * torch.sqrt(h) * z, mean + diffusion * torch.sqrt(h) * z"),
    ("new state and mean exchanged", KICK, "mean, mean + diffusion * torch.sqrt(h) * z", ("value", "repeat", "spread")),
    ("one noise for all images", NOISE, "z = torch.randn(x[:1].shape, generator=rng)", "independence"),
    ("uniform noise of the right variance", NOISE, "z = (torch.rand(x.shape, generator=rng) - 0.5) * 12**0.5", "law"),
)

CORRECTOR = mutants(
    "5.5",
    ("corrector: step size without its 2", SIZE, "(snr * d**0.5 / norm) ** 2", BENT),
    ("corrector: step size not squared", SIZE, "2 * (snr * d**0.5 / norm)", BENT),
    ("corrector: ratio upside down", SIZE, "2 * (norm / (snr * d**0.5)) ** 2", BENT),
    ("corrector: dimension forgotten", SIZE, "2 * (snr / norm) ** 2", BENT),
    ("corrector: root of the dimension forgotten", SIZE, "2 * (snr * d / norm) ** 2", BENT),
    ("corrector: snr as the step size", SIZE, "torch.tensor(snr)", BENT),
    ("corrector: snr always 0.16", SIZE, "2 * (0.16 * d**0.5 / norm) ** 2", BENT),
    ("corrector: noise without its 2", LANGEVIN, "x + size * score + torch.sqrt(size) * z", "spread"),
    ("corrector: noise without its root", LANGEVIN, "x + size * score + 2 * size * z", ("spread", "law")),
    ("corrector: downhill", LANGEVIN, "x - size * score + torch.sqrt(2 * size) * z", ("mean", "drift")),
    ("corrector: no noise", LANGEVIN, "x + size * score", ("repeat", "spread")),
    ("corrector: no drift", LANGEVIN, "x + torch.sqrt(2 * size) * z", ("mean", "drift")),
    ("corrector: half the drift", LANGEVIN, "x + size * score / 2 + torch.sqrt(2 * size) * z", ("mean", "drift")),
    ("corrector: the state is replaced", LANGEVIN, "size * score + torch.sqrt(2 * size) * z", ("mean", "drift")),
    ("corrector: norm of the whole batch", NORM, "score.norm()", BENT),
    ("corrector: norm of the first image", NORM, "score[0].norm()", BENT),
    ("corrector: mean of absolute values", NORM, "score.abs().mean()", BENT),
    ("corrector: norm of the image", NORM, "x.flatten(1).norm(dim=1).mean()", BENT),
    ("corrector: coordinates of the batch", "d = x[0].numel()", "d = x.numel()", BENT),
    ("corrector: one noise for all images", f"{SIZE}\n    {NOISE}",
     f"{SIZE}\n    z = torch.randn(x[:1].shape)", "independence"),
)  # fmt: skip

SAMPLER = mutants(
    "5.5",
    ("sampler: noise kept at the end", f"{PREDICT}\n    return mean", f"{PREDICT}\n    return x"),
    ("sampler: noise nowhere", PREDICT, "mean = predictor(x, t, t - t_next, score_fn, sde, rng)[1]\n        x = mean",
     "spread"),
    ("sampler: the last step is left out", "list(pairwise(times))", "list(pairwise(times[:-1]))"),
    ("sampler: the first step is left out", "list(pairwise(times))", "list(pairwise(times[1:]))"),
    ("sampler: stops at t = 0.5", "list(pairwise(times))", "list(pairwise(times[times > 0.45]))"),
    ("sampler: times turned round", "list(pairwise(times))", "list(pairwise(times.flip(0)))",
     ("value", "shape", *BENT)),
    ("sampler: one length for all steps", "t - t_next", "times[0] - times[1]", ("value", *BENT)),
    ("sampler: length of a step negative", "t - t_next", "t_next - t", ("value", "shape", *BENT)),
    ("sampler: score at the end of the step", PREDICT, PREDICT.replace("(x, t, ", "(x, t_next, ")),
    ("sampler: standard normal start", "sde.prior_sample(shape, rng)", "torch.randn(shape, generator=rng)",
     ("value", *BENT)),
    ("sampler: starts at 0", "sde.prior_sample(shape, rng)", "torch.zeros(shape)", ("value", "spread", "law")),
    ("sampler: always one correction", "range(corrections)", "range(1)"),
    ("sampler: corrections forgotten", CORRECT, "pass"),
    ("sampler: corrections thrown away", CORRECT, "corrector(x, t, score_fn, snr, rng)", BENT),
    ("sampler: corrections after the step", PREDICT,
     PREDICT + "\n        mean = corrector(mean, t_next, score_fn, snr)"),
    ("sampler: snr not passed on", CORRECT, "x = corrector(x, t, score_fn, rng=rng)", BENT),
    ("sampler: corrections one step late", CORRECT, "x = corrector(x, t_next, score_fn, snr, rng)"),
)  # fmt: skip

FLOWS = mutants(
    "5.6",
    ("no half", FLOW, "drift - diffusion**2 * score_fn(x, t)"),
    ("sign of the score", FLOW, "drift + diffusion**2 * score_fn(x, t) / 2"),
    ("diffusion not squared", FLOW, "drift - diffusion * score_fn(x, t) / 2"),
    ("drift halved, too", FLOW, "(drift - diffusion**2 * score_fn(x, t)) / 2"),
    ("drift forgotten", FLOW, "-(diffusion**2) * score_fn(x, t) / 2"),
    ("sign of the drift", FLOW, "-drift - diffusion**2 * score_fn(x, t) / 2"),
    ("score forgotten", FLOW, "drift"),
    ("solver: towards noise", "(1.0, eps)", "(eps, 1.0)"),
    ("solver: stops at t = 0.05", "(1.0, eps)", "(1.0, max(eps, 0.5))"),
    ("solver: eps ignored", "(1.0, eps)", "(1.0, 1e-3)"),
    ("solver: starts at 0.9", "(1.0, eps)", "(0.9, eps)"),
    ("solver: velocity backwards", "score_fn, sde).flatten().numpy()", "score_fn, sde).neg().flatten().numpy()"),
    ("solver: tolerance ignored", "rtol=tol, atol=tol", "rtol=0.3, atol=0.3"),
    ("solver: returned flat", "solution.y[:, -1], dtype=z.dtype).reshape(z.shape)", "solution.y[:, -1], dtype=z.dtype)",
     "shape"),
    ("solver: returns the start", "solution.y[:, -1]", "solution.y[:, 0]"),
    ("solver: starts anew from the prior", SOLVED,
     SOLVED.replace("z.flatten()", "sde.prior_sample(z.shape).flatten()")),
    ("solver: failure not noticed", "if not solution.success:", "if False:", "error"),
    ("Heun: Euler's step", HEUN, "x + (t_next - t) * velocity"),
    ("Heun: looks ahead in x only", AHEAD, AHEAD.replace("velocity, t_next,", "velocity, t,")),
    ("Heun: looks ahead in t only", AHEAD, "probability_flow(x, t_next, score_fn, sde)"),
    ("Heun: the mean forgotten", HEUN, "x + (t_next - t) * (velocity + ahead)"),
    ("Heun: velocity at the far end", HEUN, "x + (t_next - t) * ahead"),
    ("Heun: away from data", HEUN, "x - (t_next - t) * (velocity + ahead) / 2"),
    ("Heun: midpoint", AHEAD, "probability_flow(x + (t_next - t) / 2 * velocity, (t + t_next) / 2, score_fn, sde)"),
    ("Heun: last step left out", "pairwise(times)", "pairwise(times[:-1])"),
)  # fmt: skip

LIKELIHOOD = mutants(
    "5.7",
    ("trace: probe from one side", TRACE, "product.flatten(1).sum(1)"),
    ("trace: probe squared", TRACE, "(product * probe**2).flatten(1).sum(1)"),
    ("trace: averaged over pixels", TRACE, "(product * probe).flatten(1).mean(1)"),
    ("trace: summed over images", TRACE, "(product * probe).sum()", "shape"),
    ("trace: no sum", TRACE, "(product * probe).flatten(1)[:, 0]"),
    ("trace: absolute value", TRACE, "(product * probe).flatten(1).sum(1).abs()"),
    ("trace: gradient of the sum", "torch.autograd.grad(v, x, probe)", "torch.autograd.grad(v.sum(), x)"),
    ("trace: the point in the place of the velocity", "return v.detach()", "return x.detach()"),
    ("no prior term", RESULT, "end[-n:]"),
    ("prior at the image", RESULT, "sde.prior_logp(x) + end[-n:]"),
    ("sign of the divergence", RESULT, "sde.prior_logp(end[:-n].reshape(x.shape)) - end[-n:]"),
    ("divergence forgotten", RESULT, "sde.prior_logp(end[:-n].reshape(x.shape)) + 0 * end[-n:]"),
    ("prior with the wrong sign", RESULT, "-sde.prior_logp(end[:-n].reshape(x.shape)) + end[-n:]"),
    ("from noise to data", "(eps, 1.0)", "(1.0, eps)"),
    ("eps ignored", "(eps, 1.0)", "(1e-5, 1.0)"),
    ("stops early", "(eps, 1.0)", "(eps, 0.9)"),
    ("velocity backwards", STACKED, "torch.cat([-v.flatten(), change]).numpy()"),
    ("per pixel", RESULT, "(sde.prior_logp(end[:-n].reshape(x.shape)) + end[-n:]) / x[0].numel() / 2"),
    ("failure not noticed", "if not solution.success:", "if False:", "error"),
    ("normal probes", PROBE, "torch.randn(x.shape, generator=rng).to(x.dtype)", ("support", "value")),
    ("probes all 1", PROBE, "torch.ones_like(x)", ("weights", "repeat")),
    ("one probe for all images", PROBE, PROBE.replace("x.shape", "x[:1].shape") + " + 0 * x", ("weights", "repeat")),
    ("signs 0 and 1", PROBE, "torch.randint(0, 2, x.shape, generator=rng).to(x.dtype)", ("support", "value")),
    ("offset 8 for data in [-1, 1]", BITS, BITS.replace("7", "8")),
    ("no offset", BITS, "-logp / (d * math.log(2))"),
    ("natural logarithm", BITS, "-logp / d + 7"),
    ("offset in nats", BITS, "-logp / (d * math.log(2)) + math.log(128)"),
    ("sign of the log density", BITS, "logp / (d * math.log(2)) + 7"),
    ("of the whole image", BITS, "-logp / math.log(2) + 7"),
    ("multiplied by ln 2", BITS, "-logp * math.log(2) / d + 7"),
)

SEARCH = mutants(
    "5.8",
    ("learning rate never arrives", "Recipe(**values)",
     'Recipe(**{name: v for name, v in values.items() if name != "learning_rate"})'),
    ("cut-off never arrives", "Recipe(**values)",
     'Recipe(**{name: v for name, v in values.items() if name != "epsilon"})'),
    ("widths never arrive", "Recipe(**values)",
     'Recipe(**{name: v for name, v in values.items() if name != "multipliers"})'),
    ("batch size always 32", "Recipe(**values)", 'Recipe(**{**values, "batch_size": 32})'),
    ("nothing arrives", "Recipe(**values)", "Recipe()"),
    ("only the first value arrives", "Recipe(**values)", "Recipe(**dict(list(values.items())[:1]))"),
    ("measured at the trial's own cut-off", "measure(score_fn, 1e-5)",
     'measure(score_fn, values.get("epsilon", 1e-5))'),
    ("measured at 1e-3", "measure(score_fn, 1e-5)", "measure(score_fn, 1e-3)"),
)  # fmt: skip

GUIDANCE = mutants(
    "5.9",
    ("weights exchanged", GUIDED, "asked(x, t) + w * (without - asked(x, t))"),
    ("starts from the prompted score", GUIDED, "asked(x, t) + w * (asked(x, t) - without)"),
    ("sign of the difference", GUIDED, "without - w * (asked(x, t) - without)"),
    ("weight ignored", GUIDED, "asked(x, t)"),
    ("label ignored", GUIDED, "without"),
    ("sum instead of a mixture", GUIDED, "without + w * asked(x, t)"),
    ("weight cut at 1", GUIDED, "without + min(w, 1) * (asked(x, t) - without)"),
    ("asked at other times", GUIDED, "without + w * (asked(x, 1 - t) - free(x, 1 - t))"),
)

MUTANTS = (
    *PROCESS, *PERTURB, *MATCHING, *PARTS, *PREDICTOR, *CORRECTOR, *SAMPLER, *FLOWS, *LIKELIHOOD,
    *SEARCH, *GUIDANCE,
)  # fmt: skip

STYLES = (
    Style("5.1", "numpy's old random numbers", '''
import numpy as np

class VPSDE(NoisingKernel):
    def prior_sample(self, shape, rng=None):
        return torch.tensor(np.random.randn(*shape), dtype=torch.float32)

    def prior_logp(self, z):
        return torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(dim=tuple(range(1, z.ndim)))
'''),
    Style("5.1", "numpy's Generator and scipy", '''
import numpy as np

class VPSDE(NoisingKernel):
    def prior_sample(self, shape, rng=None):
        seed = None if rng is None else rng.initial_seed()
        return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))

    def prior_logp(self, z):
        return torch.as_tensor(stats.norm.logpdf(z.numpy()).reshape(len(z), -1).sum(1))
'''),
    Style("5.1", "loops", '''
class VPSDE(NoisingKernel):
    def prior_sample(self, shape, rng=None):
        z = torch.empty(shape)
        for i in range(z.numel()):
            z.view(-1)[i] = torch.randn((), generator=rng)
        return z

    def prior_logp(self, z):
        return torch.stack([sum(-v**2 / 2 - 0.5 * math.log(2 * math.pi) for v in row.flatten()) for row in z])
'''),
    Style("5.1", "torch in place, other formulas", '''
class NoisingKernel(NoisingProcess):
    def marginal_prob(self, x, t):
        if bool(((t < 0) | (t > 1)).any()):
            raise ValueError(f"every t must lie in [0, 1], got {t.tolist()}")
        b = (self.beta(t).double() + self.beta_min) / 2 * t.double()
        mean = x * along((-0.5 * b).exp(), x)
        return mean, (1 - torch.exp(-b)).sqrt().to(x.dtype)

class VPSDE(NoisingKernel):
    def prior_sample(self, shape, rng=None):
        return torch.empty(shape).normal_(generator=rng)

    def prior_logp(self, z):
        d = z[0].numel()
        return -d / 2 * math.log(2 * math.pi) - z.reshape(len(z), d).square().sum(dim=1) / 2
'''),
    Style("5.2", "numpy's old random numbers", '''
import numpy as np

def sample_times(n, eps=1e-5, rng=None):
    if eps <= 0 or eps >= 1:
        raise ValueError(f"bad eps {eps}")
    return torch.tensor(np.random.uniform(eps, 1, n), dtype=torch.float32)

def perturb(x, t, sde, rng=None):
    mean, std = sde.marginal_prob(x, t)
    z = torch.tensor(np.random.normal(size=tuple(x.shape)))
    return mean + std.reshape((-1,) + (1,) * (x.ndim - 1)) * z, z, std
'''),
    Style("5.2", "numpy's Generator", '''
import numpy as np

def sample_times(n, eps=1e-5, rng=None):
    if not (0 < eps and eps < 1):
        raise ValueError(f"eps = {eps!r}")
    return torch.from_numpy(np.random.default_rng().uniform(eps, 1, n))

def perturb(x, t, sde, rng=None):
    mean, std = (np.asarray(v, dtype=float) for v in sde.marginal_prob(x, t))
    z = np.random.default_rng().normal(size=x.shape)
    return torch.tensor(mean + (z.T * std).T), torch.tensor(z), torch.tensor(std)
'''),
    Style("5.2", "loops over images", '''
def sample_times(n, eps=1e-5, rng=None):
    if not 0 < eps < 1:
        raise ValueError(f"eps = {eps}")
    return torch.tensor([eps + (1 - eps) * float(torch.rand((), generator=rng)) for _ in range(n)])

def perturb(x, t, sde, rng=None):
    noisy, noise, stds = [], [], []
    for image, when in zip(x, t):
        mean, std = sde.marginal_prob(image[None], when[None])
        z = torch.randn(mean.shape, generator=rng)
        noisy.append(mean[0] + std * z[0]); noise.append(z[0]); stds.append(std[0])
    return torch.stack(noisy), torch.stack(noise), torch.stack(stds)
'''),
    Style("5.2", "torch in place", '''
def sample_times(n, eps=1e-5, rng=None):
    if not 0 < eps < 1:
        raise ValueError(f"eps = {eps}")
    return torch.empty(n).uniform_(eps, 1, generator=rng)

def perturb(x, t, sde, rng=None):
    mean, std = sde.marginal_prob(x, t)
    z = torch.empty_like(x).normal_(generator=rng)
    return mean.clone().addcmul_(along(std, x).expand_as(z), z), z, std
'''),
    Style("5.3", "a loop over images", '''
def dsm_loss(score_fn, x, sde, rng=None, sample_times=sample_times, perturb=perturb):
    t = sample_times(x.shape[0], rng=rng)
    x_t, z, std = perturb(x, t, sde, rng)
    score, total = score_fn(x_t, t), 0.0
    for i in range(len(x)):
        total = total + ((std[i] * score[i] + z[i]) ** 2).sum()
    return total / len(x)
'''),
    Style("5.3", "the weight written out", '''
def dsm_loss(score_fn, x, sde, rng=None, sample_times=sample_times, perturb=perturb):
    t = sample_times(len(x), 1e-5, rng)
    x_t, z, std = perturb(x, t, sde, rng)
    target = -z / along(std, x)
    squares = (score_fn(x_t, t) - target).pow(2).reshape(len(x), -1).sum(dim=-1)
    return torch.mean(std**2 * squares)
'''),
    Style("5.4", "loops over images, weights by formula", '''
def net_score(net, sde):
    def score_fn(x, t):
        t = t if torch.is_tensor(t) and t.ndim else torch.full((len(x),), float(t))
        alpha, sigma = sde.marginal_prob(torch.ones_like(x), t)
        return net(x, alpha.flatten(1)[:, 0], sigma)
    return score_fn

def update_average(averaged, weights, decay):
    for i in range(len(averaged)):
        averaged[i][...] = decay * averaged[i] + (1 - decay) * weights[i]
'''),
    Style("5.5", "numpy's old random numbers", '''
import numpy as np

def predictor(x, t, h, score_fn, sde, rng=None):
    f, g = sde.sde(x, t)
    mean = x - f * h + g**2 * h * score_fn(x, t)
    return mean + g * h**0.5 * torch.tensor(np.random.randn(*x.shape), dtype=x.dtype), mean

def corrector(x, t, score_fn, snr=0.16, rng=None):
    s = score_fn(x, t)
    norm = np.mean([np.linalg.norm(row) for row in s.numpy().reshape(len(x), -1)])
    size = 2 * snr**2 * x[0].numel() / norm**2
    return x + size * s + (2 * size) ** 0.5 * torch.tensor(np.random.randn(*x.shape), dtype=x.dtype)
'''),
    Style("5.5", "numpy's Generator", '''
import numpy as np

def predictor(x, t, h, score_fn, sde, rng=None):
    f, g = sde.sde(x, t)
    mean = x - (f - g**2 * score_fn(x, t)) * h
    z = torch.from_numpy(np.random.default_rng().normal(size=x.shape)).to(x.dtype)
    return mean + g * torch.sqrt(h) * z, mean
'''),
    Style("5.5", "loops over images", '''
def predictor(x, t, h, score_fn, sde, rng=None):
    f, g = sde.sde(x, t)
    s, new, means = score_fn(x, t), [], []
    for i in range(len(x)):
        means.append(x[i] - (f[i] - g**2 * s[i]) * h)
        new.append(means[-1] + g * torch.sqrt(h) * torch.randn(x[i].shape, generator=rng))
    return torch.stack(new), torch.stack(means)
'''),
    Style("5.5", "while over times", '''
def pc_sampler(times, shape, score_fn, sde, corrections=1, snr=0.16, rng=None):
    x, k = sde.prior_sample(shape, rng), 0
    with torch.no_grad():
        while k < len(times) - 1:
            for _ in range(corrections):
                x = corrector(x, times[k], score_fn, snr=snr, rng=rng)
            x, mean = predictor(x, times[k], times[k] - times[k + 1], score_fn, sde, rng=rng)
            k += 1
    return mean
'''),
    Style("5.6", "another solver, in double precision", '''
import numpy as np

def ode_sampler(z, score_fn, sde, eps=1e-3, tol=1e-4):
    shape = tuple(z.shape)
    def slope(t, y):
        with torch.no_grad():
            x = torch.from_numpy(y.copy()).view(shape)
            return np.ravel(probability_flow(x, torch.tensor(t), score_fn, sde).double().numpy())
    out = solve_ivp(slope, [1, eps], z.double().numpy().ravel(), method="DOP853", rtol=tol, atol=tol)
    if out.status != 0:
        raise RuntimeError(out.message)
    return torch.from_numpy(out.y[:, -1].copy()).view(shape).to(z.dtype)
'''),
    Style("5.6", "Heun with indices", '''
def heun_sampler(z, times, score_fn, sde):
    for k in range(len(times) - 1):
        h = times[k + 1] - times[k]
        first = probability_flow(z, times[k], score_fn, sde)
        euler = z + h * first
        second = probability_flow(euler, times[k + 1], score_fn, sde)
        z = z + 0.5 * h * (first + second)
    return z
'''),
    Style("5.7", "a vector-Jacobian product of torch.func", '''
def divergence(velocity, x, t, probe):
    v, pull = torch.func.vjp(lambda y: velocity(y, t), x)
    return v.detach(), (pull(probe)[0] * probe).reshape(len(x), -1).sum(-1).detach()
'''),
    Style("5.7", "numpy's old random numbers", '''
import numpy as np

def log_likelihood(x, score_fn, sde, eps=1e-5, tol=1e-3, rng=None, flow=probability_flow):
    n = x.shape[0]
    probe = torch.tensor(np.random.choice([-1.0, 1.0], size=tuple(x.shape)), dtype=x.dtype)
    def slope(t, y):
        x_t = torch.tensor(y[n:].reshape(x.shape), dtype=x.dtype)
        v, d = divergence(lambda a, b: flow(a, b, score_fn, sde), x_t, torch.tensor(t, dtype=x.dtype), probe)
        return np.concatenate([d.numpy(), v.numpy().ravel()])
    out = solve_ivp(slope, (eps, 1), np.concatenate([np.zeros(n), x.numpy().ravel()]), rtol=tol, atol=tol)
    if not out.success:
        raise RuntimeError("no solution: " + out.message)
    y = torch.tensor(out.y[:, -1], dtype=x.dtype)
    return y[:n] + sde.prior_logp(y[n:].reshape(x.shape))
'''),
    Style("5.7", "bits by base 2", '''
def bits_per_dim(logp, d):
    return 7 - logp * math.log2(math.e) / d
'''),
    Style("5.8", "one value after the other", '''
from dataclasses import replace

def trial(values, train, measure):
    recipe = Recipe()
    for name, value in values.items():
        recipe = replace(recipe, **{name: value})
    return dict(bpd=measure(train(recipe), eps=1e-5))
'''),
    Style("5.9", "weights of both", '''
def guided(free, asked, w):
    return lambda x, t: (1 - w) * free(x, t) + w * asked(x, t)
'''),
)  # fmt: skip
