"""Figures of quality: the Fréchet distance against its closed form, and each figure against images made to fail it."""

import numpy as np
import pytest
import torch

from labutils.vpsde import metrics, mnist


@pytest.fixture(scope="module")
def real():
    rng = torch.Generator().manual_seed(0)
    return {name: mnist.dequantise(mnist.embedded(name).images[:256], rng) for name in ("train", "test")}


def test_the_distance_of_gaussian_features_is_the_closed_form():
    """N(0, C) against N(m, s^2 C): |m|^2 + (1 - s)^2 tr C, also where C is no diagonal matrix."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 3)) @ np.array([[1.0, 0.5, 0.0], [0.0, 2.0, 0.3], [0.0, 0.0, 0.1]])
    m, trace = np.array([1.0, -2.0, 0.5]), np.trace(np.cov(x, rowvar=False))
    centred = x - x.mean(0)
    assert metrics.frechet_distance(centred, 3 * centred + m) == pytest.approx(5.25 + 4 * trace)
    assert metrics.frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    turned = centred @ np.linalg.qr(rng.standard_normal((3, 3)))[0]
    assert metrics.frechet_distance(turned, centred) == pytest.approx(metrics.frechet_distance(centred, turned))
    with pytest.raises(ValueError, match="got 3 and 400"):
        metrics.frechet_distance(x[:3], x)


def test_images_of_another_range_are_refused(real):
    levels = (real["test"][:60] + 1) * 128
    for wrong in (lambda: metrics.measure(real["test"], levels), lambda: metrics.train_classifier(levels, None)):
        with pytest.raises(ValueError, match=r"values in \[-1, 1\], got 0 to 2"):
            wrong()


def test_real_digits_are_near_and_what_is_wrong_with_others_shows(real):
    test, train = real["test"], real["train"]
    floor = metrics.measure(train, test)
    assert floor["frechet"] < 4.5 and floor["confident"] > 0.85 and max(floor["shares"]) < 0.15
    blurred = torch.nn.functional.avg_pool2d(train, 5, 1, 2)
    noisy = (train + 0.5 * torch.randn(train.shape, generator=torch.Generator().manual_seed(1))).clamp(-1, 1)
    alike = train[:4].repeat(64, 1, 1, 1)
    for wrong in (blurred, noisy, alike, torch.full_like(train, -1.0)):
        assert metrics.measure(wrong, test)["frechet"] > 2.5 * floor["frechet"]
    assert metrics.measure(noisy, test)["confident"] < floor["confident"]
    assert max(metrics.measure(alike, test)["shares"]) > 0.2


def test_copies_are_near_and_held_out_images_are_not(real):
    copies = real["train"][:20] + 0.01
    assert metrics.nearest(copies, real["train"]).max() < 0.3
    assert metrics.nearest(real["test"][:20], real["train"]).min() > 2


def test_a_classifier_learns_and_its_seed_decides():
    images = torch.full((40, 1, 28, 28), -1.0)
    images[20:, :, 8:20, 8:20] = 1.0
    labels = torch.arange(40) // 20
    first, again, other = (metrics.train_classifier(images, labels, steps=12, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.name.weight, again.name.weight) and not torch.equal(first.name.weight, other.name.weight)
    assert (first(images).argmax(1) == labels).all()
