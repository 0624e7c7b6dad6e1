"""The summary, the foot, and why a node costs what it costs."""

from __future__ import annotations

from analyzer.bounds import AtMost
from analyzer.conventions import convention
from analyzer.counts import Counts
from analyzer.errors import Diagnostic
from analyzer.formula import Term
from analyzer.report import why
from analyzer.report.text import foot
from analyzer.rule import Rule
from analyzer.spec import TensorSpec


def test_the_summary_in_full(residual):
    # 2 mac - dot: stem 404 - 2, a 618 - 3, b 1070 - 5, add 109, head 1582 - 7
    assert (
        str(residual)
        == """\
Residual   2 float32 → 2 float32
  params   60   (240 B)
  MACs     1,837   (1.84 k)
  FLOPs    3,766   (3.77 k)
  memory   peak of 24 B live activations at block.b
  dearest  head                      1.58 k   41.8 %
           block.b                   1.06 k   28.3 %
           block.a                      615   16.3 %
           stem                         402   10.7 %
           block.(own operations)       109    2.9 %
  5 of 5 calls ruled, evaluation mode, torch 2.14.1"""
    )


def test_a_function_without_modules_tells_its_dearest_operations(sketch):
    s = sketch("f")
    s.modules.clear()
    s.input().node("mul", "mul", counts=Counts(mul=3)).node("add", "add", counts=Counts(add=5))
    text = str(s.done())
    assert (
        "  dearest  add         5   62.5 %\n           mul         3   37.5 %\n  2 of 2 calls ruled, torch 2.14.1"
        in text
    )


def test_totals_that_are_bounds_say_so(bounded, sketch):
    assert "FLOPs    ≈8" in str(bounded)
    assert foot(bounded, convention("all"))[:5] == [
        "0 params, ≥0 MACs, ≈8 all",
        "0 B of parameters, peak of 16 B live activations at near.nonzero",
        "2 of 3 calls ruled, 1 unknown, evaluation mode, torch 2.14.1",
        "≤ 1 call taken at the largest possible size: near.nonzero",
        "≥ 1 call not counted, for want of a rule: far.warp",
    ]
    upper = sketch().input().node("n", "nonzero", counts=Counts(add=AtMost(3)), status="bounded").done()
    lower = sketch().input().node("n", "warp", status="inferred").done()
    counted = sketch().input().node("n", "warp", counts=Counts(add=3), status="inferred").done()
    assert "FLOPs    ≤3\n" in str(upper)
    assert "FLOPs    ≥0\n" in str(lower)
    assert "FLOPs    3\n" in str(counted)
    assert "0 of 1 call ruled, 1 inferred" in str(counted)


def test_the_mode_is_that_of_the_modules(sketch):
    training = sketch().module("", training=True).module("a", training=True).input()
    mixed = sketch().module("a", training=True).input()
    assert "training mode" in foot(training.done(), convention("macs"))[2]
    assert "some modules in training mode" in foot(mixed.done(), convention("macs"))[2]


def test_frozen_shared_and_unused_parameters_are_told(shared, sketch):
    lines = foot(shared, convention("macs"))
    assert "1 shared parameter, counted once: head.weight = a.core.weight" in lines
    assert "2 parameters never used, 10 elements: b.extra, aux.weight" in lines
    frozen = sketch().module("a").parameter("a.w", 7).parameter("a.b", 3, trainable=False).input().done()
    assert "params   10   (40 B, 3 of them frozen)" in str(frozen)


def test_diagnostics_of_one_kind_are_one_line(sketch):
    s = sketch().input()
    s.diagnostics += [Diagnostic("inferred-shape", f"n{index}", "no rule") for index in range(3)]
    assert foot(s.done(), convention("macs"))[-1] == "inferred-shape: n0: no rule, and 2 more of the kind"


def rule(cost=None):
    def shape(input, weight):
        """y = x Wᵀ        x (*, K), W (N, K) -> y (*, N).

        Cost: per output one dot product of length K,
        and nothing else.
        Source: torch.nn.functional.linear
        """
        return input

    return Rule("linear", (), shape, cost)


def test_why_tells_rule_counts_and_formula(sketch):
    analysis = sketch().input().node("head", counts=Counts.dots(15, 7), target="torch.nn.Linear", shape=(3, 5)).done()
    counts = Counts.dots(Term(3) * Term(5), Term(7))
    assert (
        why(analysis.graph.node("head"), convention("flops"), counts, rule(cost=lambda out: Counts()))
        == """\
head   linear   2 → 3x5
  target   torch.nn.Linear
  at       model.py:7   x = self.f(x)
  rule     y = x Wᵀ        x (*, K), W (N, K) -> y (*, N).
           Cost: per output one dot product of length K, and nothing else.
  mac      3·5·7 = 105
  dot      3·5 = 15
  flops    (2·7 − 1)·3·5 = 195"""
    )


def test_why_works_without_a_rule_and_without_costs(bounded, residual):
    assert bounded.why("near.nonzero").splitlines()[-4:] == [
        "  status   bounded",
        "  note     at most 2",
        "  add      ≤3",
        "  flops    ≤3 add = ≤3",
    ]
    text = why(residual.graph.node("x"), convention("macs"), Counts(), Rule("input", (), lambda x: x))
    assert (
        "  rule     Cost: nothing is calculated.\n  counts   0\n  macs     0   (nothing that this convention counts)"
        in text
    )


def test_why_names_what_folding_does(sketch):
    node = (
        sketch().input().node("bn", "batch_norm", counts=Counts(mul=6, add=6), status="folded").done().graph.node("bn")
    )
    assert "folded into the convolution in front" in why(node, convention("flops"), node.counts, None)
    assert why(node, convention("all"), node.counts, None).endswith("6 add + 6 mul = 12")


def test_text_never_holds_what_a_terminal_obeys(sketch):
    s = (
        sketch("\x1b[2Jname")
        .module("a\nb")
        .input()
        .node("\x1b[31mred", counts=Counts(mac=3), shape=TensorSpec((2,)).shape)
    )
    analysis = s.done()
    texts = [str(analysis), analysis.why("\x1b[31mred"), *foot(analysis, convention("macs"))]
    assert not any("\x1b" in text for text in texts)
