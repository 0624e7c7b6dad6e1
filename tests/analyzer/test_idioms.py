"""What models really write, one line each: the outputs are torch's own, and every call has a rule."""

from __future__ import annotations

import copy
import io
import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize

X = torch.zeros(3, 7)
IMAGE = torch.zeros(2, 3, 8, 8)
NET = nn.Sequential(nn.Linear(7, 5), nn.ReLU())


class Model(nn.Module):
    """``forward`` is the idiom."""

    def __init__(self, idiom: Callable[[Any, torch.Tensor], Any]):
        super().__init__()
        self.fc, self.norm = nn.Linear(7, 7), nn.BatchNorm1d(7)
        self.scale = nn.Parameter(torch.ones(7))
        self.register_buffer("shift", torch.ones(7))
        self.idiom = idiom

    def forward(self, x):
        return self.idiom(self, x)


def hooked_for_a_moment(m, x):
    m.fc.register_forward_hook(lambda *args: None).remove()
    return m.fc(x)


def set_in_forward(m, x):
    m.late = nn.Parameter(torch.zeros(7))
    m.register_buffer("later", x.sum())
    del m.shift
    return x * m.late + m.later


def says(m, x):
    print(x, f"{x}", str(x), repr(m.scale), file=io.StringIO())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.warn("a warning", stacklevel=1)
    return x


def modes(m, x):
    m.apply(lambda module: None)
    m.train(False)
    m.eval()
    m.zero_grad()
    return m.fc.float()(x)


def asserts(m, x):
    torch._assert(x.dim() == 2, "two dimensions")
    torch._check(x.shape[0] == 3)
    assert x.shape[-1] == m.fc.in_features
    return x


def slice_written(m, x):
    x[:, 0:2] = x[:, 2:4]
    x[1:, ...] += 1
    x[..., -1] *= x[..., 0]
    return x


IDIOMS: dict[str, Callable[[Any, torch.Tensor], Any]] = {
    # the model itself
    "deepcopy of a module": lambda m, x: copy.deepcopy(m.fc)(x),
    "dtype and device of parameters": lambda m, x: x.to(next(m.parameters()).dtype).to(next(m.parameters()).device),
    "like a parameter": lambda m, x: x.double().to(m.scale) + x.type_as(m.scale) + torch.zeros_like(m.scale),
    "regularization": lambda m, x: x.sum() + sum(p.pow(2).sum() for p in m.parameters()),
    "state_dict": lambda m, x: x + m.state_dict()["shift"],
    "named buffers": lambda m, x: [x * buffer.float() for _, buffer in m.named_buffers()],
    "detached parameters": lambda m, x: x * m.scale.detach() * m.scale.data * m.scale.clone(),
    "1 and True in a tuple": lambda m, x: (x[(True,)], x[(1,)]),
    "Python's types as dtypes": lambda m, x: (torch.zeros(3, dtype=int), x.to(float), x.sum(dtype=float)),
    "requires_grad_": lambda m, x: x.requires_grad_(False) * m.scale.requires_grad_(True),
    "a list of modules": lambda m, x: nn.ModuleList([m.fc, nn.ReLU()])[1](nn.ModuleDict({"a": m.fc})["a"](x)),
    "a slice of a sequence": lambda m, x: nn.Sequential(m.fc, nn.ReLU(), m.fc)[:2](x),
    "functional_call": lambda m, x: torch.func.functional_call(m.fc, {"weight": m.fc.weight * 2}, (x,)),
    "cached parametrizations": lambda m, x: parametrize.cached().__enter__() or m.fc(x),
    "a hook for a moment": hooked_for_a_moment,
    "set in forward": set_in_forward,
    "modes": modes,
    "prints and warns": says,
    "asserts": asserts,
    # sizes
    "iteration": lambda m, x: torch.stack([row * i for i, row in enumerate(x)]),
    "unbind and zip": lambda m, x: [a + b for a, b in zip(x, x.unbind(0), strict=True)],
    "identity in a list": lambda m, x: x if any(x is y for y in [x]) else None,
    "shapes as tuples": lambda m, x: (x.view(*reversed(x.shape)), x.new_zeros(torch.Size([2]) + x.shape)),
    "shapes as numbers": lambda m, x: x.reshape(x.shape.numel())[: int(x.shape[0] * 0.7)],
    "NumPy's integers": lambda m, x: (x.reshape(np.prod(x.shape)), x.view(np.int64(3), -1)),
    "a constant tensor as a bound": lambda m, x: x[:, torch.tensor(3) + 1 :],
    "a constant tensor as a size": lambda m, x: x.new_zeros(torch.tensor(5)).expand(torch.tensor(2), -1),
    "every way to index": lambda m, x: (
        x[0, 1], x[-1], x[..., None], x[None, :, 1:], x[[0, 2]], x[:, torch.tensor([1, 2])], x[torch.tensor(1)],
        x[::2, 1:-1],
    ),
    "squeezes": lambda m, x: x[None, :, None].squeeze((0, 2)).unsqueeze(-1).squeeze(),
    "swapped axes": lambda m, x: x.swapaxes(0, 1).movedim(0, 1).mT.adjoint().T,
    "expand": lambda m, x: m.scale.expand_as(x).expand(2, -1, -1).repeat(1, 2, 1).repeat_interleave(2, dim=0),
    "strides": lambda m, x: (x.as_strided((2, 2), (1, 2)), x.unfold(1, 3, 2), x.T.contiguous().stride()),
    "channels_last": lambda m, x: IMAGE.to(memory_format=torch.channels_last).contiguous(),
    "sizes as a tensor": lambda m, x: x.reshape(torch._shape_as_tensor(x).flip(0).tolist()),
    "interpolate to a shape": lambda m, x: F.interpolate(IMAGE, size=x.shape, mode="bilinear", align_corners=False),
    # arithmetic
    "operators from the right": lambda m, x: (1 - x, 2 / (x + 1), 2**x, 3 // (x + 1), 7 % (x + 1), -x, +x, abs(x)),
    "comparisons": lambda m, x: ((x > 0).logical_and(~(x < 1)) | (x == 2), x != 1, x.eq(0), (x > 0) ^ (x < 1)),
    "scalars": lambda m, x: torch.tensor(3.0) * x + torch.as_tensor(2) + torch.scalar_tensor(1.0),
    "keyword spellings of NumPy": lambda m, x: x.sum(axis=1, keepdims=True) + x.mean(dim=(0, 1)) + torch.sum(input=x),
    "weights transposed": lambda m, x: x @ m.fc.weight.t() @ m.fc.weight + torch.einsum("ij,kj->ik", x, m.fc.weight),
    "norms": lambda m, x: x / x.norm(dim=-1, keepdim=True) + torch.linalg.norm(x) + F.normalize(x),
    "statistics": lambda m, x: (torch.var_mean(x, 1), x.std(), x.std(1, unbiased=False), x.var(0), x.logsumexp(-1)),
    "order": lambda m, x: (x.topk(3), x.kthvalue(2), x.median(1), x.mode(), x.quantile(0.5), x.sort(), x.argsort(1)),
    "scans": lambda m, x: (x.cumsum(1), x.cumprod(0), x.diff(), x.flip(0), x.roll(1, 0)),
    "complex": lambda m, x: torch.view_as_real(torch.polar(x, x) * torch.complex(x, x).conj()),
    "dtypes in a row": lambda m, x: x.softmax(-1, dtype=torch.float32).to(torch.bfloat16).float().half().int().bool(),
    "limits": lambda m, x: x.clamp(torch.finfo(x.dtype).min, torch.finfo(x.dtype).max).nan_to_num(),
    "distances": lambda m, x: torch.cdist(x, x),
    "no beta": lambda m, x: torch.baddbmm(torch.empty(1, 3, 3), x[None], x.T[None], beta=0, alpha=0.5),
    # masks, scatters, tables
    "slices written": slice_written,
    "index_put": lambda m, x: x.index_put_((torch.tensor([0]),), torch.zeros(7)),
    "scatter and gather": lambda m, x: (
        torch.zeros(3, 7).scatter_(1, torch.zeros(3, 2, dtype=torch.int64), x[:, :2]),
        x.gather(1, torch.zeros(3, 2, dtype=torch.int64)),
    ),
    "where and masks": lambda m, x: torch.where(x > 0, x, 0.0).masked_fill(torch.ones(3, 7).tril() == 0, -1e9),
    "a causal mask": lambda m, x: (torch.full((3, 3), float("-inf")).triu(1) + x @ x.T).softmax(-1),
    "a grid": lambda m, x: torch.stack(torch.meshgrid(torch.arange(3), torch.arange(7), indexing="ij")) * x,
    "one_hot, bucketize, isin": lambda m, x: (
        F.one_hot(torch.arange(3), 5), torch.bucketize(x, torch.arange(3.0)),
        torch.isin(torch.arange(3), torch.tensor([1])),
    ),
    "a loss": lambda m, x: nn.CrossEntropyLoss(ignore_index=-100)(x.view(-1, 7), torch.zeros(3, dtype=torch.int64)),
    "padding": lambda m, x: F.pad(x, (1, 1, 0, 2), value=3),
    # chance, devices, modes
    "a generator": lambda m, x: x + torch.rand(7, generator=torch.Generator().manual_seed(3)),
    "fork_rng": lambda m, x: torch.random.fork_rng().__enter__() or x + torch.rand(7) + random.random(),
    "stochastic depth": lambda m, x: x * x.new_empty((3, 1)).bernoulli_(0.5).div_(0.5),
    "uniform, floored": lambda m, x: (torch.rand(3, 1) + 0.5).floor_().div(0.5) * x + torch.empty_like(x).uniform_(),
    "a norm in training": lambda m, x: m.norm(x),
    "devices": lambda m, x: x.cpu().to("cpu", non_blocking=True) + torch.zeros(7, device=x.device),
    "grad modes": lambda m, x: x if torch.is_grad_enabled() else x * 2,
    "a comparison of classes": lambda m, x: x * 2 if type(x) in (list, torch.Tensor) else x,
    "as_subclass": lambda m, x: x.as_subclass(torch.Tensor),
}  # fmt: skip


@pytest.mark.parametrize("idiom", IDIOMS.values(), ids=IDIOMS.keys())
def test_an_idiom(idiom, like_torch):
    analysis = like_torch(Model(idiom), X)
    assert not [node for node in analysis.graph if node.status in ("inferred", "unknown")]


TRANSFORMED = {
    "torch.jit.script": lambda: torch.jit.script(NET),
    "torch.jit.trace": lambda: torch.jit.trace(NET, X),
    "torch.fx": lambda: torch.fx.symbolic_trace(NET),
    "torch.export": lambda: torch.export.export(NET, (X,)).module(),
    "torch.compile": lambda: torch.compile(NET, backend="eager"),
    "DataParallel": lambda: nn.DataParallel(NET),
    "deepcopy": lambda: copy.deepcopy(NET),
}


@pytest.mark.parametrize("transform", TRANSFORMED.values(), ids=TRANSFORMED.keys())
def test_a_model_that_torch_has_transformed(transform, like_torch):
    analysis = like_torch(transform(), X)
    assert analysis.total("macs") == 105
    assert analysis.params == 40
