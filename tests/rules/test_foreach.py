"""Operations on lists of tensors, against torch and a pencil."""

import pytest
import torch

from analyzer import ShapeError, analyze
from analyzer.counts import Counts

from .conftest import metadata

A, B = torch.rand(2, 3), torch.rand(5)
N = 11  # elements in both

# call -> counts
CALLS = {
    "add a number": (lambda a, b: torch._foreach_add([a, b], 1.0), Counts(add=N)),
    "add a list": (lambda a, b: torch._foreach_add([a, b], [a, b], alpha=2), Counts(add=N, mul=N)),
    "add numbers": (lambda a, b: torch._foreach_add([a, b], [1.0, 2]), Counts(add=N)),
    "add in place": (lambda a, b: (torch._foreach_add_([a, b], 1.0), a, b)[1:], Counts(add=N)),
    "sub": (lambda a, b: torch._foreach_sub([a, b], [a, b]), Counts(add=N)),
    "mul": (lambda a, b: torch._foreach_mul([a, b], [a, b]), Counts(mul=N)),
    "mul a tensor": (lambda a, b: torch._foreach_mul([a, b], b[0]), Counts(mul=N)),
    "div": (lambda a, b: torch._foreach_div([a, b], 2.0), Counts(div=N)),
    "pow": (lambda a, b: torch._foreach_pow([a, b], 2), Counts(func=N)),
    "powers of a number": (lambda a, b: torch._foreach_pow(2.0, [a, b]), Counts(func=N)),
    "sqrt": (lambda a, b: torch._foreach_sqrt([a, b]), Counts(func=N)),
    "neg": (lambda a, b: torch._foreach_neg([a, b]), Counts(cmp=N)),
    "sigmoid": (lambda a, b: torch._foreach_sigmoid([a, b]), Counts(func=N)),
    "clamp": (lambda a, b: torch._foreach_clamp_max([a, b], 0.5), Counts(cmp=N)),
    "maximum": (lambda a, b: torch._foreach_maximum([a, b], [a, b]), Counts(cmp=N)),
    "addcmul": (lambda a, b: torch._foreach_addcmul([a, b], [a, b], [a, b], 0.5), Counts(mul=2 * N, add=N)),
    "addcdiv": (lambda a, b: torch._foreach_addcdiv([a, b], [a, b], [a, b], [0.5, 1.0]), Counts(div=N, mul=6, add=N)),
    "lerp": (lambda a, b: torch._foreach_lerp([a, b], [a, b], 0.3), Counts(add=2 * N, mul=N)),
    "norm": (lambda a, b: torch._foreach_norm([a, b]), Counts(mul=N, add=N - 2, func=2)),
    "largest": (lambda a, b: torch._foreach_max([a, b]), Counts(cmp=N - 2)),
    "clone": (lambda a, b: torch._foreach_clone([a, b]), Counts()),
    "zero": (lambda a, b: (torch._foreach_zero_([a, b]), a, b)[1:], Counts()),
    "copy": (lambda a, b: (torch._foreach_copy_([a, b], [a, b]), a, b)[1:], Counts()),
}


@pytest.mark.parametrize(("call", "counts"), CALLS.values(), ids=CALLS)
def test_calls(call, counts):
    answer = analyze(call, (A, B))
    assert metadata(answer.outputs) == metadata(call(A.clone(), B.clone()))
    assert answer.counts == counts
    assert {node.status for node in answer.graph.nodes()} == {"ruled"}


def test_dtypes_are_those_of_one_tensor():
    half = A.half()
    (out,) = analyze(lambda a: torch._foreach_add([a], [A]), (half,)).outputs
    assert out.dtype == torch._foreach_add([half], [A])[0].dtype


REJECTED = {
    "unequal lists": (lambda a, b: torch._foreach_mul([a, b], [a]), "equally long"),
    "unequal shapes": (lambda a, b: torch._foreach_mul([a, b], [b, b]), "do not broadcast"),
    "nothing": (lambda a, b: torch._foreach_add([], 1.0), "one tensor or more"),
}


@pytest.mark.parametrize(("call", "words"), REJECTED.values(), ids=REJECTED)
def test_rejected(call, words):
    with pytest.raises((RuntimeError, ValueError)):
        call(A, B)
    with pytest.raises(ShapeError, match=words):
        analyze(call, (A, B))


def test_every_operation_on_lists_has_a_rule():
    from rules import RULES

    names = [name for name in dir(torch) if name.startswith("_foreach_")]
    assert len(names) > 80
    assert [name for name in names if getattr(torch, name) not in RULES] == []
