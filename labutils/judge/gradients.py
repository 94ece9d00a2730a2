"""Derivatives across the border between the trusted side and the student's.

A tensor that needs a gradient leaves its graph behind when it crosses. What arrives is tied to it by a function whose
backward pass asks the other side for one vector-Jacobian product (vjp). So a student can differentiate a function that
a test passes on, and a test the result of a student's function. First derivatives only.
"""

import contextlib
import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

Vjp = Callable[[Any], Sequence[Any]]  # from a vector to its products with the Jacobians of some tensors


def has_graph(value: object) -> bool:
    """Whether a value is a tensor, other than a parameter of a net, that carries a graph."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor) and value.requires_grad and not _is_parameter(value)


def _is_parameter(value: object) -> bool:
    return isinstance(value, sys.modules["torch"].nn.Parameter)


def grad_enabled() -> contextlib.AbstractContextManager:
    """A context in which graphs are built, where there is torch."""
    torch = sys.modules.get("torch")
    return torch.enable_grad() if torch else contextlib.nullcontext()


@functools.cache
def _remote_function() -> Any:
    import torch

    class RemoteFunction(torch.autograd.Function):
        """Hands `value` out as if it was computed from `sources`; `vjp(vector)` gives their products."""

        @staticmethod
        def forward(ctx, value, vjp, *sources):
            ctx.vjp, ctx.kinds = vjp, [(one.shape, one.dtype) for one in sources]
            return value.clone()

        @staticmethod
        def backward(ctx, vector):
            products = ctx.vjp(vector.contiguous())
            return None, None, *(_gradient(one, *kind) for one, kind in zip(products, ctx.kinds, strict=True))

    return RemoteFunction


def _gradient(product: Any, shape: Any, dtype: Any) -> Any:
    """A product as the gradient of its source; what does not fit is refused."""
    torch = sys.modules["torch"]
    if product is None:
        return None
    if not torch.is_tensor(product) or product.shape != shape:
        raise TypeError("a gradient has the shape of its source")
    return product.to(dtype)


def attach_graph(value: Any, vjp: Vjp, sources: Sequence[Any]) -> Any:
    """`value` with a graph that leads to `sources`; without any, a value that needs a gradient of its own."""
    torch = sys.modules["torch"]
    sources = sources or [torch.zeros((), requires_grad=True)]
    with torch.enable_grad():
        return _remote_function().apply(value, lambda vector: [*vjp(vector), None][: len(sources)], *sources)


def vector_jacobian(value: Any, sources: Sequence[Any], vector: Any) -> list[Any]:
    """vector · d value / d source for each source; None for those it does not depend on."""
    torch = sys.modules["torch"]
    if not sources:
        return []
    return [*torch.autograd.grad(value, sources, vector.to(value.dtype), retain_graph=True, allow_unused=True)]
