"""The checkpoint: what was saved comes back, half as large, and no half of it ever lies about."""

import errno
import os
from pathlib import Path

import pytest
import torch

from labutils.vpsde import checkpoint
from labutils.vpsde.unet import ScoreNet

SMALL = {"channels": 8, "multipliers": (1, 2), "blocks": 2, "heads": 2, "mean": -0.5}


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(3)
    net, path = ScoreNet(**SMALL).eval(), tmp_path / "deep" / "net.safetensors"
    for weights in net.parameters():
        torch.nn.init.normal_(weights, std=0.1)
    checkpoint.save(net, path, seed=3, note="ä")
    return net, path


def test_a_network_comes_back_as_it_was_up_to_half_precision(saved):
    net, path = saved
    back, x = checkpoint.load(path), torch.randn(2, 1, 28, 28)
    assert not back.training and back.config == net.config
    assert torch.allclose(back(x, 0.8, 0.6), net(x, 0.8, 0.6), atol=2e-2)
    assert path.stat().st_size < 2.2 * sum(weights.numel() for weights in net.parameters()) + 8000
    assert checkpoint.record(path)["seed"] == 3 and checkpoint.record(path)["note"] == "ä"


def test_a_network_of_another_shape_is_refused_with_the_place(saved):
    _, path = saved
    with pytest.raises(ValueError, match=r"another network: .*expected"):
        checkpoint.load_into(ScoreNet(**{**SMALL, "channels": 16}), path)
    with pytest.raises(ValueError, match=r"another network: middle\S+ is absent"):
        checkpoint.load_into(ScoreNet(**{**SMALL, "blocks": 3}), path)
    with pytest.raises(ValueError, match="it also has middle"):
        checkpoint.load_into(ScoreNet(**{**SMALL, "blocks": 1}), path)


def test_missing_or_damaged_files_are_named(saved, tmp_path):
    _, path = saved
    with pytest.raises(ValueError, match="absent"):
        checkpoint.load(tmp_path / "absent.safetensors")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="no checkpoint can be read"):
        checkpoint.load(path)
    path.with_suffix(".json").write_text('{"network": {"depth": 3}}')
    with pytest.raises(ValueError, match=r"describes no network.*depth"):
        checkpoint.load(path)
    path.with_suffix(".json").write_text("{")
    with pytest.raises(ValueError, match="no record"):
        checkpoint.load(path)


def test_without_room_the_old_checkpoint_stays(saved, monkeypatch):
    net, path = saved
    before = {name: (path.parent / name).read_bytes() for name in os.listdir(path.parent)}

    def full(self, data):
        with open(self, "wb") as file:
            file.write(data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"cannot write .*No space left"):
        checkpoint.save(net, path)
    assert {name: (path.parent / name).read_bytes() for name in os.listdir(path.parent)} == before


def test_the_shipped_checkpoint_is_small_documented_and_a_score():
    net = checkpoint.load()
    assert checkpoint.SHIPPED.stat().st_size < 3e6
    assert {"recipe", "data", "figures"} <= set(checkpoint.record())
    from labutils.vpsde import mnist

    x, alpha = mnist.dequantise(mnist.embedded("test").images[:10]), torch.tensor([0.999, 0.95, 0.8, 0.6, 0.4] * 2)
    z, sigma = torch.randn(x.shape), (1 - alpha**2).sqrt()

    def loss(net):
        weight, keep = sigma.view(-1, 1, 1, 1), alpha.view(-1, 1, 1, 1)
        with torch.no_grad():
            return (weight * net(keep * x + weight * z, alpha, sigma) + z).square().mean()

    assert loss(net) < 0.3 * loss(ScoreNet(**net.config))
