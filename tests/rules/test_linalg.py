"""Decompositions and solutions: shapes and dtypes against torch itself, counts against a pencil."""

from functools import partial

import pytest
import torch
from torch.utils._pytree import tree_leaves, tree_map

from analyzer import ShapeError, TensorSpec, analyze
from analyzer.counts import Counts
from analyzer.rule import Bound
from rules import RULES

linalg = torch.linalg


def matrices(*shape, dtype=torch.float32):
    """Numbers that every decomposition takes: symmetric and positive definite where square."""
    if len(shape) < 2 or shape[-1] != shape[-2]:
        return (
            torch.linspace(1, 2, max(torch.Size(shape).numel(), 1))[: torch.Size(shape).numel()]
            .reshape(shape)
            .to(dtype)
        )
    return (torch.eye(shape[-1]) + 0.1).expand(shape).to(dtype).contiguous()


def exchanges(*shape):
    return torch.arange(1, shape[-1] + 1, dtype=torch.int32).expand(shape).contiguous()


def half(total):
    return {"mul": total // 2, "add": total - total // 2}


A, TALL, WIDE, MANY = matrices(3, 3), matrices(5, 3), matrices(3, 5), matrices(2, 3, 3)
CPX = matrices(3, 3, dtype=torch.complex64)
LU3 = {"mul": 7 + 3 + 1, "add": 4 + 1}  # a reciprocal, what it scales, and what it is subtracted from, three times
QR53 = {"mul": 67, "add": 43}  # 45 - 9 + 15 + 4.5 + 11.5, 45 - 9 + 4.5 + 2.5

# call -> counts, by pencil
CALLS = {
    "cholesky": (partial(linalg.cholesky, A), Counts(mul=3 + 4 + 3, add=1 + 1 + 2)),
    "cholesky, complex": (partial(linalg.cholesky, CPX), Counts(mul=10, add=4)),
    "cholesky_ex, many": (partial(linalg.cholesky_ex, MANY), Counts(mul=20, add=8)),
    "cholesky_inverse": (partial(torch.cholesky_inverse, A), Counts(mul=20, add=5)),
    "cholesky_solve": (partial(torch.cholesky_solve, matrices(3, 5), A), Counts(mul=5 * 12, add=5 * 6)),
    "lu_factor": (partial(linalg.lu_factor, A), Counts(**LU3)),
    "lu_factor, tall": (partial(linalg.lu_factor, matrices(3, 2)), Counts(mul=(1 + 2 + 2) + (1 + 1), add=2)),
    "lu_factor_ex": (partial(linalg.lu_factor_ex, MANY), Counts(mul=22, add=10)),
    "lu": (partial(linalg.lu, TALL.mT), None),
    "lu_unpack": (partial(torch.lu_unpack, matrices(2, 5, 3), exchanges(2, 3)), Counts()),
    "lu_unpack, pivots alone": (partial(torch.lu_unpack, TALL, exchanges(3), unpack_data=False), Counts()),
    "lu_solve": (partial(linalg.lu_solve, A, exchanges(3), WIDE), Counts(mul=45, add=30)),
    "lu_solve, from the right": (partial(linalg.lu_solve, A, exchanges(3), TALL, left=False), Counts(mul=45, add=30)),
    "lu_solve, method": (partial(torch.lu_solve, WIDE, A, exchanges(3)), Counts(mul=45, add=30)),
    "ldl_factor": (partial(linalg.ldl_factor, A), Counts(mul=19, add=4)),
    "ldl_solve": (partial(linalg.ldl_solve, A, exchanges(3), WIDE), Counts(mul=60, add=30)),
    "qr": (partial(linalg.qr, TALL), Counts(mul=67 + 40, add=43 + 31)),
    "qr, R alone": (partial(linalg.qr, TALL, "r"), Counts(**QR53)),
    "qr, complete": (partial(linalg.qr, matrices(2, 5, 3), "complete"), None),
    "qr, wide": (partial(linalg.qr, WIDE), None),
    "geqrf": (partial(torch.geqrf, TALL), Counts(**QR53)),
    "householder_product": (partial(linalg.householder_product, TALL, matrices(3)), Counts(mul=40, add=31)),
    "orgqr": (partial(torch.orgqr, TALL, matrices(3)), Counts(mul=40, add=31)),
    "ormqr": (partial(torch.ormqr, TALL, matrices(3), matrices(5, 2)), Counts(mul=6 * 9, add=6 * 8)),
    "inv": (partial(linalg.inv, A), Counts(mul=36, add=12)),
    "inverse": (partial(torch.inverse, MANY), Counts(mul=72, add=24)),
    "inv_ex": (partial(linalg.inv_ex, A), Counts(mul=36, add=12)),
    "tensorinv": (partial(linalg.tensorinv, matrices(6, 6).reshape(6, 2, 3), 1), None),
    "solve": (partial(linalg.solve, A, WIDE), Counts(mul=11 + 45, add=5 + 30)),
    "solve, one vector": (partial(linalg.solve, A, matrices(3)), Counts(mul=11 + 9, add=5 + 6)),
    "solve, vectors": (partial(linalg.solve, MANY, matrices(2, 3)), Counts(mul=2 * 20, add=2 * 11)),
    "solve, broadcast": (partial(linalg.solve, A, matrices(2, 3, 5)), Counts(mul=11 + 90, add=5 + 60)),
    "solve, from the right": (partial(linalg.solve, A, TALL, left=False), Counts(mul=11 + 45, add=5 + 30)),
    "solve_ex": (partial(linalg.solve_ex, MANY, matrices(3, 5)), Counts(mul=22 + 90, add=10 + 60)),
    "tensorsolve": (partial(linalg.tensorsolve, A.reshape(3, 3, 1), matrices(3)), Counts(mul=20, add=11)),
    "solve_triangular": (partial(linalg.solve_triangular, A, WIDE, upper=True), Counts(mul=30, add=15)),
    "solve_triangular, of ones": (
        partial(linalg.solve_triangular, A, TALL, upper=False, left=False, unitriangular=True),
        Counts(mul=15, add=15),
    ),
    "triangular_solve": (partial(torch.triangular_solve, WIDE, MANY), Counts(mul=60, add=30)),
    "lstsq": (partial(linalg.lstsq, TALL, matrices(5, 2)), Counts(mul=67 + 54 + 12, add=43 + 48 + 6)),
    "lstsq, vector": (partial(linalg.lstsq, WIDE, matrices(3)), None),
    "lstsq, gels": (partial(linalg.lstsq, TALL, matrices(5, 2), driver="gels"), None),
    "eigh": (partial(linalg.eigh, A), Counts(**half(9 * 27))),
    "eigvalsh": (partial(linalg.eigvalsh, CPX), Counts(**half(36))),
    "eig": (partial(linalg.eig, A), Counts(**half(25 * 27))),
    "eigvals": (partial(linalg.eigvals, MANY), Counts(mul=270, add=270)),
    "matrix_sqrth": (partial(linalg.matrix_sqrth, A), Counts(mul=121 + 9, add=122, func=3, mac=27, dot=9)),
    "svd": (partial(linalg.svd, TALL), Counts(**half(300 + 360 + 243))),
    "svd, reduced": (partial(linalg.svd, WIDE, full_matrices=False), Counts(mul=423, add=423)),
    "svd, method": (partial(torch.svd, WIDE), Counts(mul=423, add=423)),
    "svd, no vectors": (partial(torch.svd, TALL, compute_uv=False), Counts(mul=72, add=72)),
    "svdvals": (partial(linalg.svdvals, TALL.to(torch.complex128)), Counts(mul=72, add=72)),
    "polar": (partial(linalg.polar, TALL), Counts(mul=423 + 9, add=423, mac=24 * 3, dot=24)),
    "pinv": (partial(linalg.pinv, TALL), Counts(mul=423 + 9, add=423, cmp=6, div=3, mac=45, dot=15)),
    "pinv, hermitian": (partial(linalg.pinv, A, hermitian=True), None),
    "pinverse": (partial(torch.pinverse, WIDE), None),
    "matrix_rank": (partial(linalg.matrix_rank, TALL), Counts(mul=72, add=74, cmp=3)),
    "cond": (partial(linalg.cond, TALL), Counts(mul=72, add=72, div=1)),
    "cond, fro": (partial(linalg.cond, A, "fro"), Counts(mul=36 + 18 + 1, add=12 + 16, func=2)),
    "det": (partial(torch.det, MANY), Counts(mul=2 * 13, add=2 * 5)),
    "slogdet": (partial(linalg.slogdet, CPX), Counts(mul=13, add=7, cmp=3, func=3)),
    "logdet": (partial(torch.Tensor.logdet, A), Counts(mul=13, add=7, cmp=3, func=3)),
    "matrix_power": (partial(linalg.matrix_power, A, 5), Counts(mac=81, dot=27)),
    "matrix_power, 0": (partial(torch.matrix_power, A, 0), Counts()),
    "matrix_power, -1": (partial(torch.matrix_power, A, -1), Counts(mul=36, add=12)),
    "matrix_exp": (partial(torch.matrix_exp, A.to(torch.bfloat16)), Counts(mac=135, dot=45)),
    "vander": (partial(linalg.vander, matrices(5), N=4), Counts(mul=10)),
    "vander, whole": (partial(linalg.vander, matrices(5, dtype=torch.int16)), Counts(mul=15)),
    "cross": (partial(linalg.cross, matrices(2, 3), matrices(1, 3)), Counts(mul=12, add=6)),
    "cross, first of size 3": (partial(torch.cross, matrices(3, 2), matrices(3, 2)), Counts(mul=12, add=6)),
}

REJECTED = {
    "no matrix": (partial(linalg.inv, matrices(3)), "A must have 2 or more dimensions"),
    "not square": (partial(linalg.det, TALL), "5 rows and 3 columns"),
    "half": (partial(linalg.cholesky, A.half()), "got float16"),
    "whole": (partial(linalg.svd, A.int()), "got int32"),
    "two dtypes": (partial(linalg.solve, A, WIDE.double()), "float32 and float64"),
    "rows": (partial(linalg.solve, A, TALL), "as many rows as A"),
    "vector from the right": (partial(linalg.solve, A, matrices(3), left=False), "must hold matrices"),
    "pivots": (partial(linalg.lu_solve, A, exchanges(3).long(), A), "must be int32"),
    "mode": (partial(linalg.qr, A, "some"), "mode must be"),
    "UPLO": (partial(linalg.eigh, A, "M"), "UPLO must be"),
    "no driver": (partial(linalg.lstsq, A, A, driver="gelsz"), "driver must be one of"),
    "too few rows": (partial(linalg.lstsq, TALL, A), "as many rows as input"),
    "too few reflections": (partial(torch.ormqr, TALL, matrices(2), matrices(5, 2)), "must have 3 factors"),
    "wide": (partial(linalg.householder_product, WIDE, matrices(3)), "as many rows as columns"),
    "vander of one": (partial(linalg.vander, matrices(5), N=1), "greater than 1"),
    "cross of 5": (partial(linalg.cross, TALL.mT, TALL.mT), "size 3"),
    "cross without 3": (partial(torch.cross, matrices(2, 5), matrices(2, 5)), "has size 3"),
}


def metadata(tree):
    return [(tuple(leaf.shape), leaf.dtype) for leaf in tree_leaves(tree) if hasattr(leaf, "dtype")]


def ask(call):
    rule = RULES[call.func]
    spec = partial(tree_map, lambda leaf: TensorSpec.of(leaf) if isinstance(leaf, torch.Tensor) else leaf)
    bound = rule.bind(spec(call.args), spec(call.keywords))
    out = rule.call_shape(bound)
    out = out.spec if isinstance(out, Bound) else out
    return out, rule.call_cost(bound, out)


@pytest.mark.parametrize(("call", "counts"), CALLS.values(), ids=CALLS)
@pytest.mark.filterwarnings("ignore")
def test_calls(call, counts):
    out, mine = ask(call)
    assert metadata(out) == metadata(call())
    assert counts is None or mine == counts


@pytest.mark.parametrize(("call", "words"), REJECTED.values(), ids=REJECTED)
@pytest.mark.filterwarnings("ignore")
def test_rejected(call, words):
    with pytest.raises((RuntimeError, IndexError)):
        call()
    with pytest.raises(ShapeError, match=words):
        ask(call)


@pytest.mark.parametrize("driver", ["gelsd", "gelss"])
def test_residuals_may_be_missing(driver):
    answer = analyze(partial(linalg.lstsq, driver=driver), (TALL, matrices(5, 2)))
    assert metadata(answer.outputs) == metadata(linalg.lstsq(TALL + torch.eye(5, 3), matrices(5, 2), driver=driver))
    assert [node.status for node in answer.graph.nodes() if node.op == "lstsq"] == ["bounded"]


def test_parts_have_names():
    answer = analyze(lambda a: (linalg.svd(a).Vh, torch.svd(a).V, linalg.eigh(a).eigenvalues), (A,))
    assert metadata(answer.outputs) == [((3, 3), torch.float32)] * 2 + [((3,), torch.float32)]


def test_operators_find_the_rules():
    aten = torch.ops.aten
    assert RULES.for_operator(aten.linalg_svd.default) is RULES[linalg.svd]
    assert RULES.for_operator(aten.svd.default) is RULES[torch.svd]
    assert RULES.for_operator(aten.linalg_polar.default) is RULES[linalg.polar]
    assert RULES.for_operator(aten.linalg_cross.default) is RULES[linalg.cross]


@pytest.mark.parametrize("order", [1, -1, 2, -2, float("inf"), -float("inf"), "fro", "nuc"])
@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (2, 0, 3)])
def test_norms_of_empty_matrices(order, shape):
    call = partial(linalg.matrix_norm, torch.empty(shape), order)
    try:
        want = metadata(call())
    except (RuntimeError, IndexError):
        with pytest.raises(ShapeError, match="does not exist"):
            ask(call)
    else:
        assert metadata(ask(call)[0]) == want
