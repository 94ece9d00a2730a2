"""Lab 5's figures: speed of its network and samplers as ratios in one run, quality of the shipped checkpoint.

`python -m tests.bench_digits` measures the shipped checkpoint and writes the figures into the record beside it.
"""

import time

import torch
from torch import nn
from torch.nn import functional

from labutils.vpsde import checkpoint, metrics, mnist, training
from tests.graded import solutions

LAB = "lab5_vpsde_mnist"
COUNT, PART = 256, 64  # images of a figure, and how many at once
END = 1e-3  # where samplers stop


def quadratic(steps):
    """The lab's time grid: steps that get shorter towards the data."""
    return END + (1 - END) * torch.linspace(1, 0, steps + 1) ** 2


def cpu(run):
    """What `run()` returns, and its CPU seconds."""
    start = time.process_time()
    return run(), time.process_time() - start


def drawn(lab, net, times, count=COUNT, seed=0, labelled=False, **options):
    """`count` images by the lab's sampler, in [-1, 1]; labelled: each asked for a digit that is drawn at random."""
    rng, sde, parts = torch.Generator().manual_seed(seed), lab["VPSDE"](), []
    for _ in range(count // PART):
        label = torch.randint(10, (PART,), generator=rng) if labelled else None
        score_fn, shape = training.score_function(net, sde, label), (PART, 1, 28, 28)
        parts.append(lab["pc_sampler"](times, shape, score_fn, sde, **{"corrections": 0, "rng": rng, **options}))
    return torch.cat(parts).clamp(-1, 1)


def held_out(count=COUNT):
    """The first test images, which neither the network nor the classifier was trained on."""
    return mnist.dequantise(mnist.embedded("test").images[:count], torch.Generator().manual_seed(4))


def frechet_floor(classifier, reference, count=COUNT, repeats=20):
    """The mean Fréchet distance of `count` random real training images to the reference, by the same classifier."""
    rng = torch.Generator().manual_seed(1)
    train = mnist.embedded("train").images
    sets = [mnist.dequantise(train[torch.randperm(len(train), generator=rng)[:count]], rng) for _ in range(repeats)]
    return sum(metrics.measure(images, reference, classifier)["frechet"] for images in sets) / repeats


def likelihood(lab, net, count=COUNT):
    """Mean bits per dimension of the first test images at epsilon = 1e-5, and its standard error."""
    rng, sde = torch.Generator().manual_seed(2), lab["VPSDE"]()
    x, score_fn = mnist.dequantise(mnist.embedded("test").images[:count], rng), training.score_function(net, sde)
    parts = [lab["log_likelihood"](part, score_fn, sde, rng=rng) for part in x.split(32)]
    bits = lab["bits_per_dim"](torch.cat(parts), 784)
    return float(bits.mean()), float(bits.std() / len(bits) ** 0.5)


def distances(images):
    """Mean distance to the nearest training image, of generated and of held-out real images."""
    rng = torch.Generator().manual_seed(3)
    train, test = (mnist.dequantise(mnist.embedded(split).images, rng) for split in ("train", "test"))
    return tuple(float(metrics.nearest(x, train).mean()) for x in (images, test[: len(images)]))


def figures(net, steps=300):
    """All figures of a network, by the lab's own functions, as a dictionary for its record."""
    lab, classifier = solutions(LAB), metrics.shipped_classifier()
    reference = held_out()
    bits, error = likelihood(lab, net)
    found = {
        "samples": f"{COUNT} by {steps} predictor steps, against {COUNT} test images",
        "frechet distance of real images": round(frechet_floor(classifier, reference), 2),
        "confident real images": metrics.measure(reference, reference, classifier)["confident"],
        "bits per dimension": [round(bits, 4), round(error, 4)],
        "bits per dimension of": f"{COUNT} test images at epsilon = 1e-5, with its standard error",
    }
    for asked, labelled in (("a digit drawn at random", True), ("no digit in particular", False)):
        images = drawn(lab, net, quadratic(steps), labelled=labelled)
        measured, (near, near_real) = metrics.measure(images, reference, classifier), distances(images)
        found[f"asked for {asked}"] = {
            "frechet distance": round(measured["frechet"], 2),
            "confident": round(measured["confident"], 3),
            "class shares": [round(share, 3) for share in measured["shares"]],
            "distance to the nearest training image": [round(near, 2), round(near_real, 2)],
        }
    return found


def quality_rows(row):
    """The checkpoint's figures against what they should be, as rows of the benchmark table."""
    found = figures(checkpoint.load())
    (bits, error), floor = found["bits per dimension"], found["frechet distance of real images"]
    yield row("Lab 5, bits per dimension within 1.85", 1.85 / bits, 1, f"{bits:.3f} ± {error:.3f}")
    for asked, values in ((name, values) for name, values in found.items() if name.startswith("asked for")):
        distance, shares = values["frechet distance"], values["class shares"]
        near, near_real = values["distance to the nearest training image"]
        sure, real = values["confident"], found["confident real images"]
        how = f"{distance} against {floor}; {sure:.2f} confident, of real ones {real:.2f}"
        yield row(f"Lab 5, {asked}, within 2.5 floors", 2.5 * floor / distance, 1, how)
        if "random" in asked:  # without a label no such figure is asked for
            yield row(f"Lab 5, {asked}, 0.85 confident", sure / 0.85, 1, f"{sure:.3f}")
        even = min(min(shares) * 20, 0.2 / max(shares))
        yield row(f"Lab 5, {asked}, shares within 0.05 to 0.2", even, 1, " ".join(map(str, shares)))
        yield row(f"Lab 5, {asked}, nearest training image", near / near_real, 0.8, f"{near} against {near_real}")


def speed_rows(row):
    """The network against the usual one, and 64 digits."""
    torch.set_num_threads(1)
    net, classic, lab = checkpoint.load(), ClassicUNet(), solutions(LAB)
    size = sum(p.numel() for p in classic.parameters()) / 1e6
    ours, theirs = ((step_seconds(f), eval_seconds(f)) for f in (net, classic))
    usual = f"{size:.2f} M parameters, {theirs[0]:.2f} s a step, {theirs[1]:.2f} s a score"
    yield row("Lab 5, training step, 64 images", theirs[0] / ours[0], 8, f"{usual}; ours {ours[0]:.3f} s")
    yield row("Lab 5, score of 64 images", theirs[1] / ours[1], 6, f"ours {ours[1]:.3f} s")
    _, seconds = cpu(lambda: drawn(lab, net, quadratic(100), PART))
    yield row("Lab 5, 64 digits within 8 s", 8 / seconds, 1, f"{seconds:.1f} s, 100 predictor steps")


def classic_sampler_rows(row, count=PART):
    """The lab's default sampler against 1,000 x (1 + 10) evaluations with the same network, both in full: long."""
    torch.set_num_threads(1)
    lab, net, classifier = solutions(LAB), checkpoint.load(), metrics.shipped_classifier()
    reference = held_out(count)
    fast, quick = cpu(lambda: drawn(lab, net, quadratic(100), count))
    slow, long = cpu(lambda: drawn(lab, net, torch.linspace(1, END, 1001), count, corrections=10))
    near, far = (metrics.measure(images, reference, classifier)["frechet"] for images in (fast, slow))
    yield row(
        "Lab 5, default sampler against 1,000 x (1 + 10)", long / quick, 100, f"{quick:.1f} s against {long:.0f} s"
    )
    yield row("Lab 5, and its Fréchet distance", far / near, 1, f"{near:.1f} against {far:.1f}, {count} images")


def eval_seconds(net, n=64, repeats=5):
    """CPU seconds of a score of n images, the smallest of a few."""
    x, alpha = torch.randn(n, 1, 28, 28), torch.full((n,), 0.6)
    with torch.no_grad():
        return min(cpu(lambda: net(x, alpha, (1 - alpha**2).sqrt()))[1] for _ in range(repeats))


def step_seconds(net, n=64, repeats=4):
    """CPU seconds of a training step on n images, the smallest of a few."""
    x, alpha = torch.randn(n, 1, 28, 28), torch.full((n,), 0.6)
    optimizer = torch.optim.AdamW(net.parameters(), 1e-6)

    def step():
        optimizer.zero_grad()
        net(x, alpha, (1 - alpha**2).sqrt()).square().mean().backward()
        optimizer.step()

    return min(cpu(step)[1] for _ in range(repeats))


class ClassicUNet(nn.Module):
    """The U-Net of most public code at this size (after Ho et al. 2020): full resolution, two blocks a level."""

    def __init__(self, width=32, factors=(1, 2, 2), embedding=128):
        super().__init__()
        self.width = width
        self.embed = nn.Sequential(nn.Linear(width, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.first, wide, skips = nn.Conv2d(1, width, 3, padding=1), width, [width]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, factor in enumerate(factors):
            for _ in range(2):
                self.down.append(ClassicBlock(wide, width * factor, embedding, attention=level == 1))
                wide = width * factor
                skips.append(wide)
            if level < len(factors) - 1:
                self.down.append(nn.Conv2d(wide, wide, 3, stride=2, padding=1))
                skips.append(wide)
        self.middle = nn.ModuleList([ClassicBlock(wide, wide, embedding, True), ClassicBlock(wide, wide, embedding)])
        for level, factor in reversed(list(enumerate(factors))):
            for _ in range(3):
                self.up.append(ClassicBlock(wide + skips.pop(), width * factor, embedding, attention=level == 1))
                wide = width * factor
            if level:
                self.up.append(nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(wide, wide, 3, padding=1)))
        self.last = nn.Sequential(nn.GroupNorm(8, wide), nn.SiLU(), nn.Conv2d(wide, 1, 3, padding=1))

    def forward(self, x, alpha, sigma):
        angles = torch.log(alpha / sigma)[:, None] * torch.logspace(-2, 2, self.width // 2)
        embedding = self.embed(torch.cat([angles.sin(), angles.cos()], 1))
        skips = [self.first(x)]
        for layer in self.down:
            skips.append(layer(skips[-1], embedding) if isinstance(layer, ClassicBlock) else layer(skips[-1]))
        x = skips[-1]
        for layer in self.middle:
            x = layer(x, embedding)
        for layer in self.up:
            block = isinstance(layer, ClassicBlock)
            x = layer(torch.cat([x, skips.pop()], 1), embedding) if block else layer(x)
        return self.last(x)


class ClassicBlock(nn.Module):
    """Two convolutions around the noise level, a shortcut, and attention where asked for."""

    def __init__(self, inputs, outputs, embedding, attention=False):
        super().__init__()
        self.norms = nn.ModuleList([nn.GroupNorm(8, inputs), nn.GroupNorm(8, outputs)])
        self.convolutions = nn.ModuleList([nn.Conv2d(n, outputs, 3, padding=1) for n in (inputs, outputs)])
        self.shift, self.short = nn.Linear(embedding, outputs), nn.Conv2d(inputs, outputs, 1)
        self.attention = nn.MultiheadAttention(outputs, 1, batch_first=True) if attention else None

    def forward(self, x, embedding):
        y = self.convolutions[0](functional.silu(self.norms[0](x))) + self.shift(embedding)[:, :, None, None]
        y = self.short(x) + self.convolutions[1](functional.silu(self.norms[1](y)))
        if self.attention is not None:
            flat = y.flatten(2).mT
            y = y + self.attention(flat, flat, flat, need_weights=False)[0].mT.reshape(y.shape)
        return y


def main():
    """Measure the shipped checkpoint and write the figures beside it."""
    net, facts = checkpoint.load(), checkpoint.record()
    facts["figures"] = figures(net)
    del facts["network"]
    checkpoint.save(net, checkpoint.SHIPPED, **facts)
    print(*(f"{name}: {value}" for name, value in facts["figures"].items()), sep="\n")


if __name__ == "__main__":
    main()
