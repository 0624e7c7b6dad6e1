from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from analyzer.spec import TensorSpec
from rules.softmax import RULES

X = TensorSpec((2, 3, 5))
T = torch.Tensor
DOUBLE = torch.float64


def softmax(rows, n):
    return {"cmp": rows * (n - 1), "add": rows * (n + n - 1), "func": rows * n, "div": rows * n}


def log_softmax(rows, n):
    return {"cmp": rows * (n - 1), "add": rows * (n + n - 1 + n), "func": rows * (n + 1)}


@pytest.mark.parametrize(("dim", "rows", "n"), [(0, 15, 2), (1, 10, 3), (-1, 6, 5)])
def test_spellings(agree, dim, rows, n):
    agree(
        RULES, "softmax",
        [
            partial(nn.Softmax(dim), X),
            partial(F.softmax, X, dim),
            partial(F.softmax, X, dim=dim, dtype=DOUBLE),
            partial(F.softmax, X, dim, 3, DOUBLE),
            partial(torch.softmax, X, dim),
            partial(torch.softmax, X, dim, DOUBLE),
            partial(T.softmax, X, dim=dim),
            partial(torch.special.softmax, X, dim),
            partial(torch._softmax, X, dim, False),
            partial(torch._safe_softmax, X, dim),
        ],
        **softmax(rows, n),
    )  # fmt: skip
    agree(
        RULES, "log_softmax",
        [
            partial(nn.LogSoftmax(dim), X),
            partial(F.log_softmax, X, dim),
            partial(F.log_softmax, X, dim, dtype=DOUBLE),
            partial(torch.log_softmax, X, dim),
            partial(T.log_softmax, X, dim, DOUBLE),
            partial(torch.special.log_softmax, X, dim),
            partial(torch._log_softmax, X, dim, False),
        ],
        **log_softmax(rows, n),
    )  # fmt: skip
    negated = softmax(rows, n) | {"cmp": rows * (n + n - 1)}
    agree(RULES, "softmin", [partial(nn.Softmin(dim), X), partial(F.softmin, X, dim)], **negated)


@pytest.mark.parametrize(
    ("shape", "rows", "n"), [((7,), 1, 7), ((3, 7), 3, 7), ((2, 3, 5), 15, 2), ((2, 3, 5, 7), 70, 3)]
)
@pytest.mark.filterwarnings("ignore:Implicit dimension")
def test_a_dimension_that_nobody_named(agree, shape, rows, n):
    x = TensorSpec(shape)
    agree(RULES, "softmax", [partial(nn.Softmax(), x), partial(F.softmax, x)], **softmax(rows, n))
    agree(RULES, "log_softmax", [partial(nn.LogSoftmax(), x), partial(F.log_softmax, x)], **log_softmax(rows, n))


def test_over_the_channels(agree):
    agree(RULES, "softmax", [partial(nn.Softmax2d(), TensorSpec((2, 3, 5, 7)))], **softmax(70, 3))
    agree(RULES, "softmax", [partial(nn.Softmax2d(), TensorSpec((3, 5, 7)))], **softmax(35, 3))


def test_masked(agree):
    x, mask = TensorSpec((2, 3, 5, 7)), TensorSpec((2, 3, 5, 7), torch.bool)
    agree(RULES, "softmax", [partial(torch._masked_softmax, x, mask)], **softmax(30, 7))
    agree(RULES, "softmax", [partial(torch._masked_softmax, x, mask, 1)], **softmax(70, 3))


def test_whole_numbers_need_a_dtype(agree, rejects):
    x = TensorSpec((3, 7), torch.int64)
    agree(RULES, "softmax", [partial(F.softmax, x, 1, dtype=torch.float32)], **softmax(3, 7))
    rejects(RULES, partial(F.softmax, x, 1), "input must hold floating numbers, got int64")
    rejects(RULES, partial(torch.softmax, x, 1, torch.int64), "dtype must hold floating numbers, got int64")


def test_scalars_and_nothing(agree):
    agree(RULES, "softmax", [partial(F.softmax, TensorSpec(()), 0)], **softmax(1, 1))
    agree(RULES, "softmax", [partial(F.softmax, TensorSpec((2, 0)), 1)])


def test_refuses_what_torch_refuses(rejects):
    rejects(RULES, partial(F.softmax, X, 3), "dim must be from -3 to 2, got 3")
    rejects(RULES, partial(torch.softmax, X), "misses its argument 'dim'")
    rejects(RULES, partial(nn.Softmax2d(), TensorSpec((3, 5))), "input must have 3 or 4 dimensions, got 2: (3, 5)")
