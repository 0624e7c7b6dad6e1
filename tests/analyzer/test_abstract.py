"""Abstract tensors: in-place writes, views, copies, metadata, and what they refuse."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from analyzer import DataDependentError, TensorSpec, analyze

X = torch.zeros(3, 7)


def sources(analysis, node):
    """Where the tensors of a node came from."""
    return [edge.source for edge in analysis.graph.node(node).inputs]


# --- writes in place ---


def iadd(x):
    y = x
    y += 1
    assert y is x
    return x


def under_names(x):
    kept = x.add_(1)
    assert kept is x
    return kept


def unsqueezed(x):
    y = x.unsqueeze_(0)
    assert y is x
    assert x.shape == (1, 3, 7)
    return x


def resized(x):
    x.resize_(2, 5)
    return x * 2


def transposed(x):
    x.t_()
    return x @ x.new_zeros(3, 2)


def squeezed(x):
    y = x[None]
    y.squeeze_(0)
    return y


def data_assigned(x):
    y = x * 1.5
    y.data = x.new_zeros(2, 5)
    return y


def data_written(x):
    x.data.add_(1)
    return x


def out_given(x):
    out = x.new_empty(3, 7)
    result = torch.exp(x, out=out)
    assert result is out
    return out * 2


def out_resized(x):
    out = x.new_empty(0)
    torch.matmul(x, x.T, out=out)
    return out


def out_pair(x):
    values, indices = x.new_empty(3), torch.empty(3, dtype=torch.int64)
    torch.max(x, 1, out=(values, indices))
    return values, indices


def setitem(x):
    x[:, 0] = 2
    x[1] = x[0]
    x[x > 0] = 1
    return x


def masked(x):
    return x.masked_fill_(x > 0, -1).clamp_(min=0).mul_(2).zero_()


def relu_in_place(x):
    F.relu(x, inplace=True)
    torch.relu_(x)
    return nn.functional.leaky_relu_(x)


def integer_in_place(x):
    n = x.long()
    n += 1
    n *= 2
    n //= 3
    return n


def copied_over(x):
    y = torch.empty(3, 7, dtype=torch.float64)
    y.copy_(x)
    y[0].copy_(x[0])
    return y


WRITES = [
    iadd, under_names, unsqueezed, resized, transposed, squeezed, data_assigned, data_written, out_given, out_resized,
    out_pair, setitem, masked, relu_in_place, integer_in_place, copied_over,
]  # fmt: skip


@pytest.mark.parametrize("function", WRITES, ids=lambda f: f.__name__)
def test_writes_in_place(function, like_torch):
    like_torch(function, X)


def test_a_write_is_read_by_what_comes_after():
    analysis = analyze(iadd, X)
    assert sources(analysis, "add") == ["input"]
    assert sources(analysis, "output") == ["add"]


def test_a_view_that_is_written_makes_its_base_and_other_views_depend_on_the_writer():
    def model(x):
        base = x * 2
        row, column = base[0], base[:, 0]
        row.fill_(1)
        return base.exp(), column.neg(), row.sin()

    analysis = analyze(model, X)
    assert [sources(analysis, node) for node in ("exp", "neg", "sin")] == [["fill"], ["fill"], ["fill"]]


def test_a_base_that_is_written_is_seen_through_its_views():
    def model(x):
        base = x * 2
        view = base.view(21)
        base.add_(1)
        return view.exp()

    assert sources(analyze(model, X), "exp") == ["add"]


def test_setitem_makes_an_edge_to_what_it_wrote():
    def model(x, y):
        x[0] = y
        return x.exp()

    analysis = analyze(model, (X, X[0]))
    writer = sources(analysis, "exp")[0]
    assert set(sources(analysis, writer)) == {"input", "input:1"}


def test_an_input_is_written_for_its_caller_too():
    def model(x):
        def helper(t):
            t.mul_(2)

        helper(x)
        return x + 1

    assert sources(analyze(model, X), "add") == ["mul"]


def test_a_write_into_a_buffer_is_seen_by_later_reads(like_torch):
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("sum", torch.zeros(7))

        def forward(self, x):
            self.sum += x.sum(0)
            return x / self.sum

    model = Counts()
    analysis = like_torch(model, X)
    assert "add" in sources(analysis, "div")


def test_an_in_place_write_of_another_shape_is_an_error():
    with pytest.raises(Exception, match=r"shape \(3, 7\).*written in place over one of \(1, 7\)"):
        analyze(lambda x: x[:1].add_(x), X)


def test_an_in_place_write_of_another_kind_is_an_error():
    with pytest.raises(Exception, match="float32 and is written in place over int64"):
        analyze(lambda x: x.long().add_(1.5), X)


# --- copies and metadata ---


def copies(x):
    y, z, w = copy.copy(x), copy.deepcopy(x), copy.deepcopy({"x": [x]})
    return y, z + 1, w, x.clone(), x.detach(), x.data


METADATA = {
    "shape": lambda x: list(x.shape),
    "size": lambda x: (x.size(), x.size(-1)),
    "dim": lambda x: (x.dim(), x.ndim, x.ndimension(), len(x)),
    "numel": lambda x: (x.numel(), x.nelement(), torch.numel(x)),
    "dtype": lambda x: (x.dtype, x.is_floating_point(), x.is_complex(), torch.is_floating_point(x), x.element_size()),
    "device": lambda x: (x.device, x.is_cuda, x.is_meta, x.is_cpu, x.get_device()),
    "layout": lambda x: (x.layout, x.is_sparse, x.is_quantized, x.is_nested),
    "strides": lambda x: (x.stride(), x.stride(0), x.is_contiguous(), x.storage_offset()),
    "bytes": lambda x: (x.itemsize, x.nbytes),
    "grad": lambda x: (x.requires_grad, x.is_leaf, x.grad),
    "kind": lambda x: (isinstance(x, torch.Tensor), torch.is_tensor(x), isinstance(x, nn.Parameter)),
    "promotion": lambda x: (torch.result_type(x, 1), torch.promote_types(x.dtype, torch.float64)),
    "identity": lambda x: (x is x, x in [x], hash(x) == hash(x)),
    "iteration": lambda x: [row.shape for row in x],
    "unpacking": lambda x: (lambda a, b, c: (a, c))(*x),
    "scalar text": lambda x: len(f"{x.shape} {x.dtype}"),
    "type": lambda x: (x.type(), x.is_signed(), x.type(torch.float64)),
    "same size": lambda x: x.is_same_size(x),
    "T": lambda x: (x.T, x.mT, x.H, x.real),
}


@pytest.mark.parametrize("function", METADATA.values(), ids=METADATA.keys())
def test_metadata_are_plain_values(function, like_torch):
    like_torch(function, X)


def test_copies_are_aliases(like_torch, ops):
    analysis = like_torch(copies, X)
    assert not analysis.counts.mac
    assert analysis.counts.add == 21


def test_requires_grad_follows_the_parameters(like_torch):
    """Checkpointing libraries and user code look at it."""

    class Asks(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(7, 7)

        def forward(self, x):
            return (x if self.fc.weight.requires_grad else x.sum()), self.fc.weight.device, self.fc.weight.shape

    like_torch(Asks(), X)


# --- refused, in one clear sentence ---

REFUSED = {
    "numpy": lambda x: x.numpy(),
    "pickle": lambda x: pickle.dumps(x),
    "data_ptr": lambda x: x.data_ptr(),
    "item": lambda x: x.sum().item(),
    "tolist": lambda x: x.tolist(),
    "array": lambda x: __import__("numpy").asarray(x),
    "save": lambda x: torch.save(x, __import__("io").BytesIO()),
}


@pytest.mark.parametrize("function", REFUSED.values(), ids=REFUSED.keys())
def test_values_are_refused(function):
    with pytest.raises(DataDependentError, match=r"test_abstract\.py"):
        analyze(function, X)


def test_a_tensor_that_outlives_its_analysis_says_so():
    class Keeper:
        pass

    def keeps(x):
        Keeper.tensor = x + 1
        return x

    analyze(keeps, X)
    assert repr(Keeper.tensor) == "AbstractTensor((3, 7) float32)"
    with pytest.raises(DataDependentError, match="a finished analysis"):
        Keeper.tensor * 2


def test_real_tensors_of_other_sizes_are_not_read():
    big = torch.empty(1, device="meta").expand(10**6, 10**6)
    assert analyze(lambda x: x + 1, big).outputs == TensorSpec((10**6, 10**6), device="meta")
