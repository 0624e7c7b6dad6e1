"""thop (pytorch-OpCounter): products of the layers that it knows by class, and what norms and pooling take."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from analyzer.conventions import Convention
from analyzer.graph import Graph
from analyzer.node import ModuleInfo, Node
from analyzer.tools.thop_formulas import (
    RIGHT,
    adapted,
    convolved,
    elements,
    normalization,
    recurrent,
    resized,
    softmaxed,
)
from analyzer.tools.tool import Formula, Reading, Tool

__all__ = ["HOOKS", "THOP", "copies", "counted", "hook_of", "own_params"]

_SOURCE = "thop 0.1.1.post2209072238: profile.py, rnn_hooks.py, vision/basic_hooks.py"

_CLASSES = {
    "zero_ops": "ZeroPad2d ReLU ReLU6 MaxPool1d MaxPool2d MaxPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d "
    "AdaptiveMaxPool3d Dropout Sequential PixelShuffle",
    "count_convNd": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    "count_normalization": "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm LayerNorm InstanceNorm1d InstanceNorm2d "
    "InstanceNorm3d",
    "count_prelu": "PReLU",
    "count_relu": "LeakyReLU",
    "count_softmax": "Softmax",
    "count_avgpool": "AvgPool1d AvgPool2d AvgPool3d",
    "count_adap_avgpool": "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d",
    "count_linear": "Linear",
    "count_upsample": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
    "count_rnn_cell": "RNNCell",
    "count_gru_cell": "GRUCell",
    "count_lstm_cell": "LSTMCell",
    "count_rnn": "RNN",
    "count_gru": "GRU",
    "count_lstm": "LSTM",
}
# Class of torch.nn -> thop's name for how it is counted. A class of one's own that derives from it is another class.
HOOKS: Mapping[str, str] = {f"torch.nn.{name}": hook for hook, names in _CLASSES.items() for name in names.split()}


def _convolution(node: Node) -> int:
    given = node.arguments
    return convolved(given["input"].shape, node.outputs[0].shape, given["weight"].shape, given["groups"])


def _layer(node: Node) -> int:
    """A recurrent layer, where a packed batch is as long as its longest sequence, and a projection is not known of."""
    given, kind = node.arguments, node.op
    weight, directions = given["params"][0].shape, 2 if given["bidirectional"] else 1
    hidden = weight[0] // {"rnn": 1, "gru": 3, "lstm": 4}[kind]
    step = recurrent(kind, weight[1], hidden, given["has_biases"], given["num_layers"], directions)
    if isinstance(given["input"], tuple):
        steps: int = given["input"][1].shape[0] * node.outputs[-1].shape[1]
    else:
        steps = math.prod(given["input"].shape[:2])
    return step * steps


def _cell(node: Node) -> int:
    given = node.arguments
    weights = given["weight_ih"].shape[1], given["weight_hh"].shape[1]
    step = recurrent(node.op.removesuffix("_cell"), *weights, given["bias_ih"] is not None)
    batch: int = given["input"].shape[0]
    return step * batch


_COUNTS: Mapping[str, Formula] = {
    **dict.fromkeys("conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d".split(), _convolution),
    "linear": lambda node: node.counts.mac,
    **dict.fromkeys("batch_norm instance_norm layer_norm".split(), normalization),
    "prelu": elements,
    "softmax": softmaxed,
    **dict.fromkeys("avg_pool1d avg_pool2d avg_pool3d".split(), elements),
    **dict.fromkeys(
        "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d".split(),
        lambda node: adapted(node.arguments["input"].shape, node.outputs[0].shape),
    ),
    "interpolate": lambda node: resized(node.arguments["mode"], node.outputs[0].numel),
    **dict.fromkeys("rnn gru lstm".split(), _layer),
    **dict.fromkeys("rnn_cell gru_cell lstm_cell".split(), _cell),
}


def hook_of(info: ModuleInfo) -> str:
    """The name of how thop counts a module of that very class; empty where it does not."""
    return HOOKS.get(info.classes[0], "") if info.classes else ""


def counted(graph: Graph, custom: Collection[str] = ()) -> list[int]:
    """What thop counts for every node, once; nothing in modules at ``custom`` paths, which others count."""
    seen = {path for path, info in graph.modules.items() if hook_of(info) and path not in custom}
    return [_COUNTS[node.op](node) if node.op in _COUNTS and node.module in seen else 0 for node in graph]


def copies(graph: Graph) -> dict[str, int]:
    """How often thop comes upon each module: once for each way down to it, which are several where modules are shared.

    Every time it hooks the module once more, and adds its count up once more.
    """
    known = {"": 1}

    def ways(path: str) -> int:
        if path not in known:
            known[path] = 0  # a module that holds itself comes to an end
            names = (path, *graph.modules[path].aliases)
            known[path] = sum(map(ways, dict.fromkeys(name.rpartition(".")[0] for name in names)))
        return known[path]

    return {path: ways(path) for path in graph.modules}


def own_params(graph: Graph) -> dict[str, int]:
    """Elements of each module's own parameters; what two modules share counts in both."""
    own = dict.fromkeys(graph.modules, 0)
    for parameter in graph.parameters.values():
        holders = {name.rpartition(".")[0] for name in (parameter.name, *parameter.aliases)}
        for path in () if parameter.buffer else holders & own.keys():
            own[path] += parameter.spec.numel
    return own


def _params(graph: Graph, times: Mapping[str, int]) -> int:
    """Only of layers that it counts and that were called, and not of the model itself where that is such a layer."""
    own = own_params(graph)
    counts = [own[path] * times[path] for path, info in graph.modules.items() if path and info.calls and hook_of(info)]
    return sum(counts)


def _read(graph: Graph) -> Reading:
    counts, times = counted(graph), copies(graph)
    again = sum(count * (times[node.module] ** 2 - 1) for count, node in zip(counts, graph, strict=True) if count)
    causes = {
        index: "transposed convolutions counted on their output"
        for index, (count, node) in enumerate(zip(counts, graph, strict=True))
        if count != node.counts.mac and node.op.startswith("conv_transpose") and count
    }
    return Reading(tuple(counts), _params(graph, times), causes, {"shared layers counted again": again})


_RIGHT = Convention("thop", _SOURCE, {"mac": 1}, parts=False, overrides=RIGHT)

THOP = Tool("thop", "0.1.1.post2209072238", _SOURCE, "macs", "MACs", _RIGHT, _read)
