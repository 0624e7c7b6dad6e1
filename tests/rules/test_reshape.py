"""Views and copies in another order: shapes as torch's, no arithmetic, and views say whose storage they share."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from analyzer.counts import Traffic
from analyzer.errors import DataDependentError
from analyzer.spec import TensorSpec
from rules import RULES

X, M, V, ZERO = TensorSpec((2, 3, 5)), TensorSpec((3, 5)), TensorSpec((7,)), TensorSpec(())
COMPLEX, PAIRS = TensorSpec((2, 3), torch.complex64), TensorSpec((3, 2))
Tensor = torch.Tensor


def by_property(name):
    """A property called as a function, which is how its rule is found too."""
    return getattr(Tensor, name).__get__


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        (
            "reshape",
            [partial(torch.reshape, X, (6, -1)), partial(Tensor.reshape, X, 5, 6), partial(Tensor.reshape, X, -1)],
        ),
        ("view", [partial(Tensor.view, X, 6, 5), partial(Tensor.view, X, (-1,)), partial(Tensor.view, X, torch.int32)]),
        ("view", [partial(Tensor.view, X, torch.uint8), partial(Tensor.view, PAIRS, dtype=torch.float64)]),
        (
            "view_as",
            [partial(Tensor.view_as, X, TensorSpec((6, 5))), partial(Tensor.reshape_as, V, TensorSpec((7, 1)))],
        ),
        ("flatten", [partial(torch.flatten, X), partial(Tensor.flatten, X, 1), partial(torch.flatten, ZERO)]),
        ("flatten", [partial(nn.Flatten(), X), partial(nn.Flatten(0, 1), X)]),
        ("unflatten", [partial(torch.unflatten, M, 1, (5, -1)), partial(nn.Unflatten(1, (1, 5)), M)]),
        ("ravel", [partial(torch.ravel, X)]),
        (
            "transpose",
            [partial(torch.transpose, X, 0, -1), partial(Tensor.swapaxes, X, 1, 2), partial(torch.adjoint, X)],
        ),
        ("t", [partial(torch.t, M), partial(Tensor.t, V)]),
        ("permute", [partial(torch.permute, X, (2, 0, 1)), partial(Tensor.permute, X, -1, 0, 1)]),
        ("movedim", [partial(torch.movedim, X, 0, -1), partial(Tensor.movedim, X, (0, 1), (2, 0))]),
        (
            "squeeze",
            [partial(torch.squeeze, TensorSpec((1, 3, 1))), partial(Tensor.squeeze, TensorSpec((1, 3, 1)), (0, 1))],
        ),
        ("unsqueeze", [partial(torch.unsqueeze, X, -1), partial(Tensor.unsqueeze, ZERO, 0)]),
        ("expand", [partial(Tensor.expand, TensorSpec((3, 1)), 2, -1, 5), partial(torch.broadcast_to, V, (2, 7))]),
        ("expand", [partial(Tensor.expand_as, TensorSpec((3, 1)), X)]),
        ("unbind", [partial(torch.unbind, X), partial(Tensor.unbind, X, -1)]),
        ("chunk", [partial(torch.chunk, V, 3), partial(Tensor.chunk, X, 4, 1), partial(torch.chunk, V, 5)]),
        ("split", [partial(torch.split, V, 3), partial(Tensor.split, X, [1, 2], 1), partial(torch.split, V, 9)]),
        ("split", [partial(Tensor.split_with_sizes, V, [2, 5])]),
        ("tensor_split", [partial(torch.tensor_split, V, 3), partial(Tensor.tensor_split, V, (2, -2, 9))]),
        ("hsplit", [partial(torch.hsplit, M, 5), partial(torch.hsplit, V, [3])]),
        ("narrow", [partial(torch.narrow, V, 0, 2, 3), partial(Tensor.narrow, V, 0, -3, 2)]),
        ("select", [partial(torch.select, X, 1, -1), partial(Tensor.select, X, 0, 1)]),
        (
            "diagonal",
            [partial(torch.diagonal, X, 1, 1, 2), partial(Tensor.diagonal, M, -1), partial(torch.linalg.diagonal, X)],
        ),
        ("unfold", [partial(Tensor.unfold, V, 0, 3, 2), partial(Tensor.unfold, X, -1, 2, 1)]),
        ("as_strided", [partial(torch.as_strided, X, (2, 3), (5, 1), 1)]),
        ("real", [partial(torch.real, COMPLEX), partial(torch.real, X)]),
        ("imag", [partial(torch.imag, COMPLEX)]),
        ("view_as_real", [partial(torch.view_as_real, COMPLEX)]),
        ("view_as_complex", [partial(torch.view_as_complex, PAIRS)]),
    ],
)
def test_views(name, calls, agree):
    agree(RULES, name, calls)
    for call in calls:
        rule = RULES[type(call.func) if isinstance(call.func, nn.Module) else call.func]
        assert rule.alias in ("input", "A"), call


@pytest.mark.parametrize("name", ["T", "H", "mT", "mH", "real"])
def test_properties(name):
    out = RULES[name].call_shape({"input": M})
    assert out.shape == getattr(torch.zeros(3, 5), name).shape


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("flip", [partial(torch.flip, X, (0, -1)), partial(Tensor.flip, X, 0, 1), partial(torch.fliplr, M)]),
        ("roll", [partial(torch.roll, X, 1), partial(Tensor.roll, X, (1, 2), (0, 1))]),
        ("rot90", [partial(torch.rot90, X), partial(Tensor.rot90, X, 2, (0, 2)), partial(torch.rot90, X, -1, (0, 2))]),
        ("repeat", [partial(Tensor.repeat, M, 2, 1, 3), partial(Tensor.repeat, M, (1, 2))]),
        ("tile", [partial(torch.tile, X, (2,)), partial(Tensor.tile, V, 2, 3)]),
        ("repeat_interleave", [partial(torch.repeat_interleave, X, 2), partial(Tensor.repeat_interleave, X, 3, 1)]),
        ("diag", [partial(torch.diag, V, -2), partial(Tensor.diag, M, 1)]),
        ("diag_embed", [partial(torch.diag_embed, X, 1, 0, 2)]),
        ("diagflat", [partial(torch.diagflat, X, -1)]),
        ("tril", [partial(torch.tril, X, 1), partial(Tensor.tril, M)]),
        ("slice_scatter", [partial(torch.slice_scatter, X, TensorSpec((2, 1, 5)), 1, 2)]),
        ("permute_copy", [partial(torch.permute_copy, X, (2, 0, 1))]),
        ("unbind_copy", [partial(torch.unbind_copy, X, 1)]),
    ],
)
def test_copies(name, calls, agree):
    agree(RULES, name, calls)
    assert all(RULES[call.func].alias is None for call in calls)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(torch.reshape, X, (4, -1)), "does not hold"),
        (partial(torch.reshape, X, (-1, -1)), "one size open"),
        (partial(Tensor.view, X, 7, 5), "does not hold the elements of input, 30"),
        (partial(Tensor.view, V, torch.float64), "no multiple"),
        (partial(torch.flatten, X, 2, 1), "start_dim"),
        (partial(torch.unflatten, M, 1, (2, -1)), "do"),
        (partial(torch.transpose, X, 0, 3), "dim1 must be from -3 to 2, got 3"),
        (partial(torch.t, X), "up to 2 dimensions"),
        (partial(torch.permute, X, (0, 1)), "every dimension"),
        (partial(torch.permute, X, (0, 1, 1)), "twice"),
        (partial(Tensor.expand, X, 2, 3), "at least as many"),
        (partial(Tensor.expand, X, 2, 3, 7), "does not expand"),
        (partial(torch.split, V, [2, 3]), "do not make up"),
        (partial(torch.chunk, V, 0), "chunks must be 1 or more"),
        (partial(torch.unbind, ZERO), "dimension"),
        (partial(torch.narrow, V, 0, 5, 3), "stay within"),
        (partial(Tensor.unfold, V, 0, 9, 1), "from 0"),
        (partial(torch.view_as_complex, M), "size 2"),
        (partial(torch.imag, X), "complex"),
        (partial(Tensor.repeat, X, 2), "every dimension"),
        (partial(torch.tril, V), "2 or more"),
    ],
)
def test_what_torch_refuses_is_refused(call, words, rejects):
    rejects(RULES, call, words)


def test_a_size_that_is_a_tensor_is_data():
    with pytest.raises(DataDependentError, match="a tensor here has no values"):
        RULES["view"].call_shape(RULES["view"].bind((X, ZERO, 5), {}))


def test_repeats_in_a_tensor_need_the_total():
    rule = RULES[torch.repeat_interleave]
    with pytest.raises(DataDependentError, match="output_size="):
        rule.call_shape(rule.bind((V, TensorSpec((7,), torch.int64)), {"dim": 0}))
    bound = rule.bind((V, TensorSpec((7,), torch.int64)), {"dim": 0, "output_size": 19})
    assert rule.call_shape(bound).shape == (19,)


def test_a_view_moves_no_bytes_unless_it_says_so():
    assert RULES["view"].call_traffic({}, X) in (None, Traffic())
