"""Convolutions: shapes against torch itself, counts against a pencil and torch's own flop counter."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from analyzer.counts import Counts
from analyzer.errors import ShapeError
from analyzer.spec import TensorSpec
from rules import conv, conv_transpose

RULES = conv.RULES | conv_transpose.RULES


def spec(value):
    return TensorSpec.of(value) if isinstance(value, torch.Tensor) else value


def call(target, *args, **kwargs):
    rule = RULES[target]
    bound = rule.bind(tuple(spec(arg) for arg in args), {name: spec(arg) for name, arg in kwargs.items()})
    out = rule.call_shape(bound)
    return out, rule.call_cost(bound, out)


def call_module(module, *args, **kwargs):
    rule = RULES[type(module)]
    bound = {name: spec(value) for name, value in rule.bind_module(module, args, kwargs).items()}
    out = rule.call_shape(bound)
    return out, rule.call_cost(bound, out)


def t(*shape, dtype=torch.float32):
    return torch.zeros(shape, dtype=dtype)


CALLS = {
    "unbatched": (F.conv2d, t(3, 7, 11), t(5, 3, 3, 2)),
    "dilation": (F.conv2d, t(2, 3, 7, 11), t(5, 3, 3, 2), None, (2, 1), (1, 0), (1, 3)),
    "groups": (F.conv1d, t(2, 6, 13), t(9, 2, 5), t(9), 2, 3, 1, 3),
    "same": (F.conv1d, t(2, 3, 13), t(5, 3, 4), None, 1, "same", 3),
    "valid": (F.conv3d, t(2, 3, 5, 7, 11), t(5, 3, 2, 3, 5), None, [1], "valid"),
    "empty batch": (F.conv2d, t(0, 3, 7, 11), t(5, 3, 3, 2)),
    "no channels": (F.conv2d, t(2, 0, 7, 11), t(5, 0, 3, 2)),
    "whole numbers": (F.conv1d, t(2, 3, 13, dtype=torch.int64), t(5, 3, 4, dtype=torch.int64)),
    "complex": (F.conv1d, t(2, 3, 13, dtype=torch.complex64), t(5, 3, 4, dtype=torch.complex64)),
    "transposed": (F.conv_transpose2d, t(2, 3, 5, 7), t(3, 5, 3, 2), t(5), (2, 3), 1, (1, 2)),
    "transposed, groups": (F.conv_transpose1d, t(6, 5), t(6, 2, 3), None, 2, 0, 0, 3, 2),
    "transposed, volume": (F.conv_transpose3d, t(1, 2, 3, 2, 3), t(2, 3, 2, 3, 2), None, 2, 1, 1),
    "aten": (torch.convolution, t(2, 3, 7), t(5, 3, 2), None, [1], [1], [1], False, [0], 1),
    "aten, transposed": (torch.convolution, t(2, 3, 7), t(3, 5, 2), None, [3], [0], [1], True, [1], 1),
    "time first": (torch.conv_tbc, t(7, 2, 3), t(3, 3, 5), t(5), 2),
}


@pytest.mark.parametrize("name", CALLS)
def test_shape_is_torchs(name):
    function, *args = CALLS[name]
    out, _ = call(function, *args)
    real = function(*args)
    assert (out.shape, out.dtype) == (tuple(real.shape), real.dtype)


MODULES = {
    "reflect": (nn.Conv2d(3, 5, 3, padding=(2, 1), padding_mode="reflect"), (2, 3, 7, 11)),
    "circular": (nn.Conv1d(3, 5, 4, padding=13, padding_mode="circular"), (3, 13)),
    "replicate": (nn.Conv3d(2, 3, 2, padding=3, padding_mode="replicate"), (2, 2, 3, 2, 3)),
    "same, circular": (nn.Conv1d(3, 5, 4, padding="same", padding_mode="circular"), (2, 3, 13)),
    "no bias": (nn.Conv1d(3, 5, 4, bias=False), (2, 3, 13)),
    "transposed": (nn.ConvTranspose2d(3, 5, 3, stride=2, output_padding=1), (2, 3, 5, 7)),
}


@pytest.mark.parametrize("name", MODULES)
def test_module_is_torchs(name):
    module, shape = MODULES[name]
    assert call_module(module, TensorSpec(shape))[0].shape == tuple(module(t(*shape)).shape)


def test_output_size_of_transposed():
    module = nn.ConvTranspose2d(3, 5, 3, stride=(2, 3))
    out, cost = call_module(module, TensorSpec((2, 3, 5, 7)), output_size=(12, 23))
    assert out.shape == (2, 5, 12, 23)
    # One row and two columns more than the kernel reaches are bias alone.
    assert cost == Counts(mac=2 * 3 * 35 * 5 * 9, dot=2 * 5 * 12 * 21, add=2 * 5 * 12 * 23)
    assert call_module(module, TensorSpec((3, 5, 7)), [5, 11, 21])[0].shape == (5, 11, 21)
    with pytest.raises(ShapeError, match=r"output_size must lie between \(11, 21\) and \(12, 23\), got \(13, 23\)"):
        call_module(module, TensorSpec((3, 5, 7)), output_size=(13, 23))


def test_counts_by_pencil():
    _, cost = call(F.conv2d, t(2, 6, 13, 17), t(10, 3, 5, 3), t(10), 1, (2, 1), 1, 2)
    assert cost == Counts(mac=2 * 10 * 13 * 17 * 3 * 15, dot=2 * 10 * 13 * 17, add=2 * 10 * 13 * 17)
    _, cost = call(torch.conv_tbc, t(7, 2, 3), t(5, 3, 11), t(11))
    assert cost == Counts(mac=3 * 2 * 11 * 15, dot=66, add=66)
    # A kernel of 1 with a stride of 2 reaches every second output only.
    out, cost = call(F.conv_transpose1d, t(2, 3, 7), t(3, 5, 1), None, 2)
    assert out.shape == (2, 5, 13)
    assert cost == Counts(mac=2 * 3 * 7 * 5, dot=2 * 5 * 7)


@pytest.mark.parametrize("name", [name for name in CALLS if "time" not in name and "complex" not in name])
def test_products_are_torchs_flops(name):
    function, *args = CALLS[name]
    _, cost = call(function, *args)
    with FlopCounterMode(display=False) as counter:
        function(*[arg.to("meta") if isinstance(arg, torch.Tensor) else arg for arg in args])
    assert 2 * cost.mac == counter.get_total_flops()


WRONG = {
    "input has 4 channels, weight takes 3": (F.conv2d, t(2, 4, 5, 5), t(5, 3, 3, 3)),
    "input must have 3 or 4 dimensions, but its shape is (5, 5)": (F.conv2d, t(5, 5), t(5, 3, 3, 3)),
    "weight must have 4 dimensions, but its shape is (5, 3, 3)": (F.conv2d, t(2, 3, 5, 5), t(5, 3, 3)),
    "bias must have 5 elements in one dimension, but its shape is (3,)": (F.conv1d, t(2, 3, 5), t(5, 3, 3), t(3)),
    "weight must have a multiple of 2 (groups) filters, got 5": (F.conv1d, t(2, 6, 5), t(5, 3, 3), None, 1, 0, 1, 2),
    "groups must be above zero, got 0": (F.conv1d, t(2, 6, 5), t(5, 3, 3), None, 1, 0, 1, 0),
    "the kernel is larger than the padded input: 7 against 5": (F.conv1d, t(2, 3, 5), t(5, 3, 4), None, 1, 0, 2),
    "stride must be above zero, got (0,)": (F.conv1d, t(2, 3, 5), t(5, 3, 3), None, 0),
    "dilation must be above zero, got (-1,)": (F.conv1d, t(2, 3, 5), t(5, 3, 3), None, 1, 0, -1),
    "padding must not be negative, got (-1,)": (F.conv1d, t(2, 3, 5), t(5, 3, 3), None, 1, -1),
    "stride must be one number or 2, got (1, 1, 1)": (F.conv2d, t(2, 3, 5, 5), t(5, 3, 3, 3), None, (1, 1, 1)),
    "padding='same' takes a stride of 1, got (2,)": (F.conv1d, t(2, 3, 5), t(5, 3, 3), None, 2, "same"),
    "padding must be 'same', 'valid' or whole numbers, got 'full'": (F.conv1d, t(2, 3, 5), t(5, 3, 3), None, 1, "full"),
    "input is float32, weight is float64": (F.conv1d, t(2, 3, 5), t(5, 3, 3, dtype=torch.float64)),
    "output_padding must be below the stride or the dilation, got (2,)": (
        F.conv_transpose1d, t(2, 3, 5), t(3, 5, 3), None, 2, 0, 2,
    ),
    "the output would have no elements left: (-3,)": (F.conv_transpose1d, t(1, 3, 5), t(3, 5, 3), None, 1, 5),
}  # fmt: skip


@pytest.mark.parametrize("message", WRONG)
def test_what_torch_rejects(message):
    function, *args = WRONG[message]
    with pytest.raises((RuntimeError, ValueError)):
        function(*args)
    with pytest.raises(ShapeError) as error:
        call(function, *args)
    assert str(error.value) == message


@pytest.mark.parametrize(("mode", "most"), [("reflect", 4), ("circular", 5)])
def test_padding_reaches_past_the_input(mode, most):
    module = nn.Conv1d(3, 5, 3, padding=most + 1, padding_mode=mode)
    with pytest.raises(RuntimeError):
        module(t(2, 3, 5))
    with pytest.raises(
        ShapeError, match=f"pad must be at most {most} for mode '{mode}' and a size of 5, got {most + 1}"
    ):
        call_module(module, TensorSpec((2, 3, 5)))
