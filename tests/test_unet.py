"""The network: the Gaussian's score when new, equal in scale at every noise level, told of noise and label."""

import math

import pytest
import torch

from labutils.vpsde.unet import ScoreNet

SMALL = {"channels": 8, "multipliers": (1, 2), "blocks": 2, "heads": 2}


def shaken(**options):
    """A small network whose every weight is random, in evaluation mode."""
    torch.manual_seed(1)
    net = ScoreNet(**{**SMALL, **options}).eval()
    for weights in net.parameters():
        torch.nn.init.normal_(weights, std=0.2)
    return net


def test_a_new_network_is_the_score_of_the_fitted_gaussian():
    x, alpha, sigma = (
        torch.randn(4, 1, 28, 28),
        torch.tensor([1.0, 0.8, 0.3, 0.01]),
        torch.tensor([1e-3, 0.6, 0.95, 1.0]),
    )
    out = ScoreNet(mean=-0.5, deviation=0.7)(x, alpha, sigma)
    for image, score, a, s in zip(x, out, alpha, sigma, strict=True):
        law = torch.distributions.Normal(a * -0.5, math.sqrt((a * 0.7) ** 2 + s**2))
        image = image.clone().requires_grad_()
        law.log_prob(image).sum().backward()
        assert torch.allclose(score, image.grad, rtol=1e-4)


def test_the_learned_part_keeps_its_size_at_every_noise_level():
    """sigma * score is a guess of unit-size noise: what the network adds to it must be of size one, or vanish."""
    net, new = shaken(), ScoreNet(**SMALL)
    sizes = []
    for sigma in (1e-3, 1e-2, 0.1, 0.5, 0.9, 0.9999):
        alpha = math.sqrt(1 - sigma**2)
        x = alpha * (-0.737 + 0.617 * torch.randn(8, 1, 28, 28)) + sigma * torch.randn(8, 1, 28, 28)
        sizes.append((sigma * (net(x, alpha, sigma) - new(x, alpha, sigma))).std().item())
    assert max(sizes[:4]) < 3 * min(sizes[:4]) and sizes[-1] < 0.05 * sizes[0]


def test_noise_level_and_label_reach_the_output_and_no_label_is_minus_one():
    net, x = shaken(), torch.randn(3, 1, 28, 28)

    def features(log_snr):
        return net.features(x, net.embed(torch.full((3,), log_snr), None))

    assert not torch.allclose(features(-8.0), features(-7.0), rtol=1e-2)
    assert not torch.allclose(features(12.0), features(13.0), rtol=1e-2)
    plain, asked = net(x, 0.8, 0.6), net(x, 0.8, 0.6, torch.tensor([0, 9, -1]))
    assert torch.allclose(plain[2], asked[2], atol=1e-4)
    assert not torch.allclose(plain[0], asked[0], rtol=1e-2) and torch.allclose(net(x, 0.8, 0.6, -1), plain, atol=1e-4)


def test_images_do_not_see_one_another():
    net, x = shaken(), torch.randn(3, 1, 28, 28)
    assert torch.allclose(net(x, 0.8, 0.6)[1:2], net(x[1:2], 0.8, 0.6), atol=1e-4)


def test_every_weight_can_learn():
    net, x = shaken(), torch.randn(2, 1, 28, 28)
    net(x, 0.8, 0.6, torch.tensor([1, -1])).square().sum().backward()
    still = [name for name, weights in net.named_parameters() if not weights.grad.abs().sum() > 0]
    assert not [name for name in still if "query_key_value.bias" not in name]


@pytest.mark.parametrize("change", [{"blocks": 3}, {"multipliers": (1, 3)}, {"multipliers": (2, 2)}, {"channels": 16}])
def test_every_size_changes_the_network(change):
    def count(**options):
        return sum(weights.numel() for weights in ScoreNet(**{**SMALL, **options}).parameters())

    assert count(**change) > count()
    name, value = next(iter(change.items()))
    assert ScoreNet(**{**SMALL, **change}).config[name] == (list(value) if isinstance(value, tuple) else value)


def test_bad_input_is_named():
    net, x = ScoreNet(**SMALL), torch.zeros(2, 1, 28, 28)
    for wrong, message in (
        (lambda: net(torch.zeros(2, 784), 0.8, 0.6), r"\(2, 784\)"),
        (lambda: net(x, torch.ones(3), 0.6), r"alpha.*\(3,\)"),
        (lambda: net(x, 0.8, 0.6, torch.tensor([1, 10])), "got 10"),
        (lambda: net(x, 0.8, 0.6, -2), "got -2"),
        (lambda: ScoreNet(blocks=0), "got 0"),
        (lambda: ScoreNet(multipliers=(1, 2, 3)), r"\[1, 2, 3\]"),
        (lambda: ScoreNet(channels=12), r"\[12, 36\]"),
    ):
        with pytest.raises(ValueError, match=message):
            wrong()
