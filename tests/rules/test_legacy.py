"""Functions that newer ones replaced, and decompositions that torch writes in Python."""

import pytest
import torch

from analyzer import DataDependentError, ShapeError, analyze
from analyzer.counts import Counts

from .conftest import metadata

M, X = torch.randn(5, 7), torch.randn(3, 5, 7)
SQUARE = torch.randn(5, 5)

CALLS = {
    "frobenius": (lambda m: torch.frobenius_norm(m, (0, 1)), (M,), Counts(mul=35, add=34, func=1)),
    "frobenius of a row": (lambda m: torch.frobenius_norm(m, 1, True), (M,), Counts(mul=35, add=30, func=5)),
    "all but the first": (lambda x: torch.norm_except_dim(x, 2, 0), (X,), Counts(mul=105, add=102, func=3)),
    "all but the last": (lambda x: torch.norm_except_dim(x, 2, 2), (X,), Counts(mul=105, add=98, func=7)),
    "all but the middle": (lambda x: torch.norm_except_dim(x, 2, 1), (X,), Counts(mul=105, add=100, func=5)),
    "of one dimension": (lambda x: torch.norm_except_dim(x[0, 0], 2, 0), (X,), Counts(mul=7, func=7)),
    "all": (lambda x: torch.norm_except_dim(x, 2, -1), (X,), Counts(mul=105, add=104, func=1)),
    "a weight by its length": (
        lambda x: torch._weight_norm(x, x[:, :1, :1], 0),
        (X,),
        Counts(mul=210, add=102, func=3, div=3),
    ),
    "by one length": (lambda x: torch._weight_norm(x, x[0, 0, 0], -1), (X,), Counts(mul=210, add=104, func=1, div=1)),
    "diagonal": (lambda m: m.fill_diagonal_(2), (M.clone(),), Counts()),
}  # fmt: skip


@pytest.mark.parametrize(("call", "args", "counts"), CALLS.values(), ids=CALLS)
def test_calls(call, args, counts):
    answer = analyze(call, args)
    assert metadata(answer.outputs) == metadata(call(*args))
    assert {node.status for node in answer.graph.nodes()} == {"ruled"}
    assert answer.counts == counts


NUCLEAR = {
    "a matrix": (torch.nuclear_norm, lambda m: torch.linalg.matrix_norm(m, "nuc"), M),
    "a batch": (torch.nuclear_norm, lambda x: torch.linalg.matrix_norm(x, "nuc"), X),
    "two dimensions, kept": (
        lambda x: torch.nuclear_norm(x, (0, 2), True),
        lambda x: torch.linalg.matrix_norm(x, "nuc", (0, 2), True),
        X,
    ),
    "all kept": (
        lambda x: torch.nuclear_norm(x, True),
        lambda x: torch.linalg.matrix_norm(x, "nuc", keepdim=True),
        X,
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("call", "other", "x"), NUCLEAR.values(), ids=NUCLEAR)
def test_nuclear_norms_are_matrix_norms(call, other, x):
    answer = analyze(call, (x,))
    assert answer.counts == analyze(other, (x,)).counts
    assert metadata(answer.outputs) == metadata(call(x))


IN_PYTHON = {
    "lu": (torch.lu, (SQUARE,)),
    "lu of a batch, with infos": (lambda x: x.lu(get_infos=True), (X,)),
    "pca": (lambda m: torch.pca_lowrank(m, 3), (M,)),
    "svd": (lambda m: torch.svd_lowrank(m, 3), (M,)),
}


@pytest.mark.parametrize(("call", "args"), IN_PYTHON.values(), ids=IN_PYTHON)
def test_decompositions_in_python(call, args):
    answer = analyze(call, args)
    assert metadata(answer.outputs) == metadata(call(*args))
    assert {node.status for node in answer.graph.nodes()} == {"ruled"}


def test_an_iteration_that_watches_its_error():
    with pytest.raises(DataDependentError):
        analyze(lambda m: torch.lobpcg(m, 2), (torch.eye(11),))


@pytest.mark.parametrize(
    "call", [lambda m: m.apply_(abs), lambda m: m.map_(m, max), lambda m: m.map2_(m, m, lambda a, b, c: a)]
)
def test_functions_of_every_element(call):
    with pytest.raises(DataDependentError, match="calls a Python function with the value of every element"):
        analyze(call, (M,))


REJECTED = {
    "a nuclear norm of a row": (lambda x: torch.nuclear_norm(x[0, 0]), "2 or more dimensions"),
    "no such dimension": (lambda x: torch.norm_except_dim(x, 2, 3), "from -3 to 2"),
    "no cube": (lambda x: x.fill_diagonal_(1), "equally long"),
    "no matrix": (lambda x: x[0, 0].fill_diagonal_(1), "2 dimensions or more"),
}


@pytest.mark.parametrize(("call", "words"), REJECTED.values(), ids=REJECTED)
def test_rejected(call, words):
    with pytest.raises((RuntimeError, IndexError)):
        call(X)
    with pytest.raises(ShapeError, match=words):
        analyze(call, (X,))
