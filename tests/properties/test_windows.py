"""Convolutions and pooling with random attributes, right and wrong ones."""

from __future__ import annotations

import contextlib

import torch
import torch.nn.functional as F
from hypothesis import assume, given, strategies as st
from torch import nn

DIMS = st.integers(1, 3)
CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def full(dims, values):
    """One number for all dimensions, or one each."""
    return st.one_of(values, st.tuples(*[values] * dims))


def mostly(usual, rare):
    """The usual values, and seldom the rare ones."""
    return st.integers(0, 15).flatmap(lambda die: rare if die == 11 else usual)


def each(dims, values):
    """The same, and seldom as many numbers as do not fit."""
    return mostly(full(dims, values), st.one_of(st.tuples(values), st.tuples(*[values] * (dims + 1))))


@st.composite
def images(draw, dims, channels=None, least=1):
    lead = draw(mostly(st.sampled_from([(2,), ()]), st.sampled_from([(0,), (2, 2)])))
    channels = draw(st.integers(1, 4)) if channels is None else channels
    return torch.zeros(*lead, channels, *draw(st.tuples(*[mostly(st.integers(4, 7), st.integers(least, 3))] * dims)))


@st.composite
def convolutions(draw, transposed):
    dims, groups = draw(DIMS), draw(mostly(st.integers(1, 3), st.just(0)))
    per_group, out = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    channels = draw(mostly(st.just(per_group * groups), st.integers(0, 5)))
    kernel = draw(st.tuples(*[mostly(st.integers(1, 3), st.just(0))] * dims))
    lead = (channels, out) if transposed else (out * groups, per_group)
    options = {
        "stride": draw(each(dims, mostly(st.integers(1, 3), st.integers(-1, 0)))),
        "padding": draw(each(dims, mostly(st.integers(0, 2), st.just(-1)))),
        "dilation": draw(each(dims, mostly(st.integers(1, 2), st.just(-1 if transposed else 0)))),
        "groups": groups,
    }
    if transposed:
        options["output_padding"] = draw(mostly(st.just(0), each(dims, st.integers(-1, 2))))
    elif draw(st.integers(0, 3)) == 2:
        options["padding"] = draw(mostly(st.sampled_from(["same", "valid"]), st.just("other")))
        options["stride"] = draw(mostly(st.just(1), st.just(2)))
    outputs = out * groups
    bias = draw(mostly(st.sampled_from([None, torch.zeros(outputs)]), st.just(torch.zeros(outputs + 1))))
    input = draw(images(dims, channels))
    return dims, input, torch.zeros(*lead, *kernel), bias, options


@given(convolutions(transposed=False))
def test_convolution(agree, drawn):
    dims, input, weight, bias, options = drawn
    agree(f"conv{dims}d({options})", lambda *args: CONV[dims](*args, **options), input, weight, bias)


@given(convolutions(transposed=True))
def test_transposed_convolution(agree, drawn):
    dims, input, weight, bias, options = drawn
    with contextlib.suppress(RuntimeError, IndexError):
        out = TRANSPOSED[dims](input, weight, bias, **options)
        assume(0 not in out.shape[-dims:] or 0 in out.shape[:-dims])  # nothing left: see the corners
    agree(f"conv_transpose{dims}d({options})", lambda *args: TRANSPOSED[dims](*args, **options), input, weight, bias)


@given(st.data())
def test_convolution_layers_with_padding_modes(agree, data):
    dims = data.draw(DIMS)
    input = data.draw(images(dims, 2))
    options = {
        "kernel_size": data.draw(full(dims, st.integers(1, 4))),
        "stride": data.draw(full(dims, st.integers(1, 2))),
        "padding": data.draw(st.one_of(full(dims, st.integers(0, 6)), st.sampled_from(["same", "valid"]))),
        "dilation": data.draw(full(dims, st.integers(1, 2))),
        "padding_mode": data.draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"])),
    }
    layer = build(getattr(nn, f"Conv{dims}d"), 2, 4, **options)
    agree(f"Conv{dims}d({options})", layer, input)


@given(st.data())
def test_transposed_layers_to_a_size(agree, data):
    dims = data.draw(DIMS)
    input = data.draw(images(dims, 2))
    options = {
        "kernel_size": data.draw(st.integers(1, 3)),
        "stride": data.draw(st.integers(1, 3)),
        "padding": data.draw(st.integers(0, 1)),
        "dilation": data.draw(st.integers(1, 2)),
    }
    layer = build(getattr(nn, f"ConvTranspose{dims}d"), 2, 4, **options)
    least = [
        (size - 1) * options["stride"] - 2 * options["padding"] + options["dilation"] * (options["kernel_size"] - 1) + 1
        for size in input.shape[-dims:]
    ]
    size = [max(1, number + data.draw(mostly(st.integers(0, 2), st.integers(-1, 3)))) for number in least]
    agree(f"ConvTranspose{dims}d({options}) to {size}", lambda x: layer(x, output_size=size), input)


def build(make, *args, **options):
    """The layer, where torch makes one."""
    try:
        return make(*args, **options).eval()
    except (ValueError, RuntimeError, TypeError):
        assume(False)


@st.composite
def pools(draw, dims):
    size = each(dims, mostly(st.integers(1, 4), st.just(0)))
    return {
        "kernel_size": draw(size),
        "stride": draw(st.one_of(st.none(), size)),
        "padding": draw(each(dims, mostly(st.integers(0, 1), st.integers(-1, 2)))),
        "ceil_mode": draw(st.booleans()),
    }


@given(st.data())
def test_max_pooling(agree, data):
    dims = data.draw(DIMS)
    options = data.draw(pools(dims)) | {
        "dilation": data.draw(each(dims, mostly(st.integers(1, 2), st.just(0)))),
        "return_indices": data.draw(st.booleans()),
    }
    pool = getattr(F, f"max_pool{dims}d")
    agree(f"max_pool{dims}d({options})", lambda x: pool(x, **options), data.draw(images(dims)))


@given(st.data())
def test_average_pooling(agree, data):
    dims = data.draw(DIMS)
    options = data.draw(pools(dims)) | {"count_include_pad": data.draw(st.booleans())}
    if dims > 1:
        options["divisor_override"] = data.draw(st.sampled_from([None, None, 3, 3, 3, 0]))
    pool = getattr(F, f"avg_pool{dims}d")
    agree(f"avg_pool{dims}d({options})", lambda x: pool(x, **options), data.draw(images(dims)))


@given(st.data())
def test_power_pooling(agree, data):
    dims = data.draw(DIMS)
    options = data.draw(pools(dims))
    del options["padding"]
    if dims == 1:  # torch multiplies by it
        options["kernel_size"] = data.draw(st.integers(0, 4))
    options["norm_type"] = data.draw(st.sampled_from([1, 2.0]))
    pool = getattr(F, f"lp_pool{dims}d")
    agree(f"lp_pool{dims}d({options})", lambda x: pool(x, **options), data.draw(images(dims)))


@given(st.data())
def test_adaptive_pooling(agree, data):
    dims, kind = data.draw(DIMS), data.draw(st.sampled_from(["avg", "max"]))
    sizes = mostly(st.integers(1, 7), st.integers(-1, 0))
    size = data.draw(st.one_of(each(dims, sizes), st.tuples(*[st.one_of(st.none(), sizes)] * dims)))
    indices = {"return_indices": True} if kind == "max" and data.draw(st.booleans()) else {}
    pool = getattr(F, f"adaptive_{kind}_pool{dims}d")
    agree(f"adaptive_{kind}_pool{dims}d({size}, {indices})", lambda x: pool(x, size, **indices),
          data.draw(images(dims)))  # fmt: skip
