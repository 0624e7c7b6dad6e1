"""Copies, conversions, moves between devices and fills."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from analyzer.counts import Traffic
from analyzer.spec import TensorSpec
from rules import RULES

X, I64, COMPLEX = TensorSpec((3, 5)), TensorSpec((3, 5), torch.int64), TensorSpec((3, 5), torch.complex64)
Tensor = torch.Tensor


def ask(target, *args, **kwargs):
    return RULES[target].call_shape(RULES[target].bind(args, kwargs))


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("clone", [partial(torch.clone, X), partial(Tensor.clone, X, memory_format=torch.preserve_format)]),
        ("contiguous", [partial(Tensor.contiguous, X)]),
        ("detach", [partial(torch.detach, X), partial(Tensor.detach, I64)]),
        (
            "to",
            [
                partial(Tensor.to, X, torch.float16),
                partial(Tensor.to, X, "cpu", torch.int64),
                partial(Tensor.to, X, I64),
            ],
        ),
        (
            "to",
            [
                partial(Tensor.to, X, dtype=torch.bool),
                partial(Tensor.to, X, device="cpu", non_blocking=True, copy=True),
            ],
        ),
        ("type", [partial(Tensor.type, X, torch.int8), partial(Tensor.type, X, "torch.LongTensor")]),
        ("type", [partial(Tensor.type, X, torch.HalfTensor)]),
        ("type_as", [partial(Tensor.type_as, X, I64)]),
        ("copy", [partial(Tensor.copy_, X, TensorSpec((5,))), partial(Tensor.copy_, X, I64)]),
        ("fill", [partial(Tensor.fill_, X, 2), partial(torch.fill, I64, 2.5)]),
        ("zero", [partial(Tensor.zero_, X)]),
        ("conj", [partial(torch.conj, COMPLEX)]),
        ("resize_", [partial(Tensor.resize_, X, 2, 7)]),
    ],
)
def test_moving_data_costs_nothing(name, calls, agree):
    agree(RULES, name, calls)


@pytest.mark.parametrize(
    "name", ["float", "half", "double", "bfloat16", "int", "long", "short", "char", "byte", "bool", "cfloat"]
)
def test_conversions(name, agree):
    agree(RULES, name, [partial(getattr(Tensor, name), X)])


def test_nan_to_num_compares(agree):
    agree(RULES, "nan_to_num", [partial(torch.nan_to_num, X), partial(Tensor.nan_to_num, I64, 0.0)], cmp=15)


def test_devices():
    assert ask("to", X, "meta").device == torch.device("meta")
    assert ask("to", X, torch.device("cuda:1"), torch.float16) == TensorSpec((3, 5), torch.float16, "cuda:1")
    assert ask("cuda", X).device.type == "cuda"
    assert ask("cpu", X.with_device("cuda")).device.type == "cpu"
    assert ask("type", X.with_device("cuda")) == "torch.cuda.FloatTensor"
    assert ask("type", X, "torch.cuda.HalfTensor") == TensorSpec((3, 5), torch.float16, "cuda")


def test_views_share_storage():
    assert RULES["detach"].alias == RULES["data"].alias == "input"
    assert RULES["clone"].alias is None


def test_writing_over_does_not_read_what_was_there():
    assert RULES["copy_"].call_traffic({"src": TensorSpec((5,))}, X) == Traffic(read=20, written=60)
    assert RULES["zero_"].call_traffic({}, X) == Traffic(written=60)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(Tensor.copy_, X, TensorSpec((3,))), "broadcast"),
        (partial(Tensor.copy_, X, TensorSpec((2, 3, 5))), "broadcast"),
        (partial(Tensor.fill_, X, TensorSpec((5,))), "value must be a number"),
        (partial(Tensor.fill_, X, 2j), "real"),
        (partial(Tensor.to, X, "nowhere"), "device"),
        (partial(Tensor.type, X, "torch.NoTensor"), "dtype"),
    ],
)
def test_what_torch_refuses_is_refused(call, words, rejects):
    rejects(RULES, call, words)
