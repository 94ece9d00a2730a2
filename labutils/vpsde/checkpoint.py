"""The trained network that ships with Lab 5: weights in half precision, and beside them how they came about."""

import json
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as as_bytes

from labutils import files
from labutils.vpsde.unet import ScoreNet

SHIPPED = Path(__file__).parent / "data" / "score_net.safetensors"

Net = TypeVar("Net", bound=torch.nn.Module)


def load(path: str | Path = SHIPPED) -> ScoreNet:
    """The ScoreNet in a checkpoint, in evaluation mode and single precision.

    Raises ValueError for a file that is missing, damaged or of another network; the message says which.
    """
    config: Any = record(path).get("network")
    try:
        net = ScoreNet(**config)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{_beside(path)} describes no network that can be built: {error}") from error
    return load_into(net, path).eval()


def load_into(net: Net, path: str | Path = SHIPPED) -> Net:
    """Copy the weights of a checkpoint into a network of the same shape; returns the network."""
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"no checkpoint can be read from {path}: {error}") from error
    for name, own in net.state_dict().items():
        other = tuple(weights[name].shape) if name in weights else "absent"
        if other != tuple(own.shape):
            raise ValueError(f"{path} is of another network: {name} is {other}, expected {tuple(own.shape)}")
    unknown = sorted(set(weights) - set(net.state_dict()))
    if unknown:
        raise ValueError(f"{path} is of another network: it also has {unknown[0]}")
    net.load_state_dict({name: value.float() for name, value in weights.items()})
    return net


def record(path: str | Path = SHIPPED) -> dict[str, Any]:
    """What is recorded beside a checkpoint: network, recipe, data split, seed, figures."""
    try:
        return json.loads(_beside(path).read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"no record of a network can be read from {_beside(path)}: {error}") from error


def save(net: ScoreNet, path: str | Path, **facts: Any) -> None:
    """Write a network as half-precision weights, and its size and `facts` as JSON beside it; each file whole or not."""
    half = {name: value.detach().cpu().to(torch.float16).contiguous() for name, value in net.state_dict().items()}
    files.write(path, as_bytes(half))
    text = json.dumps({"network": net.config, **facts}, indent=2, ensure_ascii=False)
    files.write(_beside(path), text + "\n")


def _beside(path: str | Path) -> Path:
    return Path(path).with_suffix(".json")
