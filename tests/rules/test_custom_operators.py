"""Operators of other libraries: shapes from their fakes, costs from a pasted stub."""

import re
from collections.abc import Iterator

import pytest
import torch
from torch.library import Library, custom_op

from analyzer import Bound, DataDependentError, MissingRuleError, RuleSet, ShapeError, analyze
from analyzer.counts import Counts

X = torch.randn(5, 7)


@custom_op("flopgraph_custom::scaled", mutates_args=())
def scaled(x: torch.Tensor, by: float, rows: int) -> torch.Tensor:
    return x[:rows] * by


@scaled.register_fake
def _(x, by, rows):
    torch._check(rows <= x.shape[0], lambda: "no more rows than there are")
    return x.new_empty(rows, x.shape[1])


@custom_op("flopgraph_custom::unknown", mutates_args=())
def unknown(x: torch.Tensor) -> torch.Tensor:
    return x * 2


@custom_op("flopgraph_custom::places", mutates_args=())
def places(x: torch.Tensor) -> torch.Tensor:
    return x.nonzero()


@places.register_fake
def _(x):
    count = torch.library.get_ctx().new_dynamic_size()
    return x.new_empty([count, x.dim()], dtype=torch.int64)


@custom_op("flopgraph_custom::pair", mutates_args=())
def pair(x: torch.Tensor, others: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    return x * 2, x.sum(0)


@pair.register_fake
def _(x, others):
    return torch.empty_like(x), x.new_empty(x.shape[1:])


@custom_op("flopgraph_custom::counted", mutates_args=("x",))
def counted(x: torch.Tensor) -> None:
    x.add_(1)


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    old = Library("flopgraph_old", "DEF")
    old.define("shaped(Tensor x, int[] size) -> Tensor")
    old.impl("shaped", lambda x, size: x.new_empty(size), "Meta")
    old.define("bare(Tensor x) -> Tensor")
    old.impl("bare", lambda x: x + 1, "CPU")
    old.define("joint(Tensor x) -> Tensor")
    old.impl("joint", lambda x: x.relu() + 1, "CompositeImplicitAutograd")
    yield old
    old._destroy()


def test_shapes_come_from_the_fake_and_costs_are_reported_missing():
    answer = analyze(lambda x: scaled(x, 2.0, 3), (X,))
    assert answer.outputs.shape == (3, 7)
    node = answer.graph.nodes()[1]
    assert (node.status, node.counts) == ("inferred", Counts())
    (remark,) = [d for d in answer.diagnostics if d.code == "no-rule"]
    assert "its cost is unknown and not in the totals" in remark.message


def stub_of(answer) -> str:
    (remark,) = [d for d in answer.diagnostics if d.code == "no-rule"]
    return remark.hint.removeprefix("add one:\n")


def pasted(stub: str) -> RuleSet:
    """The stub as a user fills it in: a shape in place of the dots, and a cost beneath."""
    filled, times = re.subn(r"with_shape\(\.\.\.\)", "with_shape(rows, x.shape[1])", stub)
    assert times == 1
    filled += "\n\n@scaled.cost\ndef _(out):\n    return Counts(mul=out.numel)\n"
    names = {"RULES": RuleSet(), "torch": torch, "Counts": Counts}
    exec(compile(filled, "pasted.py", "exec"), names)
    return names["RULES"]


def test_a_pasted_stub_gives_the_cost():
    stub = stub_of(analyze(lambda x: scaled(x, 2.0, 3), (X,)))
    for call in (lambda x: scaled(x, 2.0, 3), lambda x: torch.ops.flopgraph_custom.scaled(x, 2.0, rows=3)):
        answer = analyze(call, (X,), rules=pasted(stub))
        node = answer.graph.nodes()[1]
        assert (node.op, node.status, node.counts) == ("scaled", "ruled", Counts(mul=21))
        assert answer.outputs.shape == (3, 7)
        assert not [d for d in answer.diagnostics if d.code == "no-rule"]


def test_several_results_and_lists_of_tensors():
    first, second = analyze(lambda x: pair(x, [x, x]), (X,)).outputs
    assert (first.shape, second.shape) == ((5, 7), (7,))
    compile(stub_of(analyze(lambda x: pair(x, [x, x]), (X,))), "pasted.py", "exec")


def test_in_place():
    answer = analyze(lambda x: (counted(x), x)[1], (X,))
    assert answer.outputs.shape == (5, 7)


def test_a_check_in_the_fake():
    with pytest.raises(ShapeError, match="no more rows than there are"):
        analyze(lambda x: scaled(x, 2.0, 6), (X,))


@pytest.mark.parametrize("call", [lambda x: unknown(x), lambda x: torch.ops.flopgraph_old.bare(x)])
def test_without_a_fake(library, call):
    with pytest.raises(MissingRuleError, match="nobody knows the shape of what flopgraph_"):
        analyze(call, (X,))
    assert analyze(call, (X,), on_unknown="bound").outputs.shape == (5, 7)


def test_a_size_that_data_decide():
    with pytest.raises(DataDependentError, match=r"size of what flopgraph_custom\.places returns depends on data"):
        analyze(lambda x: places(x), (X,))
    rules = RuleSet()

    @rules.op(torch.ops.flopgraph_custom.places)
    def rule(x):
        return Bound(x.with_shape(x.numel, x.ndim).with_dtype(torch.int64), "as many rows as there are elements")

    answer = analyze(lambda x: places(x), (X,), rules=rules)
    assert answer.outputs.shape == (35, 2)
    assert answer.graph.nodes()[1].status == "bounded"


@custom_op("flopgraph_custom::broken", mutates_args=())
def broken(x: torch.Tensor) -> torch.Tensor:
    return x * 2


@broken.register_fake
def _(x):
    raise KeyError("rows")


def test_a_fake_that_fails():
    with pytest.raises(MissingRuleError, match="its fake raises KeyError: 'rows'"):
        analyze(lambda x: broken(x), (X,))


def test_libraries_of_old(library):
    shaped = analyze(lambda x: torch.ops.flopgraph_old.shaped(x, [2, 3]), (X,))
    assert (shaped.outputs.shape, shaped.graph.nodes()[1].status) == ((2, 3), "inferred")
    joint = analyze(lambda x: torch.ops.flopgraph_old.joint(x), (X,))
    assert joint.outputs.shape == (5, 7)


def test_a_stub_for_an_operator_that_only_a_gpu_has():
    """Triton's kernels are known to torch by their schema, which is all that a rule needs."""
    triton_op = getattr(torch.library, "triton_op", None)
    if triton_op is None:
        pytest.skip("torch has no triton_op")

    @triton_op("flopgraph_custom::kernel", mutates_args={})
    def kernel(x: torch.Tensor) -> torch.Tensor:
        raise AssertionError("an analysis runs no kernel")

    rules = RuleSet()

    @rules.op(torch.ops.flopgraph_custom.kernel)
    def rule(x):
        return x

    rule.cost(lambda out: Counts(func=out.numel))
    assert analyze(lambda x: torch.ops.flopgraph_custom.kernel(x), (X,), rules=rules).counts == Counts(func=35)
    assert analyze(lambda x: kernel(x), (X,), rules=rules).counts == Counts(func=35)
