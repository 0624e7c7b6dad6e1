"""Branches on data that only check: they pass, with a remark; any other branch is the caller's to answer.

PYTEST_DONT_REWRITE: the asserts of these models are to be the ones that are written here.
"""

from __future__ import annotations

import logging
import warnings

import pytest
import torch
from torch import nn

from analyzer import DataDependentError, ModelError, TensorSpec, analyze

logger = logging.getLogger(__name__)
LAYER = nn.Linear(7, 5).eval()


def asserts(x):
    assert (x == x).all(), "no NaN"
    return LAYER(x)


def asserts_several(x):
    assert x.ndim == 2 and not torch.isnan(x).any() and bool(torch.allclose(x, x))  # noqa: PT018
    return LAYER(x)


def raises(x):
    if torch.isnan(x).any() or not torch.isfinite(x).all().item():
        message = "not finite"
        raise ValueError(message)
    return LAYER(x)


def raises_else(x):
    if x.min() >= 0:
        y = LAYER(x)
    else:
        raise ValueError("negative")
    return y


def raises_first(x):
    if x.shape[0] != 3:
        raise ValueError("not three")
    elif (x < 0).any():  # noqa: RET506
        raise ValueError("negative")
    else:
        return LAYER(x)


def warns(x):
    if (x > 1).any():
        warnings.warn("large", stacklevel=2)
        logger.warning("large")
    return LAYER(x)


def clamps(x):
    if torch.isnan(x).any() and x.dtype == torch.float32:
        x = torch.zeros_like(x)
    while not torch.all(torch.isfinite(x)):
        x = x / 2
    return x if x.isinf().any().item() else LAYER(x)


@pytest.mark.parametrize("model", [asserts, asserts_several, raises, raises_else, raises_first, warns, clamps])
def test_a_check_passes_with_a_remark(model):
    analysis = analyze(model, (TensorSpec((3, 7)),))
    assert analysis.total("macs") == 3 * 7 * 5
    assert "check" in {item.code for item in analysis.diagnostics}
    assert any("test_checks.py" in item.message for item in analysis.diagnostics)


def returns(x):
    if (x > 1).any():
        return x
    return LAYER(x)


def changes(x):
    if (x > 1).any():
        logger.warning("large")
        x = x / 2
    return LAYER(x)


def raises_in_the_end(x):
    if (x > 1).any():
        return LAYER(x)
    raise ValueError("small")


@pytest.mark.parametrize("model", [returns, changes, raises_in_the_end])
def test_any_other_branch_is_asked_for(model):
    with pytest.raises(DataDependentError, match="branches on the value"):
        analyze(model, (TensorSpec((3, 7)),))


def test_a_check_of_constants_is_made():
    def model(x):
        assert (torch.arange(3) > 0).all(), "a zero"
        return x

    with pytest.raises(ModelError, match="a zero"):
        analyze(model, (TensorSpec((3, 7)),))


def test_the_caller_has_the_last_word():
    with pytest.raises(ModelError, match="negative"):
        analyze(raises_else, (TensorSpec((3, 7)),), assume={"test_checks.py:raises_else": False})


def same(x, y):
    return LAYER(x) if torch.equal(x, y) else x


def test_a_tensor_equals_itself_and_none_of_another_shape():
    x = TensorSpec((3, 7))
    assert analyze(lambda x: same(x, x), (x,)).total("macs") == 3 * 7 * 5
    assert analyze(same, (x, TensorSpec((4, 7)))).total("macs") == 0
    with pytest.raises(DataDependentError, match="branches on the value"):
        analyze(same, (x, TensorSpec((3, 7))))
    with pytest.raises(DataDependentError, match="branches on the value"):
        analyze(lambda x: same(x.clone(), x.add_(1)), (x,))


def test_an_error_that_the_model_wraps_is_told_as_it_is():
    def model(x):
        try:
            return x if x.sum() > 0 else -x
        except Exception as error:
            raise RuntimeError("block 3 failed") from error

    with pytest.raises(DataDependentError, match="branches on the value"):
        analyze(model, (TensorSpec((3, 7)),))


def test_libraries_see_a_tensor_of_torch():
    seen = []
    analyze(lambda x: seen.append(type(x).__module__) or x, (TensorSpec((3, 7)),))
    assert seen == ["torch"]


def asserts_a_number(x, lengths):
    assert lengths.max().item() <= x.shape[0]
    return LAYER(x)


def raises_on_a_number(x, lengths):
    if int(lengths.max()) > x.shape[0] + 1:
        message = "too long"
        raise ValueError(message)
    return LAYER(x)


def compares_with_a_call(x, lengths):
    assert lengths.max().item() <= len(x)
    return LAYER(x)


@pytest.mark.parametrize("function", [asserts_a_number, raises_on_a_number])
def test_a_number_that_is_checked_is_within_its_limits(function):
    analysis = analyze(function, (TensorSpec((3, 7)), TensorSpec((3,), torch.int64)))
    assert analysis.total("macs") == 3 * 7 * 5
    assert any("is taken to be" in item.message for item in analysis.diagnostics)


def test_a_limit_that_is_a_call_is_not_worked_out():
    with pytest.raises(DataDependentError, match="asks for the values"):
        analyze(compares_with_a_call, (TensorSpec((3, 7)), TensorSpec((3,), torch.int64)))


def CHECK(condition, message):
    """A library's own assert."""
    if not condition:
        raise ValueError(message)


def calls_a_check(x, lengths):
    CHECK(torch.all(x >= -1).item() and torch.all(x <= 1).item(), "between -1 and 1")
    CHECK(bool((lengths > 0).all()), "no empty one")
    return LAYER(x)


def test_the_condition_that_a_check_is_called_with_holds():
    analysis = analyze(calls_a_check, (TensorSpec((3, 7)), TensorSpec((3,), torch.int64)))
    assert analysis.total("macs") == 3 * 7 * 5
    assert [item.code for item in analysis.diagnostics] == ["check", "check"]
