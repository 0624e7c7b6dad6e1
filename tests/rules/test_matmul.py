"""Products of matrices, vectors and whole tensors: shapes against torch itself, counts against a pencil."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from analyzer import analyze
from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.spec import TensorSpec
from rules import addmm, grouped, linear, matmul, product

RULES = linear.RULES | matmul.RULES | addmm.RULES | product.RULES | grouped.RULES


def spec(value):
    if isinstance(value, list):
        return [spec(each) for each in value]
    return TensorSpec.of(value) if isinstance(value, torch.Tensor) else value


def call(target, *args, **kwargs):
    rule = RULES[target]
    bound = rule.bind(tuple(spec(arg) for arg in args), {name: spec(arg) for name, arg in kwargs.items()})
    out = rule.call_shape(bound)
    return out, rule.call_cost(bound, out)


def t(*shape, dtype=torch.float32):
    return torch.zeros(shape, dtype=dtype)


HALF, BYTE, DOUBLE, LONG = torch.bfloat16, torch.int8, torch.float64, torch.int64
OFFS = torch.tensor([2, 5], dtype=torch.int32)

# call -> its counts, by pencil
CALLS = {
    "linear": ((F.linear, t(2, 3, 7), t(5, 7), t(5)), Counts(mac=210, dot=30, add=30)),
    "linear, one row": ((F.linear, t(7), t(5, 7), t(1)), Counts(mac=35, dot=5, add=5)),
    "linear to one": ((F.linear, t(3, 7), t(7)), Counts(mac=21, dot=3)),
    "linear of nothing": ((F.linear, t(3, 0), t(5, 0), t(5)), Counts(add=15)),
    "bilinear": (
        (F.bilinear, t(2, 3), t(2, 5), t(7, 3, 5), t(7)),
        Counts(mac=2 * 7 * (3 * 5 + 5), dot=2 * 7 * (5 + 1), add=14),
    ),
    "matrices": ((torch.matmul, t(3, 7), t(7, 5)), Counts(mac=105, dot=15)),
    "broadcast": ((torch.matmul, t(5, 1, 2, 3), t(7, 3, 11)), Counts(mac=5 * 7 * 2 * 11 * 3, dot=5 * 7 * 2 * 11)),
    "vectors": ((torch.matmul, t(7), t(7)), Counts(mac=7, dot=1)),
    "vector and batch": ((torch.matmul, t(3), t(2, 3, 5)), Counts(mac=30, dot=10)),
    "batch and vector": ((torch.matmul, t(2, 5, 3), t(3)), Counts(mac=30, dot=10)),
    "length one": ((torch.mm, t(3, 1), t(1, 5)), Counts(mac=15, dot=15)),
    "batch": ((torch.bmm, t(2, 3, 5), t(2, 5, 7)), Counts(mac=210, dot=42)),
    "mv": ((torch.mv, t(3, 5), t(5)), Counts(mac=15, dot=3)),
    "complex": ((torch.vdot, t(5, dtype=torch.complex64), t(5, dtype=torch.complex64)), Counts(mac=5, dot=1)),
    "inner": ((torch.inner, t(2, 5, 3), t(7, 3)), Counts(mac=210, dot=70)),
    "inner with a scalar": ((torch.inner, t(dtype=LONG), t(7, 3)), Counts(mul=21)),
    "addmm": ((torch.addmm, t(5), t(3, 7), t(7, 5)), Counts(mac=105, dot=15, add=15)),
    "addmv": ((torch.addmv, t(1), t(3, 7), t(7)), Counts(mac=21, dot=3, add=3)),
    "baddbmm": ((torch.baddbmm, t(5), t(2, 3, 7), t(2, 7, 5)), Counts(mac=210, dot=30, add=30)),
    "addbmm sums over the batch": ((torch.addbmm, t(3, 5), t(2, 3, 7), t(2, 7, 5)), Counts(mac=210, dot=15, add=15)),
    "addr": ((torch.addr, t(5, dtype=LONG), t(3), t(5, dtype=DOUBLE)), Counts(mul=15, add=15)),
    "outer": ((torch.outer, t(3, dtype=LONG), t(5)), Counts(mul=15)),
    "kron": ((torch.kron, t(2, 3), t(5)), Counts(mul=30)),
    "vecdot": ((torch.linalg.vecdot, t(2, 3), t(5, 2, 3)), Counts(mac=30, dot=10)),
    "tensordot": ((torch.tensordot, t(2, 3, 5), t(5, 3, 7), ([1, 2], [1, 0])), Counts(mac=210, dot=14)),
    "tensordot, counted": ((torch.tensordot, t(2, 3, 5), t(3, 5, 7), 2), Counts(mac=210, dot=14)),
    "tensordot, stretched": ((torch.tensordot, t(2, 1), t(3, 5), 1), Counts(add=5 * 2, mac=10, dot=10)),
    "tensordot of no axis": ((torch.tensordot, t(2, 3), t(5), 0), Counts(mul=30)),
    # (7 x 2)(2 x 11) is 154 products; (2 x 3)(3 x 7) first and then (2 x 7)(7 x 11) would be 42 + 154.
    "chain": (
        (torch.linalg.multi_dot, [t(2, 3), t(3, 7), t(7, 11)]),
        Counts(mac=2 * 3 * 7 + 2 * 7 * 11, dot=2 * 7 + 2 * 11),
    ),
    "chain, from behind": (
        (torch.linalg.multi_dot, [t(11, 7), t(7, 3), t(3)]),
        Counts(mac=7 * 3 + 11 * 7, dot=7 + 11),
    ),
    "chain of five": (
        (torch.linalg.multi_dot, [t(13, 2), t(2, 17), t(17, 3), t(3, 19), t(19, 5)]),
        Counts(mac=2 * 17 * 3 + 2 * 3 * 19 + 2 * 19 * 5 + 13 * 2 * 5, dot=2 * 3 + 2 * 19 + 2 * 5 + 13 * 5),
    ),
    "old chain": ((torch.chain_matmul, t(2, 3), t(3, 5)), Counts(mac=30, dot=10)),
    "bytes": ((torch._int_mm, t(3, 5, dtype=BYTE), t(5, 7, dtype=BYTE)), Counts(mac=105, dot=21)),
    "groups of rows": ((torch._grouped_mm, t(5, 16), t(2, 16, 8), OFFS), Counts(mac=5 * 8 * 16, dot=40)),
    "groups of columns": ((F.grouped_mm, t(2, 3, 8), t(8, 8)), None),
    "groups of the inner size": (
        (torch._grouped_mm, t(3, 16, dtype=HALF), t(16, 8, dtype=HALF), OFFS),
        Counts(mac=3 * 16 * 8, dot=2 * 3 * 8),
    ),
    "groups, none shared": ((torch._grouped_mm, t(2, 3, 8), t(2, 8, 4)), Counts(mac=2 * 3 * 4 * 8, dot=24)),
}
CALLS["groups of columns"] = ((torch._grouped_mm, t(2, 3, 8), t(8, 8), OFFS), Counts(mac=3 * 8 * 8, dot=24))


@pytest.mark.parametrize("name", CALLS)
def test_shape_is_torchs_and_count_is_the_pencils(name):
    (function, *args), counts = CALLS[name]
    out, cost = call(function, *args)
    real = function(*args)
    assert (out.shape, out.dtype) == (tuple(real.shape), real.dtype)
    assert cost == counts


# torch's counter knows no vector products, and none of the special formats on meta.
KNOWN = [
    "linear", "matrices", "broadcast", "vector and batch", "length one", "batch", "addmm", "baddbmm", "inner",
    "tensordot", "tensordot, stretched", "chain", "chain of five",
]  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_products_are_torchs_flops(name):
    (function, *args), _ = CALLS[name]
    meta = [[each.to("meta") for each in arg] if isinstance(arg, list) else arg for arg in args]
    with FlopCounterMode(display=False) as counter:
        function(*[arg.to("meta") if isinstance(arg, torch.Tensor) else arg for arg in meta])
    assert 2 * call(function, *args)[1].mac == counter.get_total_flops()


def test_factors():
    args = (torch.addmm, t(5), t(3, 7), t(7, 5))
    products = Counts(mac=105, dot=15)
    assert call(*args, beta=1, alpha=1.0)[1] == products + Counts(add=15)
    assert call(*args, beta=2, alpha=0.5)[1] == products + Counts(add=15, mul=5 + 15)
    assert call(*args, beta=0, alpha=0.5)[1] == products + Counts(mul=15)
    assert call(torch.addr, t(3, 5), t(3), t(5), beta=2)[1] == Counts(mul=15 + 15, add=15)


def test_methods_and_modules():
    assert call("__matmul__", t(2, 3), t(3, 5))[0].shape == (2, 5)
    out, cost = call("__rmatmul__", t(2, 3), t(5, 2))
    assert (out.shape, cost) == ((5, 3), Counts(mac=30, dot=15))
    module = nn.Bilinear(3, 5, 7, bias=False)
    rule = RULES[nn.Bilinear]
    bound = rule.bind_module(module, (TensorSpec((2, 3)), TensorSpec((2, 5))), {})
    assert rule.call_shape({name: spec(value) for name, value in bound.items()}).shape == (2, 7)
    assert call(torch.mm, t(2, 3, dtype=HALF), t(3, 5, dtype=HALF), out_dtype=torch.float32)[0].dtype is torch.float32


def test_equal_chains_split_as_in_torch():
    # (AB)C and A(BC) are 48 products each: torch takes the first of a chain of three, the second of a longer one.
    assert call(torch.linalg.multi_dot, [t(2, 3), t(3, 2), t(2, 3)])[1] == Counts(mac=24, dot=4 + 6)


WRONG = {
    "input has 7 features, weight takes 5": (F.linear, t(3, 7), t(3, 5)),
    "bias does not stretch to the result: (3,) against (3, 5)": (F.linear, t(3, 7), t(5, 7), t(3)),
    "input and weight must have the same dtype, got float32 and float64": (F.linear, t(3, 7), t(5, 7, dtype=DOUBLE)),
    "input1 has 5 features, weight takes 3": (F.bilinear, t(2, 5), t(2, 5), t(7, 3, 5)),
    "shapes (2, 3) and (2, 3) cannot be multiplied: 3 columns against 2 rows": (torch.matmul, t(2, 3), t(2, 3)),
    "input and other must have dimensions, got () and (3,)": (torch.matmul, t(), t(3)),
    "shapes (2,) and (3,) do not broadcast: size 2 against 3 at dimension -1": (torch.matmul, t(2, 3, 5), t(3, 5, 7)),
    "input and other must have the same dtype, got float32 and int64": (torch.matmul, t(2, 3), t(3, 5, dtype=LONG)),
    "input must hold numbers, got bool": (torch.mm, t(2, 3, dtype=torch.bool), t(3, 5, dtype=torch.bool)),
    "mat2 must have 2 dimensions, but its shape is (3,)": (torch.mm, t(2, 3), t(3)),
    "input has a batch of 2, mat2 of 1": (torch.bmm, t(2, 3, 5), t(1, 5, 7)),
    "input has 5 columns, vec has 3 elements": (torch.mv, t(2, 5), t(3)),
    "input and tensor must be equally long, got 3 and 1": (torch.dot, t(3), t(1)),
    "input does not stretch to the result: (1, 3, 5) against (3, 5)": (torch.addmm, t(1, 3, 5), t(3, 7), t(7, 5)),
    "vec2 must have 1 dimension, but its shape is (5, 1)": (torch.outer, t(3), t(5, 1)),
    "dims names a dimension twice, got (1, -1)": (torch.tensordot, t(2, 3), t(3, 5), ([1, -1], [0, 0])),
    "dims must be between 0 and 2, got 3": (torch.tensordot, t(2, 3), t(3, 5), 3),
    "dims must name as many axes of both tensors, got (1,) and (0, 1)": (
        torch.tensordot, t(2, 3), t(3, 5), ([1], [0, 1]),
    ),
    "axis 1 of a and axis 0 of b differ: 3 and 5": (torch.tensordot, t(2, 3), t(5, 3), 1),
    "tensors must be 2 or more, got 1": (torch.linalg.multi_dot, [t(3)]),
    "tensors 0 and 1 cannot be multiplied: 3 columns against 5 rows": (torch.linalg.multi_dot, [t(2, 3), t(5, 3)]),
    "input must be int8 or uint8, got float32": (torch._int_mm, t(2, 3), t(3, 5)),
    "mat_a, mat_b and offs must have as many groups, got [3, 2]": (torch._grouped_mm, t(5, 16), t(3, 16, 8), OFFS),
    "offs goes with a matrix of 2 dimensions and only there, got (5, 16) and (3, 16, 8)": (
        torch._grouped_mm, t(5, 16), t(3, 16, 8),
    ),
}  # fmt: skip


@pytest.mark.parametrize("message", WRONG)
def test_what_torch_rejects(message):
    function, *args = WRONG[message]
    with pytest.raises((RuntimeError, IndexError)):
        function(*args)
    with pytest.raises(ShapeError) as error:
        call(function, *args)
    assert str(error.value) == message


def test_scaled_in_blocks():
    first, second = t(3, 16, dtype=torch.float8_e4m3fn), t(32, 16, dtype=torch.float8_e4m3fn).mT
    kinds = torch.nn.functional.ScalingType.RowWise
    answer = analyze(
        lambda a, b, c, d: F.scaled_mm(a, b, c, kinds, d, kinds, output_dtype=HALF), (first, second, t(3, 1), t(1, 32))
    )
    assert (answer.outputs.shape, answer.outputs.dtype) == ((3, 32), HALF)
    (node,) = [node for node in answer.graph.nodes() if node.op == "scaled_mm"]
    assert node.counts == Counts(mac=3 * 32 * 16, dot=3 * 32, mul=2 * 3 * 32)
