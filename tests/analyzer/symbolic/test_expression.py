"""Formulas: their arithmetic, their answers, and their life outside of an analysis."""

import json
import pickle
import random
import subprocess
import sys

import numpy
import pytest
import torch
from torch import nn

from analyzer import InputError, TensorSpec, analyze
from analyzer.symbolic.domain import ConditionError
from analyzer.symbolic.expression import Expression


def strided(hints=None):
    """49·11·3 products for each of ⌈H/2⌉·⌈W/2⌉ places, by hand."""
    conv = nn.Conv2d(3, 11, 7, stride=2, padding=3, bias=False)
    return analyze(conv, TensorSpec(("B", 3, "H", "W")), hints=hints).total("macs")


def product(*shape, **hints):
    """The product of the sizes: one comparison an element."""
    return analyze(lambda x: x.relu(), TensorSpec(shape), hints=hints).total("all")


def scores():
    """Attention's scores: 13·S² products for each of a batch."""
    return analyze(lambda q: q @ q.mT, TensorSpec(("B", "S", 13))).total("macs")


# --- text -------------------------------------------------------------------------------------------------------------


def test_text_has_ceilings_and_the_heaviest_term_first():
    macs = strided()
    assert str(macs) == repr(macs) == f"{macs:,}" == "1,617·B·⌈H/2⌉·⌈W/2⌉"
    assert str(7 + 5 * macs + product("B")) == "8,085·B·⌈H/2⌉·⌈W/2⌉ + B + 7"
    assert str(-macs) == "−1,617·B·⌈H/2⌉·⌈W/2⌉"


def test_order_of_terms_is_by_their_value_at_the_hints():
    assert str(product("B", "B", B=10) + product("B", B=10) * 11) == "11·B + B²"
    assert str(product("B", "B", B=12) + product("B", B=12) * 11) == "B² + 11·B"


def test_latex_and_sympy():
    import sympy

    macs = strided()
    b, h, w = (sympy.Symbol(name, integer=True, positive=True) for name in "BHW")
    assert macs.sympy() == 1617 * b * sympy.ceiling(h / 2) * sympy.ceiling(w / 2)
    assert macs.latex() == (r"1617 B \left\lceil \frac{H}{2} \right\rceil \left\lceil \frac{W}{2} \right\rceil")
    assert (product("B") // 3).sympy() == sympy.floor(b / 3)


# --- arithmetic -------------------------------------------------------------------------------------------------------


def test_arithmetic_is_that_of_the_numbers():
    source = random.Random(3)
    s, b = product("S"), product("B")
    for _ in range(40):
        number = source.randint(1, 30)
        sizes = {"S": source.randint(1, 90), "B": source.randint(1, 90)}
        made = ((s * b + number) // 7 - s % 5, number - b // 3, (s + b) * (s - number), number // s, -s % 11, s**3)
        S, B = sizes["S"], sizes["B"]
        plain = ((S * B + number) // 7 - S % 5, number - B // 3, (S + B) * (S - number), number // S, -S % 11, S**3)
        for one, other in zip(made, plain, strict=True):
            assert one.at(**sizes if {"S", "B"} <= {n.name for n in one.domain.names} else _only(one, sizes)) == other


def _only(formula, sizes):
    return {name.name: sizes[name.name] for name in formula.domain.names}


def test_what_has_no_name_left_is_a_plain_number():
    s = product("S")
    assert type(s - s + 7) is int
    assert type(s * 0) is int
    assert type(s // s) is int
    assert s // s == 1


def test_equality_is_of_formulas_and_order_of_values_at_the_hints():
    one, other = product("S", S=128), product("S", S=5)
    assert one == other
    assert hash(one) == hash(other)
    assert one > other
    assert one != 128
    assert int(one) == 128
    assert 3 * ((one + 8) // 4) == 3 * (one // 4) + 6
    assert hash(3 * ((one + 8) // 4)) == hash(3 * (one // 4) + 6)
    assert len({one, other, one * 2}) == 2


def test_formulas_of_two_analyses_share_their_names():
    total = product("B", "S", B=2, S=128) + product("B", "T", B=3, T=7)
    assert str(total) == "B·S + B·T"
    assert int(total) == 2 * 128 + 2 * 7
    assert total.at(B=5, S=11, T=13) == 5 * 11 + 5 * 13


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_arrays_broadcast():
    macs = strided()
    b, h = numpy.array([[1], [2], [3]]), numpy.array([31, 64], dtype=numpy.uint8)
    found = macs.at(B=b, H=h, W=5)
    assert found.shape == (3, 2)
    assert found.dtype == numpy.int64
    assert found.tolist() == [[n * 1617 * m * 3 for m in (16, 32)] for n in (1, 2, 3)]


def test_no_number_overflows_silently():
    macs = scores()
    assert macs.at(B=10**9, S=10**9) == 13 * 10**27
    found = macs.at(B=10**9, S=numpy.array([10**9, 3]))
    assert found.dtype == object
    assert found.tolist() == [13 * 10**27, 13 * 9 * 10**9]
    large = numpy.array([2**63 + 1], dtype=numpy.uint64)
    assert product("S").at(S=large).tolist() == [2**63 + 1]
    assert macs.at(B=1, S=numpy.array([], dtype=int)).tolist() == []
    # 13·S² fits, and 13·S² − 13·S² would too: what is in between decides.
    assert macs.at(B=1, S=numpy.array([8 * 10**8])).dtype == numpy.int64


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"B": 2}, "say the size of S too"),
        ({"B": 2, "S": 3, "T": 5}, "no dimension is called 'T'"),
        ({"B": 2.5, "S": 3}, "B is a whole number"),
        ({"B": True, "S": 3}, "B is a whole number"),
        ({"B": "2", "S": 3}, "B is a whole number"),
        ({"B": numpy.array([2.0]), "S": 3}, "B is a whole number"),
        ({"B": 2, "S": 0}, "S is at least 1, not 0"),
        ({"B": numpy.array([3, -1]), "S": 1}, "B is at least 1, not -1"),
    ],
)
def test_wrong_sizes_are_one_sentence(sizes, said):
    with pytest.raises(InputError, match=said):
        scores().at(**sizes)


def test_a_condition_that_does_not_hold_is_named_with_its_line():
    def model(x):
        return x @ x.mT if x.shape[1] > 40 else x

    macs = analyze(model, TensorSpec(("B", "S", 13))).total("macs")
    assert macs.at(B=2, S=41) == 2 * 41 * 41 * 13
    with pytest.raises(ConditionError, match="S ≥ 41") as caught:
        macs.at(B=2, S=40)
    assert "if x.shape[1] > 40" in str(caught.value)
    with pytest.raises(ConditionError, match="S ≥ 41"):
        macs.at(B=2, S=numpy.arange(38, 50))


# --- answers ----------------------------------------------------------------------------------------------------------


def test_assuming_a_multiple_gives_a_polynomial():
    macs = strided()
    even = macs.assuming("H % 4 == 0", "W % 2 == 0")
    assert str(even * 4) == "1,617·B·H·W"
    assert even.at(B=3, H=8, W=10) == macs.at(B=3, H=8, W=10) == 1617 * 3 * 4 * 5
    with pytest.raises(ConditionError, match="H mod 4 = 0"):
        even.at(B=3, H=10, W=10)


def test_assuming_another_remainder_or_a_size():
    macs = strided()
    odd = macs.assuming("H % 2 == 1")
    assert odd.at(B=3, H=7, W=10) == macs.at(B=3, H=7, W=10)
    assert "⌈H" not in str(odd)
    assert int(odd) == odd.at(**odd.domain.hints)
    assert odd.domain.hints["H"] == 225  # the next size from 224 on that it holds for
    assert str(macs.assuming("B == 3", "H == 9")) == "24,255·⌈W/2⌉"
    assert macs.assuming("B == 3").domain.pinned == {"B": 3}
    assert str(macs.assuming("H == W")) == "1,617·B·⌈H/2⌉²"
    assert macs.assuming("B == 1", "H == 1", "W == 1") == 1617


def test_assumptions_that_are_none():
    macs = strided()
    for text, said in (
        ("H % 32 = 0", "is no formula"),
        ("Q % 32 == 0", "no dimension is called 'Q'"),
        ("H", "is no condition"),
        ("__import__('os').getcwd() == 1", "is no formula"),
        ("H < 1", "holds for no sizes"),
        ("H + W == 3", "does not hold for sizes near"),
    ):
        with pytest.raises(InputError, match=said):
            macs.assuming(text)


def test_growth_and_derivative():
    macs = scores()
    assert macs.growth("S") == "∝ S²"
    assert macs.growth("B") == "∝ B"
    assert str(macs.diff("S")) == "26·B·S"
    assert strided().growth("H") == "∝ H"
    assert (scores().assuming("B == 2") + product("B")).growth("B") == "∝ B"
    assert strided().diff("H").at(B=2, H=64, W=6) == 1617 * 2 * 3 / 2
    assert strided().diff("H").at(B=1, H=64, W=2) == 808.5
    with pytest.raises(InputError, match="no dimension is called 'T'"):
        macs.growth("T")


def test_growth_of_a_number_that_does_not_depend_on_the_name():
    batch = analyze(lambda x, y: x.relu(), (TensorSpec(("B",)), TensorSpec(("S",)))).total("all")
    assert batch.growth("S") == "constant"
    assert batch.diff("S") == 0


# --- elsewhere --------------------------------------------------------------------------------------------------------


def _branching():
    def model(x):
        y = torch.nn.functional.conv2d(x, torch.zeros(5, 3, 3, 3), stride=2)
        return y.relu() if x.shape[2] >= 37 else y

    return analyze(model, TensorSpec(("B", 3, "H", "W"))).total("all")


def test_a_python_function_needs_nothing_and_checks_the_conditions():
    total = _branching()
    room: dict = {}
    exec(total.to_python("cost"), room)
    for b, h, w in ((1, 37, 3), (3, 40, 51), (2, 99, 98)):
        assert room["cost"](b, h, w) == total.at(B=b, H=h, W=w)
    with pytest.raises(ValueError, match="H ≥ 37"):
        room["cost"](1, 36, 9)
    assert "import" not in total.to_python()
    with pytest.raises(InputError, match="identifier"):
        total.to_python("a b")


def test_pickles_and_json_are_the_same_formula():
    total = _branching()
    for made in (pickle.loads(pickle.dumps(total)), Expression.from_json(total.to_json())):
        assert made == total
        assert hash(made) == hash(total)
        assert int(made) == int(total)
        assert str(made) == str(total)
        assert made.domain.names == total.domain.names
        assert made.domain.conditions == total.domain.conditions
        assert made.at(B=3, H=51, W=53) == total.at(B=3, H=51, W=53)
        with pytest.raises(ConditionError, match="H ≥ 37"):
            made.at(B=3, H=36, W=53)


def test_json_is_read_without_torch_and_sympy():
    code = (
        "import sys; from analyzer.symbolic.expression import Expression\n"
        "made = Expression.from_json(sys.stdin.read()); print(made.at(B=3, H=51, W=53), int(made))\n"
        "assert not {'torch', 'sympy'} & set(sys.modules), 'imported'"
    )
    total = _branching()
    out = subprocess.run(
        [sys.executable, "-c", code], input=total.to_json(), capture_output=True, text=True, check=True
    )
    assert out.stdout.split() == [str(total.at(B=3, H=51, W=53)), str(int(total))]


def test_json_that_is_none_of_ours_is_one_sentence():
    good = json.loads(_branching().to_json())
    for change in (
        {"format": "other"},
        {"python": "__import__('os').system('true')"},
        {"python": "B.__class__"},
        {"python": "Q + 1"},
        {"names": 3},
        {"conditions": [{"text": "x", "python": "open('f')", "source": None}]},
    ):
        with pytest.raises(InputError):
            Expression.from_json(json.dumps(good | change))
    for text in ("", "[]", "{"):
        with pytest.raises(InputError):
            Expression.from_json(text)


def test_a_concrete_analysis_imports_no_sympy():
    code = (
        "import sys; from torch import nn; from analyzer import analyze\n"
        "analysis = analyze(nn.Linear(3, 5), (2, 3)); str(analysis); analysis.memory; analysis.total('macs')\n"
        "assert 'sympy' not in sys.modules, 'imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "model",
    [
        lambda x: nn.functional.interpolate(x, scale_factor=0.7, mode="bilinear"),
        lambda x: nn.functional.interpolate(x, scale_factor=1 / 3, mode="bilinear"),
        lambda x: nn.functional.max_pool2d(x, 3, 2, ceil_mode=True),
        lambda x: nn.functional.unfold(x, 3, stride=2).relu(),
        lambda x: nn.functional.pad(x, (0, -x.shape[-1] % 7)).relu(),
        lambda x: x[..., : round(x.shape[-1] * 0.5) + 1].relu(),
        lambda x: x[..., : -(-x.shape[-1] // 3)].relu(),
        lambda x: x.chunk(3, -1)[0].relu(),
        lambda x: x[..., 1::2].relu() + x.shape[-1] % 5,
        lambda x: x.flatten(1).relu(),
    ],
)
def test_sizes_that_are_rounded_are_exact_wherever_the_conditions_hold(model):
    total = analyze(model, TensorSpec(("B", 3, "H", "W"))).total("all")
    source = random.Random(11)
    tried = 0
    for _ in range(60):
        sizes = {"B": source.randint(1, 5), "H": source.randint(1, 300), "W": source.randint(1, 300)}
        if all(condition.holds(sizes) for condition in total.domain.conditions):
            tried += 1
            shape = (sizes["B"], 3, sizes["H"], sizes["W"])
            assert total.at(**sizes) == analyze(model, TensorSpec(shape)).total("all"), sizes
    assert tried >= 20
