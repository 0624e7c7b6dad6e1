"""Calls one step beside the usual ones: a size, a dtype or a dimension changed, where torch's checks are particular."""

from __future__ import annotations

import pytest
import torch

LAST, LAST_3D = torch.channels_last, torch.channels_last_3d
INTS, SHORT, DOUBLE, COMPLEX = torch.int64, torch.int32, torch.float64, torch.complex64


def zeros(*shape, dtype=torch.float32):
    return torch.zeros(shape, dtype=dtype)


ORDERS = {
    "contiguous": lambda x: x.contiguous(memory_format=LAST),
    "clone": lambda x: x.clone(memory_format=LAST),
    "to": lambda x: x.to(memory_format=LAST),
    "to a dtype": lambda x: x.to(DOUBLE, memory_format=LAST),
    "double": lambda x: x.double(memory_format=LAST),
    "empty_like": lambda x: torch.empty_like(x, memory_format=LAST),
    "rand_like": lambda x: torch.rand_like(x, memory_format=LAST),
    "in 3-D": lambda x: x.contiguous(memory_format=LAST_3D),
}


@pytest.mark.parametrize("ndim", [3, 4, 5])
@pytest.mark.parametrize("name", ORDERS)
def test_an_order_in_memory_names_as_many_dimensions(name, ndim, agree):
    agree(name, ORDERS[name], torch.zeros((2,) * ndim))


WRITES = {
    "index_add": lambda x, index, source: x.index_add(0, index, source),
    "index_copy": lambda x, index, source: x.index_copy(0, index, source),
    "index_reduce": lambda x, index, source: x.index_reduce(0, index, source, "mean"),
    "scatter": lambda x, index, source: x.scatter(0, index, source),
}


@pytest.mark.parametrize("source", [(), (1,), (2,)])
@pytest.mark.parametrize("index", [(), (1,), (2,)])
@pytest.mark.parametrize("shape", [(), (1,), (2,)])
@pytest.mark.parametrize("name", WRITES)
def test_written_at_places(name, shape, index, source, agree):
    agree(name, WRITES[name], zeros(*shape), zeros(*index, dtype=INTS), zeros(*source))


CALLS = {
    "cross of two dtypes": (torch.cross, zeros(2, 3), zeros(2, 3, dtype=DOUBLE)),
    "dot of two lengths": (torch.linalg.vecdot, zeros(3), zeros(1)),
    "dot along no dimension": (lambda x, y: torch.linalg.vecdot(x, y, dim=1), zeros(3), zeros(3)),
    "info of a batch": (torch.linalg.solve_ex, torch.eye(3).expand(1, 3, 3), zeros(4, 3, 2)),
    "pivots of another length": (torch.lu_unpack, zeros(6, 5), torch.ones(6, dtype=SHORT)),
    "pivots of no batch": (torch.lu_unpack, zeros(2, 5, 5), torch.ones(5, dtype=SHORT)),
    "pivots not asked for": (lambda x, p: torch.lu_unpack(x, p, True, False), zeros(6, 5), torch.ones(6, dtype=SHORT)),
    "axes without a list": (lambda x: torch.tensordot(x, x, (1, 1)), zeros(2, 2)),
    "slopes over complex places": (lambda x: torch.gradient(x, spacing=1j), zeros(3, 3)),
    "slopes over wider places": (lambda x, p: torch.gradient(x, spacing=(p, p)), zeros(3, 3), zeros(3, dtype=DOUBLE)),
    "slopes of bools": (torch.gradient, zeros(3, dtype=torch.bool)),
    "slopes over a number in a tensor": (lambda x, p: torch.gradient(x, spacing=(p,)), zeros(3), zeros()),
    "a window of a wider dtype": (
        lambda x, window: torch.stft(x, 16, window=window, return_complex=True),
        zeros(2, 100),
        zeros(16, dtype=DOUBLE),
    ),
    "a hop of several": (lambda x: torch.stft(x, 16, hop_length=(4,), return_complex=True), zeros(2, 100)),
    "a number as return_complex": (lambda x: torch.stft(x, 16, return_complex=1), zeros(2, 100)),
    "back by a window of a wider dtype": (
        lambda x, window: torch.istft(x, 16, window=window),
        zeros(9, 10, dtype=COMPLEX),
        torch.ones(16, dtype=DOUBLE),
    ),
    "no differences of what does not fit": (lambda x, y: torch.diff(x, 0, 1, y), zeros(3, 3), zeros(4, 1)),
    "slices of nothing": (lambda x: torch.unique(x, dim=1), zeros(0, 5)),
    "no slices": (lambda x: torch.unique(x, dim=0), zeros(0, 5)),
    "slices of a number": (lambda x: torch.unique_consecutive(x, dim=0), zeros()),
    "log gamma of bools": (lambda x: torch.mvlgamma(x, 1), zeros(2, dtype=torch.bool)),
    "weights that are bools": (lambda x, w: torch.cov(x, fweights=w), zeros(2, 3), zeros(3, dtype=torch.bool)),
    "random numbers in two parts": (lambda: torch.randint(3, (2,), dtype=COMPLEX),),
    "whole exponential numbers": (lambda x: x.clone().exponential_(), zeros(2, dtype=INTS)),
    "a mean and a wider deviation": (torch.normal, zeros(2, 3), zeros(2, 3, dtype=DOUBLE)),
    "bins between one edge": (torch.histogram, zeros(5), zeros(1)),
    "bins by default": (torch.histogram, zeros(5)),
    "weights of another shape": (lambda x, w: torch.histogramdd(x, [2, 3], weight=w), zeros(5, 2), zeros(4)),
    "edges of another dtype": (lambda x, e: torch.histogramdd(x, [e, e]), zeros(5, 2), zeros(3, dtype=DOUBLE)),
    "a range upside down": (lambda x: torch.histc(x, 3, 2, 1), zeros(3)),
    "open size beside none": (lambda x: x.unflatten(1, (0, -1)), zeros(4, 0)),
    "open size of none": (lambda x: x.unflatten(1, (2, -1)), zeros(4, 0)),
    "places in nothing": (lambda i: torch.unravel_index(i, (0, 2)), zeros(2, dtype=INTS)),
    "short indices to fill at": (lambda x, i: x.index_fill(0, i, 1.0), zeros(2, 2), zeros(1, dtype=SHORT)),
    "a complex number to fill with": (lambda x, i: x.index_fill(0, i, 1j), zeros(2, 2), zeros(1, dtype=INTS)),
    "a fraction of whole numbers": (lambda x: torch.addcmul(x, x, x, value=1.5), zeros(3, dtype=INTS)),
    "a positive bool": (torch.positive, zeros(2, dtype=torch.bool)),
    "distances in no known way": (lambda x: torch.cdist(x, x, compute_mode="any"), zeros(2, 3)),
    "a sum of whole losses": (
        lambda x: torch.nn.functional.hinge_embedding_loss(x, x, reduction="sum"),
        zeros(2, 3, dtype=SHORT),
    ),
    "hash of nothing": (torch.hash_tensor, zeros(3, 0)),
    "divided by whole numbers": (lambda x, y: x.__rtruediv__(y), zeros(5, 1, dtype=INTS), zeros(5).bfloat16()),
    "slopes over whole places": (lambda x, p: torch.gradient(x, spacing=(p,)), zeros(3).bfloat16(), zeros(3).long()),
    "norms of at most less than nothing": (lambda x: torch.renorm(x, 2, 0, -1.0), zeros(2, 3)),
    "a flag in a shape": (lambda i: torch.unravel_index(i, (2, True)), zeros(2, dtype=INTS)),
    "bools among indices": (lambda x: x[[True, 2]], zeros(5, 5)),
    "None among indices": (lambda x: x[([0, None],)], zeros(5, 5)),
    "rows of indices of two lengths": (lambda x: x[([[0, 1], [2]],)], zeros(5, 5)),
    "a complex number to pad with": (lambda x: torch.nn.functional.pad(x, (1, 1), value=1j), zeros(2, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_one_step_beside(name, agree):
    function, *tensors = CALLS[name]
    agree(name, function, *tensors)
