"""Several tensors into one: shapes and dtypes as torch's, no arithmetic."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from analyzer.spec import TensorSpec
from rules.join import RULES

X, Y, HALF = TensorSpec((2, 3, 5)), TensorSpec((2, 7, 5)), TensorSpec((2, 11, 5), torch.float16)
M, V, ZERO, NOTHING = TensorSpec((3, 5)), TensorSpec((7,)), TensorSpec((), torch.int64), TensorSpec((0,))
INT = TensorSpec((3,), torch.int64)


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        (
            "cat",
            [
                partial(torch.cat, [X, Y, HALF], 1),
                partial(torch.concat, (X, X), dim=-1),
                partial(torch.concatenate, [X]),
            ],
        ),
        (
            "cat",
            [
                partial(torch.cat, [NOTHING, X]),
                partial(torch.cat, [X, NOTHING, Y], dim=1),
                partial(torch.cat, [V, NOTHING]),
            ],
        ),
        ("stack", [partial(torch.stack, [X, X]), partial(torch.stack, (INT, TensorSpec((3,))), dim=-1)]),
        ("hstack", [partial(torch.hstack, [V, V]), partial(torch.hstack, (X, Y)), partial(torch.hstack, [ZERO, ZERO])]),
        ("vstack", [partial(torch.vstack, [V, TensorSpec((2, 7))]), partial(torch.row_stack, [X, X])]),
        ("dstack", [partial(torch.dstack, [V, V]), partial(torch.dstack, [M, M])]),
        ("column_stack", [partial(torch.column_stack, [TensorSpec((3,)), M, INT])]),
        ("block_diag", [partial(torch.block_diag, M, V, ZERO)]),
        ("meshgrid", [partial(torch.meshgrid, V, INT.with_dtype(torch.float32), indexing="xy")]),
        ("meshgrid", [partial(torch.meshgrid, [V, V], indexing="ij")]),
        ("cartesian_prod", [partial(torch.cartesian_prod, V, V, TensorSpec((2,)))]),
        ("combinations", [partial(torch.combinations, V, 3), partial(torch.combinations, V, 2, True)]),
        ("broadcast_tensors", [partial(torch.broadcast_tensors, M, TensorSpec((5,)), ZERO)]),
        ("atleast_3d", [partial(torch.atleast_3d, V), partial(torch.atleast_3d, M, ZERO)]),
    ],
)
def test_joins(name, calls, agree):
    agree(RULES, name, calls)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(torch.cat, [X, M]), "agree in every dimension but 0, got (2, 3, 5) and (3, 5)"),
        (partial(torch.cat, [X, Y], 2), "agree in every dimension but 2"),
        (partial(torch.cat, []), "empty"),
        (partial(torch.cat, [ZERO, ZERO]), "dimensions to join"),
        (partial(torch.cat, X), "tensors"),
        (partial(torch.stack, [X, Y]), "one shape"),
        (partial(torch.meshgrid, M), "vectors or scalars"),
        (partial(torch.cartesian_prod, M, V), "vectors"),
        (partial(torch.broadcast_tensors, M, V), "do not broadcast"),
    ],
)
def test_what_torch_refuses_is_refused(call, words, rejects):
    rejects(RULES, call, words)
