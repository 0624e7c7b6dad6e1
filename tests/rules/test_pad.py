from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from analyzer.errors import ShapeError
from analyzer.spec import TensorSpec
from rules.pad import RULES

inner = torch._C._nn
LINE, PLANE, VOLUME = TensorSpec((2, 3, 7)), TensorSpec((2, 3, 7, 11)), TensorSpec((2, 3, 7, 11, 5))
TWO, FOUR, SIX = (1, 2), (1, 2, 3, 4), (1, 2, 3, 4, 2, 1)


@pytest.mark.parametrize(
    ("mode", "layers", "functions"),
    [
        ("constant", [nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d], [torch.constant_pad_nd] * 3),
        ("constant", [nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d], [torch.constant_pad_nd] * 3),
        (
            "reflect",
            [nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d],
            [inner.reflection_pad1d, inner.reflection_pad2d, inner.reflection_pad3d],
        ),
        (
            "replicate",
            [nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d],
            [inner.replication_pad1d, inner.replication_pad2d, inner.replication_pad3d],
        ),
        ("circular", [nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d], [inner._pad_circular] * 3),
    ],
)
def test_spellings(agree, mode, layers, functions):
    number = ("constant", "reflect", "replicate", "circular").index(mode)
    for x, pad, layer, function in zip((LINE, PLANE, VOLUME), (TWO, FOUR, SIX), layers, functions, strict=True):
        value = (0.5,) if layer.__name__.startswith("Constant") else ()
        calls = [
            partial(layer(pad, *value), x),
            partial(layer(1, *value), TensorSpec(x.shape[1:])),
            partial(F.pad, x, pad, mode=mode),
            partial(inner.pad, x, list(pad), mode),
            partial(inner._pad_enum, x, pad, number),
            partial(function, x, pad),
        ]
        agree(RULES, "pad", calls)


def test_by_one_number(agree):
    agree(RULES, "pad", [partial(inner.reflection_pad2d, PLANE, 1), partial(inner.replication_pad2d, PLANE, 2)])


def test_a_constant_may_pad_any_dimensions(agree):
    agree(RULES, "pad", [partial(F.pad, VOLUME, (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)), partial(F.pad, VOLUME, ())])
    agree(RULES, "pad", [partial(F.pad, TensorSpec((5,), torch.bool), (1, 2), value=1.0)])


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate"])
@pytest.mark.parametrize("size", [0, 1, 2, 3])
def test_every_small_padding_is_taken_or_refused_as_by_torch(mode, size):
    x, rule = TensorSpec((1, 1, size)), RULES[F.pad]
    for before in range(-4, 5):
        for after in range(-4, 5):
            try:
                want = tuple(F.pad(torch.zeros(1, 1, size), (before, after), mode).shape)
            except RuntimeError:
                want = None
            try:
                mine = rule.call_shape(rule.bind((x, (before, after)), {"mode": mode})).shape
            except ShapeError:
                mine = None
            assert mine == want, (before, after)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(F.pad, LINE, (1,)), "2 numbers for each of up to 3 dimensions, got (1,)"),
        (partial(F.pad, LINE, (1,) * 8), "2 numbers for each of up to 3 dimensions"),
        (partial(F.pad, LINE, 1), "pad must be whole numbers, got 1"),
        (partial(F.pad, LINE, (1.5, 1.5)), "pad must be whole numbers, got 1.5"),
        (partial(F.pad, TensorSpec((5,)), (1, 1), "reflect"), "input must have 2 or 3 dimensions for mode 'reflect'"),
        (partial(F.pad, LINE, (1, 1), "reflect", 2.0), "value goes with mode 'constant' alone, got 2.0 for 'reflect'"),
        (partial(F.pad, LINE, (1, 1), "mirror"), "mode must be one of constant, reflect, replicate, circular"),
        (
            partial(F.pad, LINE, (7, 1), "reflect"),
            "pad must be at most 6 for mode 'reflect' and a size of 7, got 7 and 1",
        ),
        (
            partial(F.pad, LINE, (8, 1), "circular"),
            "pad must be at most 7 for mode 'circular' and a size of 7, got 8 and 1",
        ),
        (partial(F.pad, LINE, (-5, -5), "replicate"), "pad leaves nothing of the size 7, got -5 and -5"),
        (partial(F.pad, LINE, (-8, 5)), "pad cuts more than the size 7, got -8 and 5"),
        (partial(F.pad, TensorSpec((2, 0, 5)), (1, 1), "reflect"), "input must have something to reflect"),
        (partial(F.pad, TensorSpec((2, 3, 5), torch.bool), (1, 1), "reflect"), "input must hold numbers to reflect"),
        (partial(nn.CircularPad1d(1), PLANE), "input must have 2 or 3 dimensions for mode 'circular'"),
        (partial(inner.reflection_pad1d, LINE, (1, 1, 1)), "padding must have 2 numbers, got (1, 1, 1)"),
    ],
)
def test_refuses_what_torch_refuses(rejects, call, words):
    rejects(RULES, call, words)
