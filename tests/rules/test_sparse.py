"""Sparse tensors: products count as if everything were stored, and say so; what is stored is data."""

import pytest
import torch
from torch import nn

from analyzer import DataDependentError, ShapeError, analyze
from analyzer.counts import Counts

from .conftest import metadata

S, M = torch.eye(5), torch.randn(5, 7)
DENSE = Counts(mac=175, dot=35)


class Graph(nn.Module):
    """A step along the edges of a graph that is kept as a sparse buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("edges", torch.eye(5).to_sparse())

    def forward(self, x):
        return torch.sparse.mm(self.edges, x)


CALLS = {
    "mm": (lambda s, m: torch.sparse.mm(s.to_sparse(), m), "sparse_mm", DENSE),
    "smm": (lambda s, m: torch.smm(s.to_sparse(), m), "sparse_mm", DENSE),
    "hspmm": (lambda s, m: torch.hspmm(s.to_sparse(), m), "sparse_mm", DENSE),
    "a buffer": (lambda s, m: GRAPH(m), "sparse_mm", DENSE),
    "addmm": (lambda s, m: torch.sparse.addmm(m, s.to_sparse(), m), "sparse_addmm", DENSE + Counts(add=35)),
    "sspaddmm": (
        lambda s, m: torch.sspaddmm(s.to_sparse(), s.to_sparse(), s), "sparse_addmm", Counts(mac=125, dot=25, add=25),
    ),
    "sum": (lambda s, m: torch.sparse.sum(s.to_sparse()), "sparse_sum", Counts(add=24)),
    "softmax": (
        lambda s, m: torch.sparse.softmax(s.to_sparse(), 1).to_dense(), "sparse_softmax",
        Counts(cmp=20, add=45, func=25, div=25),
    ),
    "mask": (lambda s, m: s.sparse_mask(s.to_sparse()).to_dense(), "sparse_mask", Counts()),
}  # fmt: skip
GRAPH = Graph()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("call", "op", "counts"), CALLS.values(), ids=CALLS)
def test_bounds(call, op, counts):
    answer = analyze(call, (S, M))
    assert metadata(answer.outputs) == metadata(call(S, M))
    (node,) = [node for node in answer.graph.nodes() if node.op == op]
    assert (node.status, node.counts) == ("bounded", counts)


def test_made_of_places_and_values():
    def call(places, values, m):
        return torch.sparse_coo_tensor(places, values, (5, 5)).coalesce().to_dense() @ m

    args = (torch.tensor([[0, 1], [1, 2]]), torch.ones(2), M)
    answer = analyze(call, args)
    assert metadata(answer.outputs) == metadata(call(*args))
    assert answer.counts == DENSE


ASKED = {
    "values": lambda s: s.to_sparse().coalesce().values(),
    "indices": lambda s: s.to_sparse().coalesce().indices(),
    "crow_indices": lambda s: s.to_sparse_csr().crow_indices(),
    "_nnz": lambda s: s * s.to_sparse()._nnz(),
}


@pytest.mark.parametrize(("name", "call"), ASKED.items())
def test_what_is_stored_is_data(name, call):
    with pytest.raises(DataDependentError, match=rf"stored elements of a sparse tensor \({name}\)"):
        analyze(call, (S,))


def test_rejected():
    with pytest.raises(ShapeError):
        analyze(lambda s, m: torch.sparse.mm(m.to_sparse(), s), (S[:3, :3], M))
    with pytest.raises(DataDependentError, match="comes from its places"):
        analyze(torch.sparse_coo_tensor, (torch.zeros(2, 3, dtype=torch.int64), torch.ones(3)))


COMPRESSED = {
    "rows to where they begin": lambda rows: torch._convert_indices_from_coo_to_csr(rows, 5),
    "in 32 bits": lambda rows: torch._convert_indices_from_coo_to_csr(rows, 5, out_int32=True),
    "and back": lambda rows: torch._convert_indices_from_csr_to_coo(
        torch._convert_indices_from_coo_to_csr(rows, 5), rows
    ),
}


@pytest.mark.parametrize("call", COMPRESSED.values(), ids=COMPRESSED)
def test_indices_of_compressed_rows(call):
    rows = torch.tensor([0, 0, 1, 1, 2, 3, 4])
    answer = analyze(call, (rows,))
    assert metadata(answer.outputs) == metadata(call(rows))
    assert answer.counts == Counts()
    assert {node.status for node in answer.graph.nodes()} == {"ruled"}


NAMED = {
    "rows": (torch.sparse_csr_tensor, "crow_indices", "col_indices"),
    "columns": (torch.sparse_csc_tensor, "ccol_indices", "row_indices"),
}


@pytest.mark.parametrize(("make", "begins", "places"), NAMED.values(), ids=NAMED)
def test_compressed_tensors_by_name(make, begins, places):
    def model(x):
        indices = {begins: torch.tensor([0, 1, 2, 3]), places: torch.tensor([0, 1, 2])}
        return make(**indices, values=x, size=(3, 3)).to_dense()

    assert metadata(analyze(model, (torch.ones(3),)).outputs) == metadata(model(torch.ones(3)))
