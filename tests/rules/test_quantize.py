"""Quantization: shapes and dtypes against torch on real numbers, counts against a pencil."""

import warnings

import pytest
import torch
from torch import nn
from torch.ao import quantization as ao
from torch.ao.nn import quantized as nnq
from torch.ao.nn.intrinsic import quantized as nniq
from torch.ao.nn.quantized import dynamic as nnqd

from analyzer import DataDependentError, MissingRuleError, ShapeError, analyze
from analyzer.counts import Counts

from .conftest import metadata

pytestmark = pytest.mark.filterwarnings("ignore")

X = torch.randn(2, 3, 5, 7)
N = 210
ROWS = torch.randn(5, 7)
SCALES, ZEROS = torch.full((3,), 0.1), torch.zeros(3, dtype=torch.int32)
ONE, OFF = torch.ones(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64)


def quantized(x):
    return torch.quantize_per_tensor(x, 0.1, 3, torch.quint8)


def agrees(call, args):
    answer = analyze(call, args)
    assert metadata(answer.outputs) == metadata(call(*args))
    assert {node.status for node in answer.graph.nodes()} <= {"ruled", "folded"}
    return answer


def moving(x, on, low, high, scale, zero):
    return torch.fused_moving_avg_obs_fake_quant(x, on, on, low, high, scale, zero, 0.01, 0, 255, -1)


THERE = Counts(div=N, func=N, add=N, cmp=2 * N)
BOTH = THERE + Counts(add=N, mul=N)
FUNCTIONS = {
    "per tensor": (quantized, (X,), THERE),
    "scale in a tensor": (
        lambda x, s, z: torch.quantize_per_tensor(x, s, z, torch.qint32), (X, SCALES[:1], ZEROS[:1]), THERE,
    ),
    "per channel": (lambda x, s, z: torch.quantize_per_channel(x, s, z, 1, torch.qint8), (X, SCALES, ZEROS), THERE),
    "dynamic": (
        lambda x: torch.quantize_per_tensor_dynamic(x, torch.qint8, False), (X,),
        THERE + Counts(cmp=2 * (N - 1), add=2, div=2, func=1),
    ),
    "half": (lambda x: torch.quantize_per_tensor_dynamic(x, torch.float16, False), (X,), Counts()),
    "and back": (lambda x: quantized(x).dequantize(), (X,), BOTH),
    "back from nowhere": (lambda x: x.half().dequantize(), (X,), Counts()),
    "whole numbers": (lambda x: quantized(x).int_repr(), (X,), THERE),
    "fake": (lambda x: torch.fake_quantize_per_tensor_affine(x, 0.1, 0, 0, 255), (X,), BOTH),
    "fake, scale in a tensor": (
        lambda x, s, z: torch.fake_quantize_per_tensor_affine(x, s, z, 0, 255), (X, SCALES[:1], ZEROS[:1]), BOTH,
    ),
    "fake per channel": (
        lambda x, s, z: torch.fake_quantize_per_channel_affine(x, s, z, 1, 0, 255), (X, SCALES, ZEROS), BOTH,
    ),
    # 105 pairs of extremes are 209 comparisons each; both averages 2 add, 1 mul; scale and zero point 2 add, 2 div
    "moving average": (
        moving, (X, ONE, torch.zeros(1), torch.ones(1), torch.ones(1), ZEROS[:1]),
        BOTH + Counts(cmp=2 * 209, add=6, mul=2, div=2, func=1),
    ),
    "eight bits": (
        lambda x, w, s: torch._weight_int8pack_mm(x, w, s),
        (torch.zeros(3, 64).bfloat16(), torch.zeros(32, 64, dtype=torch.int8), torch.zeros(32).bfloat16()),
        Counts(mac=3 * 64 * 32, dot=3 * 32, mul=3 * 32),
    ),
    "four bits": (
        lambda x, w, s: torch._weight_int4pack_mm_for_cpu(x, torch._convert_weight_to_int4pack_for_cpu(w, 2), 32, s),
        (torch.zeros(3, 64).bfloat16(), torch.zeros(32, 64, dtype=torch.int32), torch.zeros(2, 32, 2).bfloat16()),
        Counts(mac=3 * 64 * 32, dot=3 * 32, mul=64 * 32, add=64 * 32),
    ),
    "bounds with the least loss": (
        lambda x: torch.choose_qparams_optimized(x, 7, 200, 0.16, 8), (torch.randn(7),),
        Counts(cmp=12 + 64 * 14, div=64 * 7, func=64 * 7, add=64 * 7 * 4, mul=64 * 7 * 2),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "args", "counts"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_functions(call, args, counts):
    assert agrees(call, args).counts == counts


def test_a_switch_that_stands_off_costs_nothing():
    model = ao.FusedMovingAvgObsFakeQuantize()
    model.disable_observer()
    assert analyze(model, (X,)).counts == BOTH
    model.disable_fake_quant()
    assert analyze(model, (X,)).counts == Counts()


# Kernels of quantized tensors that bear the name of a float operation.
ON_QUANTIZED = {
    "mean": lambda q: q.mean((2, 3)), "adaptive": lambda q: nn.functional.adaptive_avg_pool2d(q, 1),
    "average": lambda q: nn.functional.avg_pool2d(q, 2), "largest": lambda q: nn.functional.max_pool2d(q, 2),
    "enlarged": lambda q: nn.functional.interpolate(q, scale_factor=2), "relu": nn.functional.relu, "tanh": torch.tanh,
    "sigmoid": torch.sigmoid, "leaky": nn.functional.leaky_relu, "hardsigmoid": nn.functional.hardsigmoid,
    "hardtanh": nn.functional.hardtanh, "joined": lambda q: torch.cat([q, q], 1), "flat": lambda q: q.flatten(1),
    "largest of windows": lambda q: torch.quantized_max_pool2d(q, 2, 2, 0, 1), "line": lambda q:
    torch.quantized_max_pool1d(q[0], 2, 2, 0, 1), "places": lambda q: q.permute(0, 2, 3, 1), "padded": lambda q:
    nn.functional.pad(q, (1, 1, 1, 1)),
    "sum": lambda q: torch.ops.quantized.add(q, q, 0.1, 0), "sum, relu": lambda q:
    torch.ops.quantized.add_relu(q, q, 0.1, 0), "product": lambda q: torch.ops.quantized.mul(q, q, 0.1, 0),
    "and a number": lambda q: torch.ops.quantized.add_scalar(q, 2.0), "times a number": lambda q:
    torch.ops.quantized.mul_scalar(q, 2.0), "side by side": lambda q: torch.ops.quantized.cat([q, q], 1, 0.1, 0),
    "hardswish": lambda q: torch.ops.quantized.hardswish(q, 0.1, 0), "elu": lambda q:
    torch.ops.quantized.elu(q, 0.1, 0), "group": lambda q:
    torch.ops.quantized.group_norm(q, 3, None, None, 1e-5, 0.1, 0), "instance": lambda q:
    torch.ops.quantized.instance_norm(q, None, None, 1e-5, 0.1, 0), "layer": lambda q:
    torch.ops.quantized.layer_norm(q, [7], None, None, 1e-5, 0.1, 0), "softmax": lambda q:
    torch.ops.quantized.softmax(q, -1, 0.1, 0), "matmul": lambda q: torch.ops.quantized.matmul(q, q.mT, 0.1, 0),
}  # fmt: skip


@pytest.mark.parametrize("call", ON_QUANTIZED.values(), ids=ON_QUANTIZED)
def test_quantized_tensors(call):
    agrees(lambda x: call(quantized(x)), (X,))


def test_a_sum_of_quantized_tensors():
    node = analyze(lambda x: torch.ops.quantized.add_relu(quantized(x), quantized(x), 0.1, 0), (X,)).graph.nodes()[-2]
    assert (node.op, node.counts) == (
        "quantized_add_relu",
        Counts(add=N + 2 * N + N, mul=2 * N, div=N, func=N, cmp=3 * N),
    )


# Modules ----------------------------------------------------------------------------------------------------------


class Net(nn.Module):
    """Convolution, norm and activation, then a linear layer."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.relu = nn.Conv2d(3, 11, 3), nn.BatchNorm2d(11), nn.ReLU()
        self.head = nn.Linear(11, 13)
        self.start, self.end = ao.QuantStub(), ao.DeQuantStub()

    def forward(self, x):
        x = self.relu(self.norm(self.conv(self.start(x)))).mean((2, 3))
        return self.end(self.head(x))


MACS = 2 * 11 * 3 * 5 * 3 * 9 + 2 * 13 * 11


def converted():
    model = Net().eval()
    model.qconfig = ao.get_default_qconfig("fbgemm")
    observed = ao.prepare(ao.fuse_modules(model, [["conv", "norm", "relu"]]))
    observed(X)
    return observed, ao.convert(observed)


def test_static_quantization():
    observed, model = converted()
    watching = agrees(observed, (X,))
    assert watching.total("macs") == MACS
    answer = agrees(model, (X,))
    assert answer.total("macs") == MACS
    conv, linear = (node for node in answer.graph.nodes() if node.op in ("quantized_conv2d_relu", "quantized_linear"))
    outputs, products = 2 * 11 * 3 * 5, 2 * 11 * 3 * 5 * 27
    assert conv.counts == Counts(mac=products, dot=outputs, add=2 * outputs, mul=outputs, func=outputs, cmp=3 * outputs)
    assert linear.counts == Counts(mac=286, dot=26, add=52, mul=26, func=26, cmp=52)
    # Weights are a byte each, biases four.
    assert conv.traffic.weights == 11 * 27 + 4 * 11
    assert linear.traffic.weights == 13 * 11 + 4 * 13


def test_training_for_quantization():
    model = Net().train()
    model.qconfig = ao.get_default_qat_qconfig("fbgemm")
    rehearsed = ao.prepare_qat(ao.fuse_modules_qat(model, [["conv", "norm", "relu"]]))
    rehearsed(X)
    for mode in (True, False):
        answer = agrees(rehearsed.train(mode), (X,))
        assert answer.total("macs") == MACS


OBSERVERS = {
    ao.MinMaxObserver: Counts(cmp=2 * N),
    ao.MovingAverageMinMaxObserver: Counts(cmp=2 * (N - 1), add=4, mul=2),
    ao.PerChannelMinMaxObserver: Counts(cmp=2 * N),
    ao.MovingAveragePerChannelMinMaxObserver: Counts(cmp=2 * (N - 2), add=8, mul=4),
    ao.HistogramObserver: Counts(cmp=2 * (N - 1), add=2 * N + 2048, div=N),
}


@pytest.mark.parametrize(("observer", "counts"), OBSERVERS.items())
def test_observers(observer, counts):
    assert agrees(observer(), (X,)).counts == counts


@pytest.mark.parametrize("channels", [1, 3])
def test_fake_quantize(channels):
    if channels == 1:
        model = ao.FakeQuantize(ao.MovingAverageMinMaxObserver)
    else:
        observer = ao.MovingAveragePerChannelMinMaxObserver
        model = ao.FakeQuantize(observer, ch_axis=1, dtype=torch.qint8, quant_min=-128, quant_max=127)
    answer = agrees(model, (X,))
    assert answer.counts == BOTH + Counts(cmp=2 * (N - channels)) + Counts(add=6, mul=2, div=2, func=1) * channels


def test_dynamic_quantization_of_linear_layers():
    float_model = nn.Sequential(nn.Linear(7, 11), nn.ReLU(), nn.Linear(11, 13, bias=False))
    answer = agrees(ao.quantize_dynamic(float_model, {nn.Linear}), (ROWS,))
    assert answer.total("macs") == 5 * 7 * 11 + 5 * 11 * 13
    first = answer.graph.nodes()[1]
    # 35 numbers of x: their extremes, scale and zero point, then each quantized; 55 outputs scaled, and their bias
    quantization = Counts(cmp=2 * 34, add=2, div=2, func=1) + Counts(div=35, func=35, add=35, cmp=70)
    assert first.counts == Counts(mac=385, dot=55, add=55, mul=55) + quantization
    half = agrees(ao.quantize_dynamic(float_model, {nn.Linear}, dtype=torch.float16), (ROWS,))
    assert half.graph.nodes()[1].counts == Counts(mac=385, dot=55, add=55)
    assert half.graph.nodes()[1].traffic.weights == 2 * 77 + 4 * 11


class One(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, *args):
        return self.layer(*args)


RECURRENT = {
    "lstm": (nn.LSTM(7, 11, 2), torch.randn(3, 2, 7), 3 * 2 * 4 * 11 * (7 + 11 + 11 + 11)),
    "gru both ways": (nn.GRU(7, 11, bidirectional=True), torch.randn(3, 2, 7), 3 * 2 * 2 * 3 * 11 * (7 + 11)),
    "lstm batch first": (nn.LSTM(7, 11, batch_first=True), torch.randn(2, 3, 7), 6 * 4 * 11 * 18),
    "lstm cell": (nn.LSTMCell(7, 11), ROWS, 5 * 4 * 11 * 18),
    "gru cell": (nn.GRUCell(7, 11), ROWS, 5 * 3 * 11 * 18),
    "rnn cell": (nn.RNNCell(7, 11), ROWS, 5 * 11 * 18),
}


@pytest.mark.parametrize(("layer", "x", "macs"), RECURRENT.values(), ids=RECURRENT)
def test_dynamic_quantization_of_recurrent_layers(layer, x, macs):
    model = ao.quantize_dynamic(One(layer), {type(layer)})
    assert "dynamic" in type(model.layer).__module__
    assert agrees(model, (x,)).total("macs") == macs


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("transposed", [False, True])
def test_convolutions(dims, transposed):
    name = f"Conv{'Transpose' if transposed else ''}{dims}d"
    x = torch.randn(2, 4, *(5, 7, 6)[:dims])
    layer = getattr(nn, name)(4, 6, 3, stride=2, padding=1, groups=2)
    static = getattr(nnq, name)(4, 6, 3, stride=2, padding=1, groups=2)
    want = analyze(layer, (x,))
    got = analyze(lambda x: static(quantized(x)), (x,))
    assert (got.outputs.shape, got.outputs.dtype) == (want.outputs.shape, torch.quint8)
    assert got.total("macs") == want.total("macs")
    if not (transposed and dims == 3):
        assert got.outputs.shape == static(quantized(x)).shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dynamic = getattr(nnqd, name)(4, 6, 3, stride=2, padding=1, groups=2)
    assert analyze(dynamic, (x,)).outputs == want.outputs
    assert analyze(dynamic, (x,)).total("macs") == want.total("macs")


def test_operators_on_packed_weights():
    linear, conv, line = nnq.Linear(7, 11), nnq.Conv2d(3, 11, 3, stride=2), nnq.Conv1d(5, 11, 3)
    packed = linear._packed_params._packed_params

    def run(x, rows):
        return (
            torch.ops.quantized.linear(quantized(rows), packed, 0.1, 0),
            torch.ops.quantized.linear_dynamic(rows, packed),
            torch.ops.quantized.conv2d(quantized(x), conv._packed_params, 0.1, 0),
            torch.ops.quantized.conv1d(quantized(x[0]), line._packed_params, 0.1, 0),
        )

    half = ao.quantize_dynamic(nn.Sequential(nn.Linear(7, 11)), {nn.Linear}, dtype=torch.float16)[0]
    sixteen = half._packed_params._packed_params
    node = agrees(lambda x: torch.ops.quantized.linear_dynamic_fp16(x, sixteen), (ROWS,)).graph.nodes()[1]
    assert (node.counts, node.traffic.weights) == (Counts(mac=385, dot=55, add=55), 2 * 77 + 4 * 11)

    answer = agrees(run, (X, ROWS))
    assert answer.total("macs") == 2 * 385 + 2 * 11 * 2 * 3 * 27 + 3 * 11 * 5 * 15


def test_tables():
    words, starts = torch.tensor([1, 2, 0, 4, 4]), torch.tensor([0, 3, 5])
    table = agrees(nnq.Embedding(10, 16), (words,))
    assert table.counts == Counts(add=80, mul=80)
    bags = agrees(nnq.EmbeddingBag(10, 16, mode="sum", include_last_offset=True), (words, starts))
    assert bags.counts == Counts(add=80 + 3 * 16, mul=80)


def test_functional_modules():
    class Sums(nn.Module):
        def __init__(self):
            super().__init__()
            self.ops, self.quantized = nnq.FloatFunctional(), nnq.QFunctional()

        def forward(self, x):
            q = quantized(self.ops.add_relu(self.ops.mul(x, x), x))
            return self.quantized.cat([self.quantized.mul(q, q), self.quantized.add(q, q)], 1)

    agrees(Sums(), (X,))
    one, seven = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(7))
    layers = [
        nnq.ReLU6(), nnq.BatchNorm2d(3).eval(), nniq.BNReLU2d(3).eval(), nnq.Hardswish(0.1, 0), nnq.LeakyReLU(0.1, 0),
        nnq.ELU(0.1, 0), nnq.Sigmoid(0.1, 0), nnq.LayerNorm([7], seven, seven, 0.1, 0), nnq.Softmax(1, 0.1, 0),
        nnq.GroupNorm(3, 3, one, one, 0.1, 0), nnq.PReLU(0.1, 0), nnq.InstanceNorm2d(3, one, one, 0.1, 0),
    ]  # fmt: skip
    for layer in layers:
        agrees(lambda x, layer=layer: layer(quantized(x)), (X,))


# What no spec can answer -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["q_scale", "q_zero_point"])
def test_scales_are_data(name):
    with pytest.raises(DataDependentError, match=name):
        analyze(lambda x: x * getattr(quantized(x), name)(), (X,))


def test_weights_packed_in_forward():
    weight = torch.quantize_per_tensor(torch.randn(11, 7), 0.1, 0, torch.qint8)
    with pytest.raises(MissingRuleError, match="packs quantized weights in forward"):
        analyze(lambda x: nnq.functional.linear(quantized(x), weight, None, 0.1, 0), (ROWS,))


LAYERS = [nnq.Conv2d(3, 5, 3), nnq.Conv2d(5, 5, 3), nnq.Linear(5, 5), nnqd.Linear(5, 5)]
REJECTED = {
    "a layer of floats": (lambda x: LAYERS[0](x), "must be quantized, got float32"),
    "channels": (lambda x: LAYERS[1](quantized(x)), "3 channels, weight takes 5"),
    "features": (lambda x: LAYERS[2](quantized(x)), "7 features, weight takes 5"),
    "dynamic features": (lambda x: LAYERS[3](x), "7 features, weight takes 5"),
    "quantized twice": (lambda x: quantized(quantized(x)), "must be float32, got quint8"),
    "to floats": (lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.float32), "quantized one"),
    "scales": (lambda x: torch.quantize_per_channel(x, SCALES, ZEROS, 2, torch.qint8), "each of 5 channels"),
    "fake scales": (lambda x: torch.fake_quantize_per_channel_affine(x, SCALES, ZEROS, 2, 0, 9), "each of 5 channels"),
    "bounds": (lambda x: torch.fake_quantize_per_tensor_affine(x, 0.1, 0, 9, 0), "quant_max or less, got 9 and 0"),
    "whole numbers of floats": (lambda x: x.int_repr(), "must be quantized"),
    "unlike sizes": (lambda x: torch.ops.quantized.add(quantized(x), quantized(x[:, :2]), 0.1, 0), "do not broadcast"),
}


@pytest.mark.parametrize(("call", "words"), REJECTED.values(), ids=REJECTED)
def test_rejected(call, words):
    with pytest.raises((RuntimeError, NotImplementedError, AssertionError)):
        call(X)
    with pytest.raises(ShapeError, match=words):
        analyze(call, (X,))


# Beneath the modules: converted graphs, scripts, hooks --------------------------------------------------------------


def test_a_converted_graph():
    from torch.ao.quantization import quantize_fx

    prepared = quantize_fx.prepare_fx(Net().eval(), ao.get_default_qconfig_mapping("fbgemm"), (X,))
    assert agrees(prepared, (X,)).total("macs") == MACS
    prepared(X)
    model = quantize_fx.convert_fx(prepared)
    for _ in range(2):  # packed weights are never remembered
        assert agrees(model, (X,)).total("macs") == MACS


SEQUENCE, STATE = torch.randn(3, 2, 7), torch.zeros(1, 2, 11)


def test_recurrent_layers_as_operators():
    layer = ao.quantize_dynamic(One(nn.LSTM(7, 11)), {nn.LSTM}).layer
    want = analyze(layer, (SEQUENCE,)).counts

    def call(x, h):
        cells = [weight.param for weight in layer._all_weight_values]
        rest = (True, 1, 0.0, False, False, False)
        return torch.quantized_lstm(x, [h, h], cells, *rest, dtype=torch.qint8, use_dynamic=True)

    for _ in range(2):
        assert agrees(call, (SEQUENCE, STATE)).counts == want
    layer.register_forward_hook(lambda *given: None)
    assert agrees(layer, (SEQUENCE,)).counts == want
    half = ao.quantize_dynamic(nn.Sequential(nn.GRU(7, 11)), {nn.GRU}, dtype=torch.float16)
    direct = analyze(half, (SEQUENCE,)).counts
    half[0].register_forward_hook(lambda *given: None)
    assert agrees(half, (SEQUENCE,)).counts == direct == analyze(nn.GRU(7, 11), (SEQUENCE,)).counts


def test_cells_as_operators():
    cell = ao.quantize_dynamic(One(nn.LSTMCell(7, 11)), {nn.LSTMCell}).layer
    packed = cell._packed_weight_ih, cell._packed_weight_hh
    rows, state = torch.randn(5, 7), torch.zeros(5, 11)
    call = torch.ops.quantized.quantized_lstm_cell_dynamic
    answer = agrees(lambda x, h: call(x, (h, h), *packed, cell.bias_ih, cell.bias_hh), (rows, state))
    assert answer.counts == analyze(cell, (rows,)).counts


def test_a_script():
    model = ao.quantize_dynamic(nn.Sequential(nn.Linear(7, 3), nn.LSTM(3, 5)), {nn.Linear, nn.LSTM})
    assert agrees(torch.jit.script(model), (SEQUENCE,)).counts == analyze(model, (SEQUENCE,)).counts


def test_products_of_old():
    weight, bias = torch.randn(11, 7), torch.randn(11)
    whole, offsets, scale, zero = torch.fbgemm_linear_quantize_weight(weight)
    packed = torch.fbgemm_pack_quantized_matrix(whole)
    half = torch.fbgemm_pack_gemm_matrix_fp16(weight)
    eight = agrees(
        lambda x: torch.fbgemm_linear_int8_weight(x, whole, packed, offsets, scale, zero, bias), (ROWS,)
    ).counts
    assert eight == analyze(ao.quantize_dynamic(nn.Sequential(nn.Linear(7, 11)), {nn.Linear}), (ROWS,)).counts
    sixteen = agrees(lambda x: torch.fbgemm_linear_fp16_weight(x, half, bias), (ROWS,)).counts
    assert sixteen == Counts(mac=385, dot=55, add=55)
