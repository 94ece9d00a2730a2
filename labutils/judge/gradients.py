"""Derivatives across the border between the trusted side and the student's.

A tensor that needs a gradient leaves its graph behind when it crosses. What arrives is tied to it by a function whose
backward pass asks the other side for one product of a vector and the Jacobian. So a student can differentiate a
function that a test lends, and a test the result of a student's function. First derivatives only.
"""

import contextlib
import functools
import sys


def tracked(value):
    """Whether a value is a tensor, other than a parameter of a net, that carries a graph."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor) and value.requires_grad and not _parameter(value)


def _parameter(value):
    return isinstance(value, sys.modules["torch"].nn.Parameter)


def graphs():
    """A context in which graphs are built, where there is torch."""
    torch = sys.modules.get("torch")
    return torch.enable_grad() if torch else contextlib.nullcontext()


@functools.cache
def _border():
    import torch

    class Border(torch.autograd.Function):
        """Hands `value` out as if it was computed from `sources`; `slope(vector)` gives their products."""

        @staticmethod
        def forward(ctx, value, slope, *sources):
            ctx.slope, ctx.kinds = slope, [(one.shape, one.dtype) for one in sources]
            return value.clone()

        @staticmethod
        def backward(ctx, vector):
            products = ctx.slope(vector.contiguous())
            return None, None, *(_fitting(one, *kind) for one, kind in zip(products, ctx.kinds, strict=True))

    return Border


def _fitting(product, shape, dtype):
    """A product as the gradient of its source; what does not fit is refused."""
    torch = sys.modules["torch"]
    if product is None:
        return None
    if not torch.is_tensor(product) or product.shape != shape:
        raise TypeError("a gradient has the shape of its source")
    return product.to(dtype)


def tied(value, slope, sources):
    """`value` with a graph that leads to `sources`; without any, a value that needs a gradient of its own."""
    torch = sys.modules["torch"]
    sources = sources or [torch.zeros((), requires_grad=True)]
    with torch.enable_grad():
        return _border().apply(value, lambda vector: [*slope(vector), None][: len(sources)], *sources)


def products(value, sources, vector):
    """vector · d value / d source for each source; None for those it does not depend on."""
    torch = sys.modules["torch"]
    if not sources:
        return []
    return [*torch.autograd.grad(value, sources, vector.to(value.dtype), retain_graph=True, allow_unused=True)]
