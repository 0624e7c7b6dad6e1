"""Scaled dot-product attention: shapes against torch itself, counts against a pencil and torch's own flop counter."""

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.spec import TensorSpec
from rules import attention, attention_kernels

RULES = attention.RULES | attention_kernels.RULES
ATTEND = F.scaled_dot_product_attention


def spec(value):
    return TensorSpec.of(value) if isinstance(value, torch.Tensor) else value


def call(target, *args, **kwargs):
    rule = RULES[target]
    bound = rule.bind(tuple(spec(arg) for arg in args), {name: spec(arg) for name, arg in kwargs.items()})
    out = rule.call_shape(bound)
    return out, rule.call_cost(bound, out)


def t(*shape, dtype=torch.float32):
    return torch.zeros(shape, dtype=dtype)


# q (2, 3, 5, 7), k (2, 3, 11, 7), v (2, 3, 11, 13): 330 scores in 30 rows, 390 outputs
QKV = (t(2, 3, 5, 7), t(2, 3, 11, 7), t(2, 3, 11, 13))
COUNTS = Counts(mac=330 * 7 + 390 * 11, dot=330 + 390, mul=330, cmp=30 * 10, add=30 * (11 + 10), func=330, div=330)


def test_counts_by_pencil():
    assert call(ATTEND, *QKV)[1] == COUNTS
    masked = COUNTS + Counts(add=330)
    assert call(ATTEND, *QKV, t(5, 11))[1] == masked
    assert call(ATTEND, *QKV, t(2, 1, 5, 11, dtype=torch.bool))[1] == masked
    assert call(ATTEND, *QKV, is_causal=True)[1] == masked
    assert call(ATTEND, *QKV, scale=0.5)[1] == COUNTS
    assert call(ATTEND, *QKV, scale=1.0)[1] + Counts(mul=330) == COUNTS
    assert call(ATTEND, *QKV, dropout_p=0.1)[1] == COUNTS + Counts(mul=330)
    assert call(ATTEND, t(3, 0, 7), t(3, 11, 7), t(3, 11, 5))[1] == Counts()


CALLS = {
    "two dimensions": ((t(5, 7), t(11, 7), t(11, 13)), {}),
    "broadcast": ((t(2, 3, 5, 7), t(2, 1, 11, 7), t(3, 11, 13)), {}),
    "broadcast values": ((t(5, 7), t(11, 7), t(2, 3, 11, 13)), {}),
    "grouped": ((t(2, 6, 5, 7), t(2, 3, 11, 7), t(2, 2, 11, 13)), {"enable_gqa": True}),
    "masked": ((*QKV, t(1, 11)), {}),
    "half": ((t(2, 3, 5, 7, dtype=torch.bfloat16), *[t(2, 3, 5, 7, dtype=torch.bfloat16)] * 2, t(5, 5)), {}),
    "no keys": ((t(2, 5, 7), t(2, 0, 7), t(2, 0, 3)), {}),
}


@pytest.mark.parametrize("name", CALLS)
def test_shape_and_products_are_torchs(name):
    args, kwargs = CALLS[name]
    out, cost = call(ATTEND, *args, **kwargs)
    real = ATTEND(*args, **kwargs)
    assert (out.shape, out.dtype) == (tuple(real.shape), real.dtype)
    with FlopCounterMode(display=False) as counter:
        ATTEND(*[arg.to("meta") for arg in args], **kwargs)
    assert counter.get_total_flops() == 2 * cost.mac


KERNELS = {
    "math": (torch._scaled_dot_product_attention_math, ()),
    "cpu": (torch._scaled_dot_product_flash_attention_for_cpu, ()),
    "efficient": (torch.ops.aten._scaled_dot_product_efficient_attention, (None, True)),
    "flash": (torch.ops.aten._scaled_dot_product_flash_attention, ()),
    "cudnn": (torch.ops.aten._scaled_dot_product_cudnn_attention, (None, True)),
}


@pytest.mark.parametrize("name", KERNELS)
def test_kernels(name):
    function, more = KERNELS[name]
    args = (t(2, 3, 5, 8), t(2, 3, 11, 8), t(2, 3, 11, 8), *more)
    out, cost = call(function, *args)
    real = function(*[arg.to("meta") if isinstance(arg, torch.Tensor) else arg for arg in args])
    assert len(out) == len(real)
    for mine, theirs in zip(out, real, strict=True):
        if isinstance(theirs, torch.Tensor):
            assert (mine.shape, mine.dtype) == (tuple(theirs.shape), theirs.dtype)
        else:
            assert mine == theirs
    assert cost == call(ATTEND, *args[:3])[1]


DOUBLE = torch.float64
WRONG = {
    "query must have 2 dimensions or more, but its shape is (7,)": ((t(7), t(11, 7), t(11, 13)), {}),
    "query and key must be of one width, got 7 and 8": ((t(5, 7), t(11, 8), t(11, 13)), {}),
    "key and value must be of one length, got 11 and 12": ((t(5, 7), t(11, 7), t(12, 13)), {}),
    "query is float32, key is float64": ((t(5, 7), t(11, 7, dtype=DOUBLE), t(11, 7)), {}),
    "attn_mask must be bool or float32, got float64": ((*QKV, t(5, 11, dtype=DOUBLE)), {}),
    "attn_mask and is_causal exclude each other": ((*QKV, t(5, 11)), {"is_causal": True}),
    "attn_mask does not stretch to the result: (5, 11) against (2, 1, 11)": (
        (t(2, 1, 7), t(2, 11, 7), t(2, 11, 7), t(5, 11)), {},
    ),
    "query must have a multiple of the heads of key, got 6 and 4": (
        (t(2, 6, 5, 7), t(2, 4, 11, 7), t(2, 4, 11, 7)), {"enable_gqa": True},
    ),
    "shapes (2, 6) and (2, 3) do not broadcast: size 6 against 3 at dimension -1": (
        (t(2, 6, 5, 7), t(2, 3, 11, 7), t(2, 3, 11, 7)), {},
    ),
    "dropout_p must be between 0 and 1, got 1.5": (QKV, {"dropout_p": 1.5}),
}  # fmt: skip


@pytest.mark.parametrize("message", WRONG)
def test_what_torch_rejects(message):
    args, kwargs = WRONG[message]
    with pytest.raises((RuntimeError, ValueError)):
        ATTEND(*args, **kwargs)
    with pytest.raises(ShapeError) as error:
        call(ATTEND, *args, **kwargs)
    assert str(error.value) == message
