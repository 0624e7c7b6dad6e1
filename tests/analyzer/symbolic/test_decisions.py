"""What a capture on open sizes decides, and what it leaves open: each form and count by pencil."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from analyzer import TensorSpec, analyze
from analyzer.errors import DataDependentError, ModelError, ShapeError
from analyzer.symbolic.domain import ConditionError


def of(function, *shape, dtype=torch.float32, **hints):
    return analyze(function, TensorSpec(shape, dtype), hints=hints or None)


def said(analysis):
    return [str(condition) for condition in analysis.conditions]


def shape(analysis):
    return str(analysis.outputs.shape)


# --- no decision where none is needed ---------------------------------------------------------------------------------


def test_a_size_of_one_stretches_to_an_open_one_whatever_that_is():
    analysis = of(lambda x: x + torch.ones(1, 7), "B", 7)
    assert (shape(analysis), said(analysis)) == ("(B, 7)", [])
    assert str(analysis.total("flops")) == "7·B"
    other_way = of(lambda x: torch.ones(1, 7) + x, "B", 7)
    assert (shape(other_way), said(other_way)) == ("(B, 7)", [])


def test_an_open_size_against_another_is_a_decision():
    analysis = analyze(lambda x, y: x + y, (TensorSpec(("B", 7)), TensorSpec(("C", 7))), hints={"B": 5, "C": 5})
    assert said(analysis) == ["B = C"]


def test_an_open_size_expands_to_itself():
    analysis = of(lambda x: x[:, None].expand(x.shape[0], 3, 7), "B", 7)
    assert (shape(analysis), said(analysis)) == ("(B, 3, 7)", [])


def test_two_halves_of_twice_a_size():
    analysis = of(lambda x: torch.cat([x, x]).chunk(2)[1], "B", 7)
    assert (shape(analysis), said(analysis)) == ("(B, 7)", [])


def test_einsum_over_one_open_size():
    analysis = of(lambda x: torch.einsum("bi,bj->bij", x, torch.ones(1, 5)), "B", 7)
    assert (shape(analysis), said(analysis)) == ("(B, 7, 5)", [])


@pytest.mark.parametrize(("length", "bits"), [(1, 0), (2, 1), (8, 3), (9, 4), (1 << 40, 40), ((1 << 40) + 1, 41)])
def test_sorting_counts_a_logarithm(length, bits):
    analysis = of(torch.sort, "B", "S")
    assert said(analysis) == []
    comparisons = analysis.counts.cmp
    assert str(comparisons) == "B·S·⌈log2(S)⌉"
    assert comparisons.at(B=3, S=length) == 3 * length * bits


def test_a_lookup_reads_as_many_rows_as_there_are_indices():
    analysis = of(nn.Embedding(11, 7), "B", "S", dtype=torch.int64)
    assert said(analysis) == []
    # 8 bytes an index, 28 a row, which is written once more.
    assert analysis.traffic.read.at(B=2, S=3) == 6 * 8 + 6 * 28
    assert analysis.traffic.written.at(B=2, S=300) == 600 * 28


# --- decisions --------------------------------------------------------------------------------------------------------


def long_or_short(x):
    return x @ x.mT if x.shape[0] > 5 else x


def test_environments_are_shared_and_conditions_are_not():
    """The second analysis knows the arithmetic of the first one, and none of its decisions."""
    for _ in range(2):
        decided = of(long_or_short, "S", 7, S=11)
        assert said(decided) == ["S ≥ 6"]
        assert decided.conditions[0].source.text.startswith("return x @ x.mT if")
        assert str(decided.total("macs")) == "7·S²"
        assert said(of(lambda x: x @ x.mT, "S", 7, S=11)) == []


def test_a_rule_that_is_not_asked_again_has_decided_again():
    def model(x):
        return x.reshape(-1, 3, 7)

    for _ in range(3):
        analysis = of(model, "S", 7, S=12)
        assert said(analysis) == ["S mod 3 = 0"]
        with pytest.raises(ConditionError, match="S mod 3 = 0"):
            analysis.outputs.shape[0].at(S=13)


def test_other_threads_have_environments_of_their_own():
    def analyzed(index):
        if index % 2:
            return said(of(long_or_short, "S", 7, S=11))
        return said(of(lambda x: x * 2, "S", 7, S=11))

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(analyzed, range(40)))
    assert found == [[], ["S ≥ 6"]] * 20


# --- one size ---------------------------------------------------------------------------------------------------------


def test_a_loop_over_a_size_pins_it():
    def model(x):
        total = x[:, 0]
        for step in range(1, x.shape[1]):
            total = total + x[:, step]
        return total

    analysis = of(model, "B", "S", S=13)
    assert said(analysis) == ["S = 13"]
    assert analysis.conditions[0].source.text == "for step in range(1, x.shape[1]):"
    assert str(analysis.total("flops")) == "12·B"  # nothing is left of S
    assert analysis.total("flops").at(B=3) == 36


def test_a_model_that_catches_exceptions_does_not_hide_it():
    def model(x):
        try:
            size = int(x.shape[0])
        except Exception:
            size = 1
        return x * size

    assert said(of(model, "S", 7, S=11)) == ["S = 11"]


def test_a_check_pins_it():
    def model(x):
        if x.shape[1] != 13:
            raise ValueError("13 wanted")
        return x @ x.mT

    analysis = of(model, "B", "S", S=13)
    assert said(analysis) == ["S = 13"]
    assert analysis.conditions[0].source.text == "if x.shape[1] != 13:"
    assert str(analysis.total("macs")) == "13·B²"


def test_every_name_may_be_pinned():
    analysis = of(lambda x: x * (int(x.shape[0]) + int(x.shape[1])), "B", "S", B=3, S=5)
    assert said(analysis) == ["B = 3", "S = 5"]
    assert analysis.total("flops") == 15


# --- tensors with open sizes ------------------------------------------------------------------------------------------


def test_a_comparison_with_an_open_size_is_a_tensor():
    """Not Python's answer that a tensor and a number are not the same."""
    analysis = of(lambda x: x.sum() == x.numel(), "B", 7)
    assert analysis.outputs == TensorSpec((), torch.bool)


def test_a_constant_that_takes_a_dtype_from_an_open_tensor_has_its_value():
    analysis = of(lambda x: x * 2 if x.new_ones(()).item() == 1 else x, "B", 7)
    assert str(analysis.total("flops")) == "7·B"


def test_mapped_functions():
    def model(x):
        rows, columns = torch.arange(x.shape[0]), torch.arange(x.shape[1])
        seen = torch.vmap(torch.vmap(lambda i, j: i.new_ones((), dtype=torch.bool) & (i >= j), (None, 0)), (0, None))
        return seen(rows, columns)

    analysis = of(model, "S", "T")
    assert (shape(analysis), analysis.outputs.dtype, said(analysis)) == ("(S, T)", torch.bool, [])


def test_what_torch_takes_apart_in_c_sees_the_open_sizes():
    script = torch.jit.script(lambda_of_script)
    analysis = of(script, "B", 7)
    assert shape(analysis) == "(B, 5)"
    assert str(analysis.total("macs")) == "35·B"


def lambda_of_script(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.linear(x, torch.ones(5, 7))


def test_the_graph_keeps_formulas_and_no_text():
    analysis = of(lambda x: x.reshape(x.shape[0] * 2, -1), "B", 14)
    (call,) = [node.call for node in analysis.graph if node.op == "reshape"]
    assert call[0][1].at(B=3) == 6
    assert pickle.loads(pickle.dumps(analysis)).outputs.shape[0].at(B=5) == 10


# --- time -------------------------------------------------------------------------------------------------------------


def test_plain_sizes_need_no_algebra():
    code = (
        "import sys, torch; from analyzer import analyze; analyze(torch.nn.Linear(7, 5).eval(), (3, 7)); "
        "print('sympy' in sys.modules, 'torch.fx.experimental.symbolic_shapes' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_second_analysis_works_nothing_out_again(monkeypatch):
    import sympy

    model = nn.Sequential(*(nn.Conv2d(3, 3, 3, stride=2) for _ in range(4))).eval()
    of(model, "B", 3, "H", "W")

    def refuse(*_):
        raise AssertionError("worked out again")

    monkeypatch.setattr(sympy, "expand", refuse)
    monkeypatch.setattr(sympy.Basic, "xreplace", refuse)
    assert of(model, "B", 3, "H", "W").outputs.shape[1] == 3


# --- errors -----------------------------------------------------------------------------------------------------------


def test_errors_name_the_sizes_as_the_user_does_and_say_which_decided():
    with pytest.raises(ShapeError) as raised:
        of(lambda x: x[:, ::2] @ torch.ones(5, 3), "B", "S", S=13)
    assert "(B, ⌈S/2⌉)" in str(raised.value)
    assert "sizes   B = 2, S = 13 decide; others by hints=" in str(raised.value)


def test_so_do_errors_of_the_model():
    def model(x):
        if x.shape[1] != 224:
            raise ValueError(f"224 wanted, not {x.shape[1]}")
        return x

    with pytest.raises(ModelError, match="224 wanted, not W"):
        of(model, "B", "W", W=225)


# --- constants of open sizes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "question",
    [
        lambda mask: mask.all(),
        lambda mask: mask.bool().all().item(),
        lambda mask: mask.sum() == mask.numel(),
        lambda mask: mask[:, :1].expand(-1, 5).sum() == 5 * mask.shape[0],
        lambda mask: (mask > 0).any(),
        lambda mask: int(mask.amin()) == 1,
    ],
)
def test_a_mask_of_ones_is_known_at_every_size(question):
    def model(x):
        return x * 2 if question(x.new_ones(x.shape)) else x * 2 * 3

    analysis = of(model, "B", "S")
    assert (str(analysis.by_op()["mul"]), said(analysis), analysis.diagnostics) == ("B·S", [], ())


def test_a_mask_that_was_written_on_is_not():
    def model(x):
        mask = torch.ones(x.shape)
        mask[:, 0] = x[:, 0]
        return x * 2 if mask.all() else x

    with pytest.raises(DataDependentError):
        of(model, "B", "S")


def test_whether_it_is_all_ones_may_hang_on_a_size():
    def model(x):
        return x * 2 if torch.ones(x.shape).sum() > 100 else x

    assert said(of(model, "S", 7, S=15)) == ["S ≥ 15"]  # 7 · 15 is 105, 7 · 14 is 98
