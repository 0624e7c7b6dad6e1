"""New tensors: sizes, dtypes and devices as asked for, lengths of ranges exact, random ones marked as such."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from analyzer.errors import DataDependentError, ShapeError
from analyzer.spec import TensorSpec
from rules import RULES

X, I64, HALF = TensorSpec((3, 5)), TensorSpec((3, 5), torch.int64), TensorSpec((3, 5), torch.float16)
Tensor = torch.Tensor


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        (
            "zeros",
            [
                partial(torch.zeros, 2, 3),
                partial(torch.zeros, (2, 3), dtype=torch.int8),
                partial(torch.zeros, size=(2,)),
            ],
        ),
        ("ones_like", [partial(torch.ones_like, I64), partial(torch.ones_like, X, dtype=torch.bool)]),
        ("new_empty", [partial(Tensor.new_empty, HALF, (2, 3)), partial(Tensor.new_empty, X, 7, dtype=torch.int32)]),
        ("full", [partial(torch.full, (2,), value) for value in (1, 1.5, True, 2j)]),
        ("full", [partial(torch.full, (2,), 1, dtype=torch.float16), partial(torch.full, (), TensorSpec(()))]),
        ("full_like", [partial(torch.full_like, I64, 1.5)]),
        ("new_full", [partial(Tensor.new_full, X, (2,), 3)]),
        (
            "tensor",
            [partial(torch.tensor, data) for data in (3, [1, 2.0], [True, 2], [], [[]], [[1, 2], [3, 4j]], range(3))],
        ),
        (
            "tensor",
            [partial(torch.tensor, [TensorSpec((), torch.float16), 2]), partial(torch.as_tensor, X, dtype=torch.int64)],
        ),
        ("tensor", [partial(Tensor.new_tensor, I64, [1.5]), partial(Tensor.new, HALF, 2, 3)]),
        ("scalar_tensor", [partial(torch.scalar_tensor, 3), partial(torch.scalar_tensor, 3, dtype=torch.int64)]),
        ("linspace", [partial(torch.linspace, 0, 1, 5), partial(torch.linspace, 0, 2j, steps=5)]),
        ("eye", [partial(torch.eye, 3), partial(torch.eye, 3, 5, dtype=torch.bool)]),
        ("complex", [partial(torch.complex, HALF, HALF), partial(torch.complex, X, TensorSpec((5,)))]),
    ],
)
def test_creation_costs_nothing(name, calls, agree):
    agree(RULES, name, calls)


@pytest.mark.parametrize(
    "arguments",
    [
        (7,), (3.0,), (2, 7), (5, 2, -1), (0, 7, 3), (0, 1, 0.1), (2, 5, 0.3), (0, 0), (-3, 4, 2), (0.5, 5.5),
        (1, 5.000001, 2), (7, 0, -2.5), (True,),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [None, torch.int64, torch.int32, torch.float16])
def test_ranges_are_exactly_as_long_as_torchs(arguments, dtype, agree):
    agree(RULES, "arange", [partial(torch.arange, *arguments, dtype=dtype)])


@pytest.mark.parametrize("row", [0, 3, 7])
@pytest.mark.parametrize("col", [0, 4, 7])
@pytest.mark.parametrize("offset", [-8, -3, -1, 0, 1, 2, 5, 9])
def test_triangles_of_indices(row, col, offset, agree):
    agree(RULES, "tril_indices", [partial(torch.tril_indices, row, col, offset)])
    agree(RULES, "triu_indices", [partial(torch.triu_indices, row, col, offset=offset, dtype=torch.int32)])


def test_windows_and_polar_are_functions(agree):
    agree(RULES, "hann_window", [partial(torch.hann_window, 7), partial(torch.hann_window, 7, False)], func=7)
    agree(RULES, "kaiser_window", [partial(torch.kaiser_window, 7, True, 12.0, dtype=torch.float64)], func=7)
    agree(RULES, "polar", [partial(torch.polar, X, X)], func=15)
    agree(RULES, "logspace", [partial(torch.logspace, 0, 1, 7, base=2)], func=7)


def test_devices_are_respected():
    bound = RULES[torch.zeros].bind((2, 3), {"device": "meta"})
    assert RULES[torch.zeros].call_shape(bound) == TensorSpec((2, 3), device="meta")
    bound = RULES["new_zeros"].bind((TensorSpec((2,), device="meta"), 3), {})
    assert RULES["new_zeros"].call_shape(bound).device == torch.device("meta")
    bound = RULES[torch.zeros_like].bind((X,), {"device": torch.device("meta")})
    assert RULES[torch.zeros_like].call_shape(bound).device == torch.device("meta")


def test_the_default_dtype_is_torchs():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        assert RULES[torch.ones].call_shape(RULES[torch.ones].bind((2,), {})).dtype is torch.float64
        assert RULES[torch.full].call_shape(RULES[torch.full].bind(((2,), 1j), {})).dtype is torch.complex128
    finally:
        torch.set_default_dtype(before)


@pytest.mark.parametrize(
    ("name", "calls", "elements"),
    [
        ("rand", [partial(torch.rand, 3, 5), partial(torch.rand, (3, 5), dtype=torch.float16)], 15),
        ("randn_like", [partial(torch.randn_like, HALF), partial(torch.randn_like, I64, dtype=torch.float64)], 15),
        (
            "randint",
            [partial(torch.randint, 7, (3, 5)), partial(torch.randint, 1, 7, size=(3, 5), dtype=torch.float32)],
            15,
        ),
        ("randint", [partial(torch.randint, high=7, size=(15,))], 15),
        ("randint_like", [partial(torch.randint_like, X, 7), partial(torch.randint_like, I64, 1, 7)], 15),
        ("randperm", [partial(torch.randperm, 15)], 15),
        ("bernoulli", [partial(torch.bernoulli, X), partial(Tensor.bernoulli_, I64, 0.5)], 15),
        (
            "normal",
            [partial(torch.normal, 0.0, 1.0, (3, 5)), partial(torch.normal, X, X), partial(torch.normal, 0.0, X)],
            15,
        ),
        ("normal", [partial(Tensor.normal_, HALF), partial(Tensor.normal_, X, 1, 2)], 15),
        ("uniform", [partial(Tensor.uniform_, X, -1, 1)], 15),
    ],
)
def test_random_numbers_are_one_function_each_and_never_known(name, calls, elements, agree):
    agree(RULES, name, calls, func=elements)
    assert all(RULES[call.func].random for call in calls)


def test_multinomial_gives_places():
    rule = RULES[torch.multinomial]
    assert rule.call_shape(rule.bind((X, 2), {})) == TensorSpec((3, 2), torch.int64)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(torch.zeros, -1), "0 or more"),
        (partial(torch.zeros, 2.5), "whole numbers"),
        (partial(torch.arange, 1, 5, -1), "lead from start to end"),
        (partial(torch.arange, 1, 5, 0), "not be 0"),
        (partial(torch.tensor, [[1], [2, 3]]), "as long in every row"),
        (partial(torch.tensor, "abc"), "'abc'"),
        (partial(torch.tensor, [X]), "one element"),
        (partial(torch.linspace, 0, 1, -1), "steps"),
        (partial(torch.complex, X, HALF), "floats of one kind"),
        (partial(torch.hann_window, 5, dtype=torch.int64), "floating point"),
        (partial(torch.randint, 5, 5, (2,)), "less than high"),
        (partial(torch.rand, 2, dtype=torch.int64), "floating point"),
        (partial(torch.multinomial, X, 7), "must be up to 5, a row's weights, got 7"),
        (partial(torch.normal, 0.0, -1.0, (2,)), "std must be 0 or more"),
    ],
)
def test_what_torch_refuses_is_refused(call, words, rejects):
    rejects(RULES, call, words)


def test_a_range_up_to_a_number_in_a_tensor_is_data():
    with pytest.raises(DataDependentError, match="end is a number in a tensor"):
        RULES[torch.arange].call_shape(RULES[torch.arange].bind((TensorSpec((), torch.int64),), {}))


def test_parameters_of_a_distribution_are_checked():
    with pytest.raises(ShapeError, match="std must be 0 or more"):
        RULES["normal_"].call_shape(RULES["normal_"].bind((X, 0, -1), {}))


@pytest.mark.parametrize(("name", "sizes"), [("fftfreq", (0, 1, 7)), ("rfftfreq", (0, 1, 7, 8))])
def test_frequencies(agree, rejects, name, sizes):
    function = getattr(torch.fft, name)
    for n in sizes:
        numbers = n // 2 + 1 if name == "rfftfreq" else n
        agree(RULES, name, [partial(function, n), partial(function, n, 2.0, dtype=torch.float64)], mul=numbers)
    rejects(RULES, partial(function, -7), "0 or more")
    rejects(RULES, partial(function, 7, dtype=torch.int64), "floating point or complex")
