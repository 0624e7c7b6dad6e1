"""Normalization, interpolation, attention and recurrent layers with random attributes, right and wrong ones."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from hypothesis import assume, given, strategies as st
from torch import nn

SHAPES = st.lists(st.integers(1, 4), max_size=4).map(tuple)


def weight_like(shape):
    """None, a tensor of that shape, or seldom one that does not fit."""
    fit = st.sampled_from([None, torch.zeros(shape)])
    return st.integers(0, 15).flatmap(lambda die: st.just(torch.zeros(*shape, 2)) if die == 11 else fit)


@given(st.data())
def test_normalization_over_the_last_dimensions(agree, data):
    shape = data.draw(SHAPES)
    name = data.draw(st.sampled_from(["layer_norm", "rms_norm"]))
    over = data.draw(st.one_of(st.integers(0, len(shape)).map(lambda start: shape[start:]), SHAPES))
    weights = [data.draw(weight_like(over)) for _ in range(2 if name == "layer_norm" else 1)]
    norm = getattr(F, name)
    agree(f"{name}({over})", lambda x, *weights: norm(x, over, *weights), torch.zeros(shape), *weights)


@given(st.data())
def test_normalization_over_groups(agree, data):
    groups, channels = data.draw(st.integers(0, 4)), data.draw(st.integers(1, 6))
    shape = data.draw(st.one_of(
        st.lists(st.integers(1, 3), max_size=3).map(lambda sizes: [2, channels * groups, *sizes]),
        st.lists(st.integers(0, 6), max_size=5),
    ))  # fmt: skip
    channels = (shape[1],) if len(shape) > 1 else (2,)
    weight, bias = data.draw(weight_like(channels)), data.draw(weight_like(channels))
    agree(f"group_norm({groups})", lambda x, *args: F.group_norm(x, groups, *args), torch.zeros(shape), weight, bias)


@given(st.data())
def test_normalization_over_the_batch(agree, data):
    name, training = data.draw(st.sampled_from(["batch_norm", "instance_norm"])), data.draw(st.booleans())
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    channels = (shape[1],) if len(shape) > 1 else (2,)
    mean, var, weight, bias = [data.draw(weight_like(channels)) for _ in range(4)]
    flag = {"training" if name == "batch_norm" else "use_input_stats": training}
    norm = getattr(F, name)

    def call(x, *args):
        return norm(x, *args, **flag)

    agree(f"{name}({flag})", call, torch.zeros(shape), mean, var, weight, bias)


@given(st.data())
def test_normalization_layers(agree, data):
    name = data.draw(st.sampled_from(
        ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]
    ))  # fmt: skip
    affine, track, training = data.draw(st.booleans()), data.draw(st.booleans()), data.draw(st.booleans())
    layer = getattr(nn, name)(3, affine=affine, track_running_stats=track).train(training)
    some = st.lists(st.integers(1, 3), min_size=1, max_size=5)
    fitting = st.lists(st.integers(1, 3), min_size=int(name[-2]), max_size=int(name[-2])).map(
        lambda sizes: [2, 3, *sizes]
    )
    shape = data.draw(st.one_of(some, fitting, fitting))
    agree(f"{name}(3, {affine=}, {track=}, {training=})", layer, torch.zeros(shape))


MODES = ["nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area", "other"]


@given(st.data())
def test_interpolation(agree, data):
    dims = data.draw(st.integers(1, 3))
    fitting = {1: ["linear"], 2: ["bilinear", "bicubic"], 3: ["trilinear"]}[dims]
    mode = data.draw(st.one_of(st.sampled_from(fitting), st.sampled_from(["nearest", "area"]), st.sampled_from(MODES)))
    sizes = data.draw(st.lists(st.integers(1, 6), min_size=dims, max_size=dims))
    scale = st.sampled_from([0.5, 1.5, 2, 0.34, 3.0, 0.1])
    options = {"mode": mode}
    if data.draw(st.booleans()):
        options["size"] = data.draw(
            st.one_of(st.integers(1, 9), st.lists(st.integers(0, 9), min_size=dims, max_size=dims))
        )
    if "size" not in options or data.draw(st.integers(0, 9)) == 7:
        options["scale_factor"] = data.draw(st.one_of(scale, st.lists(scale, min_size=dims, max_size=dims)))
    corners = [True, False] if mode in fitting or data.draw(st.integers(0, 9)) == 7 else []
    options["align_corners"] = data.draw(st.sampled_from([None, *corners]))
    options["recompute_scale_factor"] = data.draw(st.sampled_from([None, None, None, True, False]))
    options["antialias"] = data.draw(st.integers(0, 4)) == 3
    agree(f"interpolate({options})", lambda x: F.interpolate(x, **options), torch.zeros(2, 3, *sizes))


@given(st.data())
def test_attention(agree, data):
    lead = data.draw(st.sampled_from([(), (2,), (2, 4), (2, 3, 4)]))
    length, source, width, value = (data.draw(st.integers(1, 4)) for _ in range(4))
    options = {
        "is_causal": data.draw(st.booleans()),
        "scale": data.draw(st.sampled_from([None, 0.5])),
        "enable_gqa": data.draw(st.integers(0, 3)) == 2,
    }
    kinds = st.sampled_from([torch.bool, torch.float32, torch.float32, torch.float16])
    masks = [None, None, (length, source), (1, source), (source,), (*lead[:-1], length, source), (length, source + 1)]
    shape = data.draw(st.sampled_from(masks))
    mask = None if shape is None else torch.zeros(shape, dtype=data.draw(kinds))
    few = (*lead[:-1], data.draw(st.sampled_from([lead[-1], 2, 1]))) if lead else ()
    key_width = width if data.draw(st.integers(0, 9)) != 7 else width + 1
    query, key = torch.zeros(*lead, length, width), torch.zeros(*few, source, key_width)
    agree(f"scaled_dot_product_attention({options})",
          lambda *args: F.scaled_dot_product_attention(*args, **options),
          query, key, torch.zeros(*few, source, value), mask)  # fmt: skip


@given(st.data())
def test_recurrent_layers(agree, data):
    kind = data.draw(st.sampled_from([nn.RNN, nn.LSTM, nn.GRU]))
    flags = ("bias", "batch_first", "bidirectional")
    options = {name: data.draw(st.booleans()) for name in flags} | {"num_layers": data.draw(st.integers(1, 3))}
    if kind is nn.LSTM:
        options["proj_size"] = data.draw(st.sampled_from([0, 0, 2]))
    if kind is nn.RNN:
        options["nonlinearity"] = data.draw(st.sampled_from(["tanh", "relu"]))
    try:
        layer = kind(3, 4, **options).eval()
    except ValueError:
        assume(False)
    shape = data.draw(st.sampled_from([(5, 2, 3), (5, 2, 3), (5, 3), (5, 3), (2, 5, 4), (0, 2, 3), (5, 0, 3), (3,)]))
    states = None
    if data.draw(st.booleans()):
        batch = data.draw(st.sampled_from([(2,), (5,), (), (3,)]))
        layers = options["num_layers"] * (2 if options["bidirectional"] else 1)
        hidden = torch.zeros(layers, *batch, options.get("proj_size") or 4)
        states = (hidden, torch.zeros(layers, *batch, 4)) if kind is nn.LSTM else hidden
    agree(f"{kind.__name__}(3, 4, {options})", layer, torch.zeros(shape), states)


@given(st.data())
def test_recurrent_cells(agree, data):
    kind = data.draw(st.sampled_from([nn.RNNCell, nn.LSTMCell, nn.GRUCell]))
    cell = kind(3, 4, bias=data.draw(st.booleans()))
    shape = data.draw(st.sampled_from([(2, 3), (3,), (2, 4), (0, 3), (1, 2, 3)]))
    states = None
    if data.draw(st.booleans()):
        hidden = torch.zeros(data.draw(st.sampled_from([(2, 4), (4,), (3, 4), (2, 3)])))
        states = (hidden, hidden) if kind is nn.LSTMCell else hidden
    agree(f"{kind.__name__}(3, 4)", cell, torch.zeros(shape), states)
